"""What makers and takers ask of an exchange, in situations that are put before them push by push."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bourse_client import errors
from bourse_client.asking.orders import Orders
from bourse_client.book import Book
from bourse_client.messages import Account, Frame, Order, Position

from bots.bot import Beside, Bot
from bots.maker import Maker
from bots.portfolio import Instrument
from bots.taker import Taker
from bots.world import Identity, World
from tests.bots.test_portfolio import ROW, Kept, book_of

NAMES = ("IA", "IB", "IC")
ME = Identity("bot", "secret")


class Exchange(Orders):
    """Stands in for a client: accepts all, remembers what it was asked, and keeps what becomes of it."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.kept.money(1e9, 1e9)
        self.asked: list[Frame] = []
        self.refusals: dict[str, list[errors.Refused]] = {}
        self.books_of: dict[str, asyncio.Queue[Book]] = {name: asyncio.Queue() for name in NAMES}
        self._numbers = itertools.count(1)

    @property
    def live_orders(self) -> list[Order]:
        return self.kept.live_orders

    @property
    def positions(self) -> dict[str, Position]:
        return self.kept.positions

    @property
    def account(self) -> Account | None:
        return self.kept.account

    async def ask(self, kind: str, **fields: Any) -> Frame:
        self.asked.append({"type": kind, **fields})
        if self.refusals.get(kind):
            raise self.refusals[kind].pop(0)
        match kind:
            case "submit_orders":
                return {"results": [{"success": True, "order_id": self._enter(order)} for order in fields["orders"]]}
            case "query_instruments":
                return {"data": {"instruments": [ROW | {"instrument_id": name} for name in NAMES]}}
        return {}

    async def cancel_all(self, instrument_id: str | None = None, direction: str | None = None) -> int:
        filters = {"instrument_id": instrument_id, "direction": direction}
        await self.ask("cancel_all", **{name: value for name, value in filters.items() if value is not None})
        return 0

    async def place(self, *what: Any, **options: Any) -> Order:
        names = ("instrument_id", "direction", "volume", "price")
        fields = dict(zip(names, what, strict=True)) | options
        fields |= {"order_type": "MARKET" if fields["price"] is None else "LIMIT"}
        self.asked.append({"type": "submit_order", **fields})
        return self.kept.orders[self._enter(fields)]

    async def cancel(self, order_id: str) -> None:
        await self.ask("cancel_order", order_id=order_id)

    @asynccontextmanager
    async def books(self, instrument_id: str) -> AsyncIterator[AsyncIterator[Book]]:
        yield self._books(instrument_id)

    async def _books(self, instrument_id: str) -> AsyncIterator[Book]:
        while True:
            yield await self.books_of[instrument_id].get()

    def _enter(self, fields: Frame) -> str:
        order_id = f"O{next(self._numbers)}"
        self.kept.enter(order_id, fields)
        return order_id

    def take(self, *kinds: str) -> list[Frame]:
        """What was asked since the last call, of these kinds if any are named."""
        asked, self.asked = self.asked, []
        return [frame for frame in asked if not kinds or frame["type"] in kinds]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def world(**others: Any) -> World:
    usual: dict[str, Any] = {"url": "", "seed": "1", "speed": 10_000.0, "clock": Clock()}
    return World(**usual | others)


@pytest.fixture
async def beside() -> AsyncIterator[Beside]:
    """What a bot does beside its steps ends with the test."""
    tasks: list[asyncio.Task[None]] = []
    yield lambda work: tasks.append(asyncio.create_task(work))
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, asyncio.CancelledError)


def exchange_of(bot: Bot) -> Exchange:
    assert isinstance(bot.client, Exchange)
    return bot.client


async def signed_in(bot: Bot, beside: Beside) -> Exchange:
    """The exchange of a bot that has looked around."""
    await bot._look(beside)
    await bot.begin()
    return exchange_of(bot)


def maker(**others: Any) -> Maker:
    return Maker(ME, world(**others), 0, Exchange())  # type: ignore[arg-type]


def taker(**others: Any) -> Taker:
    return Taker(ME, world(**others), 2.0, Exchange())  # type: ignore[arg-type]


def phase(bot: Bot, name: str, word: str) -> None:
    bot.portfolio.look_at(book_of(name, {}, {}, word))


# --- all bots


async def test_a_bot_looks_around_and_renews_its_dead_mans_switch(beside: Beside) -> None:
    bot = maker()
    asked = (await signed_in(bot, beside)).take()
    assert [frame["type"] for frame in asked] == ["cancel_after", "query_instruments"]
    assert asked[0]["timeout_ms"] == 45_000
    assert set(bot.tradable()) == set(NAMES)


async def test_a_bot_follows_the_books(beside: Beside) -> None:
    bot = maker()
    exchange = await signed_in(bot, beside)
    exchange.books_of["IB"].put_nowait(book_of("IB", {3999.8: 5}, {}))
    async with asyncio.timeout(60):
        while "IB" not in bot.portfolio.books:
            await asyncio.sleep(0)
    assert bot.portfolio.bids("IB") == [(19_999, 5)]


async def test_a_bot_keeps_to_the_instruments_that_it_is_given(beside: Beside) -> None:
    bot = maker(only=frozenset({"IB", "not listed"}))
    await signed_in(bot, beside)
    assert set(bot.tradable()) == {"IB"}


