"""A market takes over the present rules: what it has is brought into the form that they work with."""

from collections import deque

from trading.core.accounts import Leg, Lot
from trading.core.codes import Code
from trading.core.commands import AdoptRules
from trading.core.events import Event, Refused, RulesAdopted
from trading.core.state import State
from trading.core.types import PRESENT_RULES


def adopt(state: State, command: AdoptRules) -> list[Event]:
    """Later rules hold from now on. Nobody's balance, margin or profit changes by it."""
    if not state.rules < command.version <= PRESENT_RULES:
        return [Refused(Code.MALFORMED, f"Rules {command.version} cannot follow rules {state.rules}")]
    state.rules = state.changes.rules = command.version
    for instrument in state.instruments.values():
        instrument.rules = command.version
    for _, account in sorted(state.accounts.items()):
        for name, position in sorted(account.positions.items()):
            for is_long in (True, False):
                _begin_detail(state, position.leg(is_long), 1 if is_long else -1)
                state.changes.detail(account.account_id, name, position.leg(is_long).detail)
    return [RulesAdopted(command.version)]


def _begin_detail(state: State, leg: Leg, sign: int) -> None:
    """What was kept as an average so far is one line at that average for each day's lots."""
    if leg.his:
        leg.his_lots = deque([Lot(sign * state.next_id(), leg.his, leg.his_open_cost)])
    if leg.today:
        leg.today_lots = deque([Lot(sign * state.next_id(), leg.today, leg.today_cost)])
