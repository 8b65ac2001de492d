"""Several symbols at once, and the end of what is followed, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import pytest
from ccxt.base.errors import UnsubscribeError

from tests.clients.ccxt.test_streams import Line
from tests.clients.ccxt.told import SYMBOL, Fields
from tests.e2e.server import PATIENCE

OTHER = "rb/CNY:CNY"
BAR = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """Connected."""
    line = Line()
    line.client.connected.resolve(True)
    yield line
    await soon(line.exchange.close())


def trade(line: Line, instrument_id: str, time: int) -> None:
    line.hear("ticker", instrument_id=instrument_id, last_price=120.0, volume=1.0, timestamp=time, direction="BUY")


def book(line: Line, seq: int, bid: float, before: int | None = None) -> None:
    levels: Fields = {"bids": [{"price": bid, "volume": 2.0, "order_count": 1}], "asks": []}
    line.hear("orderbook_delta", instrument_id="IX2301", seq=seq, prev_seq=before, timestamp=seq, **levels)


async def soon(what: Any) -> Any:
    """What comes, or a failure where nothing does."""
    return await asyncio.wait_for(what, PATIENCE)


async def end(line: Line, ending: Any) -> Fields:
    """What is said at the end of something that is followed, which ends when the exchange has answered."""
    task = asyncio.ensure_future(ending)
    message = await line.next_said()
    assert not task.done()
    line.hear("subscribe_response", success=True, request_id=message["request_id"], message="")
    assert await soon(task) is True
    return {name: value for name, value in message.items() if name != "request_id"}


async def test_one_message_for_several_symbols_and_the_first_that_trades(line: Line) -> None:
    waits = asyncio.ensure_future(line.exchange.watch_trades_for_symbols([SYMBOL, OTHER]))
    message = await line.next_said()
    assert (message["channels"], message["instruments"]) == (["ticker"], ["IX2301", "rb"])
    trade(line, "rb", 7)
    assert [(each["symbol"], each["timestamp"]) for each in await soon(waits)] == [(OTHER, 7)]
    waits = asyncio.ensure_future(line.exchange.watch_trades_for_symbols([SYMBOL, OTHER]))
    await asyncio.sleep(0)
    trade(line, "IX2301", 8)
    assert [(each["symbol"], each["timestamp"]) for each in await soon(waits)] == [(SYMBOL, 8)]
    assert line.sent == [], "what is followed is not asked for again"


async def test_bars_come_under_their_names(line: Line) -> None:
    wanted = [[SYMBOL, "1m"], [OTHER, "5m"]]
    waits = asyncio.ensure_future(line.exchange.watch_ohlcv_for_symbols(wanted))
    assert {(await line.next_said())["period"], (await line.next_said())["period"]} == {"1m", "5m"}
    line.hear("kline", instrument_id="rb", period="5m", start=300_000, **BAR)
    assert await soon(waits) == {OTHER: {"5m": [[300_000, 1.0, 1.0, 1.0, 1.0, 1.0]]}}
    with pytest.raises(ccxt.BadRequest):
        await soon(line.exchange.watch_ohlcv_for_symbols([[SYMBOL, "7m"]]))
    with pytest.raises(ccxt.ArgumentsRequired):
        await soon(line.exchange.watch_ohlcv_for_symbols([]))


async def test_the_best_of_both_sides_is_told_when_it_changes(line: Line) -> None:
    waits = asyncio.ensure_future(line.exchange.watch_bids_asks([SYMBOL]))
    await line.next_said()
    line.hear("orderbook_delta", instrument_id="IX2301", seq=0, prev_seq=None, bids=[], asks=[], timestamp=7)
    await asyncio.sleep(0)
    assert not waits.done(), "the book is empty"
    book(line, 1, 119.5)
    best = (await soon(waits))[SYMBOL]
    assert (best["bid"], best["bidVolume"], best["ask"]) == (119.5, 2.0, None)
    waits = asyncio.ensure_future(line.exchange.watch_bids_asks([SYMBOL]))
    await asyncio.sleep(0)
    book(line, 2, 119.0, before=1)
    await asyncio.sleep(0)
    assert not waits.done(), "it is as it was"
    book(line, 3, 120.0, before=2)
    assert (await soon(waits))[SYMBOL]["bid"] == 120.0


async def test_all_tickers_are_those_of_what_may_be_traded(line: Line) -> None:
    waits = asyncio.ensure_future(line.exchange.watch_tickers())
    assert (await line.next_said())["instruments"] == ["IX2301"], "rb is delisted"
    waits.cancel()


async def test_a_subscription_ends_with_the_last_that_it_serves(line: Line) -> None:
    """One channel tells of a ticker and of trades."""
    ticker = asyncio.ensure_future(line.exchange.watch_ticker(SYMBOL))
    trades = asyncio.ensure_future(line.exchange.watch_trades(SYMBOL))
    await line.next_said()
    await asyncio.sleep(0)
    assert await soon(line.exchange.un_watch_ticker(SYMBOL)) is True
    with pytest.raises(UnsubscribeError):
        await soon(ticker)
    assert line.sent == [] and not trades.done()
    said = await end(line, line.exchange.un_watch_trades(SYMBOL))
    assert said == {"type": "unsubscribe", "channels": ["ticker"], "instruments": ["IX2301"]}
    with pytest.raises(UnsubscribeError):
        await soon(trades)
    again = asyncio.ensure_future(line.exchange.watch_ticker(SYMBOL))
    assert (await line.next_said())["type"] == "subscribe"
    again.cancel()


async def test_the_end_of_bars_names_their_period(line: Line) -> None:
    waits = asyncio.ensure_future(line.exchange.watch_ohlcv(SYMBOL, "15m"))
    await line.next_said()
    said = await end(line, line.exchange.un_watch_ohlcv(SYMBOL, "15m"))
    assert (said["channels"], said["period"]) == (["kline"], "15m")
    with pytest.raises(UnsubscribeError):
        await soon(waits)


async def test_what_was_never_followed_ends_without_a_word(line: Line) -> None:
    assert await soon(line.exchange.un_watch_order_book_for_symbols([SYMBOL, OTHER])) is True
    assert line.sent == []
