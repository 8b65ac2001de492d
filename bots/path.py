"""Fair prices that look like a market's: they wander, trend and shake by turns, and are drawn back to where they began.

Pure: a seed and the time go in, a price comes out. The same seed makes the same path, however often it is looked at.
"""

import math
import random
from dataclasses import dataclass
from enum import StrEnum

STEP = 0.25
"""Seconds between two points of a path."""
CALM = 0.00006
"""Standard deviation of the logarithm after one calm second: 1.2 % in a day of trading, as a broad index has."""
TICKS = 0.12
"""... but at least so many ticks, or a price with coarse ticks would seem to stand still."""
EDGE = 0.1
"""The share of the way to a bound that a path keeps free, so that there is room for quotes."""
WIDTH = 0.25
"""How far the path strays in the long run (standard deviation), as a share of the way to the nearer bound."""


class Regime(StrEnum):
    CALM = "calm"
    TRENDING = "trending"
    VOLATILE = "volatile"


@dataclass(frozen=True)
class Mood:
    """How long a regime lasts on average, and its volatility and drift a second, in calm volatilities."""

    seconds: float
    volatility: float
    drift: float


MOODS = {
    Regime.CALM: Mood(240, 1.0, 0.0),
    Regime.TRENDING: Mood(120, 1.2, 0.25),
    Regime.VOLATILE: Mood(60, 3.0, 0.0),
}
WANDERING = sum(
    mood.seconds * mood.volatility**2 + 2 * (mood.drift * mood.seconds) ** 2 for mood in MOODS.values()
) / sum(mood.seconds for mood in MOODS.values())
"""How much faster the variance grows over all regimes than in a calm one; trends last exponentially long."""


class Path:
    """The fair price of one instrument. It begins at `start` at the time `now`, and stays between `low` and `high`,
    drawn to `anchor`."""

    def __init__(
        self, seed: str, *, start: float, anchor: float, low: float, high: float, tick: float, now: float = 0.0
    ) -> None:
        self._dice = random.Random(seed)
        self._time = now
        self._volatility = max(CALM, TICKS * tick / anchor)
        self._log = math.log(start)
        self.regime = Regime.CALM
        self._trend = 0.0
        self._until = now + self._lasting()
        self.rebase(anchor=anchor, low=low, high=high)

    def rebase(self, *, anchor: float, low: float, high: float) -> None:
        """A new day: other bounds, and another price to be drawn to."""
        self._anchor = math.log(anchor)
        below, above = self._anchor - math.log(low), math.log(high) - self._anchor
        self._lowest, self._highest = self._anchor - below * (1 - EDGE), self._anchor + above * (1 - EDGE)
        self._pull = WANDERING * self._volatility**2 / (2 * (WIDTH * min(below, above)) ** 2)
        self._log = self._bounded(self._log)

    def at(self, now: float) -> float:
        """The price at `now`, in seconds; time does not run backwards."""
        while self._time + STEP <= now:
            self._step()
        return math.exp(self._log)

    def _step(self) -> None:
        self._time += STEP
        if self._time >= self._until:
            self._change_regime()
        mood = MOODS[self.regime]
        drift = self._trend * mood.drift * self._volatility + self._pull * (self._anchor - self._log)
        shock = mood.volatility * self._volatility * self._dice.gauss(0, 1)
        self._log = self._bounded(self._log + drift * STEP + shock * math.sqrt(STEP))

    def _bounded(self, log: float) -> float:
        return min(max(log, self._lowest), self._highest)

    def _change_regime(self) -> None:
        self.regime = self._dice.choice([regime for regime in Regime if regime is not self.regime])
        self._trend = self._dice.choice((-1.0, 1.0))
        self._until = self._time + self._lasting()

    def _lasting(self) -> float:
        return self._dice.expovariate(1 / MOODS[self.regime].seconds)
