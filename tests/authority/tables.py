"""The tables of docs/authority.md as rows of plain text."""

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "docs/authority.md").read_text()

Row = dict[str, str]


def table(heading: str) -> list[Row]:
    """The rows under a heading, by the words above their columns; without backticks."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    head, _, *rows = lines
    assert all(len(row) == len(head) for row in rows), f"a row of {heading} has another number of cells"
    return [dict(zip(head, (cell.replace("`", "") for cell in row), strict=True)) for row in rows]


def words(cell: str) -> list[str]:
    """What is named in a cell, separated by commas."""
    return [word for word in re.split(r",\s*", cell) if word]
