"""What a connection may not do: too much, too long, too fast, too slowly, too silently. Nothing of it hurts others."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from tests.builders import Founded, VirtualLoop, in_virtual_time
from tests.websocket.client import Client, assert_frames, is_like, order_message
from tests.websocket.conftest import Join
from tests.websocket.engineless import Engineless, accepted
from trading.access.rate_limits import TokenBucket
from trading.delivery.channel_groups import market_group, market_message
from trading.observability.counters import Counters
from trading.transport.gateway import Envelope
from trading.transport.in_process import InProcessQueue
from trading.websocket.consumer import TradingConsumer
from trading.websocket.heartbeat import Heartbeat
from trading.websocket.reply_queue import ReplyQueue

# --- frames that are no messages

TICKER = market_group("ticker", "IX2301")


async def test_a_binary_frame_is_refused_and_the_connection_lives(visitor: Client) -> None:
    await visitor.send_wrong(binary=b'{"type":"ping"}')
    assert_frames(await visitor.rest(), {"type": "error", "code": 400})


async def test_an_oversized_frame_is_refused_and_the_connection_lives(open_exchange: Any, join: Join) -> None:
    exchange = await open_exchange(MAX_FRAME=100)
    client = await join(exchange.services)
    frame = json.dumps({"type": "ping", "request_id": "x" * 60})
    await client.send(frame.ljust(100))
    await client.send(frame.ljust(101))
    await client.send_wrong("x" * 1_000_000)
    refused = {"type": "error", "code": 400, "message": "Malformed message: a frame has at most 100 characters"}
    assert_frames(await client.rest(), {"type": "pong"}, refused, refused)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"type":"buy"}', "[" * 5_000, '{"type":"ping","request_id":"\ud800"}']
)
async def test_a_malformed_frame_is_refused_and_the_connection_lives(visitor: Client, text: str) -> None:
    await visitor.send_wrong(text)
    (frame,) = await visitor.rest()
    assert list(frame) == ["type", "code", "message"]
    assert_frames([frame], {"type": "error", "code": 400})


async def test_the_request_id_of_a_malformed_frame_is_echoed(visitor: Client) -> None:
    answer = await visitor.ask_wrong(type="submit_order", request_id="r1")
    assert_frames([answer], {"type": "error", "code": 400, "request_id": "r1"})


@pytest.mark.parametrize("request_id", ["a", "", 0, 7, None])
async def test_every_answer_echoes_its_request_id(alice: Client, request_id: str | int | None) -> None:
    for message in (
        {"type": "ping"},
        {"type": "query_account"},
        {"type": "query_order", "order_id": "x"},
        {"type": "query_position", "instrument_id": "XX"},
        {"type": "subscribe", "channels": ["nonsense"]},
        {"type": "unsubscribe", "channels": ["ticker"]},
        {"type": "auth", "user_id": "user001", "token": "wrong"},
        {"type": "set_session", "cancel_on_disconnect": False},
        {"type": "query_orders"},
        {"type": "query_instruments", "instrument_id": "XX"},
        {"type": "amend_order", "order_id": "x"},
        {"type": "cancel_all", "instrument_id": "XX"},
        {"type": "cancel_after", "timeout_ms": 1},
        {"type": "cancel_orders", "order_ids": ["x"]},
        {"type": "cancel_order", "order_id": "x"},
        order_message("BUY OPEN 0 @ 120"),
    ):
        answer = await alice.ask(**message, request_id=request_id)
        assert answer.get("request_id") == request_id, answer


async def test_a_pong_is_answered_by_nothing(visitor: Client) -> None:
    await visitor.say(type="pong")
    await visitor.hears_nothing()


# --- too fast


async def test_too_many_frames_are_refused_with_the_time_to_wait(open_exchange: Any, join: Join) -> None:
    exchange = await open_exchange(FRAMES_PER_SECOND=1)
    client = await join(exchange.services)
    answers = [await client.ask(type="ping", request_id=number) for number in range(8)]
    assert answers[0] == {"type": "pong", "request_id": 0}
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert refused
    for answer in refused:
        assert_frames([answer], {"code": 429, "message": "Too many requests: at most 1 frames a second"})
        assert 0 < answer["retry_after"] <= 1
    assert [answer["request_id"] for answer in answers] == list(range(8))


async def test_too_many_orders_are_refused_as_orders(open_exchange: Any, join: Join, market: Founded) -> None:
    exchange = await open_exchange(FRAMES_PER_SECOND=1)
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    for number in range(8):
        await client.say(**order_message("BUY OPEN 1 @ 120", client_order_id=f"c{number}"))
    refused = await client.hear_until("order_response", error_code=429)
    assert_frames([refused], {"success": False, "order_id": None})
    assert 0 < refused["retry_after"] <= 1 and refused["client_order_id"].startswith("c")


async def test_malformed_frames_count_too(open_exchange: Any, join: Join) -> None:
    """Nonsense is no way around the rate limit."""
    exchange = await open_exchange(FRAMES_PER_SECOND=1)
    client = await join(exchange.services)
    for _ in range(8):
        await client.send_wrong("nonsense")
    answers = [await client.hear_until("error") for _ in range(8)]
    assert [answer["code"] for answer in answers[:2]] == [400, 400]
    assert 429 in [answer["code"] for answer in answers[2:]]


async def test_limits_can_be_turned_off(open_exchange: Any, join: Join) -> None:
    exchange = await open_exchange(FRAMES_PER_SECOND=1, RATE_LIMITS=False)
    client = await join(exchange.services)
    assert [(await client.ask(type="ping"))["type"] for _ in range(8)] == ["pong"] * 8


def test_a_bucket_allows_twice_its_rate_at_once_and_its_rate_on_average() -> None:
    bucket = TokenBucket(rate=4, now=100)
    assert [bucket.wait(100) for _ in range(9)] == [0] * 8 + [0.25]
    assert bucket.wait(100.125) == 0.125
    assert bucket.wait(100.25) == 0
    assert bucket.wait(100.25) == 0.25
    assert [bucket.wait(1_000) for _ in range(9)] == [0] * 8 + [0.25]


def test_events_taken_on_credit_are_paid_before_the_next() -> None:
    bucket = TokenBucket(rate=4, now=100)
    assert bucket.wait(100, 10) == 0
    assert bucket.wait(100) == 0.75
    assert bucket.wait(100.75) == 0
    assert bucket.wait(100.75) == 0.25


# --- the queue is full; the engine is a test


@pytest.fixture
async def engineless(exchange: Any) -> Engineless:
    return Engineless(2)


@pytest.fixture
async def waiting(exchange: Any, engineless: Engineless, join: Join, market: Founded) -> Client:
    """Account 1 at a venue whose engine is the test."""
    client = await join(msgspec.structs.replace(exchange.services, gateway=engineless.gateway))
    return await client.sign_in("user001", market.tokens["user001"])


async def test_past_the_queue_orders_are_refused_in_their_turn(waiting: Client, engineless: Engineless) -> None:
    for number in range(3):
        await waiting.say(**order_message("BUY OPEN 1 @ 120", request_id=number))
    await waiting.send_wrong("nonsense")
    for number, envelope in enumerate(await engineless.take(2), start=1):
        envelope.reply(accepted(number))
    assert_frames(
        await waiting.hear_many(4),
        {"type": "order_response", "success": True, "request_id": 0},
        {"type": "order_response", "success": True, "request_id": 1},
        {"type": "order_response", "success": False, "order_id": None, "error_code": 503, "request_id": 2},
        {"type": "error", "code": 400},
    )


async def test_answers_that_come_in_another_order_are_sent_in_the_order_of_requests(
    waiting: Client, engineless: Engineless
) -> None:
    for number in range(2):
        await waiting.say(**order_message("BUY OPEN 1 @ 120", request_id=number))
    first, second = await engineless.take(2)
    second.reply(accepted(2))
    first.reply(accepted(1))
    assert [frame["request_id"] for frame in await waiting.hear_many(2)] == [0, 1]


async def test_a_query_waits_for_the_orders_before_it(waiting: Client, engineless: Engineless) -> None:
    await waiting.say(**order_message("BUY OPEN 1 @ 120"))
    await waiting.say(type="query_account")
    (envelope,) = await engineless.take(1)
    assert await waiting._wire.receive_nothing(0.05)
    envelope.reply(accepted(1))
    assert_frames(await waiting.hear_many(2), {"type": "order_response"}, {"type": "query_response"})


async def test_an_answer_to_someone_who_left_hurts_nobody(waiting: Client, engineless: Engineless) -> None:
    await waiting.say(**order_message("BUY OPEN 1 @ 120"))
    (envelope,) = await engineless.take(1)
    await waiting.leave()
    envelope.reply(accepted(1))


async def test_a_closed_exchange_says_why(waiting: Client, engineless: Engineless) -> None:
    engineless.gateway.close("Closed for the night")
    answer = await waiting.place("BUY OPEN 1 @ 120")
    assert_frames([answer], {"success": False, "error_code": 503, "error_message": "Closed for the night"})


# --- the queue itself


def envelope(number: int) -> Envelope:
    return Envelope(accepted(number), print)  # type: ignore[arg-type]  # the queue does not look inside


async def test_the_queue_is_first_in_first_out_and_bounded() -> None:
    queue = InProcessQueue(3)
    assert [queue.put(envelope(number)) for number in range(4)] == [True, True, True, False]
    assert [each.command.order_id for each in await queue.take(2, 5)] == [0, 1]
    assert queue.put(envelope(4)) and len(queue) == 2
    assert [each.command.order_id for each in await queue.take(9, 5)] == [2, 4]


def test_the_queue_gives_nothing_after_its_timeout() -> None:
    async def take() -> tuple[list[Envelope], float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        return await InProcessQueue(1).take(1, 0.2), loop.time() - began

    nothing, took = in_virtual_time(take())
    assert nothing == [] and took == pytest.approx(0.2)


@pytest.mark.parametrize(("timeouts", "latest"), [((60, 0.2), 0.3), ((0.2, 60), 60.1), ((0.2, 0.05), 0.15)])
def test_the_alarm_of_an_earlier_taker_makes_none_wait_longer(timeouts: tuple[float, float], latest: float) -> None:
    """The first one gets something after 0.1 seconds, the second nothing."""

    async def take() -> float:
        loop, queue = asyncio.get_running_loop(), InProcessQueue(1)
        began = loop.time()
        loop.call_later(0.1, queue.put, envelope(1))
        assert len(await queue.take(1, timeouts[0])) == 1
        assert await queue.take(1, timeouts[1]) == []
        while loop.time() - began < latest - 0.001:  # woken too soon it sleeps again
            assert await queue.take(1, latest - (loop.time() - began)) == []
        return loop.time() - began

    assert in_virtual_time(take()) == pytest.approx(latest)


async def test_the_queue_wakes_its_taker() -> None:
    queue = InProcessQueue(1)
    taking = asyncio.create_task(queue.take(1, 60))
    await asyncio.sleep(0)
    queue.put(envelope(1))
    assert len(await asyncio.wait_for(taking, 5)) == 1


# --- answers


def test_answers_come_out_in_the_order_of_their_places() -> None:
    out: list[str] = []
    answers = ReplyQueue(out.append)
    slots = [answers.reserve() for _ in range(4)]
    for number in (2, 1, 0):
        answers.fill(slots[number], str(number))
    assert out == ["0", "1", "2"]
    answers.fill(slots[3], "3")
    assert out == ["0", "1", "2", "3"]


async def test_settled_waits_for_all_answers() -> None:
    answers = ReplyQueue(lambda frame: None)
    await answers.settled()
    slots = [answers.reserve() for _ in range(2)]
    waiting = asyncio.create_task(answers.settled())
    for slot in slots:
        await asyncio.sleep(0)
        assert not waiting.done()
        answers.fill(slot, "x")
    await asyncio.wait_for(waiting, 5)


async def test_what_follows_from_an_answer_waits_until_it_is_sent() -> None:
    answers = ReplyQueue(lambda frame: None)
    first, second, third = [answers.reserve() for _ in range(3)]
    await asyncio.wait_for(answers.in_step(), 5)
    answers.fill(second, "2")
    waiting = asyncio.create_task(answers.in_step())
    settling = asyncio.create_task(answers.settled())
    await asyncio.sleep(0)
    assert not waiting.done()
    answers.fill(first, "1")
    await asyncio.wait_for(waiting, 5)
    assert not settling.done()
    answers.fill(third, "3")
    await asyncio.wait_for(settling, 5)


async def test_what_follows_from_part_of_an_answer_waits_for_all_of_it() -> None:
    answers = ReplyQueue(lambda frame: None)
    slot = answers.reserve()
    for _ in range(2):
        answers.begin(slot)
    waiting = asyncio.create_task(answers.in_step())
    await asyncio.sleep(0)
    assert not waiting.done()
    answers.fill(slot, "x")
    await asyncio.wait_for(waiting, 5)
    assert answers.held == 0


# --- too slow


class Stuck:
    """A client whose connection takes the handshake and then blocks until it is freed; written as plain ASGI."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.free = asyncio.Event()
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.frames.put_nowait({"type": "websocket.connect"})
        self.closed = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        return await self.frames.get()

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self.free.wait()
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.closed.set()

    def say(self, **message: Any) -> None:
        self.frames.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def until(self, kind: str, **fields: Any) -> list[str]:
        """The types of the frames that were sent, once the last is of this kind and has these fields."""
        while True:
            frames = [json.loads(each["text"]) for each in self.sent if "text" in each]
            if frames and frames[-1]["type"] == kind and is_like(frames[-1], fields):
                return [frame["type"] for frame in frames]
            await asyncio.sleep(0)

    async def leave(self) -> None:
        self.frames.put_nowait({"type": "websocket.disconnect", "code": 1000})


