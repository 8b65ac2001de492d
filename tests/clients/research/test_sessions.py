"""Sessions recorded from one market and played into another."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bourse_client import Client
from bourse_client.messages import BookChange, Interruption, Ticker
from bourse_client.research import lobster, recording
from bourse_client.research.replaying import Replay
from pyarrow import parquet

from tests.clients.command_line.conftest import INSTRUMENT, Type, until_shown
from tests.clients.wire import once, wire
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

PATIENCE = 60.0
LEVELS = 20
SAMPLE = """\
34200.000000001,1,11,10,1195000,1
34200.000000002,1,12,8,1195000,1
34200.000000003,1,13,7,1205000,-1
34200.000000004,2,11,4,1195000,1
34200.000000005,4,11,2,1195000,1
34200.000000005,2,11,1,1195000,1
34200.000000006,3,13,7,1205000,-1
34200.000000007,5,0,3,1200000,1
34200.000000008,7,0,0,-1,-1
34200.000000009,3,99,1,1000000,1
"""
"""Ten bought, of which five are cancelled and two traded; eight behind them; seven sold and deleted; then what is
passed over: a hidden trade, a halt, an order that nobody knows."""


def client(server: Server, user_id: str) -> Client:
    return Client(server.http, user_id, server.token(user_id), patience=PATIENCE)


Sides = list[list[tuple[float, float]]]
"""Price and lots of the asks and of the bids, the best first."""


async def resting(maker: Client) -> Sides:
    """The book, where all orders are of one user: of queries, which are never late."""
    levels: dict[str, dict[float, float]] = {"SELL": {}, "BUY": {}}
    for order in await maker.query_orders(status="LIVE"):
        side = levels[order.direction]
        side[order.price or 0] = side.get(order.price or 0, 0) + order.remaining_volume
    return [sorted(levels["SELL"].items()), sorted(levels["BUY"].items(), reverse=True)]


async def becomes(server: Server, book: Sides) -> None:
    """Wait until this is what everybody sees."""
    async with Client(server.ws, patience=PATIENCE) as visitor, visitor.books(INSTRUMENT) as books:
        async with asyncio.timeout(PATIENCE):
            async for seen in books:
                if [[(each.price, each.volume) for each in side] for side in (seen.asks, seen.bids)] == book:
                    return


def last_levels(file: Path) -> Sides:
    """Of an order-book file."""
    numbers = [int(text) for text in file.read_text().splitlines()[-1].split(",")] if file.stat().st_size else []
    fours = [numbers[place : place + 4] for place in range(0, len(numbers), 4)]
    sides = ([(four[place] / 10_000, float(four[place + 1])) for four in fours] for place in (0, 2))
    return [[(price, size) for price, size in side if size] for side in sides]


async def trade_at_random(maker: Client, taker: Client, steps: int) -> None:
    dice = random.Random(11)
    orders: list[str] = []
    for _ in range(steps):
        what = dice.random()
        if orders and what < 0.25:
            order = orders.pop(dice.randrange(len(orders)))
            if maker.orders[order].is_live:
                await maker.cancel(order)
        elif what < 0.45:
            side, price = dice.choice([("BUY", 121.5), ("SELL", 118.5)])
            taken = await taker.place(INSTRUMENT, side, dice.randint(1, 12), price, time_condition="IOC")
            await taker.finished(taken.order_id)
        else:
            side = dice.choice(["BUY", "SELL"])
            price = 119.5 - 0.5 * dice.randint(0, 5) if side == "BUY" else 120.5 + 0.5 * dice.randint(0, 5)
            orders.append((await maker.place(INSTRUMENT, side, dice.randint(1, 9), price)).order_id)


async def test_a_lost_connection_is_told_and_the_whole_book_comes_last(types: Type, server: Server) -> None:
    """The last trade comes again before it, so that whoever records knows that it is no new one."""
    await asyncio.to_thread(types, "buy", INSTRUMENT, "1", "@119.5")
    await asyncio.to_thread(types, "sell", INSTRUMENT, "1", "@119.5", user="user002")
    async with (
        asyncio.timeout(PATIENCE),
        wire(server.ws) as cut,
        Client(cut.url, patience=PATIENCE) as visitor,
        visitor.trades_and_changes(INSTRUMENT) as market,
    ):
        while not isinstance(await anext(market), BookChange):
            pass
        cut.lost_down = once(lambda frame: any(level["price"] == 118.0 for level in frame.get("bids", [])))
        await asyncio.to_thread(types, "buy", INSTRUMENT, "7", "@118")
        while not isinstance(await anext(market), Interruption):
            pass
        again = [await anext(market), await anext(market)]
    trade, book = again
    assert isinstance(trade, Ticker) and trade.last_price == 119.5
    assert isinstance(book, BookChange) and book.prev_seq is None
    assert (118.0, 7.0) in {(level.price, level.volume) for level in book.bids}


@pytest.mark.long
async def test_what_was_recorded_ends_in_the_same_book(new_server: Callable[..., Server], tmp_path: Path) -> None:
    source, target = new_server(), new_server()
    written = asyncio.Event()
    files, midnight = recording.open_files(tmp_path, INSTRUMENT, LEVELS, recording.now_ms())
    async with client(source, "user001") as maker, client(source, "user002") as taker, Client(source.ws) as visitor:
        await maker.buy(INSTRUMENT, 3, 117.0)
        recording_it = asyncio.create_task(
            recording.record(visitor, INSTRUMENT, files, LEVELS, midnight, None, written.set)
        )
        await trade_at_random(maker, taker, 80)
        book = await resting(maker)
        async with asyncio.timeout(PATIENCE):
            while last_levels(files.books) != book:
                written.clear()
                await written.wait()
        recording_it.cancel()
        await asyncio.gather(recording_it, return_exceptions=True)

    messages = list(lobster.messages(files.messages))
    assert len(messages) == len(files.books.read_text().splitlines()) > 0
    executed = sum(each.size for each in messages if each.kind in {4, 5})
    async with client(target, "user001") as maker, client(target, "user002") as taker:
        replay = Replay(maker, taker, INSTRUMENT, 500)
        await replay.play(messages, 0, lambda: None)
        assert replay.outcome.played == len(messages) and not replay.outcome.refused
        traded = sum(each.volume for each in await taker.query_trades())
        assert await resting(maker) == book
        await becomes(target, book)
    hidden = sum(each.size for each in messages if each.kind == 5)
    assert executed > 20 and traded == executed - hidden


def test_a_sample_with_every_kind(types: Type, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sample_message_1.csv"
    file.write_text(SAMPLE)
    monkeypatch.setenv("BOURSE_TAKER_USER", "user002")
    monkeypatch.setenv("BOURSE_TAKER_TOKEN", server.token("user002"))
    said = types("replay", str(file), "--into", INSTRUMENT, "--speed", "0", "--json")
    assert (said.code, said.err) == (0, "")
    over = {"HIDDEN_EXECUTION": 1, "HALT": 1, "UNKNOWN_ORDER": 1}
    assert said.lines == [{"played": 10, "of": 10, "passed_over": over, "refused": {}}]
    left = {order["volume"]: order for order in types("orders", "--json").lines}
    assert {volume: order["remaining_volume"] for volume, order in left.items()} == {5.0: 3.0, 8.0: 8.0}
    assert types("positions", "--json").lines[0]["volume_long"] == 2


def test_alone_and_with_a_book_before_it(types: Type, tmp_path: Path) -> None:
    """Nobody takes, so what was executed is taken out; the first message was of an order that the book has already."""
    messages, books = tmp_path / "m.csv", tmp_path / "b.csv"
    messages.write_text("1.0,1,5,4,1190000,1\n1.5,4,5,1,1190000,1\n2.0,2,0,300,1210000,-1\n2.5,1,6,1,1197000,1\n")
    books.write_text("1210000,700,1190000,10\n")
    said = types("replay", str(messages), str(books), "--into", INSTRUMENT, "--speed", "1000")
    assert said.out == "4 of 4 messages played\n  refused, 1007: 1\n"
    until_shown(types, [(119.0, 9.0), (121.0, 400.0)])


def test_the_command_writes_csv_and_parquet(types: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    types("buy", INSTRUMENT, "2", "@119")
    types("sell", INSTRUMENT, "3", "@121")
    said = types("record", INSTRUMENT, "--to", str(tmp_path / "s"), "--levels", "1", "--count", "2", "--json")
    assert (said.code, said.err) == (0, "")
    messages, books, *tables = (Path(name) for name in said.lines[0]["files"])
    assert books.read_text() == "9999999999,0,1190000,2\n1210000,3,1190000,2\n"
    assert [row.split(",")[1:] for row in messages.read_text().splitlines()] == [
        ["1", "0", "2", "1190000", "1"],
        ["1", "0", "3", "1210000", "-1"],
    ]
    assert parquet.read_table(tables[0]).column("size").to_pylist() == [2, 3]
    assert parquet.read_table(tables[1]).column("ask_price_1").to_pylist() == [9999999999, 1210000]

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    without = types("record", INSTRUMENT, "--to", str(tmp_path / "t"), "--for", "0.01")
    assert without.code == 0 and "pyarrow is not installed" in without.err and len(without.out.splitlines()) == 2


@pytest.mark.parametrize("text", ["", "1,2,3\n", "1,1,1,1,1,noon\n"])
def test_files_that_are_none(types: Type, tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    said = types("replay", str(tmp_path / "m.csv"), "--into", INSTRUMENT)
    assert said.code == 2 and said.err.count("\n") == 1
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00,\x80\n")
    said = types("replay", str(tmp_path / "bytes.csv"), "--into", INSTRUMENT)
    assert said.code == 2 and "bytes.csv is no CSV" in said.err
    assert types("replay", str(tmp_path / "absent.csv"), "--into", INSTRUMENT).code == 2
    (tmp_path / "file").write_text("")
    assert types("record", INSTRUMENT, "--to", str(tmp_path / "file")).code == 2


def test_an_instrument_that_is_none(types: Type, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(SAMPLE)
    assert types("replay", str(tmp_path / "m.csv"), "--into", "NONE").code == 1
    assert types("record", "NONE", "--to", str(tmp_path / "none")).code == 1
    assert not list((tmp_path / "none").iterdir()), "no empty files stay"
