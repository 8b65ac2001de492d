"""Parts of the client alone: pauses, the lane of those that came too fast, streams, books, what is kept of one user."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest
from bourse_client import Client, errors
from bourse_client.book import Book, BookGap
from bourse_client.connection import _retry_after
from bourse_client.errors import InstrumentUnknown, Overrun, TooFast, Unavailable
from bourse_client.markets import Markets, Topic
from bourse_client.messages import BookChange, Frame, Level, Order, encoded
from bourse_client.private import Holdings, Hole, Private
from bourse_client.rest import RestClient
from bourse_client.rest.routes import call_of
from bourse_client.streams import Stream
from bourse_client.wire import pauses
from bourse_client.wire.pauses import Lane, Pauses
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response


def test_pauses_grow_up_to_a_bound_and_begin_anew() -> None:
    class Loaded(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    waits = Pauses(Loaded())
    assert [round(waits.next(), 3) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert all(waits.next() == 5.0 for _ in range(2_000))
    waits.reset()
    assert waits.next(at_least=3.0) == pytest.approx(3.1)
    spread = {Pauses(random.Random(seed)).next() for seed in range(20)}
    assert len(spread) == 20 and all(0.05 <= pause <= 0.1 for pause in spread)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_not_sent_as_a_field_that_is_missing(value: float) -> None:
    for message in ({"stop_price": value}, {"orders": [{"price": None, "stop_price": value}]}):
        with pytest.raises(errors.Malformed, match=r"stop_price is .* no number"):
            encoded(message)
    assert encoded({"price": None, "name": "null"}) == b'{"price":null,"name":"null"}'


HALF = "half \ud800 of a character"


def test_a_text_that_is_none_is_refused_before_anything_is_sent() -> None:
    for message in ({"client_order_id": HALF}, {"orders": [{"client_order_id": HALF}]}):
        with pytest.raises(
            errors.Malformed, match=r"client_order_id is 'half \\ud800 of a character', which is no text"
        ):
            encoded(message)
    with pytest.raises(errors.Malformed, match="the name of a field is"):
        encoded({HALF: 1})
    for kind, fields in (("query_orders", {"instrument_id": HALF}), ("query_order", {"order_id": HALF})):
        with pytest.raises(errors.Malformed, match="which is no text"):
            call_of(kind, fields)
    for client in (Client, RestClient):
        with pytest.raises(errors.Malformed, match="user_id is"):
            client("http://h:1", user_id=HALF, token="t")
        for address in (f"http://{HALF}:1", "http://a..b:1"):
            with pytest.raises(ValueError, match="is no address of an exchange"):
                client(address)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "7"}, 7.0), ({}, 0.0), ({"Retry-After": "Thu, 26 Nov 2026 21:00:00 GMT"}, pauses.SOON)],
)
def test_a_refused_handshake_says_when_to_come_again(headers: dict[str, str], seconds: float) -> None:
    assert _retry_after(InvalidStatus(Response(503, "busy", Headers(headers)))) == seconds


async def test_those_that_were_too_fast_go_one_after_another_in_their_order() -> None:
    """Two may ask; of what comes after them, each third is answered."""
    lane, asked, done = Lane(), 0, []
    at_once = most_at_once = 0

    async def ask(name: int) -> Frame:
        nonlocal asked, at_once, most_at_once
        asked += 1
        number = asked
        at_once += 1
        if number > 10:
            most_at_once = max(most_at_once, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        if number > 2 and number % 3:
            raise TooFast(429, "too fast", retry_after=0.0001)
        done.append(name)
        return {"name": name}

    answers = await asyncio.gather(*(lane.run(lambda name=name: ask(name)) for name in range(10)))  # type: ignore[misc]
    assert [answer["name"] for answer in answers] == list(range(10))
    assert sorted(done) == list(range(10)) and done[5:] == sorted(done[5:])
    assert most_at_once == 1


async def test_a_stream_that_nobody_reads_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bourse_client.streams.LONGEST", 2)

    async def leave(stream: Stream[int]) -> None:
        pass

    stream: Stream[int] = Stream(leave)
    for value in range(5):
        stream.put(value)
    assert [await anext(stream), await anext(stream)] == [0, 1]
    with pytest.raises(Overrun):
        await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


def change(seq: int, prev_seq: int | None, bids: dict[float, float], asks: dict[float, float]) -> BookChange:
    def levels(side: dict[float, float]) -> list[Level]:
        return [Level(price, volume, 1) for price, volume in side.items()]

    return BookChange(
        instrument_id="X", seq=seq, prev_seq=prev_seq, bids=levels(bids), asks=levels(asks), timestamp=seq
    )


def test_a_book_is_kept_from_its_changes() -> None:
    book = Book("X")
    assert not book.apply(change(4, 3, {9.0: 1}, {}))  # Nothing is known yet.
    assert book.apply(change(5, None, {10.0: 1, 9.0: 2}, {11.0: 3, 12.0: 4}))
    assert book.apply(change(6, 5, {10.0: 0, 9.5: 7}, {11.0: 1}))
    assert not book.apply(change(6, 5, {1.0: 1}, {}))
    assert [(level.price, level.volume) for level in book.bids] == [(9.5, 7), (9.0, 2)]
    assert [(level.price, level.volume) for level in book.asks] == [(11.0, 1), (12.0, 4)]
    assert (book.best_bid, book.best_ask, book.seq) == (9.5, 11.0, 6)


@pytest.mark.parametrize(
    "wrong", [change(8, 7, {}, {}), change(6, 5, {11.0: 1}, {}), change(6, 5, {8.0: -1}, {})], ids=str
)
def test_a_book_that_cannot_be_is_noticed(wrong: BookChange) -> None:
    book = Book("X")
    book.apply(change(5, None, {10.0: 1}, {11.0: 3}))
    with pytest.raises(BookGap):
        book.apply(wrong)


ACCOUNT = dict.fromkeys(("balance", "available", "frozen", "margin", "profit", "risk_ratio"), 0.0)


def private() -> Private:
    known = Private()
    positions = [{"instrument_id": "X", "volume_long": 3.0, "volume_long_today": 1.0, "volume_short": 1.0}]
    snapshot = {"type": "snapshot", "seq": 7, "account": ACCOUNT, "positions": positions, "orders": []}
    known.restore(snapshot | {"trading_day": 20261126})
    return known


def trade(seq: int, direction: str, offset: str, volume: float) -> Frame:
    ids = {"type": "trade", "trade_id": f"T{seq}", "order_id": "O1", "instrument_id": "X"}
    return ids | {"direction": direction, "offset": offset, "price": 10.0, "volume": volume, "timestamp": 1, "seq": seq}


@pytest.mark.parametrize(
    ("direction", "offset", "volume", "long", "short"),
    [
        ("BUY", "OPEN", 1, (4, 2), (1, 0)),
        ("SELL", "OPEN", 1, (3, 1), (2, 1)),
        ("SELL", "CLOSE", 1, (2, 1), (1, 0)),
        ("SELL", "CLOSE", 3, (0, 0), (1, 0)),
        ("SELL", "CLOSETODAY", 1, (2, 0), (1, 0)),
        ("BUY", "CLOSEYESTERDAY", 1, (3, 1), (0, 0)),
    ],
)
def test_positions_are_kept_from_trades(
    direction: str, offset: str, volume: float, long: tuple[float, float], short: tuple[float, float]
) -> None:
    """Two long lots of yesterday, one of today, and a short one of yesterday."""
    known = private()
    known.take(trade(8, direction, offset, volume))
    assert legs(known) == (long, short)


def legs(known: Private) -> tuple[tuple[float, float], tuple[float, float]]:
    """All lots and today's, long and short."""
    held = known.positions["X"]
    return (held.volume_long, held.volume_long_today), (held.volume_short, held.volume_short_today)


