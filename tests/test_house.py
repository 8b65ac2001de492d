"""The house stays easy to find one's way in: rooms of a bearable size, and documents that name what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = (
    "trading",
    "exchange_site",
    "marketdata",
    "bots",
    "clients/python",
    "clients/vnpy_bourse",
    "clients/gym_bourse",
    "clients/ccxt_bourse",
    "static/bourse/js",
    "templates",
)
NO_ROOMS = {"__pycache__", "migrations"}
"""Migrations are a history, which only grows."""
MOST_FILES = 14
MOST_TESTS = 16
"""A folder of tests holds what its tests share, too."""
MOST_LOOSE = 6

BESIDE = {
    "CONTRIBUTING.md": ("",),
    "docs/architecture.md": ("", "trading", "trading/core", "trading/core/rules", "static/bourse/js"),
}
"""The documents that lead through the house, and the folders that they name paths from."""

PATH = re.compile(r"[\w.*-]*/[\w./*-]*|[\w.*-]+\.(?:py|js|mjs|ts|md|toml|html|txt|in)")


def rooms(top: Path) -> list[Path]:
    return [
        top,
        *(room for found in top.iterdir() if found.is_dir() and found.name not in NO_ROOMS for room in rooms(found)),
    ]


def files(room: Path) -> list[str]:
    return [found.name for found in room.iterdir() if found.is_file() and found.name != "__init__.py"]


@pytest.mark.parametrize("product", PRODUCT)
def test_no_room_is_too_full(product: str) -> None:
    found = {str(room.relative_to(ROOT)): len(files(room)) for room in rooms(ROOT / product)}
    assert {room: number for room, number in found.items() if number > MOST_FILES} == {}


def test_no_folder_of_tests_is_too_full() -> None:
    found = {str(room.relative_to(ROOT)): len(files(room)) for room in rooms(ROOT / "tests")}
    assert {room: number for room, number in found.items() if number > MOST_TESTS} == {}


@pytest.mark.parametrize("product", ["trading", "exchange_site", "static/bourse/js"])
def test_few_modules_stand_outside_of_the_rooms(product: str) -> None:
    assert len(files(ROOT / product)) <= MOST_LOOSE


def named_paths(document: str) -> set[str]:
    """The words in backticks that are paths; blocks of commands and pictures have none."""
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(), flags=re.DOTALL)
    return {words for words in re.findall(r"`([^`\s]+)`", text) if PATH.fullmatch(words)}


@pytest.mark.parametrize("document", BESIDE)
def test_every_path_that_a_guide_names_is_there(document: str) -> None:
    named = named_paths(document)
    assert len(named) > 20
    missing = {path for path in named if not any(list((ROOT / folder).glob(path)) for folder in BESIDE[document])}
    assert missing == set()
