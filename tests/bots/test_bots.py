"""What makers and takers ask of an exchange, in situations that are put before them frame by frame."""

import itertools
from collections import Counter
from typing import Any

import pytest

from bots.bot import Bot
from bots.client import Busy
from bots.frames import Frame
from bots.maker import Maker
from bots.portfolio import Instrument
from bots.taker import Taker
from bots.world import Identity, World
from tests.bots.test_portfolio import ROW, found, refused, status

NAMES = ("IA", "IB", "IC")
ME = Identity("bot", "secret")


class Exchange:
    """Stands in for a connection: accepts all, remembers what it was asked, and tells the bot."""

    def __init__(self) -> None:
        self.bot: Bot | None = None
        self.asked: list[Frame] = []
        self.answers: dict[str, list[Frame]] = {}
        self._numbers = itertools.count(1)

    async def ask(self, kind: str, **fields: Any) -> Frame:
        assert self.bot is not None
        request = {"type": kind, **fields}
        self.asked.append(request)
        answer = self.answers[kind].pop(0) if self.answers.get(kind) else self.accept(request)
        self.bot._hear(answer, request)
        return answer

    def accept(self, request: Frame) -> Frame:
        number = next(self._numbers)
        match request["type"]:
            case "submit_orders":
                results = [{"success": True, "order_id": f"O{number}-{item}"} for item in range(len(request["orders"]))]
                return {"type": "orders_response", "results": results}
            case "query_instruments":
                return found("query_instruments", instruments=[ROW | {"instrument_id": name} for name in NAMES])
            case "query_position":
                return found("query_position", positions=[])
            case "query_account":
                return found("query_account", account={"balance": 1e9, "available": 1e9})
            case "query_orders":
                return found("query_orders", orders=[], next=None)
        return {"type": "order_response", "success": True, "order_id": f"O{number}", "error_code": None}

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


async def signed_in(bot: Bot) -> Exchange:
    """The exchange of a bot that has looked around."""
    exchange = Exchange()
    exchange.bot = bot
    bot._connection = exchange  # type: ignore[assignment]
    await bot._look()
    await bot.begin()
    return exchange


def phase(bot: Bot, name: str, word: str) -> None:
    bot._hear({"type": "instrument_status", "instrument_id": name, "phase": word}, None)


# --- all bots


async def test_a_bot_looks_around_and_renews_its_dead_mans_switch() -> None:
    exchange = await signed_in(Maker(ME, world(), 0))
    asked = exchange.take()
    kinds = ["cancel_after", "query_instruments", "query_position", "query_account", "subscribe", "query_orders"]
    assert [frame["type"] for frame in asked] == kinds
    assert asked[0]["timeout_ms"] == 45_000
    assert asked[4]["instruments"] == list(NAMES)


async def test_a_bot_keeps_to_the_instruments_that_it_is_given() -> None:
    bot = Maker(ME, world(only=frozenset({"IB", "not listed"})), 0)
    exchange = await signed_in(bot)
    assert exchange.take("subscribe")[0]["instruments"] == ["IB"]
    assert set(bot.tradable()) == {"IB"}


async def test_orders_of_before_are_read_page_by_page() -> None:
    bot = Maker(ME, world(), 0)
    exchange = await signed_in(bot)
    exchange.take()
    exchange.answers["query_orders"] = [
        found("query_orders", orders=[], next="O5"),
        found("query_orders", orders=[], next=None),
    ]
    await bot.find_orders()
    assert [frame.get("before") for frame in exchange.take()] == [None, "O5"]


async def test_a_bot_whose_account_is_closed_waits() -> None:
    bot = Maker(ME, world(), 0)
    exchange = await signed_in(bot)
    exchange.answers["cancel_order"] = [refused(1012)]
    with pytest.raises(Busy):
        await bot.ask("cancel_order", order_id="O1")