async def close_code_of(stuck: Stuck) -> int:
    await asyncio.wait_for(stuck.closed.wait(), 10)
    return int(stuck.sent[-1]["code"])


async def test_a_reader_that_is_too_slow_is_closed_with_4409(open_exchange: Any) -> None:
    exchange = await open_exchange(MAX_OUTBOX=5)
    stuck = Stuck()
    serving = asyncio.create_task(
        TradingConsumer.as_asgi(services=exchange.services)({"query_string": b""}, stuck.receive, stuck.send)
    )
    for number in range(10):
        stuck.say(type="ping", request_id=number)
    while not stuck.frames.empty():
        await asyncio.sleep(0)
    stuck.free.set()
    assert await close_code_of(stuck) == 4409
    await stuck.leave()
    await asyncio.wait_for(serving, 10)


async def test_a_connection_whose_group_messages_overflow_is_closed_with_4409(open_exchange: Any, join: Join) -> None:
    exchange = await open_exchange(MAX_OUTBOX=5)
    client = await join(exchange.services)
    await client.ask(type="subscribe", channels=["ticker"], instruments=["IX2301"])
    for number in range(6):
        await exchange.services.layer.group_send(TICKER, market_message(TICKER, [f'"{number}"']))
    assert await client.close_code() == 4409


