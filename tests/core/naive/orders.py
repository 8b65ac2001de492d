"""What the twin of the market does with an order: let it in or not, match it, let it wait and fire, change it.

Written from `docs/market-rules.md`. Where the rules leave two answers open it takes the engine's.
"""

from copy import deepcopy
from fractions import Fraction
from math import floor

import msgspec

from tests.core.naive.books import (
    NO_END,
    NOTHING,
    RESTS,
    WHOLE,
    Lots,
    NaiveBooks,
    Placed,
    charged,
)
from trading.core.commands import AmendOrder, SubmitOrder
from trading.core.events import OrderAccepted, OrderCancelled, OrderWaiting, Refused
from trading.core.types import CancelReason, Offset, OrderType, Phase, SelfTrade, StopKind, TimeCondition, Trigger


class NaiveOrders(NaiveBooks):
    """The life of an order."""

    # --- what may be wrong with it

    def refuses(self, certain: set[int], perhaps: set[int], said: int | None) -> int | None:
        """The code of the refusal: the engine's where that is one of ours, or where none of ours is certain."""
        if said is not None and said in certain | perhaps:
            return said
        return min(certain) if certain else None

    def misfits(self, order: Placed) -> set[int]:
        """Where it fits neither the phase, nor the limits, nor itself."""
        wrong = set()
        listed, options = self.instruments[order.name], order.options
        rests = not order.market and order.stays in RESTS
        gathers = order.waits or (rests and not options.post_only and options.display_volume is None)
        if listed.phase is not Phase.CONTINUOUS and not (listed.phase is Phase.AUCTION and gathers):
            wrong.add(1009)
        most = self.accounts[order.account].rules.max_volume
        if not listed.terms.min_volume <= order.volume <= (listed.terms.max_volume if most is None else most):
            wrong.add(1006)
        if not order.market:
            wrong |= self.misfit_price(order)
        if (order.stays is TimeCondition.GTD) != (options.expires_at is not None):
            wrong.add(400)
        if options.expires_at is not None and options.expires_at <= self.now:
            wrong.add(400)
        if (options.post_only or options.display_volume is not None) and not rests:
            wrong.add(400)
        if options.display_volume is not None and not 0 < options.display_volume < order.volume:
            wrong.add(400)
        if options.reduce_only and order.opens:
            wrong.add(400)
        if options.trail is not None and options.stop_kind is not StopKind.STOP:
            wrong.add(400)
        follows = options.trail is not None and options.stop_price is None
        if follows and self.present(order.name, options.trigger) is None:
            wrong.add(1009)
        return wrong

    def misfit_price(self, order: Placed) -> set[int]:
        listed = self.instruments[order.name]
        if order.price % listed.contract.tick:
            return {1007}
        return set() if listed.low <= order.price <= listed.high else {1008}

    def cannot(self, order: Placed) -> tuple[set[int], set[int]]:
        """Why its account cannot have it go to the book: (certainly, perhaps)."""
        account = self.accounts[order.account]
        certain: set[int] = set()
        perhaps: set[int] = set()
        if account.frozen or account.liquidating:
            certain.add(1012)
        if order.opens:
            if self.needed(order) > self.available(order.account):
                certain.add(1001)
            if self.too_many_lots(order):
                certain.add(1013)
        else:
            free = sum(self.free_lots(order))
            if free == 0 or (order.left > free and not order.options.reduce_only):
                certain.add(1005)
        if self.too_many_orders(order):
            (certain if order.stays in RESTS and not order.market else perhaps).add(1013)
        gathers = self.instruments[order.name].phase is Phase.AUCTION
        if order.options.post_only and not gathers and self.rehearse(order)[0]:
            certain.add(1015)
        return certain, perhaps

    def needed(self, order: Placed) -> int:
        """What its worst fills take."""
        price = 0 if order.market else self.hold_price(order.name, order.is_buy, order.price)
        resting = 0 if order.market else self.lot_hold(order, price)
        if self.instruments[order.name].phase is not Phase.CONTINUOUS or (
            self.bought_at_limit(order) and self.stp(order) is SelfTrade.CANCEL_MAKER
        ):
            return order.left * resting
        fills, stopped = self.rehearse(order)
        taken = sum(lots for _, lots in fills)
        costs = sum(lots * max(resting, self.lot_hold(order, there)) for there, lots in fills)
        return costs if stopped else costs + (order.left - taken) * resting

    def rehearse(self, order: Placed) -> tuple[list[tuple[int, int]], bool]:
        """What it would trade in a copy of the market, as (price, lots), and whether an own order ends it there."""
        market, taker = deepcopy((self, order))
        market.told, taker.offset = [], Offset.OPEN  # so that no lots are missed
        market.orders.append(taker)
        market.match(taker)
        fills = [(told[2], told[3]) for told in market.told if told[0] == "traded"]
        return fills, taker not in market.orders and taker.left > 0

    def bought_at_limit(self, order: Placed) -> bool:
        """A buyer's worst price is his limit."""
        return order.is_buy and not order.market

    def too_many_lots(self, order: Placed) -> bool:
        most = self.accounts[order.account].rules.max_position
        if most is None:
            most = self.instruments[order.name].terms.max_position or NO_END
        lots = self.lots.get((order.account, order.name, order.is_buy), Lots()).all
        for other in self.orders:
            same = (other.account, other.name, other.is_buy) == (order.account, order.name, order.is_buy)
            if same and other.opens and not other.waits and other is not order:
                lots += other.left
        return lots + order.left > most

    def too_many_orders(self, order: Placed) -> bool:
        most = self.accounts[order.account].rules.max_orders
        if most is None:
            most = self.instruments[order.name].terms.max_orders or NO_END
        live = [
            other
            for other in self.orders
            if (other.account, other.name) == (order.account, order.name) and other is not order
        ]
        return len(live) >= most

    # --- submit

    def submit(self, command: SubmitOrder) -> None:
        said = self.heard[0].code.value if isinstance(self.heard[0], Refused) else None
        account = self.accounts.get(command.account_id)
        if account is None:
            self.tell("refused", 1003)
            return
        own_id = command.client_order_id
        if own_id is not None and own_id in account.own_ids:
            first = account.asked.get(own_id)
            again = same_but_for_its_end(first, command) if first else said is None
            self.tell(*("repeated", account.own_ids[own_id]) if again else ("refused", 409))
            return
        certain: set[int] = set()
        perhaps: set[int] = set()
        options = command.options or NOTHING
        if options.valid_until is not None and options.valid_until < self.now:
            certain.add(1014)
        order = None
        if command.instrument_id in self.instruments:
            order = self.drafted(command)
            certain |= self.misfits(order)
            if not order.waits:
                sure, unsure = self.cannot(order)
                certain |= sure
                perhaps |= unsure
            else:
                certain |= {1013} if self.too_many_orders(order) else set()
                certain |= {1012} if account.frozen or account.liquidating else set()
        else:
            certain.add(1004)
        refusal = self.refuses(certain, perhaps, said)
        if refusal is not None or order is None:
            self.tell("refused", refusal)
            return
        if isinstance(self.heard[0], OrderAccepted | OrderWaiting):
            order.order_id = self.heard[0].order_id
        if own_id is not None:
            account.own_ids[own_id] = order.order_id
            account.asked[own_id] = command
        if order.waits:
            self.wait(order)
        else:
            self.cut(order)
            self.tell("accepted", order.order_id, order.volume)
            self.enter(order)

    def drafted(self, command: SubmitOrder) -> Placed:
        options = command.options or NOTHING
        is_buy, market = command.direction.value == "BUY", command.order_type is OrderType.MARKET
        price = 0 if market or command.price is None else command.price
        return Placed(
            0,
            command.account_id,
            command.instrument_id,
            is_buy,
            command.offset,
            market,
            command.time_condition,
            price,
            command.volume,
            command.volume,
            command.volume,
            options,
            self.next_place(),
            waits=options.stop_price is not None or options.trail is not None,
        )

    def cut(self, order: Placed) -> None:
        """A reduce-only order is cut down to the lots that are free."""
        if order.options.reduce_only:
            too_many = max(0, order.left - sum(self.free_lots(order)))
            order.volume -= too_many
            order.left -= too_many

    def enter(self, order: Placed) -> None:
        """Into the book: hold, trade, rest or be cancelled."""
        order.held_at = self.hold_price(order.name, order.is_buy, order.price)
        if not order.opens:
            his, _ = self.free_lots(order)
            order.his_held = min(his, order.left)
            order.today_held = order.left - order.his_held
        self.orders.append(order)
        if self.instruments[order.name].phase is Phase.AUCTION:
            self.keep_from_own(order)
        elif order.stays is not TimeCondition.FOK or self.fills_wholly(order):
            self.match(order)
        if order in self.orders:
            if order.market or order.stays not in RESTS:
                self.cancel(order, CancelReason.UNFILLED)
            else:
                self.show(order)

    def show(self, order: Placed) -> None:
        """Show what may be seen of it, behind all others."""
        order.place = self.next_place()
        order.shown = min(order.left, order.options.display_volume or order.left)

    # --- matching

    def stp(self, order: Placed) -> SelfTrade:
        return order.options.stp or self.accounts[order.account].rules.stp

    def match(self, taker: Placed) -> None:
        """Trade with the best of the others, again and again. What is done to the taker ends it."""
        while taker in self.orders:
            meets = [maker for maker in self.queue(taker.name, not taker.is_buy) if taker.takes(maker.price)]
            if not meets:
                return
            maker = meets[0]
            if maker.account == taker.account:
                self.prevent(taker, maker)
            else:
                lots = min(taker.left, maker.shown)
                self.trade(taker, maker, maker.price, lots)
                maker.shown -= lots
                if maker in self.orders and not maker.shown:
                    self.show(maker)

    def prevent(self, taker: Placed, maker: Placed) -> None:
        """Self-trade prevention."""
        how = self.stp(taker)
        if how is not SelfTrade.CANCEL_TAKER:
            self.cancel(maker, CancelReason.SELF_TRADE)
        if how is not SelfTrade.CANCEL_MAKER:
            self.cancel(taker, CancelReason.SELF_TRADE)

    def keep_from_own(self, order: Placed) -> None:
        """In an auction: as if it met its own orders, and no others."""
        for maker in self.queue(order.name, not order.is_buy):
            if order in self.orders and maker.account == order.account and order.takes(maker.price):
                self.prevent(order, maker)

    def fills_wholly(self, order: Placed) -> bool:
        """Whether all of it would trade at once."""
        return sum(lots for _, lots in self.rehearse(order)[0]) == order.left

    def trade(self, taker: Placed, maker: Placed, price: int, lots: int) -> None:
        self.tell("traded", taker.name, price, lots, *sorted((taker.order_id, maker.order_id)))
        listed = self.instruments[taker.name]
        listed.mark = listed.last = price
        for order in (taker, maker):
            self.fill(order, price, lots)
        self.see(taker.name, Trigger.LAST, price)
        for order in (maker, taker):
            self.cancel_group(order)

    def fill(self, order: Placed, price: int, lots: int) -> None:
        listed, account = self.instruments[order.name], self.accounts[order.account]
        value, terms = listed.value(price), listed.terms
        order.left -= lots
        if not order.left:
            self.forget(order)
        if order.opens:
            leg = self.lots.setdefault((order.account, order.name, order.is_buy), Lots())
            leg.today_each += [value] * lots
            commission = charged(terms.fee_open, lots, value)
        else:
            leg = self.lots[order.account, order.name, not order.is_buy]
            his = min(lots, order.his_held)
            today = lots - his
            order.his_held -= his
            order.today_held -= today
            cost = his * leg.his_value + sum(leg.today_each[:today])
            leg.his_each = leg.his_each[his:]
            leg.today_each = leg.today_each[today:]
            account.close_profit += cost - lots * value if order.is_buy else lots * value - cost
            commission = charged(terms.fee_close, his, value) + charged(terms.fee_close_today, today, value)
            if not leg.all:
                del self.lots[order.account, order.name, not order.is_buy]
        account.commission += floor(commission * self.factor(order.account) / WHOLE + Fraction(1, 2))

    def cancel_group(self, first: Placed) -> None:
        """Of the account's orders of a group the first to fire or trade cancels all others."""
        group = first.options.oco_group
        for other in list(self.orders):
            same = other.account == first.account and other.options.oco_group == group
            if group is not None and same and other is not first:
                self.cancel(other, CancelReason.OCO)

    # --- waiting for a price

    def wait(self, order: Placed) -> None:
        self.tell("waiting", order.order_id, order.volume)
        options = order.options
        price = self.present(order.name, options.trigger)
        order.stop = options.stop_price
        if order.stop is None:
            assert price is not None and options.trail is not None
            order.stop = price + options.trail if order.is_buy else price - options.trail
        self.orders.append(order)
        if price is not None and self.instruments[order.name].phase is Phase.CONTINUOUS:
            self.met += [order] if self.meets(order, price) else []

    def meets(self, order: Placed, price: int) -> bool:
        assert order.stop is not None
        return price >= order.stop if order.rises else price <= order.stop

    def see(self, name: str, trigger: Trigger, price: int) -> None:
        """A price that waiting orders look at: trailing stops follow it, others meet it."""
        found = []
        for order in self.orders:
            if order.waits and order.name == name and order.options.trigger is trigger and order not in self.met:
                if order.options.trail is not None and order.stop is not None:
                    trail = order.options.trail
                    order.stop = min(order.stop, price + trail) if order.is_buy else max(order.stop, price - trail)
                if self.meets(order, price):
                    found.append(order)
        self.met += in_turn(found)

    def look(self) -> None:
        """The best prices, where trading is continuous."""
        for name, listed in self.instruments.items():
            if listed.phase is Phase.CONTINUOUS:
                for trigger in (Trigger.BID, Trigger.ASK):
                    price = self.present(name, trigger)
                    if price is not None:
                        self.see(name, trigger, price)

    def fire_all(self) -> None:
        """Whatever has met its price, and what that brings about."""
        while True:
            self.look()
            ready: dict[str, Placed] = {}
            for order in self.met:
                if self.instruments[order.name].phase is Phase.CONTINUOUS:
                    ready.setdefault(order.name, order)
            if not ready:
                return
            first = min(ready.values(), key=self.turn)
            self.met.remove(first)
            self.fire(first)

    def turn(self, order: Placed) -> int:
        """Instruments have no order among themselves: the engine's is as good as any."""
        numbers = [getattr(event, "order_id", None) for event in self.heard]
        return numbers.index(order.order_id) if order.order_id in numbers else len(numbers)

    def fire(self, order: Placed) -> None:
        self.cancel_group(order)
        certain, perhaps = self.cannot(order)
        certain |= set() if order.market else self.misfit_price(order)
        said = None
        for event in self.heard:
            if isinstance(event, OrderCancelled) and event.order_id == order.order_id and event.code is not None:
                said = event.code.value if event.reason is CancelReason.REFUSED else None
        refusal = self.refuses(certain, perhaps, said)
        if refusal is not None:
            self.cancel(order, CancelReason.REFUSED, refusal)
            return
        self.orders.remove(order)
        self.cut(order)
        order.waits = False
        order.stop = None
        self.tell("fired", order.order_id, order.left)
        self.enter(order)

    # --- amend

    def amend(self, command: AmendOrder) -> None:
        said = self.heard[0].code.value if isinstance(self.heard[0], Refused) else None
        if command.account_id not in self.accounts:
            self.tell("refused", 1003)
            return
        order = self.find(command.order_id)
        certain: set[int] = set()
        perhaps: set[int] = set()
        if command.valid_until is not None and command.valid_until < self.now:
            certain.add(1014)
        if order is None or order.account != command.account_id:
            self.tell("refused", self.refuses(certain | {1002}, set(), said))
            return
        price = order.price if command.price is None else command.price
        volume = order.volume if command.volume is None else command.volume
        filled = order.volume - order.left
        new = msgspec.structs.replace(order, price=price, volume=volume, left=volume - filled)
        certain |= self.amendment_misfits(order, new, command)
        if command.volume is None and 1006 in certain:
            certain.remove(1006)
            perhaps.add(1006)
        if not order.waits:
            where = self.orders.index(order)
            self.orders.remove(order)
            sure, unsure = self.cannot(new)
            self.orders.insert(where, order)
            shrinks = command.price in (None, order.price) and volume <= order.volume
            certain |= sure & {1012} if shrinks else sure
            perhaps |= unsure | sure
        elif self.accounts[order.account].frozen or self.accounts[order.account].liquidating:
            certain.add(1012)
        refusal = self.refuses(certain, perhaps, said)
        if refusal is not None:
            self.tell("refused", refusal)
            return
        self.replace(order, new, command)

    def amendment_misfits(self, order: Placed, new: Placed, command: AmendOrder) -> set[int]:
        certain = self.misfits(new) - {400, 1009}
        if self.instruments[order.name].phase not in (Phase.CONTINUOUS, Phase.AUCTION):
            certain.add(1009)
        if new.left <= 0:
            certain.add(1006)
        if new.options.display_volume is not None and new.volume <= new.options.display_volume:
            certain |= {400, 1006}
        if command.price is None and command.volume is None:
            certain.add(400)
        if command.price is not None and order.market:
            certain.add(400)
        return certain

    def replace(self, order: Placed, new: Placed, command: AmendOrder) -> None:
        shrinks = command.price in (None, order.price) and new.volume <= order.volume
        gone = order.volume - new.volume
        order.price, order.volume, order.left = new.price, new.volume, new.left
        if order.waits:
            self.tell("amended", order.order_id, order.price, order.volume, order.left)
        elif shrinks:
            order.shown = min(order.shown, order.left)
            if not order.opens:
                his, today = order.his_held, order.today_held
                order.today_held = max(0, today - gone)
                order.his_held = his - max(0, gone - today)
            self.tell("amended", order.order_id, order.price, order.volume, order.left)
        else:
            self.orders.remove(order)
            self.cut(order)
            self.tell("amended", order.order_id, order.price, order.volume, order.left)
            self.enter(order)


def in_turn(orders: list[Placed]) -> list[Placed]:
    """A rising price meets lower stop prices first, a falling one the higher; among equal ones the oldest is first."""
    return sorted(
        orders, key=lambda each: (not each.rises, (each.stop or 0) * (1 if each.rises else -1), each.order_id)
    )


def same_but_for_its_end(first: SubmitOrder, again: SubmitOrder) -> bool:
    """Whether an order is sent again; how long it is valid is not part of it."""

    def plain(order: SubmitOrder) -> SubmitOrder:
        options = msgspec.structs.replace(order.options or NOTHING, valid_until=None)
        return msgspec.structs.replace(order, options=options)

    return plain(first) == plain(again)