async def test_a_bot_whose_account_is_closed_waits(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bots.bot.CLOSED_SECONDS", 0.0)
    bot = maker()
    exchange = await signed_in(bot, beside)
    exchange.refusals["submit_orders"] = [errors.AccountFrozen(1012, "frozen")]
    await bot.act()
    assert bot._closed and bot.portfolio.refused == {1012: 1}
    await bot._turn(beside)
    assert not bot._closed


async def test_refusals_in_a_batch_are_counted(beside: Beside) -> None:
    bot = maker()
    await signed_in(bot, beside)
    results = [{"success": True, "error_code": None}, {"success": False, "error_code": 1015}]

    async def answer() -> Frame:
        return {"results": results}

    assert await bot.attempt(answer()) == {"results": results}
    assert bot.portfolio.refused == {1015: 1}


async def test_a_bot_says_once_that_money_runs_out(beside: Beside, caplog: pytest.LogCaptureFixture) -> None:
    bot = maker()
    exchange = await signed_in(bot, beside)
    for available in (30.0, 20.0, 90.0):
        exchange.kept.money(100.0, available)
        await bot._look(beside)
    assert [record.getMessage() for record in caplog.records] == [
        "bot has 30.00 of 100.00 available and trades less",
        "bot has 90.00 of 100.00 available and trades as usual",
    ]


async def test_a_bot_says_that_the_exchange_is_away_for_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bots.bot.TROUBLE_SECONDS", 0.0)
    bot = maker()
    bot._hear_line(False)
    bot._hear_line(True)
    bot._hear_line(False)
    async with asyncio.timeout(60):
        while not caplog.records:
            await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == ["bot cannot reach the exchange and keeps trying"]


def test_a_path_begins_at_the_last_price_and_follows_the_limits_of_a_new_day() -> None:
    ours = world()
    ours.learn(Instrument.of(ROW | {"last_price": 4100.0}))
    assert ours.fair(Instrument.of(ROW)) == pytest.approx(20_500)
    tomorrow = Instrument.of(ROW | {"settlement_price": 4300.0, "limit_down": 4200.0, "limit_up": 4400.0})
    ours.learn(tomorrow)
    assert ours.fair(tomorrow) > 21_000


# --- makers


async def test_a_maker_quotes_one_instrument_after_the_other(beside: Beside) -> None:
    bot = maker()
    exchange = await signed_in(bot, beside)
    exchange.take()
    for name in NAMES:
        await bot.act()
        (submitted,) = exchange.take()
        assert {order["instrument_id"] for order in submitted["orders"]} == {name}
        assert Counter(order["direction"] for order in submitted["orders"]) == {"BUY": 5, "SELL": 5}
        assert all(order["post_only"] for order in submitted["orders"])
    for _ in NAMES:
        await bot.act()
    assert exchange.take() == [], "all is where it should be"


async def test_a_maker_looks_at_once_where_it_has_traded(beside: Beside) -> None:
    bot = maker(speed=0.0001)
    exchange = await signed_in(bot, beside)
    exchange.take()
    bot.hear(exchange.kept.trade("BUY", "OPEN", 1, "IC"))
    await bot.act()
    asked = exchange.take("submit_orders")
    assert [frame["orders"][0]["instrument_id"] for frame in asked] == ["IA", "IC"]
    closing = [order for order in asked[1]["orders"] if order["offset"] == "CLOSE"]
    assert [(order["direction"], order["volume"]) for order in closing] == [("SELL", 1)]


async def test_in_an_auction_quotes_are_plain(beside: Beside) -> None:
    bot = maker()
    exchange = await signed_in(bot, beside)
    phase(bot, "IA", "auction")
    await bot.act()
    (submitted,) = exchange.take("submit_orders")
    assert not any(order["post_only"] for order in submitted["orders"])


@pytest.mark.parametrize("word", ["halted", "closed"])
async def test_a_maker_withdraws_while_nothing_is_traded(word: str, beside: Beside) -> None:
    bot = maker()
    exchange = await signed_in(bot, beside)
    for _ in NAMES:
        await bot.act()
    exchange.take()
    phase(bot, "IB", word)
    await bot.act()
    assert exchange.take()[0] == {"type": "cancel_all", "instrument_id": "IB"}
    for order in bot.portfolio.orders_in("IB"):
        exchange.kept.status(order.order_id, "Cancelled", 1.0)
    for _ in NAMES:
        await bot.act()
    assert exchange.take() == []


# --- takers


async def test_a_taker_sends_what_is_due_and_cancels_what_has_waited(beside: Beside) -> None:
    clock = Clock()
    bot = taker(clock=clock)
    exchange = await signed_in(bot, beside)
    assert [frame["type"] for frame in exchange.take("cancel_all")] == ["cancel_all"]
    for _ in range(60):
        clock.now += 0.5
        await bot.act()
    asked = exchange.take()
    kinds = Counter(frame["type"] for frame in asked)
    assert kinds["submit_order"] > 20
    assert kinds["cancel_order"] > 5, "with empty books every order waits"
    assert all(frame["price"] is not None for frame in asked if frame["type"] == "submit_order")
    assert {frame["instrument_id"] for frame in asked if frame["type"] == "submit_order"} == set(NAMES)


async def test_arrivals_while_a_taker_was_away_are_over(beside: Beside) -> None:
    clock = Clock()
    bot = taker(clock=clock)
    clock.now = 1_000.0
    exchange = await signed_in(bot, beside)
    exchange.take()
    for _ in range(20):
        await bot.act()
    assert exchange.take("submit_order") == []