async def test_a_bot_says_once_that_money_runs_out(caplog: pytest.LogCaptureFixture) -> None:
    bot = Maker(ME, world(), 0)
    exchange = await signed_in(bot)
    for available in (30.0, 20.0, 90.0):
        money = found("query_account", account={"balance": 100.0, "available": available})
        exchange.answers["query_account"] = [money]
        await bot._look()
    assert [record.getMessage() for record in caplog.records] == [
        "bot has 30.00 of 100.00 available and trades less",
        "bot has 90.00 of 100.00 available and trades as usual",
    ]


def test_a_path_begins_at_the_last_price_and_follows_the_limits_of_a_new_day() -> None:
    ours = world()
    ours.learn(Instrument.of(ROW | {"last_price": 4100.0}))
    assert ours.fair(Instrument.of(ROW)) == pytest.approx(20_500)
    tomorrow = Instrument.of(ROW | {"settlement_price": 4300.0, "limit_down": 4200.0, "limit_up": 4400.0})
    ours.learn(tomorrow)
    assert ours.fair(tomorrow) > 21_000


# --- makers


async def test_a_maker_quotes_one_instrument_after_the_other() -> None:
    bot = Maker(ME, world(), 0)
    exchange = await signed_in(bot)
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


async def test_a_maker_looks_at_once_where_it_has_traded() -> None:
    bot = Maker(ME, world(speed=0.0001), 0)
    exchange = await signed_in(bot)
    exchange.take()
    trade = {"type": "trade", "instrument_id": "IC", "direction": "BUY", "offset": "OPEN", "volume": 1.0}
    bot._hear(trade, None)
    await bot.act()
    asked = exchange.take("submit_orders")
    assert [frame["orders"][0]["instrument_id"] for frame in asked] == ["IA", "IC"]
    closing = [order for order in asked[1]["orders"] if order["offset"] == "CLOSE"]
    assert [(order["direction"], order["volume"]) for order in closing] == [("SELL", 1)]


async def test_in_an_auction_quotes_are_plain() -> None:
    bot = Maker(ME, world(), 0)
    exchange = await signed_in(bot)
    phase(bot, "IA", "auction")
    await bot.act()
    (submitted,) = exchange.take("submit_orders")
    assert not any(order["post_only"] for order in submitted["orders"])


@pytest.mark.parametrize("word", ["halted", "closed"])
async def test_a_maker_withdraws_while_nothing_is_traded(word: str) -> None:
    bot = Maker(ME, world(), 0)
    exchange = await signed_in(bot)
    for _ in NAMES:
        await bot.act()
    exchange.take()
    phase(bot, "IB", word)
    await bot.act()
    assert exchange.take()[0] == {"type": "cancel_all", "instrument_id": "IB"}
    for order in bot.portfolio.orders_in("IB"):
        bot._hear(status(order.order_id, "Cancelled", 1.0), None)
    for _ in NAMES:
        await bot.act()
    assert exchange.take() == []


# --- takers


async def test_a_taker_sends_what_is_due_and_cancels_what_has_waited() -> None:
    clock = Clock()
    bot = Taker(ME, world(clock=clock), rate=2.0)
    exchange = await signed_in(bot)
    assert [frame["type"] for frame in exchange.take("cancel_all")] == ["cancel_all"]
    for _ in range(60):
        clock.now += 0.5
        await bot.act()
    asked = exchange.take()
    kinds = Counter(frame["type"] for frame in asked)
    assert kinds["submit_order"] > 20
    assert kinds["cancel_order"] > 5, "with empty books every order waits"
    assert all(frame["order_type"] == "LIMIT" for frame in asked if frame["type"] == "submit_order")
    assert {frame["instrument_id"] for frame in asked if frame["type"] == "submit_order"} == set(NAMES)


async def test_arrivals_while_a_taker_was_away_are_over() -> None:
    clock = Clock()
    bot = Taker(ME, world(clock=clock), rate=2.0)
    clock.now = 1_000.0
    exchange = await signed_in(bot)
    exchange.take()
    for _ in range(20):
        await bot.act()
    assert exchange.take("submit_order") == []
