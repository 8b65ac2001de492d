"""A twin of the whole market, slow and plain: lists, loops and sums, written from `docs/market-rules.md`.

Knows nothing of the engine's code. What becomes of an order is in `naive_orders.py`, what is kept in `naive_books.py`.
Liquidation is left to others: after it the twin is made anew from the engine's records.
"""

from typing import Any

from tests.core.naive.books import NO_END, STAYS, Holder, Listed, Lots, Told
from tests.core.naive.orders import NaiveOrders
from trading.core.commands import (
    AmendOrder,
    CancelAfter,
    CancelAll,
    CancelOrder,
    ChangeTerms,
    CheckRisk,
    Command,
    Deposit,
    ExpireDue,
    ForceCancelOrder,
    FreezeAccount,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ResumeInstrument,
    SetAccountRules,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketPhase,
    Settle,
    SubmitOrder,
    Withdraw,
)
from trading.core.events import Event, Refused
from trading.core.types import CancelReason, Offset, Phase, Trigger


class NaiveMarket(NaiveOrders):
    """`do` does a command and tells what has happened; `picture` is all that is remembered."""

    def do(self, command: Command, now: int, heard: list[Event]) -> list[Told]:
        """What the rules say that happens; `heard` is what the engine said."""
        self.now = max(self.now, now)
        self.told, self.heard = [], heard
        self.obey(command)
        self.fire_all()
        return self.told

    def obey(self, command: Command) -> None:
        match command:
            case SubmitOrder():
                self.submit(command)
            case AmendOrder():
                self.amend(command)
            case CancelOrder(account_id=account, order_id=number):
                self.cancel_one(account, number)
            case CancelAll():
                self.cancel_all(command)
            case ForceCancelOrder(order_id=number):
                found = self.find(number)
                if found is None:
                    self.tell("refused", 1002)
                else:
                    self.cancel(found, CancelReason.OPERATOR)
            case CancelAfter():
                self.cancel_after(command)
            case ExpireDue():
                self.pass_time()
            case SetInstrumentPhase() | SetMarketPhase() | HaltInstrument() | ResumeInstrument():
                self.change_phases(command)
            case Settle():
                self.settle(command)
            case CheckRisk():
                raise AssertionError("the twin does not liquidate")
            case _:
                self.operate(command)

    def operate(self, command: Any) -> None:
        """Simple commands of operators. What is refused of them is tested elsewhere."""
        if isinstance(self.heard[0], Refused):
            self.tell("refused", self.heard[0].code.value)
            return
        if isinstance(command, OpenAccount):
            self.accounts[len(self.accounts) + 1] = Holder(command.user_id)
        elif isinstance(command, ListInstrument):
            contract = command.contract
            listed = Listed(contract, command.terms, Phase.CONTINUOUS, Phase.CONTINUOUS, contract.reference_price)
            self.instruments[contract.instrument_id] = listed
        elif isinstance(command, ChangeTerms):
            self.instruments[command.instrument_id].terms = command.terms
        elif isinstance(command, SetFeeGroup):
            self.factors[command.name] = command.factor
        else:
            (account,) = (each for each in self.accounts.values() if each.user_id == command.user_id)
            match command:
                case Deposit(amount=amount):
                    account.deposits += amount
                case Withdraw(amount=amount):
                    account.withdrawals += amount
                case FreezeAccount(frozen=frozen):
                    account.frozen = frozen
                case SetAccountRules(rules=rules):
                    account.rules = rules
        self.tell("done")

    # --- cancels

    def cancel_one(self, account: int, order_id: int) -> None:
        order = self.find(order_id)
        if account not in self.accounts:
            self.tell("refused", 1003)
        elif order is None or order.account != account:
            self.tell("refused", 1002)
        else:
            self.cancel(order, CancelReason.ASKED)

    def cancel_all(self, command: CancelAll) -> None:
        if command.account_id not in self.accounts:
            self.tell("refused", 1003)
            return
        if command.instrument_id is not None and command.instrument_id not in self.instruments:
            self.tell("refused", 1004)
            return
        found = []
        for order in self.orders:
            there = command.instrument_id in (None, order.name)
            side = command.direction is None or (command.direction.value == "BUY") == order.is_buy
            if order.account == command.account_id and there and side:
                found.append(order)
        self.tell("all cancelled", len(found))
        self.cancel_each(found, CancelReason.ASKED)

    # --- time

    def cancel_after(self, command: CancelAfter) -> None:
        account = self.accounts.get(command.account_id)
        if account is None:
            self.tell("refused", 1003)
            return
        if command.reason is CancelReason.DISCONNECT:
            account.disconnect_at = command.deadline
        else:
            account.cancel_at = command.deadline
        self.tell("deadline", command.account_id, command.deadline)

    def pass_time(self) -> None:
        """What is due, in the order of its time."""
        due: list[tuple[int, int, int]] = []
        due += [(order.options.expires_at or NO_END, 0, order.order_id) for order in self.orders]
        due += [(account.cancel_at or NO_END, 1, number) for number, account in self.accounts.items()]
        due += [(account.disconnect_at or NO_END, 2, number) for number, account in self.accounts.items()]
        for time, what, number in sorted(due):
            if time > self.now:
                return
            if what == 0:
                order = self.find(number)
                if order is not None:
                    self.cancel(order, CancelReason.EXPIRED)
                continue
            account = self.accounts[number]
            own = [order for order in self.orders if order.account == number]
            self.tell("deadline", number, None)
            if what == 1:
                account.cancel_at = None
                self.cancel_each(own, CancelReason.COUNTDOWN)
            else:
                account.disconnect_at = None
                self.cancel_each(own, CancelReason.DISCONNECT)

    # --- phases

    def change_phases(self, command: SetInstrumentPhase | SetMarketPhase | HaltInstrument | ResumeInstrument) -> None:
        if isinstance(self.heard[0], Refused):
            self.tell("refused", self.heard[0].code.value)
            return
        if isinstance(command, SetMarketPhase):
            moves = []
            for name, listed in sorted(self.instruments.items()):
                if listed.phase is not Phase.DELISTED:
                    phase = command.phase
                    if phase is Phase.AUCTION and not listed.contract.limit_rate:
                        phase = Phase.CLOSED
                    listed.scheduled = phase
                    if listed.phase not in (Phase.HALTED, phase):
                        moves.append((name, phase))
            self.tell("moved", len(moves))
            for name, phase in moves:
                self.go_to(name, phase)
            return
        listed = self.instruments[command.instrument_id]
        phase = Phase.HALTED
        if isinstance(command, SetInstrumentPhase):
            phase = listed.scheduled = command.phase
        if isinstance(command, ResumeInstrument):
            phase = listed.scheduled
        self.go_to(command.instrument_id, phase)

    def go_to(self, name: str, phase: Phase) -> None:
        listed = self.instruments[name]
        self.tell("phase", name, phase.value)
        gathered = listed.phase is Phase.AUCTION
        bids, asks = self.queue(name, True), self.queue(name, False)
        crossed = bids and asks and bids[0].price >= asks[0].price
        if phase is Phase.CONTINUOUS and crossed:
            listed.phase = Phase.AUCTION
            self.hold_for_auction(name)
            self.uncross(name)
        elif phase is Phase.CONTINUOUS and gathered:
            self.tell("uncrossed", name, None, 0)
        listed.phase = phase
        if phase is Phase.AUCTION:
            self.hold_for_auction(name)
            return
        for order in self.orders:
            if order.name == name:
                order.held_at = order.price
        if phase is Phase.CONTINUOUS:
            self.look_again(name)

    def look_again(self, name: str) -> None:
        """What watches the last price may have come in while nothing could fire."""
        price = self.present(name, Trigger.LAST)
        if price is not None:
            self.see(name, Trigger.LAST, price)

    def hold_for_auction(self, name: str) -> None:
        """A sale to open holds its margin at the upper limit, or goes."""
        for order in sorted(self.orders, key=lambda each: each.place):
            if order.name == name and order.opens and self.rests(order) and not order.is_buy:
                before = order.held_at
                high = self.instruments[name].high
                more = order.left * (self.lot_hold(order, high) - self.lot_hold(order, before))
                if more > 0 and more > self.available(order.account):
                    self.cancel(order, CancelReason.AUCTION)
                order.held_at = high

    def uncross(self, name: str) -> None:
        """All trades at one price, found by trying every one."""
        listed = self.instruments[name]
        bids, asks = self.queue(name, True), self.queue(name, False)
        prices = [order.price for order in bids + asks]
        found: tuple[int, int, int, int] | None = None
        for price in range(min(prices, default=0), max(prices, default=-1) + 1, listed.contract.tick):
            wanted = sum(order.left for order in bids if order.price >= price)
            offered = sum(order.left for order in asks if order.price <= price)
            rank = (min(wanted, offered), -abs(wanted - offered), -abs(price - listed.settlement), price)
            found = rank if found is None or rank > found else found
        if found is None or not found[0]:
            self.tell("uncrossed", name, None, 0)
            return
        price = found[3]
        said, self.told = self.told, []
        volume = self.trade_all(name, price)
        self.told = [*said, ("uncrossed", name, price, volume), *self.told]

    def trade_all(self, name: str, price: int) -> int:
        """Whatever can trade at one price: better prices first, then who came first. How many lots that were."""
        volume = 0
        while True:
            buys = [order for order in self.queue(name, True) if order.price >= price]
            sells = [order for order in self.queue(name, False) if order.price <= price]
            if not buys or not sells:
                return volume
            buy, sell = buys[0], sells[0]
            lots = min(buy.left, sell.left)
            volume += lots
            self.trade(buy, sell, price, lots)
            for order in (buy, sell):
                order.shown = min(order.left, order.shown)

    # --- settlement

    def settle(self, command: Settle) -> None:
        if isinstance(self.heard[0], Refused):
            expected = 409 if command.day < self.day else None
            self.tell("refused", expected or self.heard[0].code.value)
            return
        assert command.day >= self.day, "a day is settled once"
        ends = {
            name
            for name, listed in self.instruments.items()
            if listed.phase is not Phase.DELISTED and 0 < listed.terms.last_day <= command.day
        }
        self.tell("day settled", command.day, command.next_day)
        over = [
            order
            for order in self.orders
            if order.stays not in STAYS or order.offset is Offset.CLOSETODAY or order.name in ends
        ]
        self.cancel_each(over, CancelReason.SETTLEMENT)
        settled = [name for name, listed in self.instruments.items() if listed.phase is not Phase.DELISTED]
        for name in settled:
            listed = self.instruments[name]
            last = listed.settlement if listed.mark is None else listed.mark
            listed.mark = command.prices.get(name, last)
            self.tell("settled", name, listed.mark, name in ends)
        for name in ends:
            self.expire(name)
        for number, account in self.accounts.items():
            self.close_day(number, account)
        for name in settled:
            self.instruments[name].settlement = self.instruments[name].mark or 0
        for order in list(self.orders):
            if self.rests(order) and self.misfit_price(order):
                self.cancel(order, CancelReason.SETTLEMENT)
        for order in self.orders:
            order.held_at = self.hold_price(order.name, order.is_buy, order.price)
        for account in self.accounts.values():
            self.forget_own_ids(account)
        self.day = command.next_day

    def forget_own_ids(self, account: Holder) -> None:
        """The ids of orders that live on stay known."""
        live = {order.order_id for order in self.orders}
        account.own_ids = {name: order_id for name, order_id in account.own_ids.items() if order_id in live}
        account.asked = {name: asked for name, asked in account.asked.items() if name in account.own_ids}

    def expire(self, name: str) -> None:
        """Close all positions at the settlement price."""
        listed = self.instruments[name]
        for number, account in self.accounts.items():
            sides = [self.lots.pop((number, name, is_long), Lots()) for is_long in (True, False)]
            long, short = sides
            if long.all or short.all:
                gain = (long.all - short.all) * listed.value(listed.mark) - long.cost + short.cost
                account.close_profit += gain
                self.tell("ended", number, name, long.all, short.all, listed.mark, gain)
        listed.phase = listed.scheduled = Phase.DELISTED

    def close_day(self, number: int, account: Holder) -> None:
        """The statement, and the first balance of the next day."""
        closing = self.balance(number)
        before = (account.pre_balance, account.deposits, account.withdrawals, account.close_profit)
        gained, paid = self.profit(number), account.commission
        for (whose, name, _), lots in self.lots.items():
            if whose == number:
                listed = self.instruments[name]
                lots.his_each += lots.today_each
                lots.today_each = []
                lots.his_value = listed.value(listed.mark)
        account.pre_balance = closing
        account.deposits = account.withdrawals = account.close_profit = account.commission = 0
        for order in self.orders:
            if order.account == number:
                order.his_held, order.today_held = order.his_held + order.today_held, 0
        self.tell("statement", number, *before, gained, paid, closing, self.margin(number))

    # --- how things stand

    def picture(self) -> dict[str, Any]:
        """All that is remembered, to be compared."""
        sides = {(name, is_buy): self.queue(name, is_buy) for name in self.instruments for is_buy in (True, False)}
        return {
            "instruments": {
                name: (each.phase, each.scheduled, each.settlement, each.mark, each.last)
                for name, each in self.instruments.items()
            },
            "accounts": {
                number: (*self.counters(each), self.balance(number), self.margin(number), self.hold(number))
                for number, each in self.accounts.items()
            },
            "lots": {
                key: (each.his, each.today, each.his_cost, each.today_cost, each.his_paid)
                for key, each in self.lots.items()
            },
            "orders": {
                order.order_id: (
                    *(order.price, order.volume, order.left, None if order.waits else order.shown),
                    *(order.stop or 0, order.his_held, order.today_held),
                )
                for order in self.orders
            },
            "queues": {key: [order.order_id for order in side] for key, side in sides.items() if side},
            "day": (self.day, self.factors),
        }

    def counters(self, account: Holder) -> Told:
        return (
            *(account.pre_balance, account.deposits, account.withdrawals, account.close_profit, account.commission),
            *(account.rules, account.frozen, account.liquidating, account.cancel_at, account.disconnect_at),
            account.own_ids,
        )
