"""Worked examples that others have published, played through the engine: what we compute is what they have printed.

The examples are data (`*.toml`): a title, the source, a note where one is needed, and a story in the language of
`tests/core/test_scenarios.py`, whose figures are the source's. `learns` names what the engine does not do yet.
"""

import tomllib
from itertools import groupby
from pathlib import Path

import pytest

from tests.core.test_scenarios import TradingDay, table

FOLDER = Path(__file__).parent
KNOWN = {"title", "source", "note", "story", "learns"}


def examples() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for example in tomllib.loads(path.read_text())["example"]:
            title = f"{path.stem}: {example['title']}"
            assert title not in found, f"{title} is there twice"
            found[title] = example
    return found


EXAMPLES = examples()


def params() -> list[object]:
    """Each example; one that the engine has yet to learn must fail until it has."""
    return [
        pytest.param(title, marks=pytest.mark.xfail(strict=True, reason=example["learns"], raises=AssertionError))
        if "learns" in example
        else title
        for title, example in EXAMPLES.items()
    ]


def test_every_example_names_its_source() -> None:
    assert len(EXAMPLES) >= 25
    for title, example in EXAMPLES.items():
        assert set(example) <= KNOWN, title
        assert len(example["source"]) > 10, f"{title} has no source"
        assert "|" in example["story"] or "->" in example["story"], f"{title} compares nothing"


@pytest.mark.parametrize("title", params())
def test_example(title: str) -> None:
    day = TradingDay()
    lines = EXAMPLES[title]["story"].strip().splitlines()
    for is_table, told in groupby(lines, key=lambda line: line.startswith("|")):
        if is_table:
            day.stands(table(list(told)))
        else:
            for line in filter(None, told):
                day.tell(line)