async def test_a_slow_reader_hurts_nobody_and_gets_the_present_state_later(
    open_exchange: Any, join: Join, market: Founded
) -> None:
    exchange = await open_exchange(MAX_OUTBOX=5, slow_seconds=-1.0)  # from the first moment on
    stuck = Stuck()
    serving = asyncio.create_task(
        TradingConsumer.as_asgi(services=exchange.services)({"query_string": b""}, stuck.receive, stuck.send)
    )
    stuck.say(type="subscribe", channels=["ticker"], instruments=["IX2301"])
    alice = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    bob = await (await join(exchange.services)).sign_in("user002", market.tokens["user002"])
    for volume in range(1, 21):
        assert (await alice.place(f"BUY OPEN {volume} @ 120"))["success"]
        assert (await bob.place(f"SELL OPEN {volume} @ 120"))["success"]
        await alice.rest()
        await bob.rest()
    assert exchange.layer.members("ticker.") == 0, "nobody is told in vain"
    stuck.free.set()
    heard = await asyncio.wait_for(stuck.until("ticker", volume=20.0), 10)
    assert heard.count("ticker") == 2, "the one that it did not take, and the last"
    assert exchange.layer.members("ticker.") == 1
    await stuck.leave()
    await asyncio.wait_for(serving, 10)


