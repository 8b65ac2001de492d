"""An instrument's trading day in figures: what its bar says, held against the last settlement price."""

import msgspec

from marketdata.core.bars import Bar
from trading.core.orders import Instrument
from trading.core.types import Phase


class Reference(msgspec.Struct, frozen=True, gc=False):
    """What a settlement (or the listing) has left: its price and the day's limits (None: there are none), in 1/10,000.
    `delisted`: nobody holds it any more."""

    settlement: int
    upper_limit: int | None
    lower_limit: int | None
    delisted: bool


def reference_of(instrument: Instrument) -> Reference:
    """As the engine has it now."""
    tick, limited = instrument.contract.tick, instrument.contract.limit_rate > 0
    return Reference(
        instrument.settlement,
        instrument.limit_up * tick if limited else None,
        instrument.limit_down * tick if limited else None,
        instrument.phase is Phase.DELISTED,
    )


class Statistics(msgspec.Struct, frozen=True):
    """A trading day so far. Prices and turnover in 1/10,000, volumes in lots; the prices of a day that has not seen a
    trade are None. `settlement` is the previous one, `change` the last price less it."""

    instrument_id: str
    open: int | None
    high: int | None
    low: int | None
    last: int | None
    change: int | None
    volume: int
    turnover: int
    trades: int
    open_interest: int
    settlement: int
    upper_limit: int | None
    lower_limit: int | None


def statistics(instrument_id: str, bar: Bar | None, open_interest: int, reference: Reference) -> Statistics:
    """The figures of a day from its bar so far; None before its first trade."""
    return Statistics(
        instrument_id=instrument_id,
        open=None if bar is None else bar.open,
        high=None if bar is None else bar.high,
        low=None if bar is None else bar.low,
        last=None if bar is None else bar.close,
        change=None if bar is None else bar.close - reference.settlement,
        volume=0 if bar is None else bar.volume,
        turnover=0 if bar is None else bar.turnover,
        trades=0 if bar is None else bar.trades,
        open_interest=0 if reference.delisted else open_interest,
        settlement=reference.settlement,
        upper_limit=reference.upper_limit,
        lower_limit=reference.lower_limit,
    )
