"""The life of an order: it comes in, waits, fires, trades, rests, is changed."""

from dataclasses import replace

from tests.core.model.books import LASTS, NO_OPTIONS, Order, Told, merge, profit, take
from tests.core.model.checks import Checks, first_stop, gathers, is_worse, rivals
from trading.core.commands import AmendOrder, BreakTrade, SubmitOrder
from trading.core.types import CancelReason, Phase, SelfTrade, TimeCondition, TradeSide, Trigger


class Orders(Checks):
    def reasons_against_more(self, order: Order) -> set[int]:
        """What operators have against it: in `restraints.py`."""
        raise NotImplementedError

    # --- coming in

    def submit(self, command: SubmitOrder) -> None:
        account = self.accounts.get(command.account_id)
        if account is None:
            return self.refuse(1003)
        own_id = command.client_order_id
        if own_id is not None and own_id in account.own_ids:
            number, first = account.own_ids[own_id]
            return self.tell("repeated", number) if plain(first) == plain(command) else self.refuse(409)
        wrong = self.reasons_against(command)
        if wrong:
            return self.refuse(*wrong)
        order = Order.asked(command)
        order.number = self.next_number()
        if own_id is not None:
            account.own_ids[own_id] = order.number, command
        if order.waits:
            return self.wait(order)
        self.cut(order)
        self.tell("accepted", order.number, order.account, order.volume)
        return self.enter(order)

    def reasons_against(self, command: SubmitOrder) -> set[int]:
        options = command.options or NO_OPTIONS
        wrong = {1014} if options.valid_until is not None and options.valid_until < self.now else set()
        if command.instrument_id not in self.instruments:
            return wrong | {1004}
        order = Order.asked(command)
        wrong |= self.misfits(order) | self.reasons_against_more(order)
        if not order.waits:
            return wrong | self.cannot(order)
        wrong |= {1012} if self.accounts[order.account].closed else set()
        return wrong | ({1013} if self.too_many_orders(order) else set())

    def cut(self, order: Order) -> None:
        """A reduce-only order is cut down to the lots that are free."""
        if order.options.reduce_only:
            too_many = max(0, order.left - sum(self.free_lots(order)))
            order.volume -= too_many
            order.left -= too_many

    def enter(self, order: Order) -> None:
        """Into the book: hold, trade, rest or be cancelled."""
        auction = self.instruments[order.name].phase is Phase.AUCTION
        order.at_limit = auction and not order.buy
        order.shown, order.resting = 0, False
        order.band, last = self.reach(order), self.last_level(order)
        if not order.opens:
            order.his_held, order.today_held = 0, 0
            his, _ = self.free_lots(order)
            order.his_held = min(his, order.left)
            order.today_held = order.left - order.his_held
        self.orders.append(order)
        if auction:
            self.keep_from_own(order)
        elif order.stays is not TimeCondition.FOK or self.fills_wholly(order):
            self.match(order)
        if order in self.orders:
            if order.may_rest:
                self.show(order)
            else:
                self.cancel(order, CancelReason.UNFILLED, self.why_unfilled(order, last))

    def why_unfilled(self, order: Order, last: int | None) -> list[int]:
        """A MARKET order that could trade on, but for its band, says so."""
        line = self.queue(order.name, not order.buy)
        if not order.market or not line or self.reaches(order, line[0].price):
            return []
        return [] if last is not None and is_worse(order, line[0].price, last) else [1008]

    def show(self, order: Order) -> None:
        """Show what may be seen of it, behind all others."""
        order.resting = True
        order.place = self.next_place()
        order.shown = min(order.left, order.options.display_volume or order.left)

    # --- trading

    def match(self, taker: Order) -> None:
        """Trade with whoever stands first, again and again."""
        while taker in self.orders:
            line = self.queue(taker.name, not taker.buy)
            if not line or not self.reaches(taker, line[0].price):
                return
            maker = line[0]
            if maker.account == taker.account:
                self.prevent(taker, maker)
                continue
            lots = min(taker.left, maker.shown)
            self.trade(taker, maker, maker.price, lots)
            maker.shown -= lots
            if maker in self.orders and not maker.shown:
                self.show(maker)

    def prevent(self, taker: Order, maker: Order) -> None:
        rule = self.stp(taker)
        if rule is not SelfTrade.CANCEL_TAKER:
            self.cancel(maker, CancelReason.SELF_TRADE, [1010])
        if rule is not SelfTrade.CANCEL_MAKER:
            self.cancel(taker, CancelReason.SELF_TRADE, [1010])

    def keep_from_own(self, order: Order) -> None:
        """In an auction: as if it met its own orders, and no others."""
        for maker in self.queue(order.name, not order.buy):
            if order in self.orders and maker.account == order.account and self.reaches(order, maker.price):
                self.prevent(order, maker)

    def trade(self, taker: Order, maker: Order, price: int, lots: int) -> None:
        of = self.instruments[taker.name]
        of.mark = of.last = price
        number = len(self.trades) + 1
        fills = [self.fill(order, price, lots, number) for order in (taker, maker)]
        self.tell("trade", taker.name, price, lots, *fills)
        buyer, seller = (
            TradeSide(order.account, order.number, order.offset, *fill[-2:])
            for order, fill in sorted(zip((taker, maker), fills, strict=True), key=lambda side: not side[0].buy)
        )
        self.trades[number] = BreakTrade(number, self.day, taker.name, price, lots, buyer, seller, give_back_fees=True)
        self.see(taker.name, Trigger.LAST, price)
        for order in (taker, maker):
            self.cancel_rivals(order)

    def fill(self, order: Order, price: int, lots: int, trade: int) -> Told:
        """Lots into a position or out of it, by a trade. What is told of it: (order, account, side, offset, filled,
        left, commission, close profit)."""
        of, account = self.instruments[order.name], self.accounts[order.account]
        value, terms = of.value(price), of.terms
        order.left -= lots
        gained = 0
        if order.opens:
            leg = self.leg(order.account, order.name, order.buy)
            self.opened[trade, order.account] = leg.add(lots, lots * value)
            if not self.rules.lots_in_turn:
                leg.today = merge(leg.today)
            fees = [(terms.fee_open, lots)]
        else:
            leg = self.leg(order.account, order.name, not order.buy)
            his = min(lots, order.his_held)
            today = lots - his
            order.his_held -= his
            order.today_held -= today
            gained = profit(not order.buy, lots * value, take(leg.his, his) + take(leg.today, today))
            fees = [(terms.fee_close, his), (terms.fee_close_today, today)]
        commission = self.charge(order.account, value, fees)
        account.commission += commission
        account.close_profit += gained
        if not order.left:
            self.forget(order)
        side = "BUY" if order.buy else "SELL"
        return order.number, order.account, side, order.offset.value, order.filled, order.left, commission, gained

    def cancel_rivals(self, first: Order) -> None:
        """Of the account's orders of a group the first to fire or trade cancels all others."""
        self.cancel_each([o for o in self.orders if o is not first and rivals(o, first)], CancelReason.OCO)

    # --- waiting for a price

    def wait(self, order: Order) -> None:
        self.tell("waiting", order.number, order.account, order.volume)
        order.stop = first_stop(order, self.present(order.name, order.options.trigger) or 0)
        self.orders.append(order)
        self.look_at_last(order.name)

    def look_at_last(self, name: str) -> None:
        of = self.instruments[name]
        if of.phase is Phase.CONTINUOUS and of.last is not None:
            self.see(name, Trigger.LAST, of.last)

    def see(self, name: str, trigger: Trigger, price: int) -> None:
        """A price: orders meet it, in turn, and trailing stops follow it."""
        watching = [
            order
            for order in self.orders
            if order.waits and order.name == name and order.options.trigger is trigger and order not in self.met
        ]
        for rises in (True, False):
            found = [order for order in watching if order.rises is rises and order.meets(price)]
            self.met += sorted(found, key=lambda order: (order.stop if rises else -order.stop, order.number))
        for order in watching:
            trail = order.options.trail
            if trail is not None and order not in self.met:
                order.stop = min(order.stop, price + trail) if order.buy else max(order.stop, price - trail)

    def behind(self) -> bool:
        """Whether orders are yet to fire whose price was met."""
        return any(self.instruments[order.name].phase is Phase.CONTINUOUS for order in self.met)

    def fire_all(self, most: int) -> None:
        """What has met its price, and what that brings about, but no more than `most`; instruments in the order of
        their names."""
        fired = True
        while fired:
            fired = False
            for name in sorted(self.instruments):
                while self.instruments[name].phase is Phase.CONTINUOUS:
                    self.see_quotes(name)
                    ready = [order for order in self.met if order.name == name]
                    if not ready or not most:
                        break
                    self.met.remove(ready[0])
                    self.fire(ready[0])
                    fired = True
                    most -= 1

    def see_quotes(self, name: str) -> None:
        for trigger in (Trigger.BID, Trigger.ASK):
            price = self.present(name, trigger)
            if price is not None:
                self.see(name, trigger, price)

    def fire(self, order: Order) -> None:
        self.cancel_rivals(order)
        wrong = self.cannot(order, replaced=order)
        if not order.market:
            wrong |= self.misfit_price(order.name, order.price)
        if wrong:
            return self.cancel(order, CancelReason.REFUSED, wrong)
        self.orders.remove(order)
        self.cut(order)
        order.waits, order.stop = False, 0
        self.tell("fired", order.number, order.account, order.left)
        return self.enter(order)

    # --- amending

    def amend(self, command: AmendOrder) -> None:
        if command.account_id not in self.accounts:
            return self.refuse(1003)
        late = {1014} if command.valid_until is not None and command.valid_until < self.now else set()
        order = self.find(command.order_id)
        if order is None or order.account != command.account_id:
            return self.refuse(1002, *late)
        price = order.price if command.price is None else command.price
        volume = order.volume if command.volume is None else command.volume
        stays = price == order.price and volume <= order.volume
        new = replace(order, price=price, volume=volume, left=volume - order.filled)
        wrong = late | self.amendment_misfits(order, new, command)
        auction = self.instruments[order.name].phase is Phase.AUCTION
        if auction and self.rules.auction_amends and not stays and not gathers(order):
            wrong.add(1009)
        if not order.waits and not stays and not wrong:
            wrong |= self.cannot(new, replaced=order)
        if wrong:
            return self.refuse(*wrong)
        gone = order.volume - volume
        if not order.waits and not stays:
            self.orders.remove(order)
        order.price, order.volume, order.left = price, volume, new.left
        if order.waits:
            return self.tell_amended(order)
        if stays:
            self.shrink(order, gone)
            return self.tell_amended(order)
        self.cut(order)
        self.tell_amended(order)
        return self.enter(order)

    def amendment_misfits(self, order: Order, new: Order, command: AmendOrder) -> set[int]:
        phase = self.instruments[order.name].phase
        wrong = {1012} if self.accounts[order.account].closed else set()
        if phase not in (Phase.CONTINUOUS, Phase.AUCTION):
            wrong.add(1009)
        if command.price is None and command.volume is None:
            wrong.add(400)
        if command.price is not None:
            wrong |= {400} if order.market else self.misfit_price(order.name, new.price)
        if command.volume is not None:
            shows = new.volume > (order.options.display_volume or 0)
            if new.left <= 0 or not shows or not self.allows_volume(order, new.volume):
                wrong.add(1006)
        return wrong

    def shrink(self, order: Order, gone: int) -> None:
        """Smaller where it stands: hidden lots go first, and of a closing today's."""
        order.shown = min(order.shown, order.left)
        if not order.opens:
            today = min(gone, order.today_held)
            order.today_held -= today
            order.his_held -= gone - today

    def tell_amended(self, order: Order) -> None:
        self.tell("amended", order.number, order.account, order.price, order.volume, order.filled, order.left)

    # --- the end of a day

    def lasts(self, order: Order) -> bool:
        return order.stays in LASTS and order.offset.value != "CLOSETODAY"


def plain(command: SubmitOrder) -> tuple[object, ...]:
    """What a resend must repeat; how long it is valid is not part of it."""
    options = command.options or NO_OPTIONS
    kept = [getattr(options, name) for name in options.__struct_fields__ if name != "valid_until"]
    order = [getattr(command, name) for name in command.__struct_fields__ if name != "options"]
    return (*order, *kept)
