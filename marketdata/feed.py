"""From committed batches to market data: conflates books, tells every trade. Knows no frames and no groups.

A book is told at most once an interval and instrument; what changed within the interval is told at its end, so the last
state always goes out. Followers of changes have a book of their own, the one that they were told last: what is new to
them are the levels in which the present one differs.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, get_args

from marketdata.conflation import Conflation
from marketdata.core.day import Statistics
from marketdata.core.depth import Depth, depth
from marketdata.core.states import StateEvent
from marketdata.core.trades import PublicTrade
from trading.core.engine import Engine
from trading.core.events import InstrumentSettled, PhaseChanged, Traded
from trading.core.types import Direction, Phase
from trading.observability.counters import Counters
from trading.worker.batch import Batch


class Publisher(Protocol):
    """Makes frames and sends them."""

    def book_frame(self, depth: Depth) -> str: ...

    def delta_frame(self, change: Depth, *, seq: int, prev_seq: int | None) -> str: ...

    def tick_frame(
        self,
        instrument_id: str,
        price: int,
        volume: int,
        time: int,
        direction: Direction | None,
        day: Statistics | None,
    ) -> str: ...

    async def send_book(self, instrument_id: str, frame: str) -> None: ...

    async def send_delta(self, instrument_id: str, frame: str) -> None: ...

    async def send_ticks(self, instrument_id: str, frames: list[str]) -> None: ...

    async def send_phase(self, instrument_id: str, phase: Phase, time: int) -> None: ...

    async def send_states(self, events: Sequence[StateEvent], time: int) -> None: ...


ABOUT_STATES = frozenset((PhaseChanged, *get_args(StateEvent)))
"""Events that tell how an instrument is. Nearly all are others, which their exact type says in a tenth of the time."""
Day = Callable[[str, int], Statistics | None]
"""The trading day of an instrument so far, at a time (Unix ms); None if it is unknown."""


class Tick(NamedTuple):
    """The last trade. `direction`: of the side that came to the book; None in an auction, or while it is not
    known."""

    price: int
    volume: int
    time: int
    direction: Direction | None


class Feed:
    """Books and ticks of one market. `interval`: seconds between two books of an instrument. `day`: its figures, taken
    from what has heard of the batch before."""

    def __init__(self, publisher: Publisher, interval: float, day: Day, counters: Counters) -> None:
        self._publisher = publisher
        self._books = Conflation(self._tell_book, interval, at_once=True)
        self._day = day
        self._counters = counters
        self._depths: dict[str, Depth] = {}
        self._frames: dict[str, tuple[Depth, str]] = {}  # of the depths that were asked for last
        self._told: dict[str, tuple[int, Depth]] = {}  # with its number: what followers of changes know
        self._anew: set[str] = set()  # instruments whose followers have another book and are to get a whole one
        self._ticks: dict[str, Tick] = {}
        self._seen: dict[int, dict[str, Depth]] = {}  # by the number of a batch: what its books were after it
        self.present = {
            "orderbook": self.orderbook,
            "orderbook_delta": self.whole_book,
            "ticker": self.ticker,
            "instruments": lambda _: None,
        }
        """By channel: the present state of an instrument as a frame, None where there is nothing to tell."""

    # -- what is now

    def orderbook(self, instrument_id: str) -> str | None:
        """The book as of the last commit, as a frame; None if the instrument is unknown."""
        found = self._depths.get(instrument_id)
        if found is None:
            return None
        made = self._frames.get(instrument_id)
        if made is None or made[0] is not found:
            made = self._frames[instrument_id] = found, self._publisher.book_frame(found)
        return made[1]

    def whole_book(self, instrument_id: str) -> str | None:
        """The book that the next change is a change of, as a frame; None if the instrument is unknown."""
        if instrument_id not in self._told:
            return None
        seq, found = self._told[instrument_id]
        return self._publisher.delta_frame(found, seq=seq, prev_seq=None)

    def ticker(self, instrument_id: str) -> str | None:
        """The last trade as a frame, or None if there was none."""
        tick = self._ticks.get(instrument_id)
        return None if tick is None else self._tick_frame(instrument_id, tick, whole=True)

    def _tick_frame(self, instrument_id: str, tick: Tick, whole: bool) -> str:
        day = self._day(instrument_id, tick.time) if whole else None
        return self._publisher.tick_frame(instrument_id, *tick, day)

    # -- what happens

    def on_load(self, engine: Engine, time: int) -> None:
        """The engine was (re)started: its books and last trades are what is now. Books that another engine has changed
        since they were told are told soon."""
        self._seen.clear()
        for name, instrument in engine.state.instruments.items():
            self._depths[name] = found = depth(instrument, time)
            self._begin(name, found)
            if instrument.last is not None:
                price = instrument.last * instrument.contract.tick
                known = self._ticks.get(name)
                direction = known.direction if known is not None and known.time == instrument.last_time else None
                self._ticks[name] = Tick(price, instrument.last_volume, instrument.last_time, direction)

    def _begin(self, name: str, found: Depth) -> None:
        """Let the next change be one of the book that was loaded."""
        seq, told = self._told.setdefault(name, (1, found))
        if found.since(told) is not None:
            self._told[name] = seq + 1, found
            self._anew.add(name)
            self._books.changed_meanwhile(name)

    def learn_directions(self, stored: Mapping[str, PublicTrade]) -> None:
        """The engine does not keep which side came to the book; the last stored trade of an instrument tells."""
        for name, trade in stored.items():
            tick = self._ticks.get(name)
            if tick is not None and tick.direction is None and tick[:3] == (trade.price, trade.volume, trade.time):
                self._ticks[name] = tick._replace(direction=trade.direction)

    def look(self, batch: Batch) -> None:
        """A batch is being stored, and the engine is about to go on: see what it did to books, to tell that later."""
        self._seen[batch.number] = _books_after(batch)

    async def on_batch(self, batch: Batch) -> None:
        """A batch is stored: take in what it did to books and prices, and tell."""
        touched = self._seen.pop(batch.number, None)
        if touched is None:
            touched = _books_after(batch)
        self._depths.update(touched)
        await self._tell_states(batch)
        await self._tell_ticks(batch)
        for instrument_id in touched:
            if not await self._books.changed(instrument_id):
                self._counters.books_conflated += 1

    async def _tell_states(self, batch: Batch) -> None:
        states: list[StateEvent] = []
        for event in batch.events:
            if type(event) not in ABOUT_STATES:
                continue
            if isinstance(event, PhaseChanged):
                await self._publisher.send_phase(event.instrument_id, event.phase, event.time)
            elif isinstance(event, StateEvent):
                states.append(event)
                if isinstance(event, InstrumentSettled) and event.delisted:
                    await self._publisher.send_phase(event.instrument_id, Phase.DELISTED, batch.time)
        if states:
            await self._publisher.send_states(states, batch.time)

    async def _tell_ticks(self, batch: Batch) -> None:
        """Every trade; the day's figures with the last of each instrument, of which they tell."""
        ticks: defaultdict[str, list[Tick]] = defaultdict(list)
        for event in batch.events:
            if type(event) is Traded:
                direction = None if event.auction else event.taker.direction
                ticks[event.instrument_id].append(Tick(event.price, event.volume, event.time, direction))
        for instrument_id, (*before, last) in ticks.items():
            self._ticks[instrument_id] = last
            frames = [self._tick_frame(instrument_id, tick, whole=False) for tick in before]
            frames.append(self._tick_frame(instrument_id, last, whole=True))
            await self._publisher.send_ticks(instrument_id, frames)

    async def _tell_book(self, instrument_id: str) -> None:
        frame = self.orderbook(instrument_id)
        assert frame is not None, "a book is told only after it was noted"
        await self._publisher.send_book(instrument_id, frame)
        await self._tell_changes(instrument_id)
        self._counters.books_sent += 1

    async def _tell_changes(self, instrument_id: str) -> None:
        """What could not be sent was not told: the next change has it too."""
        now, before = self._depths[instrument_id], self._told.get(instrument_id)
        seq, told = before or (0, now)
        anew = before is None or instrument_id in self._anew
        change = now if anew else now.since(told)
        if change is None:
            return
        self._told[instrument_id] = seq + 1, now
        self._anew.discard(instrument_id)
        frame = self._publisher.delta_frame(change, seq=seq + 1, prev_seq=None if anew else seq)
        try:
            await self._publisher.send_delta(instrument_id, frame)
        except Exception:
            if before is None:
                del self._told[instrument_id]
            else:
                self._told[instrument_id] = before
                if anew:
                    self._anew.add(instrument_id)
            raise

    def close(self) -> None:
        """Tell nothing more."""
        self._books.close()


def _books_after(batch: Batch) -> dict[str, Depth]:
    """Those that it may have changed, as the engine has them now."""
    touched = {order.instrument.instrument_id: order.instrument for order in batch.changes.orders.values()}
    touched.update(batch.changes.instruments)
    return {name: depth(instrument, batch.time) for name, instrument in touched.items()}
