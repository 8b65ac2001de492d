"""Whoever follows the journal of a store has, at any moment, the very state that a restart would load."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tests.builders import INSTRUMENTS, NO_ACCOUNT, TRADERS, Books, make_users, order
from tests.storage.histories import History, new_books
from trading.core.commands import Settle
from trading.core.engine import Engine
from trading.core.money import UNIT
from trading.core.snapshot.records import AccountRecord, OrderRecord, PositionRecord
from trading.storage.market_reader import MarketReader
from trading.storage.store import Store
from trading.worker.follower import Follower

pytestmark = pytest.mark.django_db


@pytest.fixture
def books(db: None) -> Books:
    make_users([*TRADERS, NO_ACCOUNT])
    return new_books()


@pytest.mark.parametrize("seed", range(4))
def test_warm_books_are_what_a_restart_loads(books: Books, seed: int) -> None:
    """Whatever happens, read in portions of any size."""
    history, store = History(books, seed), Store("MAIN")
    follower = Follower(store)
    follower.follow()
    for _ in range(12):
        history.play(history.dice.randint(1, 12))
        if history.dice.random() < 0.7:
            follower.follow()
    books.store.note_position("1700000000000-3")
    records, restored = Store("MAIN").load()
    assert store.resume() == restored
    engine = follower.take(restored.number)
    assert engine is not None, "the journal has no hole"
    engine.check()
    assert engine.state_hash() == Engine.restore(records).state_hash()


def take_over(heir: Books, follower: Follower) -> None:
    """As the worker does it."""
    heir.store.take_over()
    restored = heir.store.resume()
    engine = follower.take(restored.number)
    assert engine is not None
    heir.engine, heir.number, heir.now = engine, restored.number, restored.time
    heir.pushes.resume(restored.push_seqs)


def test_who_took_over_from_warm_books_writes_on(books: Books) -> None:
    """With the push numbers of the last commit, in a new epoch."""
    history, heir = History(books, 7), Books("MAIN")
    follower = Follower(heir.store)
    follower.follow()
    books.store.take_over()
    history.play(40)
    take_over(heir, follower)
    history.books = heir
    history.play(20)
    assert Engine.restore(Store("MAIN").load()[0]).state_hash() == heir.engine.state_hash()


def test_it_knows_the_day_that_has_begun_meanwhile(books: Books) -> None:
    """Or an order that is sent again after a fail-over would be a new one, where the engine has forgotten its id."""
    heir = Books("MAIN")
    follower = Follower(heir.store)
    follower.follow()
    books.store.take_over()
    books.commit(Settle(20240131, 20240201, dict.fromkeys(INSTRUMENTS, 120 * UNIT)))
    mine = order(1, "BUY OPEN 1 @ 119", own_id="mine")
    books.commit(mine)
    take_over(heir, follower)
    assert heir.store.used_ids([mine]).keys() == {(1, "mine")}, "it is looked for among those of the day"


class Interrupted(MarketReader):
    """Between any two tables that it reads something happens."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__("MAIN", "default")
        self._meanwhile = meanwhile

    def _accounts(self, trading_day: int) -> list[AccountRecord]:
        self._meanwhile()
        return super()._accounts(trading_day)

    def _positions(self) -> list[PositionRecord]:
        self._meanwhile()
        return super()._positions()

    def _orders(self) -> list[OrderRecord]:
        self._meanwhile()
        return super()._orders()


@pytest.mark.django_db(transaction=True)
def test_books_that_are_loaded_while_another_engine_commits_are_those_of_one_commit(books: Books) -> None:
    history, store = History(books, 3), Store("MAIN")
    with ThreadPoolExecutor(1) as engine:  # a session of its own

        def play() -> None:
            engine.submit(history.play, 25).result(60)

        play()
        store._reader = Interrupted(play)
        follower = Follower(store)
        follower.follow()
        play()
        engine.submit(connections.close_all).result(60)
    records, restored = Store("MAIN").load()
    found = follower.take(restored.number)
    assert found is not None, "the journal has no hole"
    found.check()
    assert found.state_hash() == Engine.restore(records).state_hash()
