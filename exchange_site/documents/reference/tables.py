"""Tables in Markdown: written, and read from documents that are written by hand."""

import re
from collections.abc import Iterable, Sequence

from django.conf import settings

from exchange_site.documents.reference import OPERATIONS


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def rows_below(heading: str) -> dict[str, list[str]]:
    """Of the tables of docs/operations.md below a heading: the first cell (without backticks) to the others. Links are
    those of a file in the root of the repository."""
    text = (settings.BASE_DIR / OPERATIONS).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^\| `(.+?)` \|(.*)\|$", section, re.MULTILINE)
    return {name: [_from_the_root(cell.strip()) for cell in rest.split("|")] for name, rest in lines}


def sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}." if words else ""


def _from_the_root(cell: str) -> str:
    return re.sub(r"\]\(([\w-]+\.md)", r"](docs/\1", cell.replace("](#", f"]({OPERATIONS}#"))
