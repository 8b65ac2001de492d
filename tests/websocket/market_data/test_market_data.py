"""Deltas, bars, tickers and public queries over the socket: for everybody, and about nobody."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async

from exchange_site.wiring.exchange import Exchange
from tests.builders import INSTRUMENTS, TRADERS, Founded, listing, terms
from tests.marketdata.mirror import Mirror
from tests.websocket.client import Client, Frame, assert_frames, is_like, order_message
from tests.websocket.conftest import Clock, Join
from trading.core.commands import ChangeTerms, Command, HaltInstrument, ListInstrument, SetInstrumentPhase, Settle
from trading.core.money import RATE
from trading.core.types import Phase
from trading.operators import requests
from trading.protocol import QueryBars, QueryResponse

Open = Callable[..., Awaitable[Exchange]]
MINUTE = 60_000
QUICK = {"BAR_INTERVAL_MS": 5, "BOOK_INTERVAL_MS": 2, "OPERATOR_POLL_SECONDS": 0.01}


@pytest.fixture
async def exchange(clock: Clock, open_exchange: Open) -> Exchange:
    """An exchange whose time passes when a test says so, which tells market data without much delay, and does not wait
    for anybody when it stops."""
    return await open_exchange(clock, stop_seconds=0, **QUICK)


async def sign_in(exchange: Exchange, join: Join, market: Founded, user_id: str) -> Client:
    return await (await join(exchange.services)).sign_in(user_id, market.tokens[user_id])


async def subscribe(client: Client, *channels: str, to: str = "IX2301", **more: Any) -> None:
    await client.say(type="subscribe", channels=list(channels), instruments=[to], **more)
    assert (await client.hear_until("subscribe_response"))["success"]


async def trade(
    buyer: Client, seller: Client, price: float = 120, volume: int = 1, instrument_id: str = "IX2301"
) -> None:
    """The seller takes what the buyer bids."""
    assert (await buyer.place(f"BUY OPEN {volume} @ {price}", instrument_id))["success"]
    assert (await seller.place(f"SELL OPEN {volume} @ {price}", instrument_id))["success"]
    await seller.rest()


async def operate(exchange: Exchange, command: Command) -> None:
    row = await database_sync_to_async(requests.ask)(command, market="MAIN")
    done = await database_sync_to_async(requests.wait)(row)
    assert done.status == "DONE", done.result


async def data(client: Client, query: str, **fields: Any) -> Any:
    """What a query found."""
    await client.say(type=query, **fields, request_id="q")
    answer = await client.hear_until("query_response", request_id="q")
    assert answer["request_type"] == query
    (found,) = answer["data"].values()
    return found


# --- orderbook_delta


async def test_the_whole_book_comes_at_once_and_then_changes(visitor: Client, alice: Client) -> None:
    await alice.place("BUY OPEN 2 @ 119")
    await alice.rest()
    await subscribe(visitor, "orderbook_delta")
    whole = await visitor.hear()
    assert list(whole) == ["type", "instrument_id", "seq", "prev_seq", "bids", "asks", "timestamp"]
    assert_frames([whole], {"prev_seq": None, "bids": [{"price": 119.0, "volume": 2.0, "order_count": 1}], "asks": []})
    await alice.place("SELL OPEN 3 @ 121")
    change = await visitor.hear()
    assert_frames(
        [change],
        {
            "prev_seq": whole["seq"],
            "seq": whole["seq"] + 1,
            "bids": [],
            "asks": [{"price": 121.0, "volume": 3.0, "order_count": 1}],
        },
    )


class Watcher:
    """A client that follows changes of a book."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.mirror = Mirror()

    async def hear(self, frames: list[Frame]) -> None:
        for frame in frames:
            if frame["type"] == "orderbook_delta":
                self.mirror.take(frame)

    async def catch_up(self, seq: int) -> None:
        while (self.mirror.seq or 0) < seq:
            await self.hear([await self.client.hear()])


