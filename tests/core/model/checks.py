"""Every reason there is not to take an order. Which of several is told is not the model's business."""

from dataclasses import replace

from tests.core.model.books import Books, Order
from trading.core.types import Phase, SelfTrade, StopKind, TimeCondition

Fill = tuple[int, int]
"""(price, lots)."""


class Checks(Books):
    # --- what an order says

    def misfits(self, order: Order) -> set[int]:
        """Where it fits neither the phase, nor the limits, nor itself."""
        of, options = self.instruments[order.name], order.options
        wrong: set[int] = set()
        if of.phase is not Phase.CONTINUOUS and not (of.phase is Phase.AUCTION and gathers(order)):
            wrong.add(1009)
        if not self.allows_volume(order, order.volume):
            wrong.add(1006)
        if not order.market:
            wrong |= self.misfit_price(order.name, order.price)
        if contradicts_itself(order):
            wrong.add(400)
        if options.expires_at is not None and options.expires_at <= self.now:
            wrong.add(400)
        for distance in (options.stop_price, options.trail):
            if distance is not None and (distance <= 0 or distance % of.contract.tick):
                wrong.add(1007)
        follows = options.trail is not None and options.stop_price is None
        present = self.present(order.name, options.trigger)
        if follows and present is None:
            wrong.add(1009)
        if follows and self.rules.derived_stops and present is not None and first_stop(order, present) <= 0:
            wrong.add(1007)
        return wrong

    def allows_volume(self, order: Order, volume: int) -> bool:
        terms, own = self.instruments[order.name].terms, self.accounts[order.account].rules.max_volume
        return terms.min_volume <= volume <= (terms.max_volume if own is None else own)

    def misfit_price(self, name: str, price: int) -> set[int]:
        of = self.instruments[name]
        if price % of.contract.tick:
            return {1007}
        return set() if of.inside(price) else {1008}

    # --- what its account may do

    def cannot(self, order: Order, replaced: Order | None = None) -> set[int]:
        """Why it may not go to the book. `replaced`: an order of which it takes the place."""
        if replaced is not None:
            where = self.orders.index(replaced)
            self.orders.remove(replaced)
        try:
            wrong = {1012} if self.accounts[order.account].closed else set()
            if self.too_many_orders(order):
                wrong.add(1013)
            wrong |= self.cannot_open(order) if order.opens else self.cannot_close(order)
            if order.options.post_only and self.would_trade(order):
                wrong.add(1015)
            return wrong
        finally:
            if replaced is not None:
                self.orders.insert(where, replaced)

    def cannot_open(self, order: Order) -> set[int]:
        wrong = set()
        if self.needed(order) > self.available(order.account):
            wrong.add(1001)
        if self.too_many_lots(order):
            wrong.add(1013)
        return wrong

    def cannot_close(self, order: Order) -> set[int]:
        free = sum(self.free_lots(order))
        enough = free > 0 if order.options.reduce_only else free >= order.left
        return set() if enough else {1005}

    def would_trade(self, order: Order) -> bool:
        if self.rules.own_is_no_trade:
            return bool(self.foresee(order)[0])
        return any(self.reaches(order, maker.price) for maker in self.queue(order.name, not order.buy))

    def too_many_orders(self, order: Order) -> bool:
        most = self.accounts[order.account].rules.max_orders
        if most is None:
            most = self.instruments[order.name].terms.max_orders or None
        live = [o for o in self.orders if (o.account, o.name) == (order.account, order.name) and o is not order]
        return most is not None and len(live) >= most

    def too_many_lots(self, order: Order) -> bool:
        most = self.accounts[order.account].rules.max_position
        if most is None:
            most = self.instruments[order.name].terms.max_position or None
        lots = self.leg(order.account, order.name, order.buy).lots
        for other in self.orders:
            same = (other.account, other.name, other.buy) == (order.account, order.name, order.buy)
            if same and other.opens and other.resting:
                lots += other.left
        return most is not None and lots + order.left > most

    # --- what it would trade

    def reaches(self, order: Order, price: int) -> bool:
        """Whether it would trade at a price."""
        if order.market:
            low, high = order.band or self.reach(order)
            return price >= low if not order.buy else high is None or price <= high
        return price <= order.price if order.buy else price >= order.price

    def reach(self, order: Order) -> tuple[int, int | None]:
        """Between which prices a MARKET order trades: in its band, and at no price behind its levels."""
        (low, high), worst = self.band(order.name), self.last_level(order)
        if worst is None:
            return low, high
        return (low, min(worst, high or worst)) if order.buy else (max(low, worst), high)

    def last_level(self, order: Order) -> int | None:
        """The last of the prices that its `price_levels` allow, those of own orders among them. None: it says nothing
        of that, or there are not so many."""
        prices = list(dict.fromkeys(maker.price for maker in self.queue(order.name, not order.buy)))
        levels = order.options.price_levels
        return None if levels is None or levels > len(prices) else prices[levels - 1]

    def stp(self, order: Order) -> SelfTrade:
        return order.options.stp or self.accounts[order.account].rules.stp

    def needed(self, order: Order) -> int:
        """What its worst fills take. A buyer's worst price is their limit; a seller's better price takes more margin
        than their limit, a market order has no price, and what an own order ends needs nothing for the lots behind
        it: these are read off the book."""
        auction = self.instruments[order.name].phase is Phase.AUCTION
        resting = (
            0
            if order.market
            else self.lot_hold(order, self.held_price(replace(order, at_limit=auction and not order.buy)))
        )
        stops = self.rules.foresees and self.stp(order) is not SelfTrade.CANCEL_MAKER
        if auction or (order.buy and not order.market and not stops):
            return order.left * resting
        fills, stopped = self.foresee(order, for_money=True)
        rest = 0 if stopped and self.rules.foresees else order.left - sum(lots for _, lots in fills)
        if order.buy and not order.market:
            return resting * (rest + sum(lots for _, lots in fills))
        return rest * resting + sum(lots * max(resting, self.lot_hold(order, price)) for price, lots in fills)

    def fills_wholly(self, order: Order) -> bool:
        """Whether all of it can trade at once; hidden lots count."""
        fills, _ = self.foresee(order)
        return sum(lots for _, lots in fills) == order.left

    def foresee(self, order: Order, *, for_money: bool = False) -> tuple[list[Fill], bool]:
        """What it would trade, played on a copy of the line before it; and whether an own order then ends it."""
        sees = self.rules.foresees
        rule = SelfTrade.CANCEL_MAKER if for_money and not sees else self.stp(order)
        line = [replace(maker) for maker in self.queue(order.name, not order.buy) if self.reaches(order, maker.price)]
        fills: list[Fill] = []
        left = order.left
        while line and left:
            maker = line.pop(0)
            if maker.account == order.account:
                if rule is not SelfTrade.CANCEL_MAKER:
                    return fills, True
                continue
            lots = min(left, maker.shown)
            fills.append((maker.price, lots))
            left -= lots
            maker.left -= lots
            if sees:
                line = [other for other in line if not (rivals(other, maker) or rivals(other, order))]
            if maker.left:
                maker.shown = min(maker.left, maker.options.display_volume or maker.left)
                line.insert(sum(other.price == maker.price for other in line), maker)
        return fills, False


def gathers(order: Order) -> bool:
    """Whether an auction takes it."""
    plain = not order.options.post_only and order.options.display_volume is None
    return order.waits or (order.may_rest and plain)


def contradicts_itself(order: Order) -> bool:
    options = order.options
    display = options.display_volume
    return (
        (order.stays is TimeCondition.GTD) != (options.expires_at is not None)
        or (options.post_only and not order.may_rest)
        or (options.reduce_only and order.opens)
        or (display is not None and not (order.may_rest and 0 < display < order.volume))
        or (options.trail is not None and options.stop_kind is not StopKind.STOP)
        or (options.price_levels is not None and not order.market)
    )


def is_worse(order: Order, price: int, than: int) -> bool:
    """To who sends the order."""
    return price > than if order.buy else price < than


def first_stop(order: Order, present: int) -> int:
    """Where a stop fires at first; a trailing one without a price begins at its distance from the present price."""
    if order.options.stop_price is not None:
        return order.options.stop_price
    trail = order.options.trail or 0
    return present + trail if order.buy else present - trail


def rivals(one: Order, other: Order) -> bool:
    """Whether the first of the two to trade cancels the other."""
    group = one.options.oco_group
    return group is not None and one.account == other.account and group == other.options.oco_group
