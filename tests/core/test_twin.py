"""The engine does what its slow twin does: the same events, and the same state after every command."""

from itertools import groupby
from typing import Any

from tests.core.naive.books import Told
from tests.core.naive.market import NaiveMarket
from tests.core.strategies import Step, in_every_history, morning, play
from tests.core.test_properties import queues
from trading.core.commands import CheckRisk, Command
from trading.core.engine import Engine
from trading.core.events import (
    AllCancelled,
    AuctionUncrossed,
    CountdownSet,
    DaySettled,
    Event,
    InstrumentSettled,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFired,
    OrderRepeated,
    OrderWaiting,
    PhaseChanged,
    PhasesChanged,
    PositionExpired,
    Refused,
    Statement,
    TimePassed,
    Traded,
)
from trading.core.types import CancelReason, OrderStatus


@in_every_history
def test_the_engine_does_what_its_twin_does(day: int, steps: list[Step]) -> None:
    engine = morning(day)
    twin = NaiveMarket(engine.snapshot())
    for played in play(engine, steps):
        if isinstance(played.command, CheckRisk):
            twin.now = max(twin.now, played.now)
            if len(played.events) > 1:
                twin = renewed(twin, engine)
            continue
        expected = twin.do(played.command, played.now, played.events)
        assert in_order(heard(played.events)) == in_order(expected), f"{played.command}"
        compare(picture(engine), twin.picture(), played.command)


def renewed(twin: NaiveMarket, engine: Engine) -> NaiveMarket:
    """The twin after what it does not do itself. What was asked under own ids is in no record."""
    new = NaiveMarket(engine.snapshot())
    new.now = twin.now
    for number, account in new.accounts.items():
        if number in twin.accounts:
            account.asked = twin.accounts[number].asked
    return new


def compare(found: dict[str, Any], expected: dict[str, Any], command: Command) -> None:
    for what, there in expected.items():
        assert found[what] == there, f"{what} after {command}"


# --- what the engine says, in the twin's words


def in_order(told: list[Told]) -> list[Told]:
    """Cancels that follow each other have no order of their own, nor have the pages of a settlement. When the rest of a
    group goes is seen in the trades that follow."""
    loose = {"cancelled", "deadline", "settled", "statement", "ended"}
    group = [each for each in told if each[-1] == CancelReason.OCO.value]
    ordered: list[Told] = []
    for is_loose, few in groupby((each for each in told if each not in group), key=lambda each: each[0] in loose):
        ordered += sorted(few, key=str) if is_loose else few
    return [*ordered, *sorted(group)]


def heard(events: list[Event]) -> list[Told]:
    return [told for event in events if (told := in_words(event)) is not None]


def in_words(event: Event) -> Told | None:
    match event:
        case Refused(code=code):
            return "refused", code.value
        case OrderAccepted(order_id=number, volume=volume):
            return "accepted", number, volume
        case OrderRepeated(order_id=number):
            return "repeated", number
        case OrderWaiting(order_id=number, volume=volume):
            return "waiting", number, volume
        case OrderFired(order_id=number, volume=volume):
            return "fired", number, volume
        case OrderAmended(order_id=number, price=price, volume=volume, remaining=left):
            return "amended", number, price, volume, left
        case AllCancelled(count=count):
            return "all cancelled", count
        case OrderCancelled(order_id=number, remaining=left, reason=reason, code=code):
            return (
                "cancelled",
                number,
                left,
                reason.value,
                *([code.value] if reason.value == "REFUSED" and code else []),
            )
        case Traded(instrument_id=name, price=price, volume=lots, taker=taker, maker=maker):
            return "traded", name, price, lots, *sorted((taker.order_id, maker.order_id))
        case CountdownSet(account_id=account, deadline=deadline):
            return "deadline", account, deadline
        case PhasesChanged(count=count):
            return "moved", count
        case PhaseChanged(instrument_id=name, phase=phase):
            return "phase", name, phase.value
        case AuctionUncrossed(instrument_id=name, price=price, volume=lots):
            return "uncrossed", name, price, lots
        case DaySettled(day=day, next_day=next_day):
            return "day settled", day, next_day
        case InstrumentSettled(instrument_id=name, price=price, delisted=delisted):
            return "settled", name, price, delisted
        case PositionExpired(account_id=account, instrument_id=name, long=long, short=short, price=price):
            return "ended", account, name, long, short, price, event.close_profit
        case Statement():
            return "statement", *statement(event)
        case TimePassed():
            return None
    return ("done",)


def statement(page: Statement) -> Told:
    counters = (page.opening, page.deposits, page.withdrawals, page.close_profit, page.position_profit)
    return page.account_id, *counters, page.commission, page.closing, page.margin


# --- the engine's state, in the twin's words


def picture(engine: Engine) -> dict[str, Any]:
    records = engine.snapshot()
    figures = {number: account.figures() for number, account in engine.state.accounts.items()}
    waiting = {record.order_id for record in records.orders if record.status is OrderStatus.WAITING}
    return {
        "instruments": {
            each.contract.instrument_id: (each.phase, each.scheduled, each.settlement, each.mark, each.last)
            for each in records.instruments
        },
        "accounts": {
            each.account_id: (
                *(each.pre_balance, each.deposits, each.withdrawals, each.close_profit, each.commission),
                *(each.rules, each.frozen, each.liquidating, each.cancel_at, each.disconnect_at),
                {name: known.order_id for name, known in each.client_orders},
                *(figures[each.account_id].balance, figures[each.account_id].margin, figures[each.account_id].hold),
            )
            for each in records.accounts
        },
        "lots": {
            (position.account_id, position.instrument_id, is_long): tuple(
                getattr(leg, name) for name in ("his", "today", "his_cost", "today_cost", "his_open_cost")
            )
            for position in records.positions
            for is_long, leg in ((True, position.long), (False, position.short))
            if leg.his or leg.today
        },
        "orders": {
            each.order_id: (
                *(each.price, each.volume, each.volume - each.filled),
                None if each.order_id in waiting else each.shown,
                *(each.stop, each.his_held, each.today_held),
            )
            for each in records.orders
        },
        "queues": queues(engine),
        "day": (records.day.trading_day, records.day.fee_groups),
    }