# --- too silent


class Listener:
    """A connection as the heartbeat sees it."""

    def __init__(self, heard_at: float = 0.0) -> None:
        self.heard_at = heard_at
        self.told: list[object] = []

    def ping(self) -> None:
        self.told.append(PING)

    def push(self, frame: str) -> None:
        self.told.append(frame)

    def close(self, code: int) -> None:
        self.told.append(code)


PING = '{"type":"ping"}'


def test_a_connection_is_pinged_every_five_seconds_and_closed_after_ten_of_silence() -> None:
    heartbeat, connection = Heartbeat(5, 10, Counters()), Listener()
    heartbeat.add(connection)
    told = []
    for second in (4.9, 5.0, 5.1, 9.9, 10.0, 15.0, 20.0):
        heartbeat.beat(second)
        told.append((second, connection.told))
        connection.told = []
    assert told == [(4.9, []), (5.0, [PING]), (5.1, []), (9.9, []), (10.0, [4408]), (15.0, []), (20.0, [])]


def test_any_frame_keeps_a_connection_and_pings_go_on() -> None:
    heartbeat, connection = Heartbeat(5, 10, Counters()), Listener()
    heartbeat.add(connection)
    for second in range(1, 31):
        connection.heard_at = second - 9.0
        heartbeat.beat(float(second))
    assert connection.told == [PING] * 6


