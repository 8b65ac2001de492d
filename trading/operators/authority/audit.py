"""What a command is about, as the tables show it: the audit trail keeps it from before and from after. Reads only."""

from typing import Any

from trading.core.commands import (
    AdminCommand,
    ChangeTerms,
    Deposit,
    ForceClose,
    FreezeAccount,
    HaltInstrument,
    ReceiveTransfer,
    ResumeInstrument,
    ReturnTransfer,
    SendTransfer,
    SetAccountRules,
    SetFeeGroup,
    SetInstrumentPhase,
    Settle,
    StopLiquidation,
    Withdraw,
)
from trading.core.money import RATE, to_text
from trading.models import Account, Instrument, Market

Facts = dict[str, Any] | None


def facts_about(command: AdminCommand, market: str) -> Facts:
    """What a command may change, in a few words; None where there is nothing yet, or nothing that would fit."""
    match command:
        case Deposit() | Withdraw() | FreezeAccount() | SetAccountRules() | ForceClose() | StopLiquidation():
            return _account(command.user_id, market)
        case SendTransfer() | ReceiveTransfer() | ReturnTransfer():
            return _account(command.transfer.user_id, market)
        case ChangeTerms() | HaltInstrument() | ResumeInstrument() | SetInstrumentPhase():
            return _instrument(command.instrument_id, market)
        case SetFeeGroup():
            found = Market.objects.filter(pk=market).first()
            factor = None if found is None else found.fee_groups.get(command.name)
            return None if factor is None else {"factor": to_text(factor, scale=RATE)}
        case Settle():
            found = Market.objects.filter(pk=market).first()
            return None if found is None else {"trading_day": found.trading_day}
        case _:
            return None


def _account(user_id: str, market: str) -> Facts:
    row = Account.objects.filter(user_id=user_id, market=market).first()
    if row is None:
        return None
    booked = row.pre_balance + row.deposits - row.withdrawals + row.close_profit - row.commission
    margin = to_text(row.margin)
    return {"booked": to_text(booked), "margin": margin, "frozen": row.frozen, "rules": row.rules}


def _instrument(instrument_id: str, market: str) -> Facts:
    row = Instrument.objects.filter(pk=instrument_id, market=market).first()
    if row is None:
        return None
    rates = ("margin_long", "margin_short", "fee_open_rate", "fee_close_rate", "fee_close_today_rate")
    money = ("fee_open_per_lot", "fee_close_per_lot", "fee_close_today_per_lot")
    plain = ("name", "phase", "min_volume", "max_volume", "max_position", "max_orders", "last_day")
    return {
        **{name: getattr(row, name) for name in plain},
        **{name: to_text(getattr(row, name), scale=RATE) for name in rates},
        **{name: to_text(getattr(row, name)) for name in money},
    }
