"""The recorder: live bars at once, stored bars soon, and never a hole or a double, whatever stops it."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum

from marketdata.core.bars import DAY, MINUTE, Bar, Period
from marketdata.core.day import Statistics
from marketdata.models import Bar as BarRow
from marketdata.models import Watermark
from marketdata.recorder import Recorder
from marketdata.selectors import last_trade
from marketdata.store import BarStore
from tests.builders import INSTRUMENTS, NOW, TRADERS, order, terms
from tests.marketdata.conftest import OpenDesk
from tests.marketdata.making import Desk, deal, marked, stored
from tests.operators.test_shell import shell
from trading.core.commands import ChangeTerms, Command, HaltInstrument
from trading.core.money import UNIT
from trading.models import Position, Trade

FRIDAY, MONDAY, TUESDAY = 20231117, 20231120, 20231121


class Ears:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.bars: list[list[Bar]] = []

    async def send_bars(self, bars: Sequence[Bar]) -> None:
        self.bars.append(list(bars))


def volumes(period: Period = Period.MINUTE) -> list[int]:
    return [bar.volume for bar in stored(period)]


def assert_nothing_to_correct() -> None:
    """The stored bars are those that all trades make, and the mark says so."""
    assert marked() == last_trade(market="MAIN")
    assert shell("rebuild_bars") == f"{len(stored()):,} bars, 0 of them corrected.\n"


# --- storing


def test_bars_are_stored_with_how_far_they_go(desk: Desk) -> None:
    desk.trade(120, 3)
    desk.trade(121, 2, later=MINUTE)
    assert stored() == []
    desk.turn()
    start = NOW - NOW % MINUTE
    assert stored(Period.MINUTE) == [
        Bar("IX2301", Period.MINUTE, start, *(120 * UNIT,) * 4, 3, 360 * 100 * UNIT, 1, 3),
        Bar("IX2301", Period.MINUTE, start + MINUTE, *(121 * UNIT,) * 4, 2, 242 * 100 * UNIT, 1, 5),
    ]
    assert volumes(Period.DAY) == [5]
    assert marked() == last_trade(market="MAIN")


def test_trades_are_counted_for_whoever_watches(desk: Desk) -> None:
    desk.trade(120, 3)
    desk.trade(121, 2)
    desk.do(HaltInstrument("IX2301"))
    assert desk.counters.trades == 2


def test_only_what_has_changed_is_written(desk: Desk) -> None:
    written: list[list[str]] = []
    write = desk.shelf.write
    desk.shelf.write = lambda bars, trade: written.append([bar.instrument_id for bar in bars]) or write(bars, trade)  # type: ignore[method-assign,func-returns-value,redundant-expr]
    desk.trade()
    desk.turn()
    desk.trade(of="IF2301")
    desk.turn()
    desk.turn()
    desk.do(HaltInstrument("IX2301"))
    desk.turn()
    assert [sorted(set(names)) for names in written] == [["IX2301"], ["IF2301"]]


def test_what_is_left_is_stored_at_the_stop(desk: Desk) -> None:
    desk.trade()
    desk.stop()
    assert volumes() == [1]


def test_writing_stops_nobody(desk: Desk) -> None:
    """While the thread waits for the database, batches are taken in, and belong to the next write."""
    desk.trade(lots=1)
    desk.turn()
    gate, entered = threading.Event(), threading.Event()
    desk.trade(lots=2)
    second = desk.commit(*deal(lots=4))
    desk.shelf.before_write = lambda: (entered.set(), gate.wait(10))  # type: ignore[assignment,func-returns-value]

    async def play() -> None:
        writing = asyncio.create_task(desk.recorder.keep_up())
        assert await asyncio.to_thread(entered.wait, 10)
        await desk.recorder.on_batch(second)
        assert desk.recorder.present("IX2301")[0].volume == 7
        gate.set()
        await writing

    desk.runner.run(play())
    assert volumes() == [3]
    desk.turn()
    assert volumes() == [7]


# --- failures


def test_a_write_that_fails_is_made_again_and_live_bars_go_on(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.trade(lots=1)
    desk.shelf.fails = True
    desk.turn()
    desk.trade(lots=2)
    desk.turn()
    assert volumes() == []
    assert desk.recorder.present("IX2301")[0].volume == 3
    assert "no database" in caplog.text
    desk.shelf.fails = False
    desk.trade(lots=4)
    desk.turn()
    assert volumes() == [7]
    assert_nothing_to_correct()


@pytest.mark.postgres_only
@pytest.mark.parametrize("in_doubt", [True, False])
def test_a_session_that_has_ended_is_replaced(desk: Desk, in_doubt: bool) -> None:
    desk.trade(lots=1)
    desk.turn()
    if in_doubt:
        desk.load()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    desk.trade(lots=2)
    for _ in range(3):
        desk.turn()
    assert not desk.recorder.in_doubt and volumes() == [3]
    assert_nothing_to_correct()


def test_bars_in_doubt_are_known_until_they_are_stored(desk: Desk) -> None:
    """First their write fails; then the trades are read anew, which takes a while. A query meets each of these."""
    for minute in range(3):
        desk.trade(lots=minute + 1, later=MINUTE)
    desk.shelf.fails = True
    desk.turn()
    assert volumes() == []
    desk.shelf.fails = False
    gate, entered = threading.Event(), threading.Event()
    desk.shelf.before_write = lambda: (entered.set(), gate.wait(10))  # type: ignore[assignment,func-returns-value]

    def known() -> list[int]:
        return [bar.volume for bar in desk.recorder.newest("IX2301", Period.MINUTE)]

    async def play() -> list[int]:
        storing = asyncio.create_task(desk.recorder.keep_up())
        assert await asyncio.to_thread(entered.wait, 10)
        meanwhile = known()
        gate.set()
        await storing
        return meanwhile

    before = known()
    assert before == desk.runner.run(play())
    assert sorted(set(before)) == volumes() == [1, 2, 3]
    assert known() == [3], "only the present bar may change"


@pytest.mark.sqlite_only
def test_a_locked_database_is_tried_again(open_desk: OpenDesk, caplog: pytest.LogCaptureFixture) -> None:
    options = connection.settings_dict["OPTIONS"]
    before, options["timeout"] = options["timeout"], 0.05
    try:
        desk = open_desk()
        desk.trade()
        desk.turn()
        desk.trade()
        locker = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")
        desk.turn()
        desk.turn()
        locker.execute("ROLLBACK")
        locker.close()
        assert "database is locked" in caplog.text
        assert volumes() == [1]
        desk.turn()
        assert volumes() == [2]
    finally:
        options["timeout"] = before


@pytest.mark.parametrize("stored_before", [True, False])
def test_after_a_kill_the_next_one_reads_what_is_missing(desk: Desk, stored_before: bool) -> None:
    desk.trade(lots=1)
    if stored_before:
        desk.turn()
    desk.trade(lots=2)
    desk.trade(lots=4, later=MINUTE)
    desk.kill()
    assert volumes() == ([1] if stored_before else [])
    desk.start()
    assert volumes() == [3, 4]
    desk.trade(lots=8)
    desk.turn()
    assert volumes() == [3, 12]
    assert_nothing_to_correct()


def test_trades_that_were_made_while_no_recorder_ran_are_read(desk: Desk) -> None:
    """A shell command may be the engine, and keeps no bars."""
    desk.trade(lots=1)
    desk.stop()
    desk.commit(*deal(lots=2))
    desk.start()
    assert volumes() == [3]


def test_a_batch_that_was_not_told_is_read(desk: Desk) -> None:
    desk.trade(lots=1)
    desk.turn()
    desk.commit(*deal(lots=2))
    desk.trade(lots=4)
    assert desk.recorder.present("IX2301")[0].volume == 5
    desk.turn()
    assert desk.recorder.present("IX2301")[0].volume == 7
    assert volumes() == [7]


def test_a_batch_that_was_stored_though_its_commit_failed_is_read(desk: Desk) -> None:
    desk.trade(lots=1)
    desk.commit(*deal(lots=2))
    desk.load()
    desk.turn()
    assert desk.recorder.present("IX2301")[0].volume == 3


def test_what_is_told_while_it_is_read_counts_once(desk: Desk) -> None:
    """Two batches are told while the missing one is read: one is among what is read, the other comes after it."""
    desk.trade(lots=1)
    desk.turn()
    desk.commit(*deal(lots=2))
    desk.trade(lots=4)
    read_on = desk.shelf.read_on

    async def play() -> None:
        gates = [threading.Event() for _ in range(4)]

        def slowly(bars: Any) -> bool:
            gates[0].set()
            assert gates[1].wait(10)
            more = read_on(bars)
            gates[2].set()
            assert gates[3].wait(10)
            return more

        desk.shelf.read_on = slowly  # type: ignore[method-assign]
        turn = asyncio.create_task(desk.recorder.keep_up())
        assert await asyncio.to_thread(gates[0].wait, 10)
        await desk.recorder.on_batch(await asyncio.to_thread(in_own_connection, lambda: desk.commit(*deal(lots=8))))
        gates[1].set()
        assert await asyncio.to_thread(gates[2].wait, 10)
        await desk.recorder.on_batch(await asyncio.to_thread(in_own_connection, lambda: desk.commit(*deal(lots=16))))
        gates[3].set()
        await turn

    desk.runner.run(play())
    desk.shelf.read_on = read_on  # type: ignore[method-assign]
    assert desk.recorder.present("IX2301")[0].volume == 31
    desk.turn()
    assert volumes() == [31]
    assert_nothing_to_correct()


def in_own_connection(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connection.close()


def test_a_batch_that_is_missed_while_others_are_read_is_read_too(desk: Desk) -> None:
    desk.trade(lots=1)
    desk.turn()
    desk.load()
    read_on = desk.shelf.read_on

    async def play() -> None:
        entered, gate = threading.Event(), threading.Event()

        def slowly(bars: Any) -> bool:
            more = read_on(bars)
            entered.set()
            assert gate.wait(10)
            return more

        desk.shelf.read_on = slowly  # type: ignore[method-assign]
        turn = asyncio.create_task(desk.recorder.keep_up())
        assert await asyncio.to_thread(entered.wait, 10)
        await asyncio.to_thread(in_own_connection, lambda: desk.commit(*deal(lots=2)))
        await desk.recorder.on_batch(await asyncio.to_thread(in_own_connection, lambda: desk.commit(*deal(lots=4))))
        gate.set()
        await turn

    desk.runner.run(play())
    desk.shelf.read_on = read_on  # type: ignore[method-assign]
    desk.turn()
    assert desk.recorder.present("IX2301")[0].volume == 7
    assert_nothing_to_correct()


def test_a_long_history_is_read_in_parts(desk: Desk) -> None:
    """The first before the market opens, the others while it trades; each is stored as it is read."""
    desk.chunk = 3
    desk.kill()
    for _ in range(8):
        desk.commit(*deal())
        desk.books.now += MINUTE
    desk.start()
    assert volumes()[:3] == [1] * 3
    desk.trade(lots=5, later=MINUTE)
    for _ in range(4):
        desk.turn()
    assert volumes() == [1] * 8 + [5]
    assert_nothing_to_correct()


def test_of_two_recorders_none_spoils_the_bars(desk: Desk) -> None:
    """An engine that was replaced while it slept still has a recorder, with bars of its own to store."""
    other = Recorder(BarStore("MAIN"), seconds=3_600)
    desk.runner.run(other.start())

    def both(lots: int) -> None:
        desk.runner.run(other.on_batch(desk.trade(lots=lots)))

    both(1)
    desk.turn()
    desk.runner.run(other.keep_up())
    both(2)
    desk.trade(lots=4)
    desk.turn()
    desk.runner.run(other.keep_up())
    assert volumes() == [7]
    assert_nothing_to_correct()
    desk.trade(lots=8)
    for _ in range(2):
        desk.turn()
    desk.runner.run(other.close())
    assert volumes() == [15]
    assert_nothing_to_correct()


# --- what is now


def test_a_batch_tells_the_present_bars_of_what_it_traded(open_desk: OpenDesk) -> None:
    ears = Ears()
    desk = open_desk(ears)
    desk.do(*deal(120, 2), *deal(121, 3), *deal(119, 1, "IF2301"))
    desk.do(order(1, "BUY OPEN 1 @ 118"))
    desk.settle(FRIDAY, MONDAY)
    ((first, *_, last),) = ears.bars
    assert len(ears.bars[0]) == 10
    assert (first.instrument_id, first.volume) == ("IF2301", 1)
    assert (last.instrument_id, last.period, last.volume, last.open_interest) == ("IX2301", "1d", 5, 5)
    assert last == desk.recorder.present("IX2301")[-1]


def test_a_day_in_figures(desk: Desk) -> None:
    assert desk.recorder.statistics("IX2301", desk.books.now) == Statistics(
        "IX2301", None, None, None, None, None, 0, 0, 0, 0, 120 * UNIT, 132 * UNIT, 108 * UNIT
    )
    for price, lots in ((121, 1), (123, 2), (119, 3), (120.5, 4)):
        desk.trade(price, lots)
    turnover = round((121 + 2 * 123 + 3 * 119 + 4 * 120.5) * 100 * UNIT)
    prices = (121 * UNIT, 123 * UNIT, 119 * UNIT, round(120.5 * UNIT), round(0.5 * UNIT))
    assert desk.recorder.statistics("IX2301", desk.books.now) == Statistics(
        "IX2301", *prices, 10, turnover, 4, 10, 120 * UNIT, 132 * UNIT, 108 * UNIT
    )
    assert desk.recorder.statistics("NONE", desk.books.now) is None


def figures(desk: Desk) -> tuple[int | None, int | None, int, int, int]:
    """Of the day: open, change, volume, open interest, settlement."""
    day = desk.recorder.statistics("IX2301", desk.books.now)
    assert day is not None
    return day.open, day.change, day.volume, day.open_interest, day.settlement


def test_a_settlement_begins_the_day_anew(desk: Desk) -> None:
    desk.trade(121, 5)
    desk.settle(FRIDAY, MONDAY, later=1, IX2301=122 * UNIT)
    assert figures(desk) == (None, None, 0, 5, 122 * UNIT)
    desk.trade(123, 2, later=1)
    assert figures(desk) == (123 * UNIT, UNIT, 2, 7, 122 * UNIT)
    desk.do(order(1, "SELL CLOSE 7 @ 122"), order(2, "BUY CLOSE 7 @ 122"), later=3 * DAY)
    assert figures(desk) == (123 * UNIT, 0, 9, 0, 122 * UNIT)
    desk.kill()
    desk.start()
    assert figures(desk) == (123 * UNIT, 0, 9, 0, 122 * UNIT)


def test_before_the_first_settlement_a_day_begins_with_the_calendars(desk: Desk) -> None:
    desk.trade(121, 5)
    desk.books.now += DAY
    assert figures(desk) == (None, None, 0, 5, 120 * UNIT)
    desk.trade(119)
    assert figures(desk) == (119 * UNIT, -UNIT, 1, 6, 120 * UNIT)


def test_nobody_holds_what_has_expired(desk: Desk) -> None:
    desk.do(ChangeTerms("IX2301", terms(last_day=FRIDAY)))
    desk.trade(121, 5)
    desk.settle(FRIDAY, MONDAY, later=1)
    assert figures(desk)[3] == 0


# --- anything that can happen

HAPPENS = {"trade": 60, "untold": 3, "turn": 20, "fail": 3, "load": 2, "restart": 2, "kill": 3, "settle": 4}
WORDS = ["OPEN"] * 3 + ["CLOSE", "CLOSETODAY"]


def some_orders(dice: random.Random) -> list[Command]:
    prices = ["119.5", "120", "120.5"]
    return [
        order(
            dice.randint(1, len(TRADERS)),
            f"{dice.choice(['BUY', 'SELL'])} {dice.choice(WORDS)} {dice.randint(1, 5)} @ {dice.choice(prices)}",
            dice.choice(INSTRUMENTS),
        )
        for _ in range(dice.randint(1, 8))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_bars_are_those_of_the_trades(desk: Desk, seed: int) -> None:
    """Batches, settlements, turns, failing writes, batches that are not told, reloads, stops and kills, in any order:
    in the end a rebuild finds nothing to correct, and from nothing makes the very same."""
    desk.chunk = desk.shelf.chunk = 7
    dice, day = random.Random(seed), FRIDAY
    for _ in range(150):
        desk.books.now += dice.choice([0, 1, 1_000, 50_000, 500_000, 3_000_000])
        match dice.choices(list(HAPPENS), list(HAPPENS.values()))[0]:
            case "trade":
                desk.do(*some_orders(dice))
            case "untold":
                desk.commit(*some_orders(dice))
            case "turn":
                desk.turn()
            case "fail":
                desk.shelf.fails = True
                desk.turn()
                desk.shelf.fails = False
            case "load":
                desk.load()
            case "restart":
                desk.stop()
                desk.start()
            case "kill":
                desk.kill()
                desk.start()
            case "settle":
                desk.do(*some_orders(dice))
                desk.settle(day, day := day + dice.randint(1, 2))
                desk.do(*some_orders(dice))
    while marked() != last_trade(market="MAIN"):
        desk.turn()
    kept = stored()
    assert_nothing_to_correct()
    assert len(kept) > 150
    assert live(desk) == present_of(kept)
    assert {bar.instrument_id: bar.open_interest for bar in live(desk)} == held()
    for period in Period:
        bars = [bar for bar in kept if bar.period is period]
        assert sum(bar.trades for bar in bars) == Trade.objects.count() // 2
        assert sum(bar.volume for bar in bars) == Trade.objects.aggregate(lots=Sum("volume"))["lots"] // 2
    forget_everything()
    shell("rebuild_bars")
    assert stored() == kept
    assert marked() == last_trade(market="MAIN")


def live(desk: Desk) -> list[Bar]:
    return [bar for name in INSTRUMENTS for bar in desk.recorder.present(name)]


def present_of(kept: Sequence[Bar]) -> list[Bar]:
    """The last bar of each instrument and period."""
    last = {(bar.instrument_id, bar.period): bar for bar in kept}
    return [last[name, period] for name in INSTRUMENTS for period in Period]


def held() -> dict[str, int]:
    """Lots that are held long."""
    sums = Position.objects.values("instrument").annotate(lots=Sum("long_today") + Sum("long_his"))
    return dict(sums.values_list("instrument", "lots"))


def forget_everything() -> None:
    BarRow.objects.all().delete()
    Watermark.objects.all().delete()
