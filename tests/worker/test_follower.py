"""Warm books: whoever follows the journal has, after every commit, the state that a restart would load."""

import pytest

from tests.builders import NOW, founding, order
from trading.core.commands import Command, Deposit
from trading.core.engine import Engine
from trading.core.snapshot.records import Snapshot
from trading.worker.batch import Restored
from trading.worker.follower import LONG, MOST, SHORT, Follower, JournalEntry


class Journal:
    """Of an engine that goes on. `before`: entries up to here were put away."""

    def __init__(self) -> None:
        self.engine, self.entries, self.before, self.loads = Engine(), list[JournalEntry](), 0, 0
        self.commit(*founding())

    def commit(self, *commands: Command) -> None:
        number = len(self.entries) + 1
        for command in commands:
            self.engine.apply(command, NOW + number)
        self.entries.append(JournalEntry(number, NOW + number, list(commands)))

    def load(self) -> tuple[Snapshot, Restored]:
        self.loads += 1
        return self.engine.snapshot(), Restored(len(self.entries), self.entries[-1].time, {})

    def entries_after(self, number: int, most: int) -> list[JournalEntry]:
        return [each for each in self.entries if each.number > max(number, self.before)][:most]


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def follower(journal: Journal) -> Follower:
    """With the books as they were founded."""
    made = Follower(journal)
    assert not made.warm
    assert made.follow() == 0 and made.warm
    return made


def test_it_has_the_state_after_every_commit(journal: Journal, follower: Follower) -> None:
    for words in ("SELL OPEN 5 @ 120", "BUY OPEN 2 @ 120", "BUY OPEN 1 @ 119"):
        journal.commit(order(1, words), Deposit("user003", 7))
        assert follower.follow() == 1
    assert (follower.number, follower.time, journal.loads) == (4, NOW + 4, 1)
    engine = follower.take(4)
    assert engine is not None
    assert engine.state_hash() == journal.engine.state_hash() == Engine.restore(journal.load()[0]).state_hash()
    assert not engine.take_changes().orders, "what is stored is not written again"


def test_it_knows_the_last_trades_since_its_books_were_loaded(journal: Journal, follower: Follower) -> None:
    journal.commit(order(1, "SELL OPEN 5 @ 120"), order(2, "BUY OPEN 2 @ 120"), order(2, "BUY OPEN 1 @ 120"))
    follower.follow()
    assert follower.take(2) is not None
    [(_, last)] = follower.last_trades.items()
    assert (last.volume, last.time, last.taker.direction) == (1, NOW + 2, "BUY")
    follower.follow()
    assert not follower.last_trades, "these are in the tables"


def test_it_is_brought_to_the_last_commit_when_it_is_taken(journal: Journal, follower: Follower) -> None:
    for _ in range(MOST + 3):
        journal.commit(Deposit("user001", 1))
    engine = follower.take(MOST + 4)
    assert engine is not None and engine.state_hash() == journal.engine.state_hash()
    assert not follower.warm, "it is somebody's else now"


@pytest.mark.parametrize("number", [1, 3])
def test_it_is_not_taken_for_another_commit(journal: Journal, follower: Follower, number: int) -> None:
    """One that it has not, or that it has left behind."""
    journal.commit(Deposit("user001", 1))
    follower.follow()
    assert follower.take(number) is None
    assert not follower.warm


def test_where_the_journal_has_a_hole_it_loads_again(journal: Journal, follower: Follower) -> None:
    for _ in range(3):
        journal.commit(Deposit("user001", 1))
    journal.before = 2
    follower.follow()
    assert not follower.warm
    follower.follow()
    assert (follower.warm, follower.number, journal.loads) == (True, 4, 2)
    journal.commit(Deposit("user001", 1))
    journal.before = 5
    assert follower.take(5) is None, "the last commit was put away already"


def test_it_looks_less_often_while_nothing_happens(journal: Journal, follower: Follower) -> None:
    pauses = [follower.pause for _ in range(6) if not follower.follow()]
    assert pauses == sorted(pauses) and pauses[-1] == LONG
    journal.commit(Deposit("user001", 1))
    follower.follow()
    assert follower.pause == SHORT
