"""Risk in the model: who is warned, who is liquidated, which lots are closed."""

from copy import deepcopy

from tests.core.model.books import NO_OPTIONS, Account, Order, count, rate, take
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
        reaches = self.reaches_ratio(account, command.limit)
        begins = reaches and not account.liquidating and number not in self.spared
        if begins:
            account.liquidating = True
            self.tell("liquidation starts", number, *self.stands(account))
            self.cancel_each([order for order in self.orders if order.account == number], CancelReason.LIQUIDATION)
        if account.liquidating:
            self.liquidate(account, command.limit, begins)
        if account.liquidating and not self.reaches_ratio(account, command.limit):
            account.liquidating = False
            self.tell("liquidation ends", number, *self.stands(account))
        warned = self.reaches_ratio(account, command.warn_at)
        if warned is not account.warned:
            account.warned = warned
            self.tell("warned" if warned else "eased", number, *self.stands(account))
        account.judged = self.stands(account)

    def liquidate(self, account: Account, limit: int, begins: bool) -> None:
        """Order after order, until the ratio is below the limit or nobody takes the other side. When it begins, an
        order is made too where all offers are outside the collar: it says why the position stays."""
        stuck: set[Side] = set()
        while self.reaches_ratio(account, limit):
            open_now = [side for side in self.sides_open(account, begins) if side not in stuck]
            paying = [side for side in open_now if self.pays(account, side, open_now)]
            if not paying:
                return
            side = min(paying, key=lambda side: (-self.side_margin(account, side), side[0], not side[1]))
            before = len(self.told)
            self.close(account, side, self.lots_to_close(account, side, limit, open_now))
            if not any(told[0] == "trade" for told in self.told[before:]):
                stuck.add(side)

    def sides_open(self, account: Account, begins: bool) -> list[Side]:
        """Legs that somebody may take over now."""
        found = []
        for (whose, name, long), leg in self.legs.items():
            if whose == account.number and leg.lots and self.instruments[name].phase is Phase.CONTINUOUS:
                queue, (low, high) = self.queue(name, long), self.band(name)
                inside = [o for o in queue if (o.price >= low if long else high is None or o.price <= high)]
                if inside or (begins and queue):
                    found.append((name, long))
        return found

    def side_margin(self, account: Account, side: Side) -> int:
        name, long = side
        return self.leg_margin(self.instruments[name], long, self.legs[account.number, name, long])

    # --- what closing frees

    def shared(self, name: str) -> str:
        """The product whose larger side alone pays margin; empty where each leg pays."""
        of = self.instruments[name]
        return of.contract.product_id if of.terms.larger_side else ""

    def of_product(self, account: Account, name: str, long: bool) -> int:
        """The margin of one side of a leg's product; of the leg alone where each pays."""
        if not self.shared(name):
            return self.side_margin(account, (name, long))
        legs = [key[1:] for key in self.legs if key[0] == account.number and key[2] is long]
        return sum(self.side_margin(account, side) for side in legs if self.shared(side[0]) == self.shared(name))

    def other_side_open(self, side: Side, open_now: list[Side]) -> bool:
        name, long = side
        return any(self.shared(other) == self.shared(name) and way is not long for other, way in open_now)

    def pays(self, account: Account, side: Side, open_now: list[Side]) -> bool:
        """Of a product whose larger side pays, a leg of the smaller one frees nothing; sides that are equal free
        something when both can be closed."""
        name, long = side
        if not self.rules.frees_margin or not self.shared(name):
            return True
        mine, others = self.of_product(account, name, long), self.of_product(account, name, not long)
        return mine > others or (mine == others and self.other_side_open(side, open_now))

    def lots_to_close(self, account: Account, side: Side, limit: int, open_now: list[Side]) -> int:
        """As few as bring the ratio below the limit at the present balance; of a product's larger side no more than
        bring it down to the other, where that cannot be closed as well."""
        name, long = side
        margin, balance = self.stands(account)
        leg, own = self.legs[account.number, name, long], self.side_margin(account, side)
        if not self.rules.lots_needed:
            too_much = margin - max(0, int(rate(limit) * balance // 1))
            return max(1, min(leg.lots, too_much // max(1, own // leg.lots) + 1))
        mine = self.of_product(account, name, long)
        floor = 0
        if self.shared(name) and not self.other_side_open(side, open_now):
            floor = self.of_product(account, name, not long)
        for lots in range(1, leg.lots):
            rest = deepcopy(leg)
            his = min(lots, count(rest.his))
            take(rest.his, his)
            take(rest.today, lots - his)
            after = mine - own + self.leg_margin(self.instruments[name], long, rest)
            if after <= floor or margin - mine + after < rate(limit) * balance:
                return lots
        return leg.lots

    def close(self, account: Account, side: Side, lots: int) -> None:
        """One order of the exchange's own: yesterday's lots first."""
        name, long = side
        number = self.next_number()
        asked = (account.number, name, not long, Offset.CLOSE, True, TimeCondition.IOC, 0, lots, lots, NO_OPTIONS)
        self.tell("accepted", number, account.number, lots)
        self.enter(Order(number, *asked))