async def fresh(exchange: Exchange, join: Join) -> Watcher:
    watcher = Watcher(await join(exchange.services))
    await subscribe(watcher.client, "orderbook_delta", "orderbook")
    await watcher.hear(await watcher.client.rest())
    return watcher


def some_order(dice: random.Random) -> Frame:
    is_buy = dice.random() < 0.5
    price = 120 + dice.randint(-3, 20) / 2 * (-1 if is_buy else 1)
    return order_message(f"{'BUY' if is_buy else 'SELL'} OPEN {dice.randint(1, 5)} @ {price}")


async def quiet_book(exchange: Exchange, join: Join) -> Frame:
    """The whole book when nothing more is to be told of it."""
    before = None
    while True:
        client = await join(exchange.services)
        await subscribe(client, "orderbook_delta", "orderbook")
        book, whole = sorted(await client.rest(), key=lambda frame: str(frame["type"]))[:2]
        if whole["bids"][:10] == book["bids"] and whole["asks"][:10] == book["asks"] and whole == before:
            return whole
        before = whole
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_subscribes_while_orders_pour_has_the_book_in_the_end(
    exchange: Exchange, market: Founded, join: Join, seed: int
) -> None:
    """Some subscribe again in between, commits fail, and an auction comes and goes."""
    dice, watchers = random.Random(seed), []
    traders = [await sign_in(exchange, join, market, name) for name in TRADERS]
    for turn in range(60):
        for _ in range(dice.randint(1, 15)):
            await dice.choice(traders).say(**some_order(dice))
        if turn % 4 == 0:
            watchers.append(Watcher(await join(exchange.services)))
        if turn % 20 == 10:
            fail_once(exchange)
        if turn in (25, 45):
            phase = Phase.AUCTION if turn == 25 else Phase.CONTINUOUS
            exchange.gateway.submit(SetInstrumentPhase("IX2301", phase), lambda event: None)
        chosen = dice.choice(watchers)
        if turn % 4 == 0 or dice.random() < 0.3:
            chosen = watchers[-1] if turn % 4 == 0 else chosen
            await chosen.client.say(type="subscribe", channels=["orderbook_delta"], instruments=["IX2301"])
        await asyncio.sleep(dice.choice([0, 0, 0.001, 0.004]))
    for each in traders:
        await each.rest()
    whole = await quiet_book(exchange, join)
    for watcher in watchers:
        await watcher.catch_up(whole["seq"])
        assert watcher.mirror.seq == whole["seq"] and watcher.mirror.is_book(whole)
    assert "commit" not in vars(exchange.worker._store), "each of them has failed"
    assert whole["bids"] and any(watcher.mirror.changes for watcher in watchers)


def fail_once(exchange: Exchange) -> None:
    """The next commit fails: the exchange loads the last one and goes on."""
    store: Any = exchange.worker._store

    def fail(batch: Any) -> None:
        del store.commit, store.commit_here, store.commit_by_loop  # the class has the real ones
        raise OSError("no disk")

    store.commit = store.commit_here = store.commit_by_loop = fail


async def test_a_failed_commit_breaks_no_chain(exchange: Exchange, visitor: Client, alice: Client) -> None:
    await alice.place("BUY OPEN 1 @ 119")
    watcher = Watcher(visitor)
    await subscribe(visitor, "orderbook_delta")
    await watcher.hear(await visitor.rest())
    fail_once(exchange)
    assert (await alice.place("BUY OPEN 9 @ 118"))["error_code"] == 503
    while not (await alice.place("BUY OPEN 2 @ 117"))["success"]:
        pass
    await watcher.hear([await visitor.hear_until("orderbook_delta")])
    assert watcher.mirror.levels("bids") == [
        {"price": 119.0, "volume": 1.0, "order_count": 1},
        {"price": 117.0, "volume": 2.0, "order_count": 1},
    ]
    assert watcher.mirror.wholes == watcher.mirror.changes == 1