def test_pings_that_a_pause_has_missed_are_not_made_up() -> None:
    heartbeat, connection = Heartbeat(5, 60, Counters()), Listener()
    heartbeat.add(connection)
    for second in (5.0, 26.0, 26.1, 30.9, 31.0):
        heartbeat.beat(second)
        connection.told.append(second)
    assert connection.told == [PING, 5.0, PING, 26.0, 26.1, 30.9, PING, 31.0]


def test_each_connection_has_its_own_time() -> None:
    heartbeat, early, late = Heartbeat(5, 10, Counters()), Listener(0), Listener(3)
    heartbeat.add(early)
    heartbeat.add(late)
    heartbeat.beat(5)
    assert (early.told, late.told) == ([PING], [])


def test_whoever_left_is_not_pinged() -> None:
    heartbeat, connection = Heartbeat(5, 10, Counters()), Listener()
    heartbeat.add(connection)
    heartbeat.remove(connection)
    heartbeat.remove(connection)
    heartbeat.beat(60)
    assert connection.told == []


def test_the_timer_of_the_process_looks_after_its_connections() -> None:
    async def run() -> list[object]:
        heartbeat, connection = Heartbeat(5, 10, Counters()), Listener(asyncio.get_running_loop().time())
        heartbeat.add(connection)
        timer = asyncio.create_task(heartbeat.run())
        await asyncio.sleep(12)
        timer.cancel()
        return connection.told

    assert in_virtual_time(run()) == [PING, 4408]


