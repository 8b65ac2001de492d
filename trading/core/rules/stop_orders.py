"""Orders that wait for a price: they come in, their price is met, they fire. Queues of them: `matching/stops.py`."""

from trading.core.commands import FireStops
from trading.core.events import Event, FiringContinued, OrderFired, OrderWaiting
from trading.core.orders import Instrument, Order
from trading.core.rules.checks import admit, limit_of, outside_limits, present_price
from trading.core.rules.execution import cancel_group, enter, finish_cancelled, mark_changed, see, see_last
from trading.core.state import State
from trading.core.types import FIRST_RULES, CancelReason, OrderStatus, Phase, Trigger

PORTION = 100
"""Orders that fire in one go: a few milliseconds, after which others have their turn."""
ALL = 2**63
"""More than there can be."""


def park(state: State, order: Order) -> OrderWaiting:
    """Put an order among those that wait. If its price is met already it fires at once, see `fire`."""
    instrument = order.instrument
    order.stop = _first_stop(order)
    order.account.begin_order(order)
    watch(state, order)
    mark_changed(state, order)
    look(state, instrument)
    return OrderWaiting(order.order_id, order.account.account_id, order.volume, state.now)


def watch(state: State, order: Order) -> None:
    """From now on every price is held against the order's stop."""
    instrument = order.instrument
    instrument.waiting.add(order)
    state.alert[instrument.instrument_id] = instrument


def look(state: State, instrument: Instrument) -> None:
    """Hold the last price against the stops, where trading is continuous."""
    if instrument.last is not None and instrument.phase is Phase.CONTINUOUS:
        see_last(state, instrument, instrument.last)


def _first_stop(order: Order) -> int:
    """Where it fires, in ticks; a trailing stop without a stop price begins at its distance from the present price."""
    options = order.options
    assert options is not None, "only an order with options waits"
    if options.stop_price is not None:
        return options.stop_price // order.instrument.contract.tick
    price = present_price(order.instrument, order.trigger)
    assert price is not None, "there is a price to follow"
    return price + order.trail if order.is_buy else price - order.trail


def is_behind(state: State) -> bool:
    """Whether orders are yet to fire whose price was met."""
    return any(each.waiting.met and each.phase is Phase.CONTINUOUS for each in state.alert.values())


def go_on(state: State, command: FireStops) -> list[Event]:
    """The next orders fire, as after every command: see `fire`."""
    return [FiringContinued(state.now)]


def fire(state: State, most: int) -> list[Event]:
    """Let the orders go whose price was met, and those whose price they meet in turn: in the instruments by name, in
    each first who met its price first; no more than `most`. The others stay first in the line."""
    events: list[Event] = []
    if state.rules == FIRST_RULES:
        most = ALL
    while True:  # what fires in one instrument may cancel orders, and so move quotes, in another
        before = len(events)
        for name in sorted(state.alert):
            if name in state.alert:
                most -= _fire_in(state, state.alert[name], most, events)
        if len(events) == before or not most:
            return events


def _fire_in(state: State, instrument: Instrument, most: int, events: list[Event]) -> int:
    """How many fired."""
    waiting, fired = instrument.waiting, 0
    if instrument.phase is Phase.CONTINUOUS:
        _see_quotes(state, instrument)
        while waiting.met and fired < most:
            state.changes.instruments[instrument.instrument_id] = instrument
            events += _fire(state, waiting.next_met())
            fired += 1
            _see_quotes(state, instrument)
    if not waiting:
        state.alert.pop(instrument.instrument_id, None)
    return fired


def _see_quotes(state: State, instrument: Instrument) -> None:
    for trigger in (Trigger.BID, Trigger.ASK):
        price = present_price(instrument, trigger)
        if price is not None:
            see(state, instrument, trigger, price)


def _fire(state: State, order: Order) -> list[Event]:
    """The others of its group go first; then it is let in like any order, or cancelled if it cannot be."""
    events: list[Event] = []
    if order.oco_group is not None:
        events += cancel_group(state, order)
    instrument, limit = order.instrument, limit_of(order)
    inside = instrument.limit_down <= limit <= instrument.limit_up
    refusal = admit(order, known=True) if inside else outside_limits(instrument)
    if refusal is not None:
        return [*events, finish_cancelled(state, order, CancelReason.REFUSED, refusal.code, refusal.detail)]
    order.account.withdraw_order(order)
    order.move_to(OrderStatus.SUBMITTED)
    order.stop = 0
    order.priority = state.next_id()
    fired = OrderFired(order.order_id, order.account.account_id, order.left, state.now)
    return enter(state, order, limit, [*events, fired])
