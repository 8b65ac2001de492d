"""Books are conflated, but their last state always goes out; every trade is told; a restart shows what is."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from marketdata.core.depth import LEVELS, Depth
from marketdata.feed import Feed
from marketdata.publisher import MarketPublisher
from tests.builders import NOW, cancel, founding, in_virtual_time, order
from trading.core.commands import Command, HaltInstrument, SetInstrumentPhase
from trading.core.engine import Engine
from trading.core.events import Event
from trading.core.types import Phase
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder
from trading.observability.counters import Counters
from trading.worker.batch import Batch

INTERVAL = 0.05


def no_day(instrument_id: str, time: int) -> None:
    """Nobody keeps the figures of the day."""


class Recorder(MarketPublisher):
    """Notes what is sent, and when; frames are the real ones."""

    def __init__(self) -> None:
        super().__init__(InProcessLayer())
        self.books: list[tuple[float, dict[str, Any]]] = []
        self.ticks: list[tuple[str, list[dict[str, Any]]]] = []
        self.deltas: list[dict[str, Any]] = []
        self.phases: list[tuple[str, Phase]] = []
        self.breaks: set[str] = set()
        self.made = 0

    def book_frame(self, depth: Depth) -> str:
        self.made += 1
        return super().book_frame(depth)

    async def send_phase(self, instrument_id: str, phase: Phase, time: int) -> None:
        self.phases.append((instrument_id, phase))

    async def send_states(self, events: Any, time: int) -> None:
        """Nobody keeps a list."""

    async def send_book(self, instrument_id: str, frame: str) -> None:
        book = json.loads(frame)
        assert book["instrument_id"] == instrument_id
        self.books.append((round(asyncio.get_running_loop().time() - 1_000, 4), book))

    async def send_delta(self, instrument_id: str, frame: str) -> None:
        if instrument_id in self.breaks:
            raise OSError("the wire is cut")
        self.deltas.append(json.loads(frame))

    async def send_ticks(self, instrument_id: str, frames: Any) -> None:
        self.ticks.append((instrument_id, [json.loads(frame) for frame in frames]))


class Street:
    """An engine and the feed that hears of its batches."""

    def __init__(self) -> None:
        self.engine = Engine()
        for command in founding():
            self.engine.apply(command, NOW)
        self.engine.take_changes()
        self.publisher = Recorder()
        self.counters = Counters()
        self.feed = Feed(self.publisher, INTERVAL, no_day, self.counters)
        self.feed.on_load(self.engine, NOW)
        self.now = NOW

    async def do(self, *commands: Command) -> list[Event]:
        """One batch."""
        batch = self.applied(*commands)
        await self.feed.on_batch(batch)
        return batch.events

    def applied(self, *commands: Command) -> Batch:
        """A batch that nobody has heard of yet."""
        self.now += 1
        events = [event for command in commands for event in self.engine.apply(command, self.now)]
        changes = self.engine.take_changes()
        pushes = PushEncoder(InProcessLayer()).encode(events, changes, self.now)
        return Batch(self.now - NOW, self.now, 1, list(commands), events, changes, pushes, [])

    def present(self, instrument_id: str = "IX2301") -> dict[str, Any] | None:
        frame = self.feed.orderbook(instrument_id)
        return None if frame is None else json.loads(frame)

    def told(self, instrument_id: str = "IX2301") -> list[tuple[float, float]]:
        """When books were told, and the volume of their best bid."""
        of_it = [(at, book) for at, book in self.publisher.books if book["instrument_id"] == instrument_id]
        return [(at, book["bids"][0]["volume"] if book["bids"] else 0.0) for at, book in of_it]


def street(play: Callable[[Street], Awaitable[None]]) -> Street:
    """Play in virtual time and return the street afterwards."""

    async def run() -> Street:
        made = Street()
        await play(made)
        made.feed.close()
        await asyncio.sleep(0)
        return made

    return in_virtual_time(run())


def bid(volume: int = 1, price: str = "119", instrument_id: str = "IX2301") -> Command:
    return order(1, f"BUY OPEN {volume} @ {price}", instrument_id)


def test_a_book_is_made_into_a_frame_once_for_all_who_ask() -> None:
    async def play(street: Street) -> None:
        for volume in (1, 2):
            await street.do(bid(volume))
            assert street.present() == street.present() == street.publisher.books[-1][1]
            await asyncio.sleep(INTERVAL)
        assert street.publisher.made == 2

    assert [volume for _, volume in street(play).told()] == [1, 3]


# --- conflation


def test_the_first_change_is_told_at_once() -> None:
    async def play(s: Street) -> None:
        await s.do(bid(3))

    assert street(play).told() == [(0.0, 3.0)]


def test_a_book_is_told_as_it_was_seen_although_the_engine_has_gone_on() -> None:
    async def play(s: Street) -> None:
        first = s.applied(bid(3))
        s.feed.look(first)
        second = s.applied(bid(4))
        s.feed.look(second)
        await s.feed.on_batch(first)
        await asyncio.sleep(1)
        await s.feed.on_batch(second)
        s.feed.look(s.applied(bid(5)))
        s.feed.on_load(s.engine, s.now)  # that one was not stored
        assert not s.feed._seen

    assert street(play).told() == [(0.0, 3.0), (1.0, 7.0)]


def test_changes_within_the_interval_are_told_once_at_its_end() -> None:
    async def play(s: Street) -> None:
        for _ in range(5):
            await s.do(bid())
            await asyncio.sleep(0.005)
        await asyncio.sleep(1)

    assert street(play).told() == [(0.0, 1.0), (0.05, 5.0)]


def test_the_last_state_always_goes_out_and_then_it_is_quiet() -> None:
    async def play(s: Street) -> None:
        for _ in range(7):
            await s.do(bid())
            await asyncio.sleep(0.02)
        await asyncio.sleep(10)

    told = street(play).told()
    assert told[-1][1] == 7.0
    assert [at for at, _ in told] == [0.0, 0.05, 0.1, 0.15]


def test_there_is_at_most_one_book_an_interval() -> None:
    async def play(s: Street) -> None:
        for number in range(200):
            await s.do(bid())
            await asyncio.sleep(0.001 * (number % 7))
        await asyncio.sleep(1)

    told = street(play).told()
    assert all(later - sooner >= INTERVAL - 0.0002 for (sooner, _), (later, _) in itertools.pairwise(told))
    assert told[-1][1] == 200.0


def test_after_a_pause_a_change_is_told_at_once_again() -> None:
    async def play(s: Street) -> None:
        await s.do(bid())
        await asyncio.sleep(3)
        await s.do(bid())

    assert street(play).told() == [(0.0, 1.0), (3.0, 2.0)]


def test_a_change_right_after_a_late_book_waits_for_the_next_interval() -> None:
    async def play(s: Street) -> None:
        await s.do(bid())
        await s.do(bid())
        await asyncio.sleep(0.06)
        await s.do(bid())
        await asyncio.sleep(1)

    assert street(play).told() == [(0.0, 1.0), (0.05, 2.0), (0.1, 3.0)]


def test_instruments_do_not_wait_for_each_other() -> None:
    async def play(s: Street) -> None:
        await s.do(bid())
        await s.do(bid(2, instrument_id="IF2301"))
        await s.do(bid(3), bid(4, instrument_id="IF2301"))
        await asyncio.sleep(1)

    s = street(play)
    assert s.told() == [(0.0, 1.0), (0.05, 4.0)]
    assert s.told("IF2301") == [(0.0, 2.0), (0.05, 6.0)]


def test_a_batch_tells_a_book_once() -> None:
    async def play(s: Street) -> None:
        await s.do(*[bid()] * 20)
        await asyncio.sleep(1)

    assert street(play).told() == [(0.0, 20.0)]


def test_only_books_that_changed_are_told() -> None:
    async def play(s: Street) -> None:
        await s.do(bid())
        await asyncio.sleep(1)

    assert street(play).told("IF2301") == []


def test_a_cancel_and_a_trade_change_the_book() -> None:
    async def play(s: Street) -> None:
        (accepted,) = await s.do(bid(5))
        await asyncio.sleep(1)
        await s.do(order(2, "SELL OPEN 2 @ 119"))
        await asyncio.sleep(1)
        await s.do(cancel(1, accepted.order_id))

    assert [volume for _, volume in street(play).told()] == [5.0, 3.0, 0.0]


def test_a_closed_feed_tells_nothing_more() -> None:
    async def play(s: Street) -> None:
        await s.do(bid())
        await s.do(bid())
        s.feed.close()
        await asyncio.sleep(1)

    assert street(play).told() == [(0.0, 1.0)]


# --- ticks


def test_every_trade_is_told_in_order_and_at_once() -> None:
    async def play(s: Street) -> None:
        await s.do(order(1, "SELL OPEN 1 @ 119"), order(1, "SELL OPEN 2 @ 119.5"), order(2, "BUY OPEN 5 @ 120"))
        await s.do(order(1, "SELL OPEN 1 @ 120", "IF2301"), order(2, "BUY OPEN 1 @ 120", "IF2301"))

    (first, ticks), (second, other) = street(play).publisher.ticks
    assert (first, second) == ("IX2301", "IF2301")
    assert [(tick["last_price"], tick["volume"]) for tick in ticks] == [(119.0, 1.0), (119.5, 2.0)]
    assert other == [
        {
            "type": "ticker",
            "instrument_id": "IF2301",
            "last_price": 120.0,
            "volume": 1.0,
            "timestamp": NOW + 2,
            "direction": "BUY",
        }
    ]


def test_without_a_trade_there_is_no_tick() -> None:
    async def play(s: Street) -> None:
        await s.do(bid())

    s = street(play)
    assert s.publisher.ticks == []
    assert s.feed.ticker("IX2301") is None


def test_the_last_trade_is_kept() -> None:
    async def play(s: Street) -> None:
        await s.do(order(1, "SELL OPEN 1 @ 119"), order(1, "SELL OPEN 2 @ 119.5"), order(2, "BUY OPEN 5 @ 120"))

    frame = street(play).feed.ticker("IX2301")
    assert frame is not None and json.loads(frame)["last_price"] == 119.5


# --- what is now


def test_the_present_book_is_that_of_the_last_batch_even_if_it_was_not_told_yet() -> None:
    async def play(s: Street) -> None:
        await s.do(bid())
        await s.do(bid())
        present = s.present()
        assert present is not None and present["bids"][0]["volume"] == 2.0
        assert present["timestamp"] == NOW + 2
        assert s.told() == [(0.0, 1.0)]

    street(play)


def test_an_unknown_instrument_has_no_book_and_a_new_one_an_empty_one() -> None:
    async def play(s: Street) -> None:
        assert s.present("XX") is None
        assert s.present() == {
            "type": "orderbook",
            "instrument_id": "IX2301",
            "bids": [],
            "asks": [],
            "timestamp": NOW,
        }

    street(play)


def test_an_instrument_listed_while_running_has_a_book() -> None:
    from tests.builders import listing

    async def play(s: Street) -> None:
        await s.do(listing("IC2301"))
        assert s.present("IC2301") is not None

    street(play)


def test_a_halt_changes_no_book() -> None:
    async def play(s: Street) -> None:
        await s.do(bid(3))
        await asyncio.sleep(1)
        await s.do(HaltInstrument("IX2301"))
        assert s.present()["bids"][0]["volume"] == 3.0  # type: ignore[index]

    street(play)


def test_a_load_shows_the_books_and_last_trades_of_the_engine() -> None:
    async def play(s: Street) -> None:
        await s.do(bid(3))
        await s.do(order(2, "SELL OPEN 1 @ 119"))
        fresh = Feed(s.publisher, INTERVAL, no_day, Counters())
        fresh.on_load(s.engine, s.now)
        book, tick = fresh.orderbook("IX2301"), fresh.ticker("IX2301")
        assert book is not None and json.loads(book)["bids"] == [{"price": 119.0, "volume": 2.0, "order_count": 1}]
        assert tick is not None and json.loads(tick) == {
            "type": "ticker",
            "instrument_id": "IX2301",
            "last_price": 119.0,
            "volume": 1.0,
            "timestamp": NOW + 2,
        }
        assert fresh.ticker("IF2301") is None

    street(play)


def test_a_reload_forgets_what_was_not_stored() -> None:
    async def play(s: Street) -> None:
        stored = s.engine.snapshot()
        await s.do(bid(3))
        assert s.present()["bids"]  # type: ignore[index]
        s.feed.on_load(Engine.restore(stored), s.now)
        assert s.present()["bids"] == []  # type: ignore[index]

    street(play)


# --- depth


def test_ten_levels_a_side_are_told_best_first_with_their_order_counts() -> None:
    async def play(s: Street) -> None:
        for step in range(12):
            await s.do(*[bid(2, str(119 - step / 2))] * (step % 3 + 1), order(2, f"SELL OPEN 1 @ {120 + step / 2}"))

    book = street(play).present() or {}
    assert LEVELS == len(book["bids"]) == len(book["asks"]) == 10
    assert [level["price"] for level in book["bids"]] == [119 - step / 2 for step in range(10)]
    assert [level["price"] for level in book["asks"]] == [120 + step / 2 for step in range(10)]
    assert [(level["volume"], level["order_count"]) for level in book["bids"]][:4] == [(2, 1), (4, 2), (6, 3), (2, 1)]


# --- phases


def test_an_auction_tells_its_phase_and_what_would_trade() -> None:
    async def play(s: Street) -> None:
        await s.do(SetInstrumentPhase("IX2301", Phase.AUCTION))
        assert s.publisher.phases == [("IX2301", Phase.AUCTION)]
        assert s.present() is not None and (s.present() or {})["phase"] == "auction"
        assert "indicative_price" not in (s.present() or {})
        await s.do(bid(3, "121"), order(2, "SELL OPEN 2 @ 119"))
        book = s.present() or {}
        assert (book["indicative_price"], book["indicative_volume"]) == (120.0, 2)
        await s.do(SetInstrumentPhase("IX2301", Phase.CONTINUOUS))
        book = s.present() or {}
        assert "phase" not in book and "indicative_price" not in book
        assert book["bids"] == [{"price": 121.0, "volume": 1.0, "order_count": 1}]
        (tick,) = s.publisher.ticks[-1][1]
        assert (tick["last_price"], tick["volume"]) == (120.0, 2.0)

    street(play)


# --- when the way out is broken


def test_a_book_that_could_not_be_sent_is_sent_later_and_costs_nobody_else_anything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The chain of changes has no hole: what could not be sent was not told."""

    async def play(s: Street) -> None:
        await s.do(bid())
        await asyncio.sleep(1)
        s.publisher.breaks = {"IX2301"}
        await s.do(bid(2), bid(5, instrument_id="IF2301"))
        assert s.told("IF2301") == [(1.0, 5.0)]
        s.publisher.breaks = set()
        await asyncio.sleep(2)
        await s.do(bid(4))

    s = street(play)
    assert s.told() == [(0.0, 1.0), (1.0, 3.0), (2.0, 3.0), (3.0, 7.0)]
    chain = [(frame["prev_seq"], frame["seq"]) for frame in s.publisher.deltas if frame["instrument_id"] == "IX2301"]
    assert chain == [(1, 2), (2, 3), (3, 4)]
    assert [record.exc_info is not None for record in caplog.records] == [True]
