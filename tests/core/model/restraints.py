"""What operators hold traders back with: limits for all, closing only, no connections, cancels, closed positions."""

from tests.core.model.books import NEVER, Account, Order
from tests.core.model.risk import Risk
from tests.core.model.rules import Rules
from trading.core.commands import (
    ForceCancelAll,
    ForceClose,
    RefuseConnections,
    SetCloseOnly,
    SetMarketLimits,
    StopLiquidation,
)
from trading.core.types import CancelReason, MarketLimits, Phase


class Restraints(Risk):
    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.limits = MarketLimits()
        self.nobody_opens = False
        self.closing: set[int] = set()
        self.no_connections = False

    def reasons_against_more(self, order: Order) -> set[int]:
        """Why an order that could be taken otherwise is one too many, or opens what nobody may open now."""
        wrong = {1016} if order.opens and (self.nobody_opens or order.account in self.closing | self.spared) else set()
        own, mine = self.accounts[order.account].rules, [o for o in self.orders if o.account == order.account]
        waiting = [each for each in mine if each.waits]
        counted = [(own.live_orders, self.limits.live_orders, mine)] if order.waits or order.may_rest else []
        if order.waits:
            counted.append((own.waiting_orders, self.limits.waiting_orders, waiting))
        if order.waits and order.options.trail is not None:
            trailing = [each for each in waiting if each.options.trail is not None]
            counted.append((own.trailing_stops, self.limits.trailing_stops, trailing))
        for own_most, market_most, there in counted:
            most = market_most or None if own_most is None else own_most
            if most is not None and len(there) >= most:
                wrong.add(1013)
        return wrong

    def set_market_limits(self, command: SetMarketLimits) -> None:
        self.limits = command.limits
        self.tell("market limits")

    def refuse_connections(self, command: RefuseConnections) -> None:
        if self.no_connections is command.refused:
            return self.refuse(409)
        self.no_connections = command.refused
        return self.tell("connections", command.refused)

    def named(self, user: str | None) -> list[Account]:
        """Of a user, or all."""
        return [account for account in self.accounts.values() if user in (None, account.user)]

    def force_cancel_all(self, command: ForceCancelAll) -> None:
        numbers = [account.number for account in self.named(command.user_id)]
        wrong = {1003} if command.user_id is not None and not numbers else set()
        if command.instrument_id is not None and command.instrument_id not in self.instruments:
            wrong.add(1004)
        if wrong:
            return self.refuse(*wrong)
        found = [o for o in self.orders if o.account in numbers and command.instrument_id in (None, o.name)]
        self.tell("orders cancelled", len(found))
        return self.cancel_each(found, CancelReason.OPERATOR)

    def set_close_only(self, command: SetCloseOnly) -> None:
        """What would open goes, the oldest first: also what waits."""
        named = self.named(command.user_id)
        if not named and command.user_id is not None:
            return self.refuse(1003)
        whole = command.user_id is None
        number = None if whole else named[0].number
        if command.close_only is (self.nobody_opens if whole else number in self.closing):
            return self.refuse(409)
        if number is None:
            self.nobody_opens = command.close_only
        else:
            self.closing ^= {number}
        numbers = [account.number for account in named]
        found = [o for o in self.orders if o.account in numbers and o.opens and command.close_only]
        self.tell("close only", number, command.close_only, len(found))
        for order in sorted(found, key=lambda each: each.number):
            self.cancel(order, CancelReason.OPERATOR, [1016])
        return None

    def stop_liquidation(self, command: StopLiquidation) -> None:
        """Who is spared opens nothing; who is not any longer is looked at anew."""
        named = self.named(command.user_id)
        if not named:
            return self.refuse(1003)
        account = named[0]
        if command.stopped is (account.number in self.spared):
            return self.refuse(409)
        found = [o for o in self.orders if o.account == account.number and o.opens and command.stopped]
        self.tell("liquidation stopped", account.number, command.stopped, len(found))
        if command.stopped:
            self.spared.add(account.number)
            if account.liquidating:
                account.liquidating = False
                self.tell("liquidation ends", account.number, *self.stands(account))
        else:
            self.spared.remove(account.number)
            account.judged = NEVER
        for order in sorted(found, key=lambda each: each.number):
            self.cancel(order, CancelReason.OPERATOR, [1016])
        return None

    def force_close(self, command: ForceClose) -> None:
        """First the orders where something is closed, the oldest first; then leg by leg, by name, long before short."""
        named = self.named(command.user_id)
        if not named:
            return self.refuse(1003)
        if command.instrument_id is not None and command.instrument_id not in self.instruments:
            return self.refuse(1004)
        account = named[0]
        held = {key[1] for key, leg in self.legs.items() if key[0] == account.number and leg.lots}
        held = {name for name in held if command.instrument_id in (None, name)}
        traded = sorted(name for name in held if self.instruments[name].phase is Phase.CONTINUOUS)
        if not traded:
            return self.refuse(1009 if held else 404)
        there = [order for order in self.orders if order.account == account.number and order.name in traded]
        self.cancel_each(there, CancelReason.OPERATOR)
        for name in traded:
            for long in (True, False):
                lots = self.leg(account.number, name, long).lots
                if lots:
                    self.close(account, (name, long), lots)
        return None