def test_a_pause_of_the_process_is_not_the_silence_of_its_connections() -> None:
    async def run() -> list[bool]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        heartbeat, connection = Heartbeat(5, 10, Counters()), Listener(loop.time())
        heartbeat.add(connection)
        timer = asyncio.create_task(heartbeat.run())
        closed = []
        for seconds in (4, 9, 2):
            await asyncio.sleep(seconds)
            closed.append(4408 in connection.told)
            loop._skipper.skipped += 12 if seconds == 4 else 0
        timer.cancel()
        return closed

    assert in_virtual_time(run()) == [False, False, True]


async def test_a_silent_connection_is_closed(open_exchange: Any, join: Join) -> None:
    exchange = await open_exchange(PING_SECONDS=0.05, IDLE_SECONDS=0.1)
    client = await join(exchange.services)
    assert await client.close_code() == 4408


async def test_nothing_is_done_for_a_connection_that_is_closing(
    open_exchange: Any, join: Join, market: Founded
) -> None:
    """Nobody could be told what became of the order."""
    exchange = await open_exchange(PING_SECONDS=0.05, IDLE_SECONDS=60)
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    (connection,) = exchange.heartbeat._next_ping
    connection.heard_at -= 60
    assert await client.close_code() == 4408
    await client.say(**order_message("BUY OPEN 1 @ 120"))
    other = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    assert (await other.ask(type="query_account"))["data"]["account"]["frozen"] == 0


async def test_a_connection_that_answers_pings_stays(open_exchange: Any, join: Join) -> None:
    exchange = await open_exchange(PING_SECONDS=0.02, IDLE_SECONDS=5)
    client = await join(exchange.services)
    for _ in range(5):
        assert await client.hear_raw() == {"type": "ping"}
        await client.say(type="pong")


async def test_any_frame_counts_as_a_sign_of_life(exchange: Any, join: Join) -> None:
    client = await join(exchange.services)
    (connection,) = exchange.heartbeat._next_ping
    for send in (client.send_wrong("nonsense"), client.say(type="ping"), client.send_wrong(binary=b"x")):
        connection.heard_at = 0.0
        await send
        await client.hear()
        assert connection.heard_at > 0


# --- surprises


async def test_a_failure_of_ours_is_a_503_and_the_connection_lives(
    exchange: Any, join: Join, market: Founded, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(instrument_id: str) -> str:
        raise RuntimeError("no book")

    client = await join(msgspec.structs.replace(exchange.services, present={"orderbook": broken}))
    await client.ask(type="subscribe", channels=["orderbook"], instruments=["IX2301"], request_id=9)
    assert_frames(await client.rest(), {"type": "error", "code": 503, "request_id": 9})
    assert "a frame could not be handled" in caplog.text


async def test_an_order_that_fails_on_its_way_is_answered_and_the_next_one_too(
    exchange: Any, join: Join, market: Founded, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BrokenGateway:
        def submit(self, command: object, reply: object) -> None:
            raise RuntimeError("no way")

    client = await join(msgspec.structs.replace(exchange.services, gateway=BrokenGateway()))
    await client.sign_in("user001", market.tokens["user001"])
    monkeypatch.setattr("tests.websocket.client.PATIENCE", 0.5)
    for number in range(2):
        await client.say(**order_message("BUY OPEN 1 @ 120", request_id=number))
    refused = {"type": "order_response", "success": False, "order_id": None, "error_code": 503}
    assert_frames(await client.rest(), refused | {"request_id": 0}, refused | {"request_id": 1})


async def test_a_connection_whose_loop_breaks_is_closed(
    exchange: Any, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    client = await join(exchange.services)
    await client.ask(type="subscribe", channels=["ticker"], instruments=["IX2301"])
    await exchange.services.layer.group_send(market_group("ticker", "IX2301"), {"type": "nonsense"})
    assert await client.close_code() == 1011
    assert "a loop broke" in caplog.text
