"""Own ids for orders: few are kept in memory, all are known. What is kept follows from the commands alone."""

import random
from typing import Any

import pytest

from tests.builders import NOW, Books, Founded, cancel, founding, order
from trading.core.accounts import KEPT_IDS
from trading.core.commands import Settle
from trading.core.engine import Engine
from trading.core.events import OrderRepeated, Refused
from trading.core.numbers import number_at
from trading.models import Order

LOTS = 500


def flow(books: Books, numbers: range, seed: int = 1) -> None:
    """Orders of account 1 with own ids; most are cancelled at once, some rest."""
    dice = random.Random(seed)
    for first in range(numbers.start, numbers.stop, LOTS):
        submitted = [order(1, "BUY OPEN 1 @ 109", own_id=f"own-{n}") for n in numbers if first <= n < first + LOTS]
        events = books.commit(*submitted)
        ids = [event.order_id for event in events if type(event).__name__ == "OrderAccepted"]
        books.commit(*[cancel(1, order_id) for order_id in ids if dice.random() < 0.998])


def held(books: Books) -> dict[str, Any]:
    return books.engine.state.accounts[1].client_orders


@pytest.fixture
def books(market: Founded) -> Books:
    return Books()


def test_the_newest_are_kept_and_those_of_live_orders(books: Books) -> None:
    flow(books, range(KEPT_IDS + 1_000))
    account = books.engine.state.accounts[1]
    live = {each.client_order_id for each in account.orders.values()}
    newest = {f"own-{n}" for n in range(1_000, KEPT_IDS + 1_000)}
    assert set(held(books)) == newest | live and live - newest
    oldest = min(account.orders)
    books.commit(cancel(1, oldest))
    assert set(held(books)) == newest | live - {Order.objects.get(pk=oldest).client_order_id}


@pytest.mark.slow
def test_a_restart_and_the_journal_keep_the_same(books: Books) -> None:
    flow(books, range(KEPT_IDS + 600))
    books.commit(Settle(20231114, 20231115, {}))
    flow(books, range(KEPT_IDS + 300), seed=2)
    before = books.engine.state_hash()
    books.load()
    assert books.engine.state_hash() == before
    replayed = Engine()
    for time, commands in books.store.journal():
        for command in commands:
            replayed.apply(command, time)
    assert replayed.state_hash() == before


def test_the_tables_know_what_is_forgotten(books: Books) -> None:
    flow(books, range(KEPT_IDS + 10))
    engine = books.engine

    def found(own_id: str, words: str = "BUY OPEN 1 @ 109") -> Any:
        command = order(1, words, own_id=own_id)
        if not engine.may_have_forgotten(command):
            return "known"
        known = books.store.used_ids([command]).get((1, own_id))
        return None if known is None else engine.repeat(command, known)

    first = Order.objects.get(client_order_id="own-3")
    assert found("own-3") == OrderRepeated(first.pk)
    assert isinstance(found("own-3", "BUY OPEN 2 @ 109"), Refused)
    assert found("new") is None
    assert found(f"own-{KEPT_IDS}") == "known"
    assert not engine.may_have_forgotten(order(2, "BUY OPEN 1 @ 109", own_id="own-3"))
    assert not engine.may_have_forgotten(order(1, "BUY OPEN 1 @ 109"))


def test_memory_does_not_grow_with_orders_that_are_over() -> None:
    engine = Engine()
    for command in founding():
        engine.apply(command, NOW)
    most = 0
    for number in range(KEPT_IDS * 2):
        accepted = engine.apply(order(1, "BUY OPEN 1 @ 109", own_id=f"own-{number}"), NOW)[0]
        engine.apply(cancel(1, accepted.order_id), NOW)
        engine.take_changes()
        most = max(most, len(engine.state.accounts[1].client_orders))
    assert most == KEPT_IDS and len(engine.state.accounts[1].recent_ids) == KEPT_IDS


def test_a_resend_of_a_command_is_the_same(books: Books) -> None:
    command = order(1, "BUY OPEN 1 @ 109", own_id="own-0")
    assert number_at(NOW) > 0
    books.commit(command)
    assert books.store.used_ids([command])[1, "own-0"] == held(books)["own-0"]
