"""What the bots of one process share: where the exchange is, their time, and the fair prices they all believe in."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bots.path import Path
from bots.portfolio import Instrument


@dataclass(frozen=True)
class Identity:
    user_id: str
    token: str


@dataclass
class World:
    """What the bots of a process share. `clock`: seconds since they began, in their own time."""

    url: str
    seed: str
    speed: float
    clock: Callable[[], float]
    only: frozenset[str] = frozenset()
    paths: dict[str, Path] = field(default_factory=dict)
    bounds: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def learn(self, instrument: Instrument) -> None:
        """Have a path for this instrument, inside the limits that it has today."""
        name, tick = instrument.instrument_id, instrument.tick
        anchor, low, high = (tick * ticks for ticks in (instrument.anchor, instrument.low, instrument.high))
        path = self.paths.get(name)
        if path is None:
            start = tick * (instrument.anchor if instrument.last is None else instrument.last)
            self.paths[name] = Path(
                f"{self.seed} {name}", start=start, anchor=anchor, low=low, high=high, tick=tick, now=self.clock()
            )
        elif self.bounds[name] != (anchor, low, high):
            path.rebase(anchor=anchor, low=low, high=high)
        self.bounds[name] = anchor, low, high

    def fair(self, instrument: Instrument) -> float:
        """The fair price now, in ticks."""
        return self.paths[instrument.instrument_id].at(self.clock()) / instrument.tick
