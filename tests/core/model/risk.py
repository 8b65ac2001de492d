"""Risk in the model: who is warned, who is liquidated, which lots are closed."""

from copy import deepcopy

from tests.core.model.books import NO_OPTIONS, Account, Leg, Order, count, rate, take
from tests.core.model.orders import Orders
from trading.core.commands import CheckRisk
from trading.core.types import CancelReason, Offset, Phase, TimeCondition

Side = tuple[str, bool]
"""(instrument, is it the long leg)."""


class Risk(Orders):
    def check_risk(self, command: CheckRisk) -> None:
        """Everybody whose margin or balance is another than when they were last looked at, the first account first;
        and again while anybody has traded."""
        self.tell("risk watched")
        everyone = command.everyone
        traded = True
        while traded:
            before = len(self.told)
            for account in [a for a in self.accounts.values() if everyone or self.concerns(a)]:
                self.judge(account, command)
            everyone = False
            traded = any(told[0] == "trade" for told in self.told[before:])

    def concerns(self, account: Account) -> bool:
        return account.liquidating or account.judged != self.stands(account)

    def stands(self, account: Account) -> tuple[int, int]:
        return self.margin(account.number), self.balance(account.number)

    def reaches_ratio(self, account: Account, ratio: int) -> bool:
        margin, balance = self.stands(account)
        return margin > 0 and margin >= rate(ratio) * balance

    def judge(self, account: Account, command: CheckRisk) -> None:
        number = account.number
        if not account.liquidating and self.reaches_ratio(account, command.limit):
            account.liquidating = True
            self.tell("liquidation starts", number, *self.stands(account))
            self.cancel_each([order for order in self.orders if order.account == number], CancelReason.LIQUIDATION)
        if account.liquidating:
            self.liquidate(account, command.limit)
        if account.liquidating and not self.reaches_ratio(account, command.limit):
            account.liquidating = False
            self.tell("liquidation ends", number, *self.stands(account))
        warned = self.reaches_ratio(account, command.warn_at)
        if warned is not account.warned:
            account.warned = warned
            self.tell("warned" if warned else "eased", number, *self.stands(account))
        account.judged = self.stands(account)

    def liquidate(self, account: Account, limit: int) -> None:
        stuck: set[Side] = set()
        while self.reaches_ratio(account, limit):
            side = self.side_to_close(account, stuck)
            if side is None:
                return
            before = len(self.told)
            self.close(account, side, self.lots_to_close(account, side, limit))
            if not any(told[0] == "trade" for told in self.told[before:]):
                stuck.add(side)

    def side_to_close(self, account: Account, stuck: set[Side]) -> Side | None:
        """The leg with the largest margin that can be closed now; of equal ones the first by name, long first."""
        found = []
        for (whose, name, long), leg in self.legs.items():
            of = self.instruments[name]
            if whose != account.number or not leg.lots or (name, long) in stuck:
                continue
            open_now = of.phase is Phase.CONTINUOUS and self.queue(name, long)
            if open_now and (not self.rules.frees_margin or self.freed(account, (name, long), leg.lots) > 0):
                found.append((-self.leg_margin(of, long, leg), name, not long))
        if not found:
            return None
        _, name, short = min(found)
        return name, not short

    def freed(self, account: Account, side: Side, lots: int) -> int:
        """By how much the account's margin falls when so many lots of a leg are closed."""
        key = (account.number, *side)
        leg, before = self.legs[key], self.margin(account.number)
        rest = deepcopy(leg)
        his = min(lots, count(rest.his))
        take(rest.his, his)
        take(rest.today, lots - his)
        self.legs[key] = rest
        after = self.margin(account.number)
        self.legs[key] = leg
        return before - after

    def lots_to_close(self, account: Account, side: Side, limit: int) -> int:
        """As few as bring the ratio below the limit at the present balance."""
        margin, balance = self.stands(account)
        leg: Leg = self.legs[(account.number, *side)]
        if not self.rules.lots_needed:
            name, long = side
            too_much = margin - int(max(0, rate(limit) * balance) // 1)
            each = max(1, self.leg_margin(self.instruments[name], long, leg) // leg.lots)
            return max(1, min(leg.lots, too_much // each + 1))
        for lots in range(1, leg.lots):
            if margin - self.freed(account, side, lots) < rate(limit) * balance:
                return lots
        return leg.lots

    def close(self, account: Account, side: Side, lots: int) -> None:
        """One order of the exchange's own: yesterday's lots first."""
        name, long = side
        order = Order(
            self.next_number(), account.number, name, not long, Offset.CLOSE, True, TimeCondition.IOC, 0, lots, lots,
            NO_OPTIONS,
        )  # fmt: skip
        self.tell("accepted", order.number, account.number, lots)
        self.enter(order)
