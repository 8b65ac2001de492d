"""Plain makers for the core's tests: contracts, terms, funded engines, orders in words, and a night between two days.

Words and numbers are read with `decimal` here, not with the core's own conversions, so that those are tested too.
"""

import re
from decimal import Decimal

import msgspec

from trading.core.commands import Command, Deposit, ListInstrument, OpenAccount, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Event, Refused
from trading.core.risk import Account
from trading.core.snapshot import AccountRecord, InstrumentRecord, LegRecord, PositionRecord, Snapshot
from trading.core.types import Contract, Direction, Fee, Offset, OrderType, Terms, TimeCondition

NOW = 1_700_000_000_000
"""When tests happen, in Unix milliseconds."""

ORDER = re.compile(
    r"(?P<direction>BUY|SELL) (?P<offset>\w+) (?P<volume>-?\d+)( (?P<instrument>\w+))? @ (?P<price>[\d.]+|MARKET)"
    r"( (?P<time>IOC|GFD))?( id (?P<own_id>\w+))?"
)


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


def contract(
    name: str = "IF", *, tick: str = "0.2", multiplier: str = "1", reference: str = "120", limits: str = "10%"
) -> Contract:
    return Contract(
        instrument_id=name,
        product_id=name,
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
) -> Terms:
    return Terms(
        name="a future",
        margin_long=rate(margin),
        margin_short=rate(short_margin or margin),
        fee_open=fee(open_fee),
        fee_close=fee(close_fee),
        fee_close_today=fee(today_fee),
        min_volume=int(smallest),
        max_volume=int(largest),
    )


def order(account_id: int, words: str, instrument_id: str = "IF") -> SubmitOrder:
    """An order as a trader says it: "BUY OPEN 10 @ 120.0", "SELL CLOSE 3 AU @ MARKET", "BUY OPEN 1 @ 120 IOC id x1"."""
    said = ORDER.fullmatch(words)
    assert said, f"not an order: {words}"
    market = said["price"] == "MARKET"
    return SubmitOrder(
        account_id=account_id,
        instrument_id=said["instrument"] or instrument_id,
        direction=Direction(said["direction"]),
        offset=Offset(said["offset"]),
        order_type=OrderType.MARKET if market else OrderType.LIMIT,
        volume=int(said["volume"]),
        price=None if market else units(said["price"]),
        time_condition=TimeCondition(said["time"] or "GFD"),
        client_order_id=said["own_id"],
    )


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


# --- the night


def overnight(engine: Engine, prices: dict[str, int]) -> Engine:
    """The engine on the next day: balances carried over, all lots yesterday's, costing the settlement price.

    `prices`, in money units, are the settlement prices. No order may be live.
    """
    assert not engine.state.orders, "day orders do not survive the night"
    before = engine.snapshot()
    marked = msgspec.structs.replace(before, instruments=[_marked(each, prices) for each in before.instruments])
    evening = Engine.restore(marked).state.accounts.values()
    after = Snapshot(
        last_id=before.last_id,
        instruments=marked.instruments,
        accounts=[AccountRecord(a.account_id, a.user_id, a.figures().balance, 0, 0, 0, 0) for a in evening],
        positions=[_carried(each, engine, prices[each.instrument_id]) for each in before.positions],
        orders=[],
    )
    return Engine.restore(after)


def _marked(record: InstrumentRecord, prices: dict[str, int]) -> InstrumentRecord:
    price = prices[record.contract.instrument_id]
    return msgspec.structs.replace(record, last=price)


def _carried(record: PositionRecord, engine: Engine, price: int) -> PositionRecord:
    lot_value = price * engine.state.instruments[record.instrument_id].contract.multiplier
    long, short = (_his(leg, lot_value) for leg in (record.long, record.short))
    return msgspec.structs.replace(record, long=long, short=short)


def _his(leg: LegRecord, lot_value: int) -> LegRecord:
    lots = leg.today + leg.his
    return LegRecord(0, lots, 0, lots * lot_value, leg.today_cost + leg.his_open_cost)
