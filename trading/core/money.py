"""Money and rates as integers, and the only place that rounds.

Money and prices are in units of 1/10,000 of the currency, rates in 1/100,000,000. Formulas are those of the design:
margin and commission are rounded half up, once, on the amount they are charged on; what is *held* for an order is
rounded up per lot, so that no way of filling it can cost more than its hold.

Compiled code multiplies by itself what is from 0 to 2^30, and asks Python for the rest. So an amount is split where a
rate is taken of it, here, and elsewhere no negative number is multiplied on the way of an order.
"""

import re
from fractions import Fraction
from typing import Final

UNIT: Final = 10_000
"""Money units in one unit of the currency."""

RATE: Final = 100_000_000
"""Rate units in 1 (100 %)."""

MAX_MONEY = 10**15
"""Largest balance an account may be given (10^11 in currency): sums of it stay far inside 63 bits."""

MAX_PRICE = 10**13
"""Largest price (10^9 in currency), for the same reason."""

MAX_NOTIONAL = 10**18
"""Largest price × lots × multiplier of one order (10^14 in currency): everything stays inside 63 bits."""

DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,20})?")
"""How operators write amounts and rates."""

NOISE = 1e-9
"""How far a double may be from the number that it stands for."""

NOISE_SHARE = 2.0**-50
"""The same as a share of large numbers, whose doubles lie further apart: some steps of rounding."""

MIN_MARGIN_RATE = RATE // 1000
"""Smallest margin rate, 0.1 %: it bounds the cost of a position by a thousand times the largest balance."""


def share(amount: int, rate: int) -> int:
    """`amount` × `rate`, rounded half up to a money unit."""
    whole, rest = amount // RATE, amount % RATE
    return whole * rate + (rest * rate + RATE // 2) // RATE


def share_up(amount: int, rate: int) -> int:
    """`amount` × `rate`, rounded up to a money unit: what is held for a lot."""
    whole, rest = amount // RATE, amount % RATE
    return whole * rate + (rest * rate + RATE - 1) // RATE


def commission(fixed: int, value: int, factor: int) -> int:
    """What is charged: `fixed` (money units) and `value` (money × rate), and of both together the share `factor`;
    rounded half up once."""
    if factor == RATE:
        return fixed + (value + RATE // 2) // RATE
    return (2 * (fixed * RATE + value) * factor + RATE * RATE) // (2 * RATE * RATE)


def part(amount: int, of: int, whole: int) -> int:
    """The part of `amount` that belongs to `of` of `whole` lots, rounded half up; all of it when `of` is `whole`."""
    return (2 * amount * of + whole) // (2 * whole)


def to_currency(units: int) -> float:
    """Money units as the float that the wire carries: 1200000 -> 120.0."""
    return units / UNIT


def known_currency(units: int | None) -> float | None:
    """The same of what may be unknown, or is no limit."""
    return None if units is None else to_currency(units)


def price_from_float(value: float) -> int | None:
    """A price from the wire in money units, or None when it is too large or no multiple of 1/10,000. It may have been
    computed in doubles: 19956 * 0.2 is 3991.2000000000003."""
    if not abs(value) <= MAX_PRICE / UNIT:
        return None
    units = round(value * UNIT)
    return units if value == units / UNIT or _means(value, units / UNIT) else None


def whole_from_float(value: float) -> int | None:
    """A number of lots from the wire, or None when it is not whole. It may have been computed in doubles, too."""
    lots = round(value)
    return lots if value == lots or _means(value, lots) else None


def _means(value: float, exact: float) -> bool:
    """Whether a double stands for a number that it is not. Nothing else stands for zero."""
    return exact != 0 and abs(value - exact) <= NOISE + abs(exact) * NOISE_SHARE


def from_text(text: str, *, scale: int = UNIT) -> int:
    """An operator's decimal text ("10000.50") in units of 1/`scale`. ValueError: too many digits, or no number."""
    if DECIMAL.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not a number such as 10000.50")
    units = Fraction(text) * scale
    if units.denominator != 1:
        raise ValueError(f"{text} has more than {len(str(scale)) - 1} decimals")
    return units.numerator


def to_text(units: int, *, scale: int = UNIT) -> str:
    """Units as decimal text without trailing zeros beyond two decimals: 1200000 -> "120.00"."""
    digits = len(str(scale)) - 1
    whole, fraction = divmod(abs(units), scale)
    tail = str(fraction).rjust(digits, "0").rstrip("0").ljust(2, "0")
    return f"{'-' if units < 0 else ''}{whole}.{tail}"
