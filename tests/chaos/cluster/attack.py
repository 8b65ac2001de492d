"""One cluster under attack: `cycle` is one event and all that must hold after it."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from marketdata.core.depth import LEVELS
from tests.chaos.cluster.callers import PROBED, Follower, Probe, Recorder
from tests.chaos.cluster.events import Event, Target
from tests.chaos.cluster.parts import ANSWER_SECONDS, Parts
from tests.chaos.cluster.voice import Contradiction, Voice, wait_for
from tests.chaos.helper import Desk, Examiner
from tests.chaos.load import INSTRUMENT, LOST, Memory
from tests.chaos.staff import Staff, StaffMemory
from tests.e2e.client import PATIENCE, Client
from tests.e2e.server import Market
from tests.services import Postgres, Redis
from trading.protocol import order_number

Book = list[list[list[float]]]
"""Price, volume and orders of each level; bids, then asks."""
TRADERS = ("user001", "user002", "user003")
PROBES = ("user004", "user005")
SETTLED = 0.25
"""Share of the events during which an operator settles the trading day."""
LOAD_SECONDS = (0.1, 0.6)
"""Of load before an event, and again behind it."""


class Row(msgspec.Struct):
    """What came of one event. `gap`: seconds from the event's beginning until an order that was sent after its end was
    acknowledged, of the gateway whose clients waited longer; `longest`: the longest wait of an acknowledged order. The
    command that asks for a hand-over is part of that event; what it cost a client is the longest wait."""

    name: str
    settled: bool
    away: float
    gap: float
    longest: float
    unknown: int
    refused: int
    lost: int = 0
    doubled: int = 0


class Run:
    """Use as a context."""

    def __init__(self, folder: Path, seeded: Market, postgres: Postgres, redis: Redis, seed: int) -> None:
        folder.mkdir(mode=0o711)
        self._dice = random.Random(seed)
        self.market = Market(folder, postgres.url(postgres.create(_name(seeded))))
        self.market.tokens = dict(seeded.tokens)
        shutil.copy2(seeded.folder / "secret_key", folder / "secret_key")
        self.parts = Parts(folder, self.market, postgres, redis)
        self.memories = [Memory(user_id) for user_id in (*TRADERS, *PROBES)]
        fronts, memories = self.parts.fronts, self.memories
        self.recorders = [
            Recorder(fronts, number, memories[number], self._dice.randrange(2**32)) for number in range(len(TRADERS))
        ]
        self.probes = [Probe(fronts, number, memories[len(TRADERS) + number]) for number in range(len(PROBES))]
        self.followers = [Follower(front) for front in fronts]
        self._operator = StaffMemory()
        self._examiner, self._desk = Examiner(self.market), Desk(self.market)
        self.orders = self.commands = 0

    def __enter__(self) -> Self:
        try:
            self.parts.start()
            for each in (*self.recorders, *self.probes, *self.followers):
                each.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for caller in self._callers():
            caller.stop()
        for follower in self.followers:
            follower.stop()
        self.parts.remove()
        self._examiner.close()
        self._desk.close()

    # -- one event

    def cycle(self, event: Event, wait: float = 0.0) -> Row:
        """Load, the event, what mends it, and all that must hold. `wait`: seconds of quiet before it."""
        dice, day = self._dice, self._operator.day
        time.sleep(wait)
        unknown, refused = self._told()
        staff = self._pour(event)
        time.sleep(dice.uniform(*LOAD_SECONDS))
        if dice.random() < SETTLED:
            staff.settle.set()
            assert staff.settling.wait(PATIENCE), "the settlement is not put before the engine"
        target = Target.of(self.parts, dice.randrange(2**16))
        began = time.monotonic()
        mend = event.strike(target)
        struck = time.monotonic()
        away = self._bring_back(event, mend, struck)
        gap = self._first_after(struck) - began
        time.sleep(dice.uniform(*LOAD_SECONDS))
        self._calm(staff)
        longest = max(probe.longest_wait(began - 1) for probe in self.probes)
        self.parts.until_ready()
        self._settle_outcomes(day == self._operator.day)
        row = Row(event.name, day != self._operator.day, away, gap, longest, *self._told())
        row.unknown, row.refused = row.unknown - unknown, row.refused - refused
        self.check()
        return row

    def _told(self) -> tuple[int, int]:
        """Unknown outcomes and refusals, of all orders so far."""
        each = self._callers()
        return sum(one.unknown for one in each), sum(one.refusals for one in each)

    def _callers(self) -> list[Recorder | Probe]:
        return [*self.recorders, *self.probes]

    def _pour(self, event: Event) -> Staff:
        if self._desk.killed:
            self._desk.close()
            self._desk = Desk(self.market)
        for recorder in self.recorders:
            recorder.idle.clear()
            recorder.under_way.clear()
            recorder.going.set()
        for probe in self.probes:
            probe.idle.clear()
            probe.going.set()
        for recorder in self.recorders:
            wait_for("the first answer to a trader", recorder.under_way.is_set)
        self._still_well()
        seed = self._dice.randrange(2**32)
        staff = Staff(self._desk, self._operator, seed, TRADERS, self._some_order, spared=PROBED)
        if event.part == "postgres":  # it will crash, for all that we know
            self._desk.killed = True
        staff.start()
        return staff

    def _some_order(self, dice: random.Random) -> int | None:
        """One that somebody was told of lately."""
        told = list(dice.choice(self.memories[: len(TRADERS)]).accepted.values())[-50:]
        return order_number(dice.choice(told)) if told else None

    def _bring_back(self, event: Event, mend: Callable[[], None], struck: float) -> float:
        """Mend, in time. The seconds until then."""
        if event.away is None:
            self._first_after(struck)
            away = 0.0
        else:
            time.sleep(self._dice.uniform(*event.away))
            away = time.monotonic() - struck if event.away[1] else 0.0
        mend()
        return away

    def _first_after(self, at: float) -> float:
        """When the first order that was sent after then was acknowledged, at the slower gateway."""
        firsts = [
            wait_for(
                f"an acknowledgement to {probe.voice.memory.user_id}", partial(self._acknowledged_after, probe, at)
            )
            for probe in self.probes
        ]
        return float(max(firsts))

    def _acknowledged_after(self, probe: Probe, at: float) -> float | None:
        self._still_well()
        return probe.acknowledged_after(at)

    def _still_well(self) -> bool:
        """True. Raises what a client has come upon."""
        everybody: list[Recorder | Probe | Follower] = [*self.recorders, *self.probes, *self.followers]
        for each in everybody:
            if each.failure is not None:
                raise each.failure
        return True

    def _calm(self, staff: Staff) -> None:
        """Everybody ends what is under way."""
        staff.stop()
        for probe in self.probes:
            probe.going.clear()
        for recorder in self.recorders:
            recorder.going.clear()
        for idle in (each.idle for each in self._callers()):
            wait_for("the end of what is under way", idle.is_set)
        staff.join(PATIENCE)
        if staff.failure is not None and not self._desk.killed:
            raise staff.failure
        self._still_well()

    def _settle_outcomes(self, same_day: bool) -> None:
        if not same_day:  # what may still be on its way is too old by then
            time.sleep(2 * ANSWER_SECONDS)
        deadline = time.monotonic() + PATIENCE
        for voice in self._voices():
            voice.settle(same_day, deadline)

    def _voices(self) -> list[Voice]:
        return [each.voice for each in self._callers()]

    # -- what must hold

    def check(self) -> None:
        """Contradiction unless everything that was told is so, the books add up, and all show the same book."""
        if self._desk.killed:
            self._desk.close()
            self._desk = Desk(self.market)
        if self._desk.ask({"idle": True}) != {"idle": True}:
            raise Contradiction("what operators have asked for is not done")
        answer = self._examiner.ask(self.memories, self._operator)
        if answer["contradictions"]:
            raise Contradiction("\n".join(answer["contradictions"][:20]))
        self.orders, self.commands = answer["figures"]["orders"], answer["figures"]["commands"]
        self._hear_all_pushes()
        book = answer["book"]
        for front in self.parts.fronts:
            wait_for(f"the book {book} at {front.ws}", partial(_shows, front.ws, book))
        for follower in self.followers:
            wait_for(f"the book {book} by its changes", partial(self._follows, follower, book))

    def _follows(self, follower: Follower, book: Book) -> bool:
        return self._still_well() and follower.book(LEVELS) == book

    def _hear_all_pushes(self) -> None:
        """Everybody has heard as many pushes as are stored, none of them missing."""
        stored = dict(self.parts.postgres.execute(self.parts.database, "SELECT user_id, push_seq FROM trading_account"))
        deadline = time.monotonic() + PATIENCE
        for voice in self._voices():
            while voice.memory.seq < stored[voice.memory.user_id]:
                if time.monotonic() > deadline:
                    raise Contradiction(f"{voice.memory.user_id} has heard {voice.memory.seq} of {stored}")
                voice.settle(True, deadline)
                if voice.client is None:
                    continue
                try:
                    voice.hear_all(voice.client)
                except LOST:  # the exchange closes those who were silent while the books were looked at
                    voice.lost()

    def keep(self, folder: Path, reason: str) -> None:
        """The evidence: logs, and what everybody was told."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "reason.txt").write_text(reason)
        (folder / "memories.json").write_bytes(msgspec.json.encode([self.memories, self._operator]))
        self.parts.keep_logs(folder)


def _name(market: Market) -> str:
    assert market.database_url is not None
    return market.database_url.rpartition("/")[2]


def _shows(ws: str, book: Book) -> bool:
    """Whether a fresh connection is shown it."""
    with Client(ws) as client:
        client.send("subscribe", channels=["orderbook"], instruments=[INSTRUMENT])
        frame = client.until("orderbook")
    shown = [
        [[level["price"], level["volume"], level["order_count"]] for level in frame[side]] for side in ("bids", "asks")
    ]
    return shown == book
