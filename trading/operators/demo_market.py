"""The demo market: three index futures, ten traders, one operator. Nothing else of the exchange depends on it."""

from collections.abc import Iterable

from trading.core.commands import AdminCommand, Deposit, ListInstrument, OpenAccount
from trading.core.money import RATE, UNIT
from trading.core.types import Contract, Fee, Terms, stored_name

USERS = [f"user{number:03}" for number in range(1, 11)]
DEPOSIT = 10_000_000 * UNIT
OPERATOR = "operator"
TOKEN_NAME = "demo"  # noqa: S105  # a name
"""Tokens of this name are replaced by fresh ones."""


def _index_future(name: str, title: str, tick: str, multiplier: int, reference: str, margin: str) -> ListInstrument:
    """CFFEX-like: limits 10 % around the reference, 0.0023 % commission, ten times that for closing today's lots."""
    units = {key: round(float(value) * UNIT) for key, value in {"tick": tick, "reference": reference}.items()}
    rate = round(float(margin) * RATE)
    fee = Fee(0, RATE * 23 // 1_000_000)
    return ListInstrument(
        Contract(
            instrument_id=name,
            product_id=name[:2],
            tick=units["tick"],
            multiplier=multiplier,
            reference_price=units["reference"],
            limit_rate=RATE // 10,
        ),
        Terms(
            name=title,
            margin_long=rate,
            margin_short=rate,
            fee_open=fee,
            fee_close=fee,
            fee_close_today=Fee(0, fee.rate * 10),
            max_volume=1_000,
        ),
    )


INSTRUMENTS = [
    _index_future("IX2301", "Demo index future", "0.5", 100, "120", "0.10"),
    _index_future("IF2301", "CSI 300 index future", "0.2", 300, "4000", "0.12"),
    _index_future("IC2301", "CSI 500 index future", "0.2", 200, "6000", "0.14"),
]


def further_founding(market: str) -> list[tuple[AdminCommand, str]]:
    """What makes a market beside the first: a future of its own, and the same traders with as much money again."""
    listing = _index_future(f"{market}2301", f"Demo future of {market}", "1", 10, "5000", "0.10")
    return founding([listing], f"demo:{market}")


def founding(listings: Iterable[ListInstrument] = INSTRUMENTS, keys: str = "demo") -> list[tuple[AdminCommand, str]]:
    """What makes the market, each with the key under which it is asked for: nobody is given their funds twice."""
    asks: list[tuple[AdminCommand, str]] = [(listing, listing.contract.instrument_id) for listing in listings]
    for user_id in USERS:
        asks += [(OpenAccount(user_id), user_id), (Deposit(user_id, DEPOSIT), user_id)]
    return [(command, f"{keys}:{stored_name(command)}:{name}") for command, name in asks]
