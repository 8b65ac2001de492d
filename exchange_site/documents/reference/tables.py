"""Tables in Markdown: written, and read from documents that are written by hand."""

import re
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.utils.translation import get_language

from exchange_site.documents.reference import CHINESE, IN_CHINESE, OPERATIONS


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def rows_below(heading: str) -> dict[str, list[str]]:
    """Of the tables of docs/operations.md below a heading, in the present language: the first cell (without backticks)
    to the others. Links are those of a file in the root of the repository."""
    english = _parts(OPERATIONS)
    place = next(number for number, part in enumerate(english) if part.startswith(f"{heading}\n"))
    section = (_parts(IN_CHINESE) if get_language() == CHINESE else english)[place]
    lines = re.findall(r"^\| `(.+?)` \|(.*)\|$", section, re.MULTILINE)
    return {name: [_from_the_root(cell.strip()) for cell in rest.split("|")] for name, rest in lines}


def _parts(source: str) -> list[str]:
    """What stands below the headings of the second level, which are as many in both languages."""
    return (settings.BASE_DIR / source).read_text(encoding="utf-8").split("\n## ")


def sentence(words: str) -> str:
    """As a sentence of its own, in the language that it is in."""
    if not words:
        return ""
    end = "。" if get_language() == CHINESE else "."
    return f"{words[:1].upper()}{words[1:].rstrip(end)}{end}"


def joined(*sentences: str) -> str:
    """One behind the other, as the present language does."""
    return ("" if get_language() == CHINESE else " ").join(filter(None, sentences))


def _from_the_root(cell: str) -> str:
    return re.sub(r"\]\(([\w.-]+\.md)", r"](docs/\1", cell.replace("](#", f"]({OPERATIONS}#"))
