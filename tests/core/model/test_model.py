"""The engine does what the model does: what is told, and all that can be seen, after every command."""

from collections import Counter
from pathlib import Path

import pytest

import trading.core
from tests.core.model.faults import FAULTS
from tests.core.model.hunt import BOUNDED, play

SEEDS = range(1, BOUNDED + 1)
BATCH = 10


@pytest.fixture(scope="module")
def seen() -> Counter[str]:
    """What has happened in all histories."""
    return Counter()


@pytest.mark.parametrize("first", SEEDS[::BATCH])
def test_the_engine_does_what_the_model_does(first: int, seen: Counter[str]) -> None:
    for seed in SEEDS[first - 1 : first - 1 + BATCH]:
        seen += play(seed)


LEAST = {
    "accepted": 3_000,
    "trade": 1_200,
    "waiting": 250,
    "fired": 200,
    "firing goes on": 3,
    "amended": 120,
    "repeated": 8,
    "cancelled ASKED": 60,
    "cancelled UNFILLED": 120,
    "cancelled SELF_TRADE": 200,
    "cancelled OCO": 50,
    "cancelled EXPIRED": 25,
    "cancelled COUNTDOWN": 5,
    "cancelled DISCONNECT": 5,
    "cancelled REFUSED": 15,
    "cancelled SETTLEMENT": 400,
    "cancelled LIQUIDATION": 8,
    "cancelled OPERATOR": 20,
    "cancelled AUCTION": 1,
    "liquidation starts": 60,
    "liquidation ends": 50,
    "warned": 80,
    "uncrossed with trades": 50,
    "settled": 400,
    "expired": 10,
    "statement": 500,
    "restored": 150,
    "ForceClose": 20,
    "liquidation stopped": 40,
    "orders cancelled": 20,
    "close only": 12,
    "connections": 15,
    "market limits": 30,
    "refused 1016": 4,
    "broken": 40,
    "received": 5,
    "sent": 1,
    "announced": 2,
    "announcement withdrawn": 1,
    "rules": 20,
    "fee group": 70,
    "refused 1001": 200,
    "refused 1005": 200,
    "refused 1008": 5,
    "refused 1012": 20,
    "refused 1013": 10,
    "refused 1014": 20,
    "refused 1015": 4,
}
"""How often what must have happened at least, for these histories to prove something."""


def test_the_histories_are_worth_playing(seen: Counter[str]) -> None:
    """Only after all of them were played, in this process."""
    if seen["OpenAccount"] < 6 * BOUNDED:
        pytest.skip("not all histories were played")
    assert {what: seen[what] for what, least in LEAST.items() if seen[what] < least} == {}


def test_faults_are_written_once_and_can_be_made() -> None:
    """`make mutants` makes them one by one; here only that none is there twice, or in a text that was changed."""
    assert len({(fault.file, fault.old, fault.new) for fault in FAULTS}) == len(FAULTS) >= 20
    core = Path(trading.core.__file__).parent
    gone = [fault for fault in FAULTS if (core / fault.file).read_text().count(fault.old) != 1]
    assert gone == [], "the text was changed: make the fault in what it is now"