async def test_after_a_restart_a_chain_begins_anew(
    exchange: Exchange, open_exchange: Open, market: Founded, join: Join, alice: Client
) -> None:
    for price in (119, 118, 117):
        await alice.place(f"BUY OPEN 1 @ {price}")
    watcher = Watcher(await join(exchange.services))
    await subscribe(watcher.client, "orderbook_delta")
    await watcher.hear(await watcher.client.rest())
    exchange = await open_exchange(**QUICK)
    watcher.client = await join(exchange.services)
    await subscribe(watcher.client, "orderbook_delta")
    await watcher.hear(await watcher.client.rest())
    again = await sign_in(exchange, join, market, "user001")
    await again.place("BUY OPEN 5 @ 118")
    await watcher.hear([await watcher.client.hear_until("orderbook_delta")])
    assert [level["volume"] for level in watcher.mirror.levels("bids")] == [1.0, 6.0, 1.0]


# --- kline


async def bars_of(client: Client, **fields: Any) -> list[Frame]:
    found: list[Frame] = await data(client, "query_bars", instrument_id="IX2301", **fields)
    return found


async def test_before_the_first_trade_there_is_no_bar(visitor: Client) -> None:
    await subscribe(visitor, "kline")
    await visitor.hears_nothing()


async def test_the_present_bar_comes_at_once_and_then_its_changes(
    exchange: Exchange, clock: Clock, visitor: Client, alice: Client, bob: Client
) -> None:
    await trade(alice, bob, 120, 2)
    await subscribe(visitor, "kline")
    start = clock() - clock() % MINUTE
    bar = {"period": "1m", "start": start, "open": 120.0, "close": 120.0, "volume": 2.0, "trades": 1}
    assert_frames([await visitor.hear()], bar)
    await trade(alice, bob, 121, 1)
    last = await visitor.hear_until("kline", volume=3.0)
    assert_frames([last], bar | {"high": 121.0, "close": 121.0, "volume": 3.0, "turnover": 36_100.0, "trades": 2})
    assert last["open_interest"] == 3.0
    clock.pass_by(MINUTE)
    await trade(alice, bob, 119, 1)
    assert_frames([await visitor.hear_until("kline", start=start + MINUTE)], {"open": 119.0, "volume": 1.0})
    await exchange.recorder.keep_up()
    named = {"type": "kline", "instrument_id": "IX2301", "period": "1m"}
    assert (await bars_of(visitor))[1] | named == last


async def test_what_was_pushed_is_what_is_asked_for_afterwards(
    exchange: Exchange, clock: Clock, join: Join, alice: Client, bob: Client
) -> None:
    """For every bar of every period: its last frame."""
    dice = random.Random(1)
    periods = ("1m", "5m", "15m", "1h", "1d")
    follower = await join(exchange.services)
    for period in periods:
        await subscribe(follower, "kline", period=period)
    traded = 0
    for _ in range(30):
        volume = dice.randint(1, 3)
        await trade(alice, bob, dice.choice([119, 120, 121.5]), volume)
        traded += volume
        clock.pass_by(dice.choice([0, 0, 20_000, 90_000, 1_000_000]))
    told: dict[tuple[str, int], Frame] = {}
    waiting = set(periods)
    while waiting:
        frame = await follower.hear()
        told[frame["period"], frame["start"]] = frame
        sums = {period: sum(bar["volume"] for (of, _), bar in told.items() if of == period) for period in waiting}
        waiting -= {period for period, volume in sums.items() if volume == traded}
    await exchange.recorder.keep_up()
    for period in periods:
        mine = [bar for (of, _), bar in sorted(told.items(), reverse=True) if of == period]
        asked = await bars_of(follower, period=period)
        assert [bar | {"type": "kline", "instrument_id": "IX2301", "period": period} for bar in asked] == mine


