"""`kline`: each bar is told at most once in an interval, its last state always, and what it was in the end at once."""

import asyncio
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from marketdata.core.bars import MINUTE, Bar, Bars, Period
from marketdata.publisher import BarPublisher, bars_at_present
from tests.builders import INSTRUMENTS, NOW, in_virtual_time
from tests.marketdata.making import match

INTERVAL = 0.25
START = NOW - NOW % (60 * MINUTE)
Told = list[tuple[float, dict[str, Any]]]


class Layer:
    """Notes what is sent to which group, and when."""

    def __init__(self) -> None:
        self.sent: defaultdict[str, Told] = defaultdict(list)
        self.breaks = ""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if group == self.breaks:
            raise OSError("the wire is cut")
        for frame in message["frames"]:
            self.sent[group].append((round(asyncio.get_running_loop().time() - 1_000, 4), json.loads(frame)))


class Street:
    """Bars that trades are folded into, and the publisher that hears of each batch."""

    def __init__(self) -> None:
        self.bars = Bars()
        self.layer = Layer()
        self.publisher = BarPublisher(self.layer, INTERVAL)
        self.number = 0
        self.now = START
        self.every: dict[tuple[str, str, int], Bar] = {}

    async def trade(self, *prices: int, of: str = "IX2301", later: int = 0) -> None:
        """One batch, so many milliseconds after the last."""
        self.now += later
        for price in prices:
            self.number += 1
            self.bars.take_in([match(self.number, self.now, price * 10_000, name=of)])
        present = self.bars.present(of)
        self.every |= {(of, bar.period.value, bar.start): bar for bar in present}
        await self.publisher.send_bars(present)

    def told(self, period: str = "1m", of: str = "IX2301") -> list[tuple[float, int, float]]:
        """When, which bar (its number from the start) and its last price."""
        frames = self.layer.sent[f"kline.{period}.{of}"]
        return [(at, (frame["start"] - START) // MINUTE, frame["close"]) for at, frame in frames]


def street(play: Callable[[Street], Awaitable[None]]) -> Street:
    async def run() -> Street:
        made = Street()
        await play(made)
        await asyncio.sleep(1)
        made.publisher.close()
        return made

    return in_virtual_time(run())


def test_changes_within_an_interval_are_told_once_and_the_last_state_goes_out() -> None:
    async def play(s: Street) -> None:
        for price in range(100, 110):
            await s.trade(price)
            await asyncio.sleep(0.1)

    told = street(play).told()
    assert [close for _, _, close in told] == [102.0, 105.0, 108.0, 109.0]
    assert all(later - sooner >= INTERVAL for (sooner, *_), (later, *_) in itertools.pairwise(told))


def test_then_it_is_quiet() -> None:
    async def play(s: Street) -> None:
        await s.trade(100)
        await asyncio.sleep(60)
        await s.trade(101)

    assert street(play).told() == [(0.25, 0, 100.0), (60.25, 0, 101.0)]


def test_a_bar_that_ends_is_told_whole_before_the_next() -> None:
    async def play(s: Street) -> None:
        await s.trade(100)
        await s.trade(101, 99, later=MINUTE - 1)
        await s.trade(105, later=1)

    s = street(play)
    assert s.told() == [(0.0, 0, 99.0), (0.25, 1, 105.0)]
    assert s.told("5m") == [(0.25, 0, 105.0)], "that one goes on"
    (_, whole), _ = s.layer.sent["kline.1m.IX2301"]
    assert whole == {
        "type": "kline",
        "start": START,
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 99.0,
        "volume": 3.0,
        "turnover": 300.0,
        "trades": 3,
        "open_interest": 3.0,
        "instrument_id": "IX2301",
        "period": "1m",
    }


def test_a_bar_that_was_told_whole_is_not_told_again() -> None:
    async def play(s: Street) -> None:
        await s.trade(100)
        await asyncio.sleep(1)
        await s.trade(105, later=MINUTE)

    assert street(play).told() == [(0.25, 0, 100.0), (1.25, 1, 105.0)]


def test_instruments_and_periods_have_groups_of_their_own() -> None:
    async def play(s: Street) -> None:
        await s.trade(100)
        await s.trade(200, of="IF2301")

    sent = street(play).layer.sent
    assert set(sent) == {f"kline.{period.value}.{name}" for period in Period for name in INSTRUMENTS}
    for group, frames in sent.items():
        assert {f"kline.{frame['period']}.{frame['instrument_id']}" for _, frame in frames} == {group}


def test_a_closed_outlet_tells_nothing_more() -> None:
    async def play(s: Street) -> None:
        await s.trade(100)
        s.publisher.close()

    assert street(play).told() == []


def test_bars_that_could_not_be_sent_are_sent_later(caplog: pytest.LogCaptureFixture) -> None:
    """Those that were sent before are not sent again."""

    async def play(s: Street) -> None:
        s.layer.breaks = "kline.5m.IX2301"
        await s.trade(100)
        await asyncio.sleep(1)
        s.layer.breaks = ""
        await asyncio.sleep(1)

    s = street(play)
    assert s.told("1m") == [(0.25, 0, 100.0)]
    assert s.told("5m") == s.told("1h") == [(1.25, 0, 100.0)]
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_the_present_bar_of_each_period() -> None:
    bars = Bars()
    frames = bars_at_present(bars)
    assert set(frames) == {f"kline.{period.value}" for period in Period}
    assert {frame("IX2301") for frame in frames.values()} == {None}
    bars.take_in([match(1, START, 1_000_000), match(2, START + 7 * MINUTE, 1_010_000)])
    found = {name: json.loads(frame("IX2301") or "") for name, frame in frames.items()}
    assert {name: (bar["start"] - START) // MINUTE for name, bar in found.items() if name != "kline.1d"} == {
        "kline.1m": 7,
        "kline.5m": 5,
        "kline.15m": 0,
        "kline.1h": 0,
    }
    assert {name: f"kline.{bar['period']}" for name, bar in found.items()} == {name: name for name in found}


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_traded_every_bar_is_told_whole_and_seldom(seed: int) -> None:
    dice = random.Random(seed)

    async def play(s: Street) -> None:
        for _ in range(300):
            prices = [dice.randint(90, 110) for _ in range(dice.randint(1, 3))]
            later = dice.choice([0, 1, 500, 30_000, 200_000])
            await s.trade(*prices, of=dice.choice(INSTRUMENTS), later=later)
            await asyncio.sleep(dice.choice([0, 0.01, 0.1, 0.4]))

    s = street(play)
    last: dict[tuple[str, str, int], dict[str, Any]] = {}
    for frames in s.layer.sent.values():
        starts = [frame["start"] for _, frame in frames]
        assert starts == sorted(starts), "no bar is told after the next has begun"
        for start in set(starts):
            times = [at for at, frame in frames if frame["start"] == start]
            *usual, end = times if start != starts[-1] else [*times, 10**9]
            assert all(later - sooner >= INTERVAL for sooner, later in itertools.pairwise(usual)), "but for its end"
            assert not usual or end > usual[-1]
        last |= {(frame["instrument_id"], frame["period"], frame["start"]): frame for _, frame in frames}
    assert {key: (f["open"], f["close"], f["volume"], f["trades"]) for key, f in last.items()} == {
        key: (bar.open / 10_000, bar.close / 10_000, bar.volume, bar.trades) for key, bar in s.every.items()
    }
    assert len(last) > 100
