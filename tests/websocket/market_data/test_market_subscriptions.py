"""Slow readers: they get no market data until they have taken what waits for them, and then how things are now."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.marketdata.mirror import Mirror
from tests.websocket.client import Client, Frame, is_like
from tests.websocket.market_data.test_market_data import operate
from trading.core.commands import HaltInstrument, ResumeInstrument
from trading.websocket.connection import Connection, ConnectionServices
from trading.websocket.send_queue import SLOW_CLOSE

Open = Callable[..., Awaitable[Exchange]]
QUICK = {"BAR_INTERVAL_MS": 1, "BOOK_INTERVAL_MS": 0, "MAX_OUTBOX": 100}
CHANNELS = ["kline", "orderbook", "orderbook_delta", "ticker"]


class Reader:
    """A connection whose client reads when it pleases: while it does not, the server below lets every frame wait."""

    def __init__(self, services: ConnectionServices) -> None:
        self.frames: list[Frame] = []
        self.code: int | None = None
        self.room = asyncio.Event()
        self.room.set()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.connection = Connection(
            services,
            channel="specific.inprocess!reader",
            owner="user001",
            address="127.0.0.1",
            send=self._send,
            line=None,
        )
        self.task = asyncio.create_task(self.connection.serve(self._inbox.get))

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            frame = json.loads(message["text"])
            if frame != {"type": "ping"}:
                self.frames.append(frame)
            await self.room.wait()
        self.code = message.get("code", self.code)

    def say(self, **message: Any) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self, kind: str, **fields: Any) -> Frame:
        """Read on until such a frame is there."""
        found: list[Frame] = []

        def there() -> bool:
            found.extend(each for each in self.frames if each["type"] == kind and is_like(each, fields))
            return bool(found)

        await until(there)
        return found[0]

    async def follow(self, *channels: str, kind: str = "subscribe", to: str = "IX2301", **more: Any) -> None:
        self.say(type=kind, channels=list(channels), instruments=[to], **more)

    async def leave(self) -> None:
        self._inbox.put_nowait({"type": "websocket.disconnect"})
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(self.task, 10)

    def take(self) -> list[Frame]:
        """What has come since the last call."""
        frames, self.frames = self.frames, []
        return frames


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


AT_ONCE = {"slow_seconds": -1.0}
"""A client is slow as soon as it lets the server wait."""
patient = pytest.mark.parametrize("config", [{"slow_seconds": 3_600.0}])


@pytest.fixture
def config() -> dict[str, float]:
    """As most exchanges here are told; some tests want another."""
    return AT_ONCE


@pytest.fixture
async def exchange(open_exchange: Open, config: dict[str, float]) -> Exchange:
    return await open_exchange(**QUICK, stop_seconds=0, **config)


@pytest.fixture
async def reader(exchange: Exchange) -> AsyncIterator[Reader]:
    made = Reader(exchange.services)
    yield made
    made.room.set()
    await made.leave()


def followers(exchange: Exchange, channel: str = "") -> int:
    """Memberships in groups of market data."""
    names = [channel] if channel else ["orderbook", "ticker", "kline"]
    return sum(exchange.layer.members(f"{name}.") for name in names) + (
        0 if channel else exchange.layer.members("orderbook_delta.")
    )


async def pause(exchange: Exchange, reader: Reader, alice: Client) -> int:
    """The client stops reading, and is told something. How many frames the server has of it by then."""
    paused = exchange.counters.readers_paused
    reader.room.clear()
    while exchange.counters.readers_paused == paused:
        await alice.place("BUY OPEN 1 @ 110")
        await alice.rest()
    await until(lambda: not followers(exchange))
    return len(reader.frames)


async def trade(alice: Client, bob: Client, price: float = 120) -> None:
    await alice.place(f"BUY OPEN 1 @ {price}")
    await bob.place(f"SELL OPEN 1 @ {price}")
    await alice.rest()
    await bob.rest()


async def test_a_slow_reader_leaves_its_groups_and_hears_of_nothing(
    exchange: Exchange, reader: Reader, alice: Client, bob: Client
) -> None:
    await trade(alice, bob)
    await reader.follow(*CHANNELS)
    await until(lambda: followers(exchange) == 4)
    await pause(exchange, reader, alice)
    sent, waiting = len(reader.frames), len(reader.connection._send_queue._frames)
    for _ in range(30):
        await trade(alice, bob)
    assert (len(reader.frames), len(reader.connection._send_queue._frames), reader.code) == (sent, waiting, None)


async def test_when_it_has_caught_up_it_hears_how_things_are_now(
    exchange: Exchange, reader: Reader, alice: Client, bob: Client
) -> None:
    await trade(alice, bob)
    await reader.follow(*CHANNELS)
    await reader.follow("kline", period="1d")
    await reader.hear("orderbook_delta")
    await until(lambda: followers(exchange) == 5)
    await pause(exchange, reader, alice)
    for price in (121, 119, 118):
        await trade(alice, bob, price)
    reader.take()  # of what waits, the client has this; it is told of no trade that is still to come
    reader.room.set()
    await reader.hear("kline", period="1d", close=118.0, trades=4)
    await reader.hear("kline", period="1m")
    now = await reader.hear("orderbook_delta", prev_seq=None)
    await reader.hear("ticker", last_price=118.0)
    assert followers(exchange) == 5
    assert not any(frame.get("last_price") in (121.0, 119.0) for frame in reader.frames), "nothing that is old"
    assert now["bids"][0]["price"] == 110.0
    await reader.hear("orderbook", bids=now["bids"])
    await alice.place("BUY OPEN 7 @ 111")
    change = await reader.hear("orderbook_delta", prev_seq=now["seq"])
    assert change["bids"] == [{"price": 111.0, "volume": 7.0, "order_count": 1}], "the chain goes on"


async def test_what_changes_an_instrument_is_told_to_a_slow_reader_too(
    exchange: Exchange, reader: Reader, alice: Client
) -> None:
    await reader.follow("instruments", "orderbook")
    await reader.hear("orderbook")
    await pause(exchange, reader, alice)
    await operate(exchange, HaltInstrument("IX2301"))
    await reader.follow("instruments", kind="unsubscribe")
    await reader.follow("instruments")
    await operate(exchange, ResumeInstrument("IX2301"))
    reader.room.set()
    await reader.hear("instrument_status", phase="halted")
    await reader.hear("instrument_status", phase="continuous")
    await until(lambda: followers(exchange) == 1)


async def test_a_book_that_is_followed_with_breaks_is_the_book(
    exchange: Exchange, reader: Reader, alice: Client, bob: Client
) -> None:
    mirror = Mirror()
    await reader.follow("orderbook_delta")
    await reader.hear("orderbook_delta")
    for turn in range(8):
        await pause(exchange, reader, alice)
        for price in (111, 112 + turn, 113):
            await alice.place(f"BUY OPEN {turn + 1} @ {price}")
        reader.room.set()
        await until(lambda: followers(exchange))
        await bob.place(f"SELL OPEN 2 @ {113 if turn % 2 else 130 - turn}")
        await bob.rest()
    await until(lambda: not reader.connection._send_queue._frames)
    for frame in reader.frames:
        if frame["type"] == "orderbook_delta":
            mirror.take(frame)
    whole = json.loads(exchange.feed.whole_book("IX2301") or "")
    await until(lambda: json.loads(exchange.feed.whole_book("IX2301") or "")["seq"] == mirror.seq)
    assert mirror.is_book(whole) and mirror.wholes >= 9


@patient
async def test_a_hiccup_is_none(exchange: Exchange, reader: Reader, alice: Client) -> None:
    await reader.follow("orderbook")
    await reader.hear("orderbook")
    reader.room.clear()
    for volume in (1, 2, 3):
        await alice.place(f"BUY OPEN {volume} @ 119")
        await alice.rest()
    assert followers(exchange) == 1
    reader.room.set()
    await reader.hear("orderbook", bids=[{"price": 119.0, "volume": 6.0, "order_count": 3}])
    assert [frame["bids"][0]["volume"] for frame in reader.frames[2:]] == [1.0, 3.0, 6.0]


@patient
async def test_much_market_data_closes_nobody(exchange: Exchange, reader: Reader, alice: Client) -> None:
    """Before it fills the send_queue, the client is slow."""
    await reader.follow("orderbook", "orderbook_delta")
    await reader.hear("orderbook_delta")
    reader.room.clear()
    for _ in range(QUICK["MAX_OUTBOX"]):
        await alice.place("BUY OPEN 1 @ 119")
        await alice.rest()
    assert reader.code is None and followers(exchange) == 0
    assert len(reader.connection._send_queue._frames) <= QUICK["MAX_OUTBOX"] // 2 + 2
    reader.room.set()
    await until(lambda: followers(exchange) == 2)
    now = [{"price": 119.0, "volume": 100.0, "order_count": 100}]
    await until(lambda: [frame.get("bids") for frame in reader.frames[-2:]] == [now, now])


@patient
async def test_who_takes_a_little_now_and_then_is_slow(exchange: Exchange, reader: Reader, alice: Client) -> None:
    """No frame waits long, but there is always one that waits."""
    loop = asyncio.get_running_loop()
    await reader.follow("orderbook")
    await reader.hear("orderbook")
    reader.room.clear()
    for volume in (1, 2, 3):
        await alice.place(f"BUY OPEN {volume} @ 119")
        await alice.rest()
    began, sent = reader.connection._send_queue.waiting_since, len(reader.frames)
    reader.room.set()
    reader.room.clear()
    await until(lambda: len(reader.frames) == sent + 1)
    assert began is not None and reader.connection._send_queue.waiting_since == began
    reader.connection._market_data._slow_seconds = loop.time() - began
    await pause(exchange, reader, alice)


async def test_what_is_subscribed_meanwhile_is_told_in_the_end_and_not_before(
    exchange: Exchange, reader: Reader, alice: Client, bob: Client
) -> None:
    await reader.follow("orderbook")
    await reader.hear("orderbook")
    await pause(exchange, reader, alice)
    answers = exchange.counters.readers_paused
    await reader.follow("orderbook_delta", "ticker")
    await until(lambda: len(reader.connection._subscriptions.public) == 3)
    for _ in range(40):
        await trade(alice, bob)
    assert followers(exchange) == 0 and exchange.counters.readers_paused == answers
    reader.take()
    reader.room.set()
    await until(lambda: followers(exchange) == 3)
    await until(lambda: len(reader.frames) >= 4)
    assert [frame["type"] for frame in reader.frames[-4:]] == [
        "subscribe_response",
        "orderbook",
        "orderbook_delta",
        "ticker",
    ]


async def test_what_is_unsubscribed_meanwhile_does_not_come_back(
    exchange: Exchange, reader: Reader, alice: Client, bob: Client
) -> None:
    await reader.follow("orderbook", "ticker")
    await reader.hear("orderbook")
    await pause(exchange, reader, alice)
    await reader.follow("orderbook", kind="unsubscribe")
    await until(lambda: len(reader.connection._subscriptions.public) == 1)
    reader.take()
    reader.room.set()
    await until(lambda: followers(exchange) == 1)
    assert followers(exchange, "ticker") == 1
    await trade(alice, bob)
    await reader.hear("ticker")
    assert "orderbook" not in [frame["type"] for frame in reader.frames if "message" not in frame][1:]


async def test_a_client_that_leaves_while_it_is_paused_leaves_nothing(
    exchange: Exchange, reader: Reader, alice: Client
) -> None:
    await reader.follow(*CHANNELS)
    await reader.hear("orderbook")
    await pause(exchange, reader, alice)
    await reader.leave()
    reader.room.set()
    await alice.place("BUY OPEN 1 @ 110")
    await alice.rest()
    assert followers(exchange) == 0 and not reader.connection._tasks


async def test_a_connection_that_is_closed_while_it_is_paused_joins_nothing(
    exchange: Exchange, reader: Reader, alice: Client
) -> None:
    await reader.follow(*CHANNELS)
    await reader.hear("orderbook")
    await pause(exchange, reader, alice)
    reader.connection.close(SLOW_CLOSE, patience=0)
    await until(lambda: reader.code == SLOW_CLOSE)
    assert followers(exchange) == 0


async def test_private_pushes_go_on_waiting_for_a_slow_reader(
    exchange: Exchange, market: Founded, reader: Reader, alice: Client, other: Client
) -> None:
    """Up to the bound of its send_queue; then it is closed."""
    reader.say(type="auth", user_id="user001", token=market.tokens["user001"])
    await reader.hear("auth_response")
    await reader.follow("orderbook")
    await reader.hear("orderbook")
    await pause(exchange, reader, other)
    for _ in range(10):
        await alice.place("BUY OPEN 1 @ 110")
    await alice.rest()
    assert reader.code is None
    reader.room.set()
    await until(lambda: followers(exchange) == 1)
    seqs = [frame["seq"] for frame in reader.frames if frame["type"] in ("order_status", "account_update")]
    assert len(seqs) == 20 and seqs == list(range(seqs[0], seqs[0] + 20))

    await pause(exchange, reader, other)
    while reader.code is None:
        await alice.place("BUY OPEN 1 @ 110")
        await alice.rest()
        await asyncio.sleep(0.001)
    assert reader.code == SLOW_CLOSE


@pytest.mark.parametrize("config", [AT_ONCE | {"resume_page": 2}])
async def test_resuming_while_paused_brings_both_what_was_missed_and_what_is(
    exchange: Exchange, market: Founded, reader: Reader, alice: Client, other: Client
) -> None:
    """Both wait until the client has taken what there is; what was missed comes page by page."""
    for _ in range(5):
        await alice.place("BUY OPEN 1 @ 110")
    seq = [frame["seq"] for frame in await alice.rest()][-1]
    reader.say(type="auth", user_id="user001", token=market.tokens["user001"])
    await reader.hear("auth_response")
    await reader.follow("orderbook")
    await reader.hear("orderbook")
    await pause(exchange, reader, other)
    reader.say(type="resume", last_seq=seq - 10)
    await until(lambda: len(reader.connection._send_queue._drained) == 2)
    reader.room.set()
    await until(lambda: followers(exchange) == 1)
    reader.say(type="ping", request_id="the end")
    await reader.hear("pong")
    assert [frame["seq"] for frame in reader.frames if frame["type"] == "order_status"] == list(range(seq - 9, seq, 2))
    await alice.place("BUY OPEN 1 @ 109")
    await reader.hear("order_status", seq=seq + 1)


async def many_orders(alice: Client, count: int) -> list[int]:
    """More than an send_queue holds; the numbers of their pushes."""
    seqs = []
    for _ in range(count):
        await alice.place("BUY OPEN 1 @ 110")
        seqs += [frame["seq"] for frame in await alice.rest()]
    assert len(seqs) > 2 * QUICK["MAX_OUTBOX"]
    return seqs


async def test_what_was_missed_may_be_more_than_may_wait(
    exchange: Exchange, market: Founded, reader: Reader, alice: Client
) -> None:
    """A page of it, too; a client that reads is not closed for it."""
    seqs = await many_orders(alice, 120)
    reader.say(type="auth", user_id="user001", token=market.tokens["user001"])
    await reader.hear("auth_response")
    reader.say(type="resume", last_seq=seqs[0] - 1)
    await until(lambda: reader.code is not None or reader.frames[-1].get("seq") == seqs[-1])
    assert [frame["seq"] for frame in reader.frames if "seq" in frame] == seqs


async def test_what_one_batch_tells_may_be_more_than_may_wait(
    exchange: Exchange, market: Founded, reader: Reader, alice: Client
) -> None:
    await many_orders(alice, 120)
    reader.say(type="auth", user_id="user001", token=market.tokens["user001"])
    await reader.hear("auth_response")
    assert (await alice.ask(type="cancel_all"))["cancelled"] == 120
    await until(lambda: reader.code is not None or reader.frames[-1]["type"] == "account_update")
    assert sum(frame.get("status") == "Cancelled" for frame in reader.frames) == 120
    assert len(await alice.rest()) == 121
