"""Phases of trading: who moves an instrument into which, and what happens to its orders then."""

import msgspec

from trading.core.codes import Code
from trading.core.commands import HaltInstrument, ResumeInstrument, SetInstrumentPhase, SetMarketPhase
from trading.core.events import AuctionUncrossed, Event, PhaseChanged, PhasesChanged, Refused
from trading.core.matching.auction import clearing
from trading.core.orders import Instrument, Order
from trading.core.rules.checks import needed_per_lot
from trading.core.rules.execution import cancel_group, cancel_live, trade
from trading.core.rules.stop_orders import look
from trading.core.state import State
from trading.core.types import CancelReason, Phase

SCHEDULED = (Phase.CLOSED, Phase.AUCTION, Phase.CONTINUOUS)


def change_phase(state: State, command: SetMarketPhase) -> list[Event]:
    """The schedule's word, for all instruments. Those that are halted stay so, those without price limits have no
    auction and stay closed through it."""
    if command.phase not in SCHEDULED:
        return [Refused(Code.MALFORMED, f"A schedule cannot call for the phase {command.phase.value}")]
    events: list[Event] = []
    for name in sorted(state.instruments):
        instrument = state.instruments[name]
        if instrument.phase is Phase.DELISTED:
            continue
        phase = command.phase
        if phase is Phase.AUCTION and not has_auction(instrument):
            phase = Phase.CLOSED
        if instrument.scheduled is not phase:
            instrument.scheduled = phase
            state.changes.instruments[name] = instrument
        if instrument.phase not in (Phase.HALTED, phase):
            events += enter_phase(state, instrument, phase)
    moved = sum(isinstance(event, PhaseChanged) for event in events)
    return [PhasesChanged(command.phase, moved), *events]


def set_phase(state: State, command: SetInstrumentPhase) -> list[Event]:
    instrument = _find(state, command.instrument_id)
    if isinstance(instrument, Refused):
        return [instrument]
    if command.phase not in SCHEDULED:
        return [Refused(Code.MALFORMED, f"{command.phase.value} is no phase to set: halt, resume or settle instead")]
    if command.phase is Phase.AUCTION and not has_auction(instrument):
        return [Refused(Code.MALFORMED, f"{command.instrument_id} has no price limits, so it can have no auction")]
    if instrument.phase is command.phase:
        return [_already(instrument)]
    instrument.scheduled = command.phase
    return enter_phase(state, instrument, command.phase)


def halt(state: State, command: HaltInstrument) -> list[Event]:
    instrument = _find(state, command.instrument_id)
    if isinstance(instrument, Refused):
        return [instrument]
    if instrument.phase is Phase.HALTED:
        return [_already(instrument)]
    return enter_phase(state, instrument, Phase.HALTED)


def resume(state: State, command: ResumeInstrument) -> list[Event]:
    instrument = _find(state, command.instrument_id)
    if isinstance(instrument, Refused):
        return [instrument]
    if instrument.phase is not Phase.HALTED:
        return [Refused(Code.DUPLICATE, f"{command.instrument_id} is not halted")]
    return enter_phase(state, instrument, instrument.scheduled)


def phase_for(state: State, newcomer: Instrument) -> Phase:
    """The phase that the schedule has for an instrument that was just listed: that of the others, of several the one in
    which most may be done."""
    others = {each.scheduled for each in state.instruments.values() if each is not newcomer}
    others.discard(Phase.DELISTED)
    if not others or Phase.CONTINUOUS in others:
        return Phase.CONTINUOUS
    return Phase.AUCTION if Phase.AUCTION in others and has_auction(newcomer) else Phase.CLOSED


def has_auction(instrument: Instrument) -> bool:
    """Without an upper limit nobody could say what a sale may have to hold in an auction."""
    return instrument.contract.limit_rate > 0


def enter_phase(state: State, instrument: Instrument, phase: Phase) -> list[Event]:
    """Orders hold what they need in the new phase; a book whose sides overlap trades before trading is continuous."""
    events: list[Event] = []
    uncrossed: list[Event] = []
    if phase is Phase.CONTINUOUS and (instrument.phase is Phase.AUCTION or instrument.book.crossed):
        if instrument.phase is not Phase.AUCTION:
            _change(state, instrument, Phase.AUCTION)
            events += _hold_anew(state, instrument)
        uncrossed = _uncross(state, instrument)
    _change(state, instrument, phase)
    events += _hold_anew(state, instrument)
    look(state, instrument)
    return [PhaseChanged(instrument.instrument_id, phase, state.now), *events, *uncrossed]


def _change(state: State, instrument: Instrument, phase: Phase) -> None:
    instrument.phase = phase
    state.changes.instruments[instrument.instrument_id] = instrument


def _hold_anew(state: State, instrument: Instrument) -> list[Event]:
    """Bring the holds of resting orders to the phase, the oldest first; what cannot be paid any more is cancelled."""
    events: list[Event] = []
    for order in sorted(instrument.book.entries(), key=lambda order: order.place):
        more = needed_per_lot(order) - order.hold_per_lot
        if not more:
            continue
        if more * order.left > order.account.available and more > 0:
            events.append(cancel_live(state, order, CancelReason.AUCTION, Code.INSUFFICIENT_FUNDS))
        else:
            order.hold_per_lot += more
            order.account.hold += more * order.left
            state.changes.accounts[order.account.account_id] = order.account
    return events


# --- the end of an auction


def _uncross(state: State, instrument: Instrument) -> list[Event]:
    """Everything that can trade at the clearing price does: better prices first, then the older orders."""
    book, tick = instrument.book, instrument.contract.tick
    found = clearing(book, instrument.settlement // tick)
    if found is None:
        return [AuctionUncrossed(instrument.instrument_id, None, 0, state.now)]
    trades: list[Event] = []
    volume = 0
    while True:
        buy, sell = book.blocker(False, found.price), book.blocker(True, found.price)
        if buy is None or sell is None:
            break
        lots = min(buy.left, sell.left)
        for order in (buy, sell):
            _take_out(order, lots)
        older, younger = sorted((buy, sell), key=lambda order: order.place)
        trades.append(msgspec.structs.replace(trade(state, younger, older, found.price, lots), auction=True))
        volume += lots
        for order in (buy, sell):
            if order.oco_group is not None:
                trades += cancel_group(state, order)
    return [AuctionUncrossed(instrument.instrument_id, found.price * tick, volume, state.now), *trades]


def _take_out(order: Order, lots: int) -> None:
    half = order.instrument.book.half(order.is_buy)
    if lots == order.left:
        half.remove(order)
        order.remaining = order.hidden = 0
    else:
        half.shrink(order, lots)


def _find(state: State, instrument_id: str) -> Instrument | Refused:
    instrument = state.instruments.get(instrument_id)
    if instrument is None:
        return Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {instrument_id}")
    if instrument.phase is Phase.DELISTED:
        return _already(instrument)
    return instrument


def _already(instrument: Instrument) -> Refused:
    return Refused(Code.DUPLICATE, f"{instrument.instrument_id} is {instrument.phase.value} already")
