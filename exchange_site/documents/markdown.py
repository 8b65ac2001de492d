"""Markdown to HTML: what a document says, its headings, and its text for the search. Raw HTML is shown as text."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE)
"""Marks for tests; nobody reads them."""
NO_LETTER = re.compile(r"[^\w\- ]")
MARKS = "\u3001-\u301c\uff01-\uff5e"
"""Punctuation that is as wide as a character, with its space in it."""
NO_SPACE = re.compile(rf"[{MARKS}].|.[{MARKS}]|[\u3400-\u9fff]{{2}}", re.DOTALL)
"""What stands before and after the end of a line that is no space to Chinese readers."""


class Heading(NamedTuple):
    level: int
    anchor: str
    text: str


class Section(NamedTuple):
    """A heading with what is said below it, as plain text."""

    anchor: str
    heading: str
    text: str


class Rendered(NamedTuple):
    html: str
    headings: list[Heading]
    sections: list[Section]


class Page(RendererHTML):
    """Tables and blocks of code scroll inside themselves; a heading has a link to itself. No inline styles."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return super().fence(tokens, idx, options, env).replace("<pre>", '<pre tabindex="0">', 1)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="scroll" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        anchor = tokens[idx - 2].attrGet("id")
        return f' <a class="anchor" href="#{anchor}" aria-hidden="true" tabindex="-1">#</a></{tokens[idx].tag}>\n'


_PARSER = MarkdownIt("commonmark", {"html": False}, renderer_cls=Page).enable(["table", "strikethrough"])


def render(text: str, target: Callable[[str], str], anchors: Sequence[str] = ()) -> Rendered:
    """`target`: where a link or a picture of the text leads to on the site. `anchors`: those of the same text in
    another language, which its headings take over if they are as many."""
    tokens = _PARSER.parse(COMMENT.sub("", text))
    for token in tokens:
        token.children = token.children and _joined(token.children)
    headings = _headings(tokens, anchors)
    for token in tokens:
        if align := str(token.attrs.pop("style", "")):
            token.attrSet("class", align.removeprefix("text-align:"))
        for child in token.children or ():
            for name in ("href", "src"):
                if name in child.attrs:
                    child.attrSet(name, target(str(child.attrs[name])))
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return Rendered(str(html), headings, _sections(tokens, headings))


def anchor_of(heading: str) -> str:
    """As GitHub makes it, so that a link works there and here."""
    return NO_LETTER.sub("", heading.strip().lower()).replace(" ", "-")


def _joined(parts: list[Token]) -> list[Token]:
    """Without the ends of lines that are no space."""
    return [part for place, part in enumerate(parts) if part.type != "softbreak" or not _runs_on(parts, place)]


def _runs_on(parts: list[Token], place: int) -> bool:
    before = next((part.content[-1] for part in reversed(parts[:place]) if part.content), " ")
    after = next((part.content[0] for part in parts[place:] if part.content), " ")
    return NO_SPACE.fullmatch(before + after) is not None


def _headings(tokens: Sequence[Token], anchors: Sequence[str]) -> list[Heading]:
    """All of them, each with an anchor of its own."""
    opened = [number for number, token in enumerate(tokens) if token.type == "heading_open"]
    found: list[Heading] = []
    taken: set[str] = set()
    for place, number in enumerate(opened):
        text = _plain(tokens[number + 1])
        anchor = first = anchors[place] if len(anchors) == len(opened) else anchor_of(text)
        again = 0
        while anchor in taken:
            again += 1
            anchor = f"{first}-{again}"
        taken.add(anchor)
        tokens[number].attrSet("id", anchor)
        found.append(Heading(int(tokens[number].tag[1:]), anchor, text))
    return found


def _sections(tokens: Sequence[Token], headings: Sequence[Heading]) -> list[Section]:
    said: list[list[str]] = [[]]
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            said.append([])
        elif token.type == "inline" and tokens[number - 1].type != "heading_open":
            said[-1].append(_plain(token))
        elif token.type in ("fence", "code_block"):
            said[-1].append(token.content)
    pairs = zip([Heading(1, "", ""), *headings], said, strict=True)
    sections = [Section(each.anchor, each.text, " ".join(" ".join(words).split())) for each, words in pairs]
    return [each for each in sections if each.heading or each.text]


def _plain(inline: Token) -> str:
    parts = (" " if "break" in child.type else child.content for child in inline.children or ())
    return "".join(parts)
