"""A real database that takes no rows, or not all of a batch: nothing of it is stored or told, and when the cause has
gone the exchange goes on by itself.

A database becomes read-only when its file system does, after an error of the disk. No test can do that to a running
server everywhere: permissions do not bind root, mounts need rights of their own, and a limit on the size of files is a
full disk. So here the store's connections are opened with `mode=ro`; SQLite refuses the same statements in the same
words.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import pytest
from django.db import connection

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.websocket.client import Client
from trading.models import Account, JournalBatch, Market, Order, Trade

pytestmark = pytest.mark.sqlite_only
NOT_STORED = "The exchange could not store this; nothing was done"


@contextmanager
def read_only() -> Iterator[None]:
    """Connections that are opened now cannot write."""
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = f"file:{name}?mode=ro"
    try:
        yield
    finally:
        connection.settings_dict["NAME"] = name


@contextmanager
def third_trade_fails() -> Iterator[None]:
    """A trigger of somebody else lets two trades in, four rows, and raises at the next row."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
        other.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON trading_trade WHEN (SELECT count(*) FROM trading_trade) = 4"
            " BEGIN SELECT RAISE(ABORT, 'the third trade'); END"
        )
        try:
            yield
        finally:
            other.execute("DROP TRIGGER broken")


TROUBLES: dict[str, tuple[Callable[[], AbstractContextManager[None]], str]] = {
    "read-only": (read_only, "attempt to write a readonly database"),
    "a row in the middle": (third_trade_fails, "the third trade"),
}


async def rows() -> list[Any]:
    return [[row async for row in table.objects.order_by("pk").values()] for table in (Order, Trade, JournalBatch)]


async def reopen(exchange: Exchange) -> None:
    """Let the store open a new connection, as it does after every error."""
    await exchange.worker._blocking(exchange.worker._store.close)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_batch_that_cannot_be_stored_is_neither_stored_nor_told_and_the_next_one_is(
    trouble: str, open_exchange: Any, market: Founded, caplog: pytest.LogCaptureFixture
) -> None:
    begin, error = TROUBLES[trouble]
    exchange = await open_exchange(reload_seconds=0.01)
    seller = await (await Client(exchange.services).connect()).sign_in("user001", market.tokens["user001"])
    buyer = await (await Client(exchange.services, "/ws?user_id=user002").connect()).sign_in(
        "user002", market.tokens["user002"]
    )
    for _ in range(3):
        assert (await seller.place("SELL OPEN 1 @ 120"))["success"]
        await seller.hear_until("account_update")
    stored, state = await rows(), exchange.worker.engine.state_hash()
    seq = (await Account.objects.aget(user_id="user002")).push_seq
    with begin():
        await reopen(exchange)
        refusal = await buyer.place("BUY OPEN 3 @ 120", client_order_id="mine")
        assert (refusal["success"], refusal["error_code"], refusal["error_message"]) == (False, 503, NOT_STORED)
        assert error in caplog.text
    assert await rows() == stored
    answer = refusal
    while not answer["success"]:
        assert answer["error_code"] == 503
        answer = await buyer.place("BUY OPEN 3 @ 120", client_order_id="mine")
    told = [await buyer.hear()]
    while told[-1]["type"] != "account_update":
        told.append(await buyer.hear())
    assert [frame["seq"] for frame in told] == list(range(seq + 1, seq + 1 + len(told))), "they have no hole"
    assert sum(frame["type"] == "trade" for frame in told) == 3
    assert (await Order.objects.acount(), await Trade.objects.acount()) == (4, 6)
    assert (await Market.objects.aget()).batch == (await JournalBatch.objects.alatest("number")).number
    assert exchange.worker.engine.state_hash() != state
    exchange.worker.engine.check()
    for client in (seller, buyer):
        await client.leave()
