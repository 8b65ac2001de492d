"""The worked examples of `docs/market-rules.md` are stories, and they are true."""

import re
from itertools import groupby
from pathlib import Path

import pytest

from tests.core.test_scenarios import TradingDay, table

PAGE = Path(__file__).resolve().parents[2] / "docs/market-rules.md"
SECTION = re.compile(r"^### (?P<title>.+?)\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
STORY = re.compile(r"```story\n(.*?)```", re.DOTALL)


def examples() -> dict[str, str]:
    """The story of each section of the formulas."""
    formulas = PAGE.read_text().split("## The formulas, each with an example")[1]
    return {found["title"]: STORY.findall(found["body"])[0] for found in SECTION.finditer(formulas)}


EXAMPLES = examples()


def test_every_formula_has_its_example() -> None:
    assert len(EXAMPLES) == PAGE.read_text().count("```story") >= 6


@pytest.mark.parametrize("title", EXAMPLES)
def test_example(title: str) -> None:
    day = TradingDay()
    for is_table, lines in groupby(EXAMPLES[title].splitlines(), key=lambda line: line.startswith("|")):
        if is_table:
            day.stands(table(list(lines)))
        else:
            for line in filter(None, lines):
                day.tell(line)
