"""The README and its Chinese text say the same: as many headings, the same commands, samples and links."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGLISH, CHINESE = (ROOT / name for name in ("README.md", "README.zh-CN.md"))


def headings(text: str) -> list[int]:
    """Their levels, in their order."""
    return [len(found) for found in re.findall(r"^(#+) ", without_blocks(text), flags=re.MULTILINE)]


def blocks(text: str) -> list[str]:
    """What stands between fences, without the words behind a `#`: those of a shell are translated."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [code if kind else re.sub(r"\s+#.*", "", code) for kind, code in found]


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def links(text: str) -> list[str]:
    return sorted(re.findall(r"\]\(([^)]+)\)", without_blocks(text)))


def commands(text: str) -> list[str]:
    return sorted(re.findall(r"`([^`]+)`", without_blocks(text)))


def test_both_languages_have_the_same_parts() -> None:
    english, chinese = ENGLISH.read_text(), CHINESE.read_text()
    assert headings(english) == headings(chinese)
    assert blocks(english) == blocks(chinese)
    assert [link for link in links(english) if link != CHINESE.name] == [
        link for link in links(chinese) if link != ENGLISH.name
    ]
    assert commands(english) == commands(chinese)
    assert CHINESE.name in english and ENGLISH.name in chinese


def test_every_file_that_is_linked_is_there() -> None:
    for text in (ENGLISH.read_text(), CHINESE.read_text()):
        assert [link for link in links(text) if not (ROOT / link).exists()] == []
