"""What drives takers: when they come, how much they want, which side, and with what kind of order.

Pure: the dice and the time come from outside. Prices are in ticks.
"""

import math
import random
from dataclasses import dataclass

from bourse_client.messages import BUY, CLOSE, OPEN, SELL

from bots.portfolio import CONTINUOUS, Instrument

EXCITEMENT = 0.5
"""Arrivals that an arrival brings about on average: trades come in bursts."""
CALMING = 0.8
"""How fast the excitement goes, a second."""
MEDIAN_LOTS, SPREAD = 2.0, 0.9
"""Sizes are log-normal: most are a few lots, some many."""
BITE = 0.3
"""The largest share of what is shown on the other side that one order takes: nobody clears a book on purpose."""
CONVICTION = 1.0
"""How strongly a price that is off by a tick decides the side."""
PATIENT, CAREFUL = 0.2, 0.3
"""The share of orders that wait in the book, and of the others those that name the worst price they take."""
SHORTEST_STAY, MEAN_STAY = 5.0, 15.0
"""Seconds until an order that waits is cancelled: at least, and on average beyond that."""
EASE, MOST = 60, 300
"""Lots held at which a taker would rather turn round, and those beyond which it only closes."""


class Arrivals:
    """Moments of a self-exciting (Hawkes) process with `rate` a second in the long run."""

    def __init__(self, dice: random.Random, rate: float) -> None:
        self._dice = dice
        self._base = rate * (1 - EXCITEMENT)
        self._excited = 0.0
        self._time = 0.0

    def next(self) -> float:
        """The next moment, in seconds from the beginning. Candidates come at the present intensity, which can only
        fall until then, and are taken as often as it still holds (thinning)."""
        while True:
            highest = self._base + self._excited
            pause = self._dice.expovariate(highest)
            self._time += pause
            self._excited *= math.exp(-CALMING * pause)
            if self._dice.random() * highest <= self._base + self._excited:
                self._excited += EXCITEMENT * CALMING
                return self._time


def size(dice: random.Random) -> int:
    """Whole lots, skewed."""
    return max(1, round(dice.lognormvariate(math.log(MEDIAN_LOTS), SPREAD)))


@dataclass(frozen=True)
class View:
    """What a taker looks at. `free`: lots that a buy and a sale could close. `lots`: what the book shows, by the side
    that an order of this direction takes from."""

    phase: str
    fair: float
    best_bid: int | None
    best_ask: int | None
    net: int
    free: dict[str, int]
    lots: dict[str, int]
    appetite: float = 1.0


@dataclass(frozen=True)
class Intent:
    """An order to send. `price` is None for MARKET orders; `patience`: seconds until a resting one is cancelled."""

    direction: str
    offset: str
    order_type: str
    time_condition: str
    price: int | None
    volume: int
    patience: float | None = None


def decide(dice: random.Random, instrument: Instrument, view: View) -> Intent | None:
    """What a taker that has just come does; None if there is nothing it may do. What it can close it closes first."""
    direction = BUY if dice.random() < buying(view) else SELL
    lots, offset = size(dice), OPEN
    if view.free[direction] >= instrument.min_volume:
        lots, offset = min(lots, view.free[direction]), CLOSE
    elif not view.appetite or abs(view.net) >= MOST:
        return None
    touch = view.best_ask if direction == BUY else view.best_bid
    if view.phase != CONTINUOUS or touch is None or dice.random() < PATIENT:
        return _rest(dice, instrument, view, direction, offset, lots)
    lots = _allowed(instrument, min(lots, int(BITE * view.lots[direction])))
    if dice.random() < CAREFUL:
        toward = 1 if direction == BUY else -1
        price = _inside(instrument, touch + toward * dice.randrange(3))
        return Intent(direction, offset, "LIMIT", "IOC", price, lots)
    return Intent(direction, offset, "MARKET", "IOC", None, lots)


def _rest(dice: random.Random, instrument: Instrument, view: View, direction: str, offset: str, lots: int) -> Intent:
    """An order near the best price of its own side, or near the fair price where there is none."""
    outward = -1 if direction == BUY else 1
    best = view.best_bid if direction == BUY else view.best_ask
    start = round(view.fair) + outward if best is None else best
    price = _inside(instrument, start + outward * dice.randrange(4))
    patience = SHORTEST_STAY + dice.expovariate(1 / MEAN_STAY)
    return Intent(direction, offset, "LIMIT", "GFD", price, _allowed(instrument, lots), patience)


def buying(view: View) -> float:
    """The chance that a taker buys: the likelier, the cheaper the market and the shorter its position."""
    middle = view.fair
    if view.best_bid is not None and view.best_ask is not None:
        middle = (view.best_bid + view.best_ask) / 2
    pull = CONVICTION * (view.fair - middle) - 2 * view.net / EASE
    return 1 / (1 + math.exp(-min(max(pull, -20.0), 20.0)))


def _inside(instrument: Instrument, price: int) -> int:
    return min(max(price, instrument.low), instrument.high)


def _allowed(instrument: Instrument, lots: int) -> int:
    return min(max(lots, instrument.min_volume), instrument.max_volume)
