"""`orderbook_delta`: whoever takes the whole book and the changes since has the book, however he came to it."""

import asyncio
import json
import random
from collections import Counter, deque

import msgspec
import pytest

from marketdata.core.depth import DEEP, LEVELS, changed
from marketdata.feed import Feed
from tests.builders import FUNDS, NOW, TRADERS, cancel, founding, in_virtual_time, listing, order
from tests.marketdata.mirror import Frame, Mirror
from tests.marketdata.test_feed import INTERVAL, Recorder, no_day
from trading.core.commands import Command, Deposit, HaltInstrument, ListInstrument, ResumeInstrument, SetInstrumentPhase
from trading.core.engine import Engine
from trading.core.events import OrderAccepted
from trading.core.money import UNIT
from trading.core.types import Direction, Phase
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder
from trading.observability.counters import Counters
from trading.worker.batch import Batch

FINE = "IH2301"
"""Has 240 prices below and above the middle of 120: more than are told."""


def fine_listing() -> ListInstrument:
    usual = listing(FINE)
    return ListInstrument(msgspec.structs.replace(usual.contract, tick=UNIT // 20), usual.terms)


class Publisher(Recorder):
    """Hands each change to everybody who follows, and keeps what the whole book was after it."""

    def __init__(self) -> None:
        super().__init__()
        self.followers: list[Follower] = []

    async def send_delta(self, instrument_id: str, frame: str) -> None:
        told = json.loads(frame)
        assert told["instrument_id"] == instrument_id
        if instrument_id == FINE:
            self.deltas.append(told)
            for follower in self.followers:
                follower.mail.append(told)


class Follower:
    """Takes changes when it pleases, and the whole book at once: as a connection does, whose mailbox waits."""

    def __init__(self) -> None:
        self.mail: deque[Frame] = deque()
        self.mirror = Mirror()

    def take(self, most: int) -> None:
        for _ in range(min(most, len(self.mail))):
            self.mirror.take(self.mail.popleft())


class Street:
    """An engine, a feed and those who follow it; batches are stored and told, or not."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.engine = Engine()
        for command in [*founding(), *[Deposit(user_id, 1_000 * FUNDS) for user_id in TRADERS]]:
            self.engine.apply(command, NOW)
        self.engine.take_changes()
        self.now = NOW
        self.live: list[tuple[int, int]] = []
        self.start()

    def start(self) -> None:
        """A server starts: nobody follows yet."""
        self.publisher = Publisher()
        self.feed = Feed(self.publisher, INTERVAL, no_day, Counters())
        self.feed.on_load(self.engine, self.now)

    def apply(self, commands: list[Command]) -> Batch:
        self.now += 1
        events = [event for command in commands for event in self.engine.apply(command, self.now)]
        self.live += [(event.account_id, event.order_id) for event in events if isinstance(event, OrderAccepted)]
        changes = self.engine.take_changes()
        pushes = PushEncoder(InProcessLayer()).encode(events, changes, self.now)
        return Batch(1, self.now, 1, commands, events, changes, pushes, [])

    async def do(self, *commands: Command) -> None:
        await self.feed.on_batch(self.apply(list(commands)))

    def fail(self, *commands: Command) -> None:
        """A commit fails: what it held is forgotten, the last commit is loaded."""
        stored, live = self.engine.snapshot(), list(self.live)
        self.apply(list(commands))
        self.engine, self.live = Engine.restore(stored), live
        self.feed.on_load(self.engine, self.now)

    def leave_untold(self, *commands: Command) -> None:
        """A commit is done, but the engine hears that it failed."""
        self.apply(list(commands))
        self.engine = Engine.restore(self.engine.snapshot())
        self.feed.on_load(self.engine, self.now)

    # -- who follows

    def join(self) -> Follower:
        follower = Follower()
        self.publisher.followers.append(follower)
        self.greet(follower)
        return follower

    def greet(self, follower: Follower) -> None:
        follower.mirror.take(self.whole())

    def whole(self) -> Frame:
        frame = self.feed.whole_book(FINE)
        assert frame is not None
        return dict(json.loads(frame))

    # -- what happens

    def some(self) -> list[Command]:
        return [self.one() for _ in range(self.dice.randint(1, 12))]

    def one(self) -> Command:
        """Mostly orders that rest far and near, some that take a lot, some cancels."""
        dice = self.dice
        if self.live and dice.random() < 0.3:
            return cancel(*self.live.pop(dice.randrange(len(self.live))))
        account, is_buy = dice.randint(1, 3), dice.random() < 0.5
        away = dice.choice([dice.randint(-3, 12), dice.randint(0, 110), dice.randint(60, 200)])
        price = 120 + (-away if is_buy else away) / 20
        lots = dice.choice([1, 1, 2, 3, 40])
        return order(account, f"{'BUY' if is_buy else 'SELL'} OPEN {lots} @ {price:.2f}", FINE)


def a_wall(side: str, price: float, way: int) -> list[Command]:
    """Orders at more prices than are told."""
    return [order(3, f"{side} OPEN 1 @ {price + way * step / 20:.2f}", FINE) for step in range(DEEP + 20)]


def resting(engine: Engine) -> dict[str, list[Frame]]:
    """The levels that are seen, counted order by order."""
    instrument = engine.state.instruments[FINE]
    found = {}
    for name, direction in (("bids", Direction.BUY), ("asks", Direction.SELL)):
        mine = [each for each in engine.state.orders.values() if each.instrument is instrument]
        lots, count = Counter[int](), Counter[int]()
        for each in mine:
            if each.direction is direction:
                lots[each.price] += each.left
                count[each.price] += 1
        best = sorted(lots, reverse=name == "bids")[:DEEP]
        found[name] = [
            {"price": price / 20, "volume": float(lots[price]), "order_count": count[price]} for price in best
        ]
    return found


# --- random flow

HAPPENS = {"trade": 60, "pass": 20, "take": 30, "join": 4, "greet": 4, "phase": 5, "fail": 3, "untold": 2, "restart": 1}
PHASES: dict[Phase, list[Command]] = {
    Phase.CONTINUOUS: [
        SetInstrumentPhase(FINE, Phase.AUCTION),
        HaltInstrument(FINE),
        SetInstrumentPhase(FINE, Phase.CLOSED),
    ],
    Phase.AUCTION: [SetInstrumentPhase(FINE, Phase.CONTINUOUS), HaltInstrument(FINE)],
    Phase.HALTED: [ResumeInstrument(FINE)],
    Phase.CLOSED: [SetInstrumentPhase(FINE, Phase.AUCTION), SetInstrumentPhase(FINE, Phase.CONTINUOUS)],
}


class Seen:
    """Whether the flow had in it what it is to prove."""

    def __init__(self) -> None:
        self.changes = self.old = self.greetings = self.deep = self.indicative = 0

    def add(self, s: Street, followers: list[Follower]) -> None:
        self.changes += sum(each.mirror.changes for each in followers)
        self.old += sum(each.mirror.old for each in followers)
        self.greetings += sum(each.mirror.wholes for each in followers)
        self.deep += sum(len(side) == DEEP for side in resting(s.engine).values())
        self.indicative += sum("indicative_price" in frame for frame in s.publisher.deltas)


async def check(s: Street, followers: list[Follower]) -> None:
    """When all is quiet, everybody has the book that the orders make, and so has a newcomer."""
    await asyncio.sleep(1)
    whole, book, expected = s.whole(), json.loads(s.feed.orderbook(FINE) or ""), resting(s.engine)
    assert {name: whole[name] for name in expected} == expected
    for each in [*followers, s.join()]:
        each.take(10**6)
        assert each.mirror.seq == whole["seq"] and each.mirror.is_book(whole)
        assert {name: each.mirror.levels(name) for name in expected} == expected
        assert each.mirror.is_book(book) and len(book["bids"]) == min(LEVELS, len(expected["bids"]))


async def play(seed: int, seen: Seen) -> None:
    s = Street(seed)
    followers: list[Follower] = []
    await s.do(fine_listing(), *a_wall("BUY", 119, -1), *a_wall("SELL", 121, 1))
    for _ in range(400):
        match s.dice.choices(list(HAPPENS), list(HAPPENS.values()))[0]:
            case "trade":
                await s.do(*s.some())
            case "pass":
                await asyncio.sleep(s.dice.choice([0.001, 0.02, 0.06, 1]))
            case "take" if followers:
                s.dice.choice(followers).take(s.dice.randint(1, 5))
            case "join":
                followers.append(s.join())
            case "greet" if followers:
                s.greet(s.dice.choice(followers))
            case "phase":
                await s.do(s.dice.choice(PHASES[s.engine.state.instruments[FINE].phase]), *s.some())
            case "fail":
                s.fail(*s.some())
            case "untold":
                s.leave_untold(*s.some())
            case "restart":
                await check(s, followers)
                s.feed.close()
                seen.add(s, followers)
                s.start()
                followers = []
    if s.engine.state.instruments[FINE].phase is Phase.HALTED:
        await s.do(ResumeInstrument(FINE))
    await s.do(SetInstrumentPhase(FINE, Phase.CONTINUOUS))
    await check(s, followers)
    s.feed.close()
    await asyncio.sleep(0)
    seen.add(s, followers)


@pytest.mark.slow
def test_whole_book_and_changes_make_the_book() -> None:
    """Random flow: resubscribing while changes wait, failed commits, restarts, phases, more levels than are told."""
    seen = Seen()
    for seed in range(20):
        in_virtual_time(play(seed, seen))
    assert seen.changes > 1_500 and seen.old > 100 and seen.greetings > 200
    assert seen.deep > 50 and seen.indicative > 100


# --- one by one


def street(seed: int = 1) -> Street:
    return Street(seed)


def test_a_listing_begins_the_chain_with_a_whole_book() -> None:
    """Whoever has subscribed in the moment before the feed knew the instrument gets it, too."""

    async def run() -> None:
        s = street()
        assert s.feed.whole_book(FINE) is None
        early = Follower()
        s.publisher.followers.append(early)
        await s.do(fine_listing())
        await asyncio.sleep(1)
        await s.do(order(1, "BUY OPEN 3 @ 119", FINE))
        assert [(frame["seq"], frame["prev_seq"]) for frame in s.publisher.deltas] == [(1, None), (2, 1)]
        early.take(9)
        assert early.mirror.is_book(s.whole())

    in_virtual_time(run())


def test_a_level_that_leaves_the_window_is_gone_and_comes_back_whole() -> None:
    async def run() -> None:
        s = street()
        await s.do(fine_listing())
        for step in range(DEEP):
            await s.do(order(1, f"BUY OPEN 2 @ {118 - step / 20:.2f}", FINE))
        await asyncio.sleep(1)
        lowest = 118 - (DEEP - 1) / 20
        await s.do(order(1, "BUY OPEN 1 @ 119", FINE))
        assert s.publisher.deltas[-1]["bids"] == [
            {"price": 119.0, "volume": 1.0, "order_count": 1},
            {"price": lowest, "volume": 0.0, "order_count": 0},
        ]
        await asyncio.sleep(1)
        before = len(s.publisher.deltas)
        await s.do(order(2, f"BUY OPEN 5 @ {lowest:.2f}", FINE))
        await asyncio.sleep(1)
        assert len(s.publisher.deltas) == before, "nobody sees it there"
        await s.do(order(2, "SELL OPEN 1 @ 119", FINE))
        assert s.publisher.deltas[-1]["bids"] == [
            {"price": lowest, "volume": 7.0, "order_count": 2},
            {"price": 119.0, "volume": 0.0, "order_count": 0},
        ]

    in_virtual_time(run())


def test_a_phase_alone_is_a_change_and_a_book_told_again_is_none() -> None:
    async def run() -> None:
        s = street()
        await s.do(fine_listing())
        await asyncio.sleep(1)
        await s.do(HaltInstrument(FINE))
        frame = s.publisher.deltas[-1]
        assert (frame["seq"], frame["bids"], frame["asks"], frame["phase"]) == (2, [], [], "halted")
        await asyncio.sleep(1)
        await s.do(ResumeInstrument(FINE))
        assert "phase" not in s.publisher.deltas[-1] and s.publisher.deltas[-1]["seq"] == 3
        await asyncio.sleep(1)
        await s.do(order(1, "BUY OPEN 1 @ 119", FINE), order(2, "SELL OPEN 1 @ 119", FINE))
        await asyncio.sleep(1)
        assert len(s.publisher.deltas) == 3, "the book is as it was"

    in_virtual_time(run())


def test_changes_are_conflated_like_books() -> None:
    async def run() -> None:
        s = street()
        await s.do(fine_listing())
        await asyncio.sleep(1)
        for price in (119.0, 118.5, 118.0):
            await s.do(order(1, f"BUY OPEN 1 @ {price}", FINE))
        await asyncio.sleep(1)
        told = [[level["price"] for level in frame["bids"]] for frame in s.publisher.deltas[1:]]
        assert told == [[119.0], [118.5, 118.0]]

    in_virtual_time(run())


def test_who_is_the_engine_again_tells_the_book_that_another_one_has_made() -> None:
    """Whoever asks at once gets it, and who has followed hears of it, although nothing changes any more."""

    async def run() -> None:
        s = street()
        await s.do(fine_listing(), order(1, "BUY OPEN 3 @ 119", FINE))
        old = s.join()
        s.leave_untold(order(2, "SELL OPEN 3 @ 119", FINE), order(3, "SELL OPEN 2 @ 121", FINE))
        now = s.whole()
        assert {name: now[name] for name in ("bids", "asks")} == resting(s.engine)
        new = s.join()
        await asyncio.sleep(1)
        for follower in (old, new):
            follower.take(9)
            assert follower.mirror.is_book(now)
        s.feed.on_load(s.engine, s.now)
        told = len(s.publisher.deltas)
        await asyncio.sleep(1)
        assert len(s.publisher.deltas) == told, "the book is as it was told"
        await s.do(order(1, "BUY OPEN 1 @ 119", FINE))
        assert s.publisher.deltas[-1]["prev_seq"] is not None, "changes go on from it"

    in_virtual_time(run())


A, B, C = (100, 5, 1), (99, 3, 2), (98, 1, 1)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ([], [], []),
        ([A, B], [A, B], []),
        ([], [A], [A]),
        ([A], [], [(100, 0, 0)]),
        ([A, B], [B, C], [C, (100, 0, 0)]),
        ([A], [(100, 5, 2)], [(100, 5, 2)]),
        ([A], [(100, 4, 1)], [(100, 4, 1)]),
    ],
)
def test_what_has_changed(before: list[tuple[int, int, int]], now: list[tuple[int, int, int]], told: object) -> None:
    assert changed(before, now) == told
