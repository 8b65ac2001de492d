"""Instruments, and the market's own row."""

from typing import Any

import msgspec

from trading.core.orders import Instrument
from trading.core.snapshot.records import DayRecord, InstrumentRecord, SweepRecord
from trading.core.snapshot.taking import sweep_records
from trading.core.types import Announcement, Contract, Fee, MarketLimits, Phase, Restrictions, Terms
from trading.models import Instrument as InstrumentRow
from trading.models import Market
from trading.storage.sql import GIVEN, Columns, Table, json_text

SWEEPS = msgspec.json.Decoder(list[SweepRecord])

_FEES = [field.name for field in msgspec.structs.fields(Terms) if field.type is Fee]
TERMS = {name: f"terms.{name}" for name in Terms.__struct_fields__ if name not in _FEES} | {
    f"{name}_{part}": f"terms.{name}.{part}" for name in _FEES for part in Fee.__struct_fields__
}


def _in_units(instrument: Instrument, ticks: int | None) -> int | None:
    """A price in ticks as it is stored, in 1/10,000."""
    return None if ticks is None else ticks * instrument.contract.tick


def _limit(instrument: Instrument, ticks: int) -> int | None:
    return _in_units(instrument, ticks) if instrument.contract.limit_rate > 0 else None


def _collar(instrument: Instrument) -> int | None:
    collar = instrument.terms.collar
    return None if isinstance(collar, msgspec.UnsetType) else collar


INSTRUMENT = Columns(
    fixed={"market": GIVEN, **{name: f"contract.{name}" for name in Contract.__struct_fields__}},
    changing={
        **TERMS,
        "collar": _collar,
        "limit_up": lambda instrument: _limit(instrument, instrument.limit_up),
        "limit_down": lambda instrument: _limit(instrument, instrument.limit_down),
        "phase": "phase._value_",
        "scheduled": "scheduled._value_",
        "settlement": "settlement",
        "mark_price": lambda instrument: _in_units(instrument, instrument.marked),
        "last_price": lambda instrument: _in_units(instrument, instrument.last),
        "last_volume": "last_volume",
        "last_time": "last_time",
        "sweeps": lambda instrument: json_text(sweep_records(instrument)) if instrument.waiting.sweeps else None,
    },
)
INSTRUMENTS = Table(InstrumentRow, INSTRUMENT, key=("instrument_id",))


def instrument_record(row: InstrumentRow) -> InstrumentRecord:
    """An instrument's row as the engine restores it."""
    return InstrumentRecord(
        contract=Contract(**{name: getattr(row, name) for name in Contract.__struct_fields__}),
        terms=terms_of(row),
        phase=Phase(row.phase),
        scheduled=Phase(row.scheduled),
        settlement=row.settlement,
        mark=row.mark_price,
        last=row.last_price,
        last_volume=row.last_volume,
        last_time=row.last_time,
        sweeps=[] if row.sweeps is None else SWEEPS.decode(row.sweeps),
    )


def terms_of(row: InstrumentRow) -> Terms:
    """What may be changed of an instrument."""
    values: dict[str, Any] = {name: getattr(row, name) for name in Terms.__struct_fields__ if name not in _FEES}
    for name in _FEES:
        values[name] = Fee(*(getattr(row, f"{name}_{part}") for part in Fee.__struct_fields__))
    if row.collar is None:
        values["collar"] = msgspec.UNSET
    return Terms(**values)


def restrictions_of(stored: Any) -> Restrictions:
    """What operators have switched off in a market."""
    return msgspec.convert(stored, Restrictions)


def announcements_of(stored: Any) -> tuple[Announcement, ...]:
    """What operators have announced in a market; some of it may be over."""
    return msgspec.convert(stored, tuple[Announcement, ...])


def day_record(row: Market) -> DayRecord:
    """Where the market stands in time, and what holds for all its accounts."""
    limits = msgspec.convert(row.limits, MarketLimits) if row.limits else None
    off = restrictions_of(row.restrictions) if row.restrictions else None
    told, broken = announcements_of(row.announcements), tuple(row.broken_trades)
    return DayRecord(row.trading_day, row.net_deposits, row.commission, row.fee_groups, limits, off, told, broken)
