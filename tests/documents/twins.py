"""What a document and its Chinese text must have in common: parts, samples, links, and the words of programs."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TWIN = ".zh-CN.md"
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.,])\d[\d,.]*\d|(?<![\w.,])\d")


def pair(english: str) -> tuple[str, str]:
    """Both texts of a document, which is named from the root of the repository. Each links to the other."""
    chinese = english.removesuffix(".md") + TWIN
    one, other = ((ROOT / name).read_text(encoding="utf-8") for name in (english, chinese))
    here, there = Path(english).name, Path(chinese).name
    assert f"]({there})" in one and f"]({here})" in other
    return one.replace(f"[中文]({there})", ""), other.replace(f"[English]({here})", "")


def headings(text: str) -> list[int]:
    """Their levels, in their order."""
    return [len(found) for found in re.findall(r"^(#+) ", without_blocks(text), flags=re.MULTILINE)]


def blocks(text: str) -> list[str]:
    """What stands between fences, without the words behind a `#`: those of a shell are translated."""
    return [code if kind else re.sub(r"\s+#.*", "", code) for kind, code in BLOCK.findall(text)]


def without_blocks(text: str) -> str:
    return BLOCK.sub("", text)


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", without_blocks(text))


def sections(text: str) -> list[str]:
    """What is said below each heading, and before the first."""
    return re.split(r"^#+ .*\n", without_blocks(text), flags=re.MULTILINE)


def left_in_english(chinese: str, source: str) -> list[str]:
    """Links of a Chinese text to English ones that have a Chinese one. Those to a part of a text stay: on GitHub the
    Chinese headings have other anchors, and the site opens either in the reader's language."""
    folder = (ROOT / source).parent
    return [
        link
        for label, link in re.findall(r"\[([^\]]*)\]\(([^)]+)\)", without_blocks(chinese))
        if label != "English"
        and link.endswith(".md")
        and not link.endswith(TWIN)
        and (folder / (link.removesuffix(".md") + TWIN)).is_file()
    ]


def differences(english: str, chinese: str) -> list[str]:
    """In which section which text has a word in backticks, a link, a number or a row that the other one has not."""
    told = []
    for place, texts in enumerate(zip(sections(english), sections(chinese), strict=True)):
        one, other = map(_said, texts)
        told += [f"section {place}: only in English: {what}" for what in (one - other).elements()]
        told += [f"section {place}: only in Chinese: {what}" for what in (other - one).elements()]
    return told


def _said(section: str) -> Counter[str]:
    plain = re.sub(r"`[^`]*`|\]\([^)]*\)|^\d+\. ", "", section, flags=re.MULTILINE)
    return Counter(
        [
            *re.findall(r"`[^`]+`", section),
            *(f"link to {link.replace(TWIN, '.md')}" for link in links(section)),
            *NUMBER.findall(plain),
            *("a row of a table" for _ in re.findall(r"^\| ", section, flags=re.MULTILINE)),
        ]
    )
