"""Plain makers for the core's tests: contracts, terms, funded engines, orders in words, and the end of a trading day.

Words and numbers are read with `decimal` here, not with the core's own conversions, so that those are tested too.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from msgspec import UNSET

from trading.core.commands import Command, Deposit, ListInstrument, OpenAccount, Settle, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Event, Refused
from trading.core.orders import Account
from trading.core.types import (
    PLAIN,
    Contract,
    Direction,
    Fee,
    Offset,
    OrderOptions,
    OrderType,
    SelfTrade,
    StopKind,
    Terms,
    TimeCondition,
    Trigger,
)

NOW = 1_700_000_000_000
"""When tests happen, in Unix milliseconds."""

FIRST_DAY = 20240101
"""The first trading day of tests; the others follow in January."""

ORDER = re.compile(
    r"(?P<direction>BUY|SELL) (?P<offset>\w+) (?P<volume>-?\d+)( (?P<instrument>[\w.-]+))? @ (?P<price>[\d.]+|MARKET)"
    r"(?P<how>( \S+)*)"
)
SELF_TRADES = {
    "cancel-taker": SelfTrade.CANCEL_TAKER,
    "cancel-maker": SelfTrade.CANCEL_MAKER,
    "cancel-both": SelfTrade.CANCEL_BOTH,
}


# --- numbers in words


def units(text: str) -> int:
    """ "120.0" in units of 1/10,000."""
    amount = Decimal(text) * 10_000
    assert amount == int(amount), f"{text} has more than four decimals"
    return int(amount)


def rate(text: str) -> int:
    """ "10%" in units of 1/100,000,000."""
    return int(Decimal(text.removesuffix("%")) * 1_000_000)


def fee(text: str) -> Fee:
    """ "1.00" a lot, "0.01%" of the value, or both: "1.00+0.01%"."""
    parts = text.split("+")
    return Fee(
        per_lot=sum(units(part) for part in parts if "%" not in part),
        rate=sum(rate(part) for part in parts if "%" in part),
    )


def moment(text: str) -> int:
    """ "+100" in Unix milliseconds: so long after tests begin."""
    return NOW + int(text)


def trading_day(number: int) -> int:
    """The first, second, ... trading day as YYYYMMDD."""
    return FIRST_DAY + number - 1


# --- instruments


def contract(
    name: str = "IF",
    *,
    tick: str = "0.2",
    multiplier: str = "1",
    reference: str = "120",
    limits: str = "10%",
    product: str | None = None,
) -> Contract:
    return Contract(
        instrument_id=name,
        product_id=product or name,
        tick=units(tick),
        multiplier=int(multiplier),
        reference_price=units(reference),
        limit_rate=rate(limits),
    )


def terms(
    *,
    margin: str = "10%",
    short_margin: str | None = None,
    open_fee: str = "0",
    close_fee: str = "0",
    today_fee: str = "0",
    smallest: str = "1",
    largest: str = "100",
    positions: str = "0",
    orders: str = "0",
    larger_side: str = "no",
    last_day: str = "0",
    collar: str | None = None,
) -> Terms:
    """`positions`, `orders`: the most of them, 0 for no limit. `last_day`: the number of a trading day, 0 for none."""
    return Terms(
        name="a future",
        margin_long=rate(margin),
        margin_short=rate(short_margin or margin),
        fee_open=fee(open_fee),
        fee_close=fee(close_fee),
        fee_close_today=fee(today_fee),
        min_volume=int(smallest),
        max_volume=int(largest),
        max_position=int(positions),
        max_orders=int(orders),
        larger_side=larger_side == "yes",
        last_day=trading_day(int(last_day)) if int(last_day) else 0,
        collar=UNSET if collar is None else rate(collar),
    )


# --- orders


def order(account_id: int, words: str, instrument_id: str = "IF") -> SubmitOrder:
    """An order as a trader says it: "BUY OPEN 10 @ 120.0", "SELL CLOSE 3 AU @ MARKET stop 118.0 on BID GTC id x1"."""
    said = ORDER.fullmatch(words)
    assert said, f"not an order: {words}"
    market = said["price"] == "MARKET"
    how = Manner(said["how"].split())
    return SubmitOrder(
        account_id=account_id,
        instrument_id=said["instrument"] or instrument_id,
        direction=Direction(said["direction"]),
        offset=Offset(said["offset"]),
        order_type=OrderType.MARKET if market else OrderType.LIMIT,
        volume=int(said["volume"]),
        price=None if market else units(said["price"]),
        time_condition=how.time_condition,
        client_order_id=how.own_id,
        options=None if how.options == PLAIN else how.options,
    )


class Manner:
    """What an order says behind its price: how long it stays, its own id, and how it wants to be handled."""

    def __init__(self, words: list[str]) -> None:
        self.time_condition = TimeCondition.GFD
        self.own_id: str | None = None
        said: dict[str, object] = {}
        told = iter(words)
        for word in told:
            match word:
                case "GFD" | "GTC" | "GTD" | "IOC" | "FOK":
                    self.time_condition = TimeCondition(word)
                case "until":
                    said["expires_at"] = moment(next(told))
                case "valid":
                    said["valid_until"] = moment(next(told))
                case "post-only":
                    said["post_only"] = True
                case "reduce-only":
                    said["reduce_only"] = True
                case "showing":
                    said["display_volume"] = int(next(told))
                case "stop":
                    said["stop_price"] = units(next(told))
                case "take-profit":
                    said |= {"stop_kind": StopKind.TAKE_PROFIT, "stop_price": units(next(told))}
                case "profit":
                    said["stop_kind"] = StopKind.TAKE_PROFIT
                case "on":
                    said["trigger"] = Trigger(next(told))
                case "trail":
                    said["trail"] = units(next(told))
                case "group":
                    said["oco_group"] = next(told)
                case "cancel-taker" | "cancel-maker" | "cancel-both":
                    said["stp"] = SELF_TRADES[word]
                case "levels":
                    said["price_levels"] = int(next(told))
                case "id":
                    self.own_id = next(told)
                case _:
                    raise AssertionError(f"no way to handle an order: {word}")
        self.options = OrderOptions(**said)  # type: ignore[arg-type]


# --- engines


def do(engine: Engine, command: Command, now: int = NOW) -> list[Event]:
    """Apply a command that must not be refused."""
    events = engine.apply(command, now)
    assert not isinstance(events[0], Refused), f"{command} was {events[0]}"
    engine.check()
    return events


def exchange(contract: Contract, terms: Terms, *funds: str) -> Engine:
    """An engine with one instrument and, for each of `funds`, an account (1, 2, ...) that has them."""
    engine = Engine()
    do(engine, ListInstrument(contract, terms))
    for number, amount in enumerate(funds, start=1):
        do(engine, OpenAccount(f"user{number}"))
        do(engine, Deposit(f"user{number}", units(amount)))
    return engine


def trade(engine: Engine, price: str, *, buyer: int, seller: int, lots: int = 1, offset: str = "OPEN") -> None:
    """Let `seller` and `buyer` open (or both close) `lots` at `price`."""
    do(engine, order(seller, f"SELL {offset} {lots} @ {price}"))
    do(engine, order(buyer, f"BUY {offset} {lots} @ {price}"))


def account(engine: Engine, account_id: int) -> Account:
    return engine.state.accounts[account_id]


def settlement(engine: Engine, prices: Mapping[str, int]) -> Settle:
    """The end of the day that the engine is in, and the beginning of the next; `prices` in money units."""
    today = engine.snapshot().day.trading_day or FIRST_DAY
    return Settle(today, today + 1, dict(prices))


def overnight(engine: Engine, prices: Mapping[str, int], now: int = NOW) -> list[Event]:
    """Settle the day at these prices."""
    return do(engine, settlement(engine, prices), now)