async def test_periods_are_followed_and_left_one_by_one(
    visitor: Client, clock: Clock, alice: Client, bob: Client
) -> None:
    for period in ("1m", "5m", "1h"):
        await subscribe(visitor, "kline", period=period)
    for period in ("5m", "1d"):  # of which one was never followed
        await visitor.say(type="unsubscribe", channels=["kline"], instruments=["IX2301"], period=period)
        assert (await visitor.hear_until("subscribe_response"))["success"]
    await trade(alice, bob)
    assert {(await visitor.hear_until("kline"))["period"] for _ in range(2)} == {"1m", "1h"}
    await visitor.say(type="unsubscribe", channels=["kline"])
    await visitor.hear_until("subscribe_response")
    await trade(alice, bob)
    await visitor.say(type="subscribe", channels=["kline"], instruments=["IX2301"], period="1h")
    heard = [await visitor.hear_until("kline"), await visitor.hear_until("kline", volume=2.0)]
    assert {frame["period"] for frame in heard} == {"1h"}


async def test_a_period_is_a_word_and_no_channel(visitor: Client) -> None:
    wrong = await visitor.ask_wrong(type="subscribe", channels=["kline"], instruments=["IX2301"], period="2m")
    assert_frames([wrong], {"type": "error", "code": 400})
    unknown = await visitor.ask(type="subscribe", channels=["kline.1m"], instruments=["IX2301"])
    assert_frames([unknown], {"success": False, "message": "Unknown channel kline.1m"})


async def test_each_period_is_a_subscription(open_exchange: Open, join: Join) -> None:
    exchange = await open_exchange(SUBSCRIPTIONS=2)
    client = await join(exchange.services)
    for period, message in (
        ("1m", "Subscribed successfully"),
        ("5m", "Subscribed successfully"),
        ("1h", "Too many subscriptions: at most 2 of an instrument and a channel"),
        ("5m", "Subscribed successfully"),
    ):
        answer = await client.ask(type="subscribe", channels=["kline"], instruments=["IX2301"], period=period)
        assert answer["message"] == message


# --- ticker


async def test_each_trade_tells_who_came_and_the_last_of_a_batch_the_day(
    visitor: Client, alice: Client, bob: Client
) -> None:
    await alice.place("SELL OPEN 1 @ 120.5")
    await alice.place("SELL OPEN 2 @ 121")
    await subscribe(visitor, "ticker")
    await bob.place("BUY OPEN 3 @ 122")
    first, last = await visitor.hear_many(2)
    assert first == {
        "type": "ticker",
        "instrument_id": "IX2301",
        "last_price": 120.5,
        "volume": 1.0,
        "timestamp": first["timestamp"],
        "direction": "BUY",
    }
    assert last["direction"] == "BUY"
    day = {
        "instrument_id": "IX2301",
        "open": 120.5,
        "high": 121.0,
        "low": 120.5,
        "last_price": 121.0,
        "change": 1.0,
        "volume": 3.0,
        "turnover": 36_250.0,
        "trades": 2,
        "open_interest": 3.0,
        "settlement_price": 120.0,
        "limit_up": 132.0,
        "limit_down": 108.0,
    }
    assert last["day"] == day
    await alice.place("SELL CLOSE 1 @ 119")
    await bob.place("SELL CLOSE 1 @ 118")
    await alice.place("BUY CLOSE 1 @ 118")
    ticker = await visitor.hear()
    assert (ticker["direction"], ticker["day"]["open_interest"], ticker["day"]["change"]) == ("BUY", 2.0, -2.0)


async def test_who_subscribes_hears_of_the_last_trade_and_the_day(
    exchange: Exchange, open_exchange: Open, join: Join, visitor: Client, alice: Client, bob: Client
) -> None:
    await trade(alice, bob, 120, 2)
    await trade(bob, alice, 121, 1)
    await subscribe(visitor, "ticker")
    told = await visitor.hear()
    assert (told["last_price"], told["direction"], told["day"]["volume"]) == (121.0, "SELL", 3.0)
    exchange = await open_exchange(**QUICK)
    again = await join(exchange.services)
    await subscribe(again, "ticker")
    assert await again.hear() == told