@pytest.mark.parametrize(("offset", "long"), [("OPEN", (2, 0)), ("CLOSE", (4, 2))])
def test_a_trade_that_was_taken_back(offset: str, long: tuple[float, float]) -> None:
    known = private()
    was = trade(8, "BUY" if offset == "OPEN" else "SELL", offset, 1)
    assert known.take(was | {"type": "trade_broken"})["type"] == "trade_broken"
    assert legs(known) == (long, (1, 0))


def test_a_settlement_makes_lots_yesterdays() -> None:
    known = private()
    known.take({"type": "statement", "seq": 8, "timestamp": 1})
    assert legs(known) == ((3, 0), (1, 0))


@pytest.mark.parametrize(("direction", "offset"), [("BUY", "OPEN"), ("SELL", "OPEN")])
def test_a_trade_that_is_taken_back_leaves_the_positions_as_they_were(direction: str, offset: str) -> None:
    known = private()
    before = dict(known.positions)
    known.take(trade(8, direction, offset, 1))
    assert known.positions != before
    taken_back = trade(9, direction, offset, 1) | {"type": "trade_broken", "commission": 0.0, "close_profit": 0.0}
    assert known.is_next(9) and known.take(taken_back) == taken_back
    assert known.positions == before and known.seq == 9


def test_a_position_that_is_flat_is_none() -> None:
    known = private()
    known.take(trade(8, "SELL", "CLOSE", 3))
    known.take(trade(9, "BUY", "CLOSE", 1))
    assert known.positions == {}


def there(frame: Frame, market_seq: int) -> Frame:
    """The same push, of another market."""
    return {name: value for name, value in frame.items() if name != "seq"} | {"market": "B", "market_seq": market_seq}


