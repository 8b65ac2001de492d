"""Every document with a Chinese text says the same in both: a change of one is a change of both."""

import pytest

from exchange_site.documents.shelf import documents
from tests.documents.twins import blocks, differences, headings, left_in_english, pair

BOTH = sorted(each.source for each in documents().values() if each.twin)
FOR_OPERATORS = {"docs/operators.md", "docs/operators-desk.md"}
"""They name buttons and columns of the back office, which are in the reader's language, too."""


@pytest.mark.parametrize("source", BOTH)
def test_both_languages_have_the_same_parts(source: str) -> None:
    english, chinese = pair(source)
    assert headings(english) == headings(chinese)
    assert blocks(english) == blocks(chinese)
    if source not in FOR_OPERATORS:
        assert differences(english, chinese) == []


@pytest.mark.parametrize("source", BOTH)
def test_a_chinese_text_leads_to_chinese_texts(source: str) -> None:
    _, chinese = pair(source)
    assert left_in_english(chinese, source) == []


def test_what_a_text_lacks_is_told() -> None:
    english = "# A\nsays `one` of 10 [b](b.md)\n## B\n| `x` |\n"
    assert differences(english, "# 甲\n`one` 10 [乙](b.md)\n## 乙\n| `x` |\n") == []
    assert differences(english, "# 甲\n`two` 100\n## 乙\n") == [
        "section 1: only in English: `one`",
        "section 1: only in English: link to b.md",
        "section 1: only in English: 10",
        "section 1: only in Chinese: `two`",
        "section 1: only in Chinese: 100",
        "section 2: only in English: `x`",
        "section 2: only in English: a row of a table",
    ]
