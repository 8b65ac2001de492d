"""What an exchange has done since it started, in plain numbers: counted where it happens, read when somebody asks.

Each exchange has counters of its own, which whoever has something to count is handed. Knows no clock and nobody who
reads it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

from trading.core.commands import Command
from trading.core.events import Event, OrderRepeated, Refused

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From what a lone command takes in one stage to what nobody waits for."""
COMMANDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
STAGES = ("apply", "commit", "answer", "tell")
"""Of a batch: what the engine does and its pushes are made, the commit, the answers, then pushes and market data."""


class Histogram:
    """How many values were at most each of `bounds`, or above them all, and their sum: a histogram."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def note_falling(self, values: list[float]) -> None:
        """Many at once, the largest first. (Those of a batch mostly lie between two bounds, and cost no search.)"""
        bounds, counts = self.bounds, self.counts
        highest, lowest = bisect_left(bounds, values[0]), bisect_left(bounds, values[-1])
        if highest == lowest:
            counts[highest] += len(values)
        else:
            for value in values:
                counts[bisect_left(bounds, value)] += 1
        self.total += sum(values)


class Counters:
    """Counters only grow. Whoever counts adds to them where they are."""

    def __init__(self) -> None:
        self.done: Counter[type[Command]] = Counter()
        self.not_done: Counter[tuple[type[Command], str]] = Counter()
        """By kind and result: the public code, or `repeated`."""
        self.trades = 0
        self.batch_size = Histogram(COMMANDS)
        self.waited = Histogram(SECONDS)
        self.answered = Histogram(SECONDS)
        self.stages = {stage: Histogram(SECONDS) for stage in STAGES}
        self.batches_failed = 0
        self.loop_lag = Histogram(SECONDS)
        self.connections_opened = 0
        self.connections_closed: Counter[int] = Counter()
        """By close code, where the exchange has closed."""
        self.connections_refused = Counter({"connections": 0, "connections of a user": 0})
        """By the limit that was reached, in a word or two."""
        self.books_sent = 0
        self.books_conflated = 0
        """Books that a later one has replaced before they were sent."""
        self.readers_paused = 0
        """How often a client was too slow for market data, and got none until it had caught up."""
        self.errors = 0

    def not_taken(self, command: Command, refusal: Refused) -> None:
        """It was answered so because the exchange is away, not by a rule."""
        self.not_done[type(command), result_of(refusal)] += 1

    def batch(self, done: Iterable[Command], not_done: Iterable[tuple[Command, Event]]) -> None:
        """What became of the commands of a batch that is stored, if it had to be."""
        self.done.update(map(type, done))
        for command, event in not_done:
            self.not_done[type(command), result_of(event)] += 1

    def answers(self, arrived: list[float], taken: float, answered: float) -> None:
        """Commands that came in at `arrived`, in this order, were answered together."""
        self.waited.note_falling([taken - at for at in arrived])
        self.answered.note_falling([answered - at for at in arrived])


def result_of(event: Event) -> str:
    """What the first event of a command says of it, in a word: `done`, `repeated`, or the public code of a refusal."""
    if isinstance(event, Refused):
        return str(event.code.value)
    return "repeated" if isinstance(event, OrderRepeated) else "done"
