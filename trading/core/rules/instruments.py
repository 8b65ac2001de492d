"""Instruments are listed, and their terms changed. Their phases are in `phases.py`."""

from msgspec import UnsetType

from trading.core.codes import Code
from trading.core.commands import ChangeTerms, ListInstrument
from trading.core.events import Event, InstrumentListed, Refused, TermsChanged
from trading.core.money import MAX_NOTIONAL, MAX_PRICE, MIN_MARGIN_RATE, RATE
from trading.core.orders import Instrument, Order
from trading.core.rules.checks import needed_per_lot
from trading.core.state import State
from trading.core.types import MOST_LOTS, NAME, Contract, Fee, Terms, is_day

MOST_MULTIPLIER = 100_000_000
"""Room for every contract of the world. How large a contract may be is bounded by its value: MAX_NOTIONAL."""


def list_instrument(state: State, command: ListInstrument) -> list[Event]:
    contract = command.contract
    if contract.instrument_id in state.instruments:
        return [Refused(Code.DUPLICATE, f"{contract.instrument_id} is listed already")]
    wrong = _contract_error(contract) or _terms_error(command.terms)
    if wrong:
        return [Refused(Code.MALFORMED, wrong)]
    instrument = Instrument.listed(contract, command.terms, state.rules)
    state.instruments[contract.instrument_id] = instrument
    state.changes.instruments[contract.instrument_id] = instrument
    return [InstrumentListed(contract.instrument_id)]


def _contract_error(contract: Contract) -> str | None:
    if not NAME.match(contract.instrument_id):
        return "an instrument's name has letters, digits, and _ . - only, at most 64"
    if not 0 < contract.tick <= contract.reference_price <= MAX_PRICE:
        return "tick and reference price must be positive, the tick not larger than the reference price"
    if contract.reference_price % contract.tick:
        return "the reference price must lie on the tick"
    if not 0 < contract.multiplier <= MOST_MULTIPLIER:
        return f"the multiplier must be from 1 to {MOST_MULTIPLIER}"
    if not 0 <= contract.limit_rate < RATE:
        return "the price limit rate must be from 0 (no limit) to below 1"
    if 2 * contract.reference_price * contract.multiplier * MOST_LOTS > MAX_NOTIONAL:
        return f"the contract is too large: {MOST_LOTS} lots at twice the reference price must stay below 10^14"
    return None


def _terms_error(terms: Terms) -> str | None:
    for rate in (terms.margin_long, terms.margin_short):
        if not MIN_MARGIN_RATE <= rate <= RATE:
            return "margin rates must be from 0.001 to 1"
    for fee in (terms.fee_open, terms.fee_close, terms.fee_close_today):
        if not _fee_allowed(fee):
            return "commission must not be negative, and its rate below 0.1"
    if not 1 <= terms.min_volume <= terms.max_volume <= MOST_LOTS:
        return f"order volumes must satisfy 1 <= smallest <= largest <= {MOST_LOTS}"
    if terms.max_position < 0 or terms.max_orders < 0:
        return "limits on positions and orders must not be negative (0: no limit)"
    if terms.last_day and not is_day(terms.last_day):
        return "the last day must be a date, YYYYMMDD"
    if not isinstance(terms.collar, UnsetType) and not 0 < terms.collar <= RATE:
        return "the collar of market orders must be above 0 and at most 1"
    return None


def _fee_allowed(fee: Fee) -> bool:
    return 0 <= fee.per_lot <= MAX_PRICE and 0 <= fee.rate < RATE // 10


def change_terms(state: State, command: ChangeTerms) -> list[Event]:
    """New rates hold for live orders and positions at once, so that holds always cover the worst fill."""
    instrument = state.instruments.get(command.instrument_id)
    if instrument is None:
        return [Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {command.instrument_id}")]
    wrong = _terms_error(command.terms)
    if wrong:
        return [Refused(Code.MALFORMED, wrong)]
    for account_id, position in instrument.holders.items():
        state.accounts[account_id].remove_margin(position)
    instrument.set_terms(command.terms)
    state.changes.instruments[command.instrument_id] = instrument
    state.moved[command.instrument_id] = instrument
    for account_id, position in instrument.holders.items():
        account = state.accounts[account_id]
        account.add_margin(position)
        state.changes.accounts[account_id] = account
        state.changes.positions[account_id, command.instrument_id] = position
    for order in instrument.book.entries():
        hold_anew(state, order)
    return [TermsChanged(command.instrument_id)]


def hold_anew(state: State, order: Order) -> None:
    """Bring the hold of a resting order to the present terms."""
    before = order.hold_per_lot
    order.hold_per_lot = needed_per_lot(order)
    order.account.hold += (order.hold_per_lot - before) * order.left
    state.changes.accounts[order.account.account_id] = order.account