async def test_each_market_has_numbers_and_positions_of_its_own() -> None:
    client = Client("http://localhost")
    connection = client._connection
    connection.known.first = private()
    connection.known.locate([{"instrument_id": "X"}, {"instrument_id": "Y", "market": "B"}])
    connection.known.at("B").begin_empty()
    connection._resumed = {None, "B"}
    pushes = client.pushes()
    bought = trade(90, "BUY", "OPEN", 2) | {"instrument_id": "Y"}
    for frame in (there(bought, 1), trade(8, "BUY", "OPEN", 1), there(bought, 1), there(bought, 2)):
        connection._hear(frame)
    heard = [await anext(pushes) for _ in range(3)]
    assert [(push.market, push.seq, push.market_seq) for push in heard] == [
        ("B", None, 1),
        (None, 8, None),
        ("B", None, 2),
    ]
    assert legs(connection.known.first) == ((4, 2), (1, 0))
    assert client.positions["Y"].volume_long == 4
    with pytest.raises(errors.Lost, match="push 4 came after 2"):
        connection._hear(there(bought, 4))


async def test_a_market_that_nobody_knew_is_caught_up_with() -> None:
    """The connection ends, and the next one asks for all that was told of it."""
    connection = Client("http://localhost")._connection
    connection.known.first = private()
    connection._resumed = {None}
    connection._hear(there(trade(1, "BUY", "OPEN", 1), 1))
    assert connection.known.at("B").seq is None, "it will be asked for while this connection begins"
    connection._line = object()  # type: ignore[assignment]
    with pytest.raises(errors.Lost, match="nothing was known of market B"):
        connection._hear(there(trade(1, "BUY", "OPEN", 1), 1))
    assert connection.known.at("B").seq == 0


def test_an_order_is_kept_where_its_instrument_is_listed() -> None:
    known = Holdings()
    known.locate([{"instrument_id": "Y", "market": "B"}])
    fields = {"direction": "BUY", "offset": "OPEN", "volume": 1.0, "price": 1.0, "order_type": "LIMIT", "timestamp": 5}
    state = {"filled_volume": 0.0, "remaining_volume": 1.0}
    order = {"order_id": "O1", "instrument_id": "Y", "status": "Submitted", "client_order_id": "mine"} | fields | state
    known.learn(msgspec.convert(order, Order))
    assert [each.order_id for each in known.at("B").live_orders] == ["O1"] and known.first.orders == {}
    assert known.known_as("mine") == known.order("O1") == known.live_orders[0] and known.latest == 5
    ended = {"type": "order_status", "order_id": "O1", "status": "Cancelled", "timestamp": 6} | state
    known.at("B").take(there(ended, 1))
    assert known.live_orders == [] and known.orders["O1"].status == "Cancelled"


def test_pushes_are_taken_once_and_without_holes() -> None:
    known = private()
    assert not known.is_next(7) and known.is_next(8)
    with pytest.raises(Hole):
        known.is_next(9)


def test_finished_orders_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bourse_client.private.KEPT_FINISHED", 3)
    known = private()
    fresh = {"price": 1.0, "volume": 1.0, "instrument_id": "X", "direction": "BUY", "offset": "OPEN"}
    for seq in range(8, 18):
        fields = {"type": "order_status", "order_id": f"O{seq}", "filled_volume": 1.0, "remaining_volume": 0.0}
        state = fields | fresh | {"status": "Filled", "order_type": "LIMIT", "client_order_id": f"c{seq}"}
        known.take(state | {"timestamp": seq, "seq": seq})
    assert list(known.orders) == ["O15", "O16", "O17"]
    assert known.known_as("c14") is None and known.known_as("c17") is not None and known.latest == 17


async def test_what_is_followed_outlives_an_exchange_that_takes_nothing_yet() -> None:
    """What the exchange does not know any more ends."""
    refusals: list[Exception] = []

    async def ask(kind: str, fields: Frame) -> Frame:
        if refusals:
            raise refusals[0]
        return {}

    markets = Markets(ask, ask, lambda work: None)
    tickers = await markets.stream(Topic("ticker", "X")).start()
    refusals[:] = [Unavailable(503, "The exchange is starting")]
    with pytest.raises(Unavailable, match="starting"):
        await markets.subscribe(ask)
    markets.hear({"type": "ticker", "instrument_id": "X", "last_price": 1.0, "volume": 1.0, "timestamp": 1})
    assert (await anext(tickers)).last_price == 1.0
    refusals[:] = [InstrumentUnknown(1004, "Unknown instrument X")]
    await markets.subscribe(ask)
    with pytest.raises(InstrumentUnknown):
        await anext(tickers)
