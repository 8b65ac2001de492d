"""What a market maker shows: a ladder of orders on both sides of a price, and how to get there from the orders it has.

Pure. Prices are in ticks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bourse_client.messages import BUY, CLOSE, OPEN, SELL

from bots.portfolio import Instrument, Order

SLACK = 0.75
"""Ticks that the price must have moved before the quotes follow, or they would flutter between two ticks."""


@dataclass(frozen=True)
class Style:
    """How a maker quotes: `gap` ticks on either side of its price, and behind that at every `spacing` ticks, with
    `lots` at the first level and half as many more at each one behind. `lean`: ticks by which a position of `ease` lots
    moves its price."""

    levels: int = 5
    gap: float = 1.0
    spacing: int = 1
    lots: int = 6
    lean: float = 1.0
    ease: int = 40


@dataclass(frozen=True)
class View:
    """What a maker looks at. `best_bid`, `best_ask`: those of others. `most`: lots that it is ready to be long or
    short. `appetite`: from 1 down to 0, at which it only closes."""

    fair: float
    net: int
    most: int
    best_bid: int | None = None
    best_ask: int | None = None
    appetite: float = 1.0


@dataclass(frozen=True)
class Quote:
    direction: str
    price: int
    volume: int


def skew(style: Style, net: int) -> float:
    """Ticks that a position adds to the maker's price: it offers cheaply what it has too much of. Grows slowly, so that
    nobody can buy the price away."""
    return -math.copysign(style.lean * math.log2(1 + abs(net) / style.ease), net)


def follow(last: float | None, wanted: float) -> float:
    """The price to quote around: the last one, until the wanted one has moved far enough."""
    return wanted if last is None or abs(wanted - last) >= SLACK else last


def ladder(style: Style, instrument: Instrument, view: View, centre: float) -> list[Quote]:
    """The orders to have around `centre`: inside the day's limits, and never at a price where somebody else would
    trade with them at once."""
    room = min(style.gap + 1, (instrument.high - instrument.low) / 2)
    centre = min(max(centre, instrument.low + room), instrument.high - room)
    bid = max(math.floor(centre - style.gap), instrument.low)
    ask = min(math.ceil(centre + style.gap), instrument.high)
    if view.best_ask is not None:
        bid = min(bid, view.best_ask - 1)
    if view.best_bid is not None:
        ask = max(ask, view.best_bid + 1)
    return [*_side(BUY, bid, style, instrument, view), *_side(SELL, ask, style, instrument, view)]


def _side(direction: str, top: int, style: Style, instrument: Instrument, view: View) -> list[Quote]:
    """The levels of one side, as many as may be had. What makes a position smaller is always offered in full."""
    held = max(0, -view.net if direction == BUY else view.net)
    share = 1.0 if held else view.appetite * max(0.0, 1 - abs(view.net) / max(view.most, 1))
    left = instrument.max_volume * style.levels if view.appetite else held
    levels = style.levels if instrument.max_orders is None else min(style.levels, instrument.max_orders // 2)
    quotes: list[Quote] = []
    for level, price in enumerate(_rungs(direction, top, style.spacing, levels)):
        volume = max(math.ceil(style.lots * (1 + level / 2) * share), instrument.min_volume) if share else 0
        volume = min(volume, instrument.max_volume, left)
        if volume < instrument.min_volume or not instrument.low <= price <= instrument.high:
            break
        quotes.append(Quote(direction, price, volume))
        left -= volume
    return quotes


def _rungs(direction: str, top: int, spacing: int, levels: int) -> list[int]:
    """The best price and those behind it, which are multiples of the spacing: they stay when the best one moves."""
    outward = 1 if direction == SELL else -1
    behind = outward * top // spacing + 1
    return [top, *(outward * spacing * (behind + level) for level in range(levels - 1))][:levels]


# --- from the orders that are there to those that should be


@dataclass(frozen=True)
class Amendment:
    order: Order
    price: int
    volume: int


@dataclass(frozen=True)
class Submission:
    direction: str
    offset: str
    price: int
    volume: int


@dataclass(frozen=True)
class Plan:
    """What to do, in this order; the amendments that make way come before those that advance."""

    cancels: list[Order]
    amendments: list[Amendment]
    submissions: list[Submission]


def plan(live: Sequence[Order], wanted: Sequence[Quote], free: dict[str, int], min_volume: int = 1) -> Plan:
    """The way from the live orders to the wanted ones. What stands at a wanted price stays as it is, the others are
    moved to prices where one is missing. `free`: lots that each direction could close; what closes is preferred."""
    free = dict(free)
    cancels, amendments, submissions = [], [], []
    for direction in (BUY, SELL):
        spare, missing = _difference(
            sorted((order for order in live if order.direction == direction), key=_distance),
            sorted((quote for quote in wanted if quote.direction == direction), key=_distance),
        )
        for quote in missing:
            may_close = free[direction] >= min_volume
            if spare and not (may_close and spare[0].offset == OPEN):
                amendments.append(_moved(spare.pop(0), quote))
                continue
            volume = min(quote.volume, free[direction]) if may_close else quote.volume
            free[direction] -= volume if may_close else 0
            submissions.append(Submission(direction, CLOSE if may_close else OPEN, quote.price, volume))
        cancels += spare
    return Plan(cancels, sorted(amendments, key=_advances), submissions)


def _difference(live: list[Order], wanted: list[Quote]) -> tuple[list[Order], list[Quote]]:
    """Orders that are at no wanted price or double at one, and quotes that no order stands for."""
    missing = {quote.price: quote for quote in wanted}
    spare = [order for order in live if missing.pop(order.price, None) is None]
    return spare, list(missing.values())


def _distance(what: Order | Quote) -> int:
    """Sorts one side of a book, the best price first."""
    return -what.price if what.direction == BUY else what.price


def _moved(order: Order, quote: Quote) -> Amendment:
    """An order's volume counts filled lots too. A closing keeps its volume, for which there may be no more lots."""
    filled = order.volume - order.left
    return Amendment(order, quote.price, filled + quote.volume if order.offset == OPEN else order.volume)


def _advances(amendment: Amendment) -> bool:
    """Whether it goes towards the other side of the book."""
    up = amendment.price > amendment.order.price
    return up == (amendment.order.direction == BUY)