async def test_an_auction_has_no_side_that_came_to_the_book(
    exchange: Exchange, open_exchange: Open, join: Join, market: Founded, visitor: Client, alice: Client, bob: Client
) -> None:
    await trade(alice, bob, 120)
    await operate(exchange, SetInstrumentPhase("IX2301", Phase.AUCTION))
    for client, words in ((alice, "BUY OPEN 3 @ 121"), (bob, "SELL OPEN 1 @ 119"), (bob, "SELL OPEN 1 @ 120")):
        await client.place(words)
    await subscribe(visitor, "ticker")
    assert (await visitor.hear())["direction"] == "SELL"
    await operate(exchange, SetInstrumentPhase("IX2301", Phase.CONTINUOUS))
    tickers = [await visitor.hear_until("ticker") for _ in range(2)]
    assert not any("direction" in ticker for ticker in tickers)
    public = await data(visitor, "query_public_trades", instrument_id="IX2301")
    assert [trade.get("direction") for trade in public] == [None, None, "SELL"]
    for client, maker in ((alice, True), (bob, False)):
        await client.say(type="query_trades")
        own = (await client.hear_until("query_response"))["data"]["trades"]
        assert [trade.get("is_maker") for trade in own] == [None, None, maker]
    exchange = await open_exchange(**QUICK)
    again = await join(exchange.services)
    await subscribe(again, "ticker")
    assert await again.hear() == tickers[-1]
    alice = await sign_in(exchange, join, market, "user001")
    bob = await sign_in(exchange, join, market, "user002")
    await trade(alice, bob, 120)
    assert (await again.hear_until("ticker"))["direction"] == "SELL"


# --- queries


