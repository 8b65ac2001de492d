"""From what the exchange publishes to messages, and from files to messages. No server."""

from __future__ import annotations

from pathlib import Path

import pytest
from bourse_client.messages import BookChange, Interruption, Level, Ticker
from bourse_client.research import lobster
from bourse_client.research.events import Events
from bourse_client.research.lobster import NO_ASK, NO_BID, Kind

IX = "IX2301"


def book(
    seq: int,
    bids: dict[float, float],
    asks: dict[float, float],
    *,
    whole: bool = False,
    at: int = 1_500,
    phase: str | None = None,
) -> BookChange:
    sides = ([Level(price, volume, 1) for price, volume in side.items()] for side in (bids, asks))
    prev = None if whole else seq - 1
    first, second = sides
    return BookChange(instrument_id=IX, seq=seq, prev_seq=prev, bids=first, asks=second, timestamp=at, phase=phase)


def trade(price: float, volume: float, direction: str | None, at: int = 1_600) -> Ticker:
    return Ticker(instrument_id=IX, last_price=price, volume=volume, timestamp=at, direction=direction)


def told(events: Events, *values: Ticker | BookChange | Interruption) -> list[tuple[int, int, int, int]]:
    """Type, size, price in whole units and direction of what follows."""
    rows = [message for value in values for message, _ in events.take(value)]
    return [(int(each.kind), each.size, each.price // 10_000, each.direction) for each in rows]


def begun() -> Events:
    events = Events(IX, levels=2, midnight=1_000)
    assert told(events, book(1, {119: 5, 118: 2}, {120: 4}, whole=True)) == [
        (1, 5, 119, 1),
        (1, 2, 118, 1),
        (1, 4, 120, -1),
    ]
    return events


def test_the_book_after_each_message() -> None:
    events = Events(IX, levels=2, midnight=1_000)
    rows = list(events.take(book(1, {119: 5}, {120.5: 4, 121: 1, 122: 9}, whole=True)))
    message, levels = rows[-1]
    assert message.line() == ["0.500000000", 1, 0, 9, 1_220_000, -1]
    assert levels == [1_205_000, 4, 1_190_000, 5, 1_210_000, 1, NO_BID, 0]
    assert rows[0][1] == [NO_ASK, 0, 1_190_000, 5, NO_ASK, 0, NO_BID, 0]


def test_what_a_level_gains_and_loses() -> None:
    changes = book(2, {119: 8, 118: 0}, {120: 1})
    assert told(begun(), changes) == [(3, 2, 118, 1), (2, 3, 120, -1), (1, 3, 119, 1)]


def test_a_trade_is_told_once_and_takes_from_the_side_that_waited() -> None:
    events = begun()
    assert told(events, trade(119, 5, "SELL"), trade(118, 1, "SELL")) == [(4, 5, 119, 1), (4, 1, 118, 1)]
    assert told(events, book(2, {119: 0, 118: 1}, {})) == []
    assert told(events, trade(120, 4, "BUY"), book(3, {}, {120: 0})) == [(4, 4, 120, -1)]


def test_what_trades_is_the_best() -> None:
    """The change that takes the better level away is told later than the trade."""
    events = begun()
    assert told(events, trade(118, 1, "SELL"), trade(121, 1, "BUY")) == [
        (3, 5, 119, 1),
        (4, 1, 118, 1),
        (3, 4, 120, -1),
        (5, 1, 121, -1),
    ]
    assert told(events, book(2, {119: 0, 118: 1}, {120: 0})) == []


def test_lots_that_the_book_did_not_show_are_hidden() -> None:
    assert told(begun(), trade(120, 6, "BUY"), trade(119.5, 1, "BUY")) == [
        (4, 4, 120, -1),
        (5, 2, 120, -1),
        (5, 1, 119, -1),
    ]


def test_an_auction_and_a_halt() -> None:
    events = begun()
    assert told(events, trade(119, 3, None)) == [(6, 3, 119, 0)]
    halted = [message.price for message, _ in events.take(book(2, {119: 2}, {}, phase="halted"))]
    assert halted == [-1, 1_190_000]
    assert [message.price for message, _ in events.take(book(3, {}, {}))] == [1]


def test_a_repeated_trade_is_no_trade() -> None:
    """At the beginning, and after a lost connection, the last trade comes again; what was missed is a change."""
    events = Events(IX, levels=2, midnight=0)
    last = trade(119, 1, "SELL")
    assert told(events, last) == []
    assert told(events, book(1, {119: 5}, {}, whole=True)) == [(1, 5, 119, 1)]
    assert told(events, last) == []
    assert told(events, trade(119, 2, "SELL"), trade(119, 2, "SELL")) == [(4, 2, 119, 1), (4, 2, 119, 1)]
    assert told(events, book(2, {119: 1}, {})) == []
    missed = trade(119, 1, "SELL", at=1_700)
    assert told(events, Interruption(IX), missed, book(7, {}, {121: 1}, whole=True)) == [
        (3, 1, 119, 1),
        (1, 1, 121, -1),
    ]


def test_a_hole_waits_for_the_whole_book() -> None:
    events = begun()
    assert told(events, book(5, {119: 1}, {}), book(6, {119: 2}, {})) == []
    assert told(events, book(6, {119: 2, 118: 2}, {120: 4}, whole=True)) == [(2, 3, 119, 1)]


def test_a_file_in_the_published_format(tmp_path: Path) -> None:
    """Times have up to nine decimals, and a halt has neither size nor order."""
    file = tmp_path / "message.csv"
    file.write_text("34200.004241176,1,16113575,18,5853300,1\n34713.685155243,7,0,0,-1,-1\n")
    first, halt = lobster.messages(file)
    assert first == (34_200_004_241_176, Kind.LIMIT, 16_113_575, 18, 5_853_300, 1)
    assert first.line() == ["34200.004241176", 1, 16113575, 18, 5853300, 1]
    assert halt.kind == Kind.HALT and halt.price == -1
    assert lobster.is_message_file(file)


def test_the_book_before_the_first_message(tmp_path: Path) -> None:
    file = tmp_path / "orderbook.csv"
    file.write_text(f"1200000,4,1190000,18,1210000,1,{NO_BID},0\n")
    assert not lobster.is_message_file(file)
    whole = {(-1, 1_200_000): 4, (1, 1_190_000): 18, (-1, 1_210_000): 1}
    assert lobster.first_book(file) == whole
    limit = lobster.Message(0, Kind.LIMIT, 7, 18, 1_190_000, 1)
    assert lobster.book_before(file, limit) == {key: size for key, size in whole.items() if key[0] == -1}
    taken = lobster.Message(0, Kind.VISIBLE_EXECUTION, 7, 2, 1_195_000, 1)
    assert lobster.book_before(file, taken) == whole | {(1, 1_195_000): 2}


@pytest.mark.parametrize("line", ["1,1,1,1", "noon,1,0,1,1,1", "1,9,0,1,1,1", "1,1,0,one,1,1", ""])
def test_a_line_that_is_no_message(tmp_path: Path, line: str) -> None:
    file = tmp_path / "message.csv"
    file.write_text(f"1.5,1,1,1,1190000,1\n{line}\n")
    with pytest.raises(lobster.Unreadable, match="line 2"):
        list(lobster.messages(file))


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d"])
def test_a_file_that_is_no_book(tmp_path: Path, text: str) -> None:
    file = tmp_path / "orderbook.csv"
    file.write_text(text)
    with pytest.raises(lobster.Unreadable):
        lobster.first_book(file)