async def test_pages_of_bars_have_all_of_them_once(
    exchange: Exchange, clock: Clock, visitor: Client, alice: Client, bob: Client
) -> None:
    for volume in range(1, 8):
        await trade(alice, bob, 120, volume)
        clock.pass_by(MINUTE * volume)
    await exchange.recorder.keep_up()
    everything = await bars_of(visitor)
    assert [bar["volume"] for bar in everything] == [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    found: list[Frame] = []
    page = await bars_of(visitor, limit=3)
    while page:
        assert len(page) <= 3
        found += page
        page = await bars_of(visitor, limit=3, before=page[-1]["start"])
    assert found == everything
    assert await data(visitor, "query_bars", instrument_id="IF2301", period="1d") == []


async def test_the_last_trades(visitor: Client, clock: Clock, alice: Client, bob: Client) -> None:
    assert await data(visitor, "query_public_trades", instrument_id="IX2301") == []
    for price in (119, 120, 121):
        await trade(alice, bob, price)
        clock.pass_by(MINUTE)
    await trade(alice, bob, 119, instrument_id="IF2301")
    found = await data(visitor, "query_public_trades", instrument_id="IX2301")
    assert [trade["price"] for trade in found] == [121.0, 120.0, 119.0]
    assert list(found[0]) == ["price", "volume", "timestamp", "direction"]
    assert {trade["direction"] for trade in found} == {"SELL"}
    assert await data(visitor, "query_public_trades", instrument_id="IX2301", limit=2) == found[:2]


async def test_bars_that_are_stored_while_the_rows_are_read_are_in_the_answer(
    exchange: Exchange, clock: Clock, alice: Client, bob: Client
) -> None:
    """They are not in the rows that were read, and nothing new any more when the rows are there."""
    for price in (120, 121):
        await trade(alice, bob, price)
        clock.pass_by(MINUTE)
    query = QueryBars(instrument_id="IX2301", period="1m", limit=10)

    async def read(find: Callable[..., Any], *arguments: Any) -> Any:
        found = await exchange.readers.run("test", find, *arguments)
        await exchange.recorder.keep_up()
        return found

    answer = await exchange.services.public_answer.answer(query, read)
    assert isinstance(answer, QueryResponse) and answer.data.bars is not None
    assert [bar.close for bar in answer.data.bars] == [121.0, 120.0]


async def test_a_query_is_never_older_than_what_was_told(
    exchange: Exchange, clock: Clock, visitor: Client, alice: Client, bob: Client
) -> None:
    """Whatever is not stored yet: nothing brings the bars up to date here."""
    await subscribe(visitor, "ticker")
    for minute in range(3):
        for volume in (1, 2):
            await trade(alice, bob, 120 + minute, volume)
            told = await visitor.hear_until("ticker")
            while "day" not in told or told["day"]["volume"] < 3 * minute + volume:
                told = await visitor.hear_until("ticker")
            assert await data(visitor, "query_statistics", instrument_id="IX2301") == [told["day"]]
        clock.pass_by(MINUTE)
    bars = await bars_of(visitor)
    assert [(bar["close"], bar["volume"]) for bar in bars] == [(122.0, 3.0), (121.0, 3.0), (120.0, 3.0)]
    assert await bars_of(visitor, limit=2) == bars[:2]
    assert await bars_of(visitor, before=bars[0]["start"]) == bars[1:]
    await exchange.recorder.keep_up()
    assert await bars_of(visitor) == bars


async def test_whatever_changes_an_instrument_is_told(exchange: Exchange, visitor: Client) -> None:
    await visitor.say(type="subscribe", channels=["instruments"])
    assert (await visitor.hear_until("subscribe_response"))["success"]
    await subscribe(visitor, "orderbook")

    async def hears(state: str, instrument_id: str = "IX2301") -> None:
        told = await visitor.hear_until("instrument_state", instrument_id=instrument_id)
        assert told["state"] == state

    await operate(exchange, ListInstrument(listing("IX2402").contract, terms(last_day=20270115)))
    await hears("listed", "IX2402")
    await operate(exchange, ChangeTerms("IX2301", terms(margin=RATE // 5, last_day=20270118)))
    await hears("changed")
    (known,) = await data(visitor, "query_instruments", instrument_id="IX2301")
    assert known["margin_rate_long"] == 0.2
    await operate(exchange, Settle(20270115, 20270118, {}))
    await hears("settled")
    await hears("delisted", "IX2402")
    await operate(exchange, Settle(20270118, 20270119, {}))
    assert (await visitor.hear_until("instrument_status", instrument_id="IX2301"))["phase"] == "delisted"
    await hears("delisted")
    await operate(exchange, ListInstrument(listing("IX2404").contract, terms()))
    await hears("listed", "IX2404")
    await operate(exchange, HaltInstrument("IX2404"))
    assert (await visitor.hear_until("instrument_status", instrument_id="IX2404"))["phase"] == "halted"
    await visitor.say(type="unsubscribe", channels=["instruments"], instruments=[])
    assert (await visitor.hear_until("subscribe_response"))["success"]
    await operate(exchange, ListInstrument(listing("IX2403").contract, terms()))
    await visitor.say(type="ping")
    await visitor.hear_until("pong")


async def test_the_day_in_figures_across_a_settlement(
    exchange: Exchange, clock: Clock, visitor: Client, alice: Client, bob: Client
) -> None:
    await trade(alice, bob, 121, 2)
    await trade(bob, alice, 119, 1)
    await exchange.recorder.keep_up()
    both = await data(visitor, "query_statistics")
    assert [day["instrument_id"] for day in both] == sorted(INSTRUMENTS)
    (day,) = await data(visitor, "query_statistics", instrument_id="IX2301")
    assert day == both[1]
    assert is_like(day, {"open": 121.0, "low": 119.0, "change": -1.0, "volume": 3.0, "trades": 2, "open_interest": 3.0})
    assert is_like(both[0], {"open": None, "change": None, "volume": 0.0, "settlement_price": 120.0})
    await subscribe(visitor, "ticker")
    assert (await visitor.hear())["day"] == day, "the ticker tells the same"

    clock.pass_by(1_000)
    await operate(exchange, Settle(20270115, 20270118, {"IX2301": 1_205_000}))
    (day,) = await data(visitor, "query_statistics", instrument_id="IX2301")
    empty = dict.fromkeys(("open", "high", "low", "last_price", "change"))
    settled = {"settlement_price": 120.5, "limit_up": 132.5, "limit_down": 108.5, "open_interest": 3.0}
    assert is_like(day, empty | settled | {"volume": 0.0, "turnover": 0.0, "trades": 0})
    clock.pass_by(1_000)
    await trade(alice, bob, 122, 1)
    ticker = await visitor.hear_until("ticker")
    assert is_like(ticker["day"], settled | {"open": 122.0, "change": 1.5, "volume": 1.0, "open_interest": 4.0})
    await exchange.recorder.keep_up()
    assert await data(visitor, "query_statistics", instrument_id="IX2301") == [ticker["day"]]
    assert [bar["volume"] for bar in await bars_of(visitor, period="1d")] == [1.0, 3.0]


REFUSED = [
    ({"type": "query_bars", "instrument_id": "XX"}, 1004),
    ({"type": "query_public_trades", "instrument_id": "XX"}, 1004),
    ({"type": "query_statistics", "instrument_id": "XX"}, 1004),
    ({"type": "query_bars"}, 400),
    ({"type": "query_public_trades"}, 400),
    ({"type": "query_statistics", "instrument_id": ""}, 400),
    ({"type": "query_bars", "instrument_id": "IX2301", "period": "1M"}, 400),
    ({"type": "query_bars", "instrument_id": "IX2301", "before": -1}, 400),
    ({"type": "query_bars", "instrument_id": "IX2301", "limit": 0}, 400),
    ({"type": "query_bars", "instrument_id": "IX2301", "limit": 1_001}, 400),
    ({"type": "query_public_trades", "instrument_id": "IX2301", "limit": 51}, 400),
    ({"type": "query_public_trades", "instrument_id": "IX2301", "before": 1}, 400),
]


@pytest.mark.parametrize(("query", "code"), REFUSED, ids=lambda each: str(each))
async def test_what_cannot_be_answered_is_refused(visitor: Client, query: Frame, code: int) -> None:
    assert_frames([await visitor.ask_wrong(**query, request_id=9)], {"type": "error", "code": code, "request_id": 9})


@pytest.mark.parametrize("limit", [1, 1_000])
async def test_the_limits_themselves_are_taken(visitor: Client, limit: int) -> None:
    assert await bars_of(visitor, limit=limit, before=2**53) == []


async def test_nobody_is_in_public_market_data(
    exchange: Exchange, visitor: Client, market: Founded, alice: Client, bob: Client
) -> None:
    for channel in ("orderbook", "orderbook_delta", "ticker", "kline"):
        await subscribe(visitor, channel)
    placed = await alice.place("BUY OPEN 2 @ 120", client_order_id="whose-is-it")
    await bob.place("SELL OPEN 1 @ 120")
    await visitor.hear_until("kline")
    await exchange.recorder.keep_up()
    heard = [await data(visitor, "query_bars", instrument_id="IX2301")]
    heard.append(await data(visitor, "query_public_trades", instrument_id="IX2301"))
    heard.append(await data(visitor, "query_statistics"))
    await subscribe(visitor, "orderbook", "orderbook_delta", "ticker", "kline")
    frames = await visitor.rest()
    assert {frame["type"] for frame in frames} == {"orderbook", "orderbook_delta", "ticker", "kline"}
    text = str([heard, frames])
    for secret in (*TRADERS, "whose-is-it", placed["order_id"], "user_id", "account", "order_id", "trade_id"):
        assert secret not in text, secret
