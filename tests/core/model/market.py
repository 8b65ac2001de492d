"""The whole market in the model: what is asked of it, phases and auctions, time, settlements, operators."""

from fractions import Fraction

from tests.core.model.books import NEVER, Account, Instrument, Leg, Order, Parcel, Told, merge, profit, rate
from tests.core.model.office import Office
from tests.core.model.rules import VERSIONS, Rules
from trading.core.commands import (
    AdoptRules,
    AmendOrder,
    Announce,
    BreakTrade,
    CancelAfter,
    CancelAll,
    CancelOrder,
    ChangeTerms,
    CheckRisk,
    Command,
    Deposit,
    ExpireDue,
    FireStops,
    ForceCancelAll,
    ForceCancelOrder,
    ForceClose,
    FreezeAccount,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ReceiveTransfer,
    RefuseConnections,
    ResumeInstrument,
    ReturnTransfer,
    SendTransfer,
    SetAccountRules,
    SetCloseOnly,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketLimits,
    SetMarketPhase,
    Settle,
    StopLiquidation,
    SubmitOrder,
    Withdraw,
    WithdrawAnnouncement,
)
from trading.core.types import CancelReason, Phase

MOST_LOTS = 1_000_000
PORTION = 100
SCHEDULED = (Phase.CLOSED, Phase.AUCTION, Phase.CONTINUOUS)


class Market(Office):
    """`do` does a command and tells what has happened."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.ways = {
            SubmitOrder: self.submit,
            AmendOrder: self.amend,
            CancelOrder: self.cancel_one,
            CancelAll: self.cancel_all,
            ForceCancelOrder: self.force_cancel,
            ForceCancelAll: self.force_cancel_all,
            ForceClose: self.force_close,
            StopLiquidation: self.stop_liquidation,
            SetCloseOnly: self.set_close_only,
            RefuseConnections: self.refuse_connections,
            SetMarketLimits: self.set_market_limits,
            CancelAfter: self.cancel_after,
            ExpireDue: self.expire,
            CheckRisk: self.check_risk,
            AdoptRules: self.adopt,
            FireStops: lambda command: self.tell("firing goes on"),
            SetMarketPhase: self.set_market_phase,
            SetInstrumentPhase: self.set_phase,
            HaltInstrument: self.halt,
            ResumeInstrument: self.resume,
            Settle: self.settle,
            OpenAccount: self.open_account,
            Deposit: self.deposit,
            Withdraw: self.withdraw,
            SendTransfer: self.send,
            ReceiveTransfer: self.receive,
            ReturnTransfer: self.take_back,
            BreakTrade: self.break_trade,
            Announce: self.announce,
            WithdrawAnnouncement: self.withdraw_announcement,
            FreezeAccount: self.freeze,
            SetAccountRules: self.set_rules,
            SetFeeGroup: self.set_fee_group,
            ListInstrument: self.list_instrument,
            ChangeTerms: self.change_terms,
        }

    def do(self, command: Command, now: int) -> list[Told]:
        self.now = max(self.now, now)
        self.told = []
        waits_its_turn = self.behind() and not isinstance(command, FireStops)
        self.ways[type(command)](command)  # type: ignore[operator]
        most = PORTION if self.rules.portions else len(self.orders)
        self.fire_all(0 if waits_its_turn else most)
        return self.told

    def adopt(self, command: AdoptRules) -> None:
        """What was kept as an average is one parcel at that average."""
        if VERSIONS.index(self.rules) >= command.version:
            return self.refuse(400)
        self.rules = VERSIONS[command.version]
        return self.tell("rules adopted", command.version)

    # --- cancels

    def cancel_one(self, command: CancelOrder) -> None:
        order = self.find(command.order_id)
        if command.account_id not in self.accounts:
            self.refuse(1003)
        elif order is None or order.account != command.account_id:
            self.refuse(1002)
        else:
            self.cancel(order, CancelReason.ASKED)

    def force_cancel(self, command: ForceCancelOrder) -> None:
        order = self.find(command.order_id)
        if order is None:
            self.refuse(1002)
        else:
            self.cancel(order, CancelReason.OPERATOR)

    def cancel_all(self, command: CancelAll) -> None:
        if command.account_id not in self.accounts:
            return self.refuse(1003)
        if command.instrument_id is not None and command.instrument_id not in self.instruments:
            return self.refuse(1004)
        found = [order for order in self.orders if order.account == command.account_id]
        if command.instrument_id is not None:
            found = [order for order in found if order.name == command.instrument_id]
        if command.direction is not None:
            found = [order for order in found if order.buy == (command.direction.value == "BUY")]
        self.tell("all cancelled", command.account_id, len(found))
        return self.cancel_each(found, CancelReason.ASKED)

    # --- time

    def cancel_after(self, command: CancelAfter) -> None:
        account = self.accounts.get(command.account_id)
        if account is None:
            return self.refuse(1003)
        if command.reason is CancelReason.DISCONNECT:
            account.disconnect_at = command.deadline
        else:
            account.cancel_at = command.deadline
        return self.tell("countdown", account.number, command.deadline)

    def deadlines(self) -> list[tuple[int, int, int]]:
        """(time, what, whose), the earliest first."""
        found = [(o.options.expires_at, 0, o.number) for o in self.orders if o.options.expires_at is not None]
        for account in self.accounts.values():
            if account.cancel_at is not None:
                found.append((account.cancel_at, 1, account.number))
            if account.disconnect_at is not None:
                found.append((account.disconnect_at, 2, account.number))
        return sorted(found)

    def expire(self, command: ExpireDue) -> None:
        self.tell("time passed")
        for time, what, whose in self.deadlines():
            if time > self.now:
                return
            if what == 0:
                order = self.find(whose)
                if order is not None:
                    self.cancel(order, CancelReason.EXPIRED)
                continue
            account = self.accounts[whose]
            if what == 1:
                account.cancel_at = None
            else:
                account.disconnect_at = None
            self.tell("countdown", whose, None)
            reason = CancelReason.COUNTDOWN if what == 1 else CancelReason.DISCONNECT
            self.cancel_each([order for order in self.orders if order.account == whose], reason)

    # --- phases

    def set_market_phase(self, command: SetMarketPhase) -> None:
        if command.phase not in SCHEDULED:
            return self.refuse(400)
        moves: list[tuple[str, Phase]] = []
        for name, of in sorted(self.instruments.items()):
            if of.phase is not Phase.DELISTED:
                no_auction = command.phase is Phase.AUCTION and of.high is None
                of.scheduled = Phase.CLOSED if no_auction else command.phase
                if of.phase not in (Phase.HALTED, of.scheduled):
                    moves.append((name, of.scheduled))
        self.tell("phases", command.phase.value, len(moves))
        for name, phase in moves:
            self.go_to(name, phase)
        return None

    def set_phase(self, command: SetInstrumentPhase) -> None:
        of = self.instruments.get(command.instrument_id)
        wrong = self.cannot_move(of)
        if command.phase not in SCHEDULED or (of and of.high is None and command.phase is Phase.AUCTION):
            wrong.add(400)
        if of and of.phase is command.phase:
            wrong.add(409)
        if wrong or of is None:
            return self.refuse(*wrong)
        of.scheduled = command.phase
        return self.go_to(command.instrument_id, command.phase)

    def halt(self, command: HaltInstrument) -> None:
        of = self.instruments.get(command.instrument_id)
        wrong = self.cannot_move(of) | ({409} if of and of.phase is Phase.HALTED else set())
        return self.refuse(*wrong) if wrong else self.go_to(command.instrument_id, Phase.HALTED)

    def resume(self, command: ResumeInstrument) -> None:
        of = self.instruments.get(command.instrument_id)
        wrong = self.cannot_move(of) | ({409} if of and of.phase is not Phase.HALTED else set())
        if wrong or of is None:
            return self.refuse(*wrong)
        return self.go_to(command.instrument_id, of.scheduled)

    def cannot_move(self, of: Instrument | None) -> set[int]:
        if of is None:
            return {1004}
        return {409} if of.phase is Phase.DELISTED else set()

    def go_to(self, name: str, phase: Phase) -> None:
        of = self.instruments[name]
        self.tell("phase", name, phase.value)
        if phase is Phase.CONTINUOUS and (of.phase is Phase.AUCTION or self.crossed(name)):
            if of.phase is not Phase.AUCTION:
                self.hold_for(name, Phase.AUCTION)
            of.phase = Phase.AUCTION
            self.uncross(name)
        of.phase = phase
        self.hold_for(name, phase)
        self.look_at_last(name)

    def crossed(self, name: str) -> bool:
        bids, asks = self.queue(name, True), self.queue(name, False)
        return bool(bids and asks and bids[0].price >= asks[0].price)

    def hold_for(self, name: str, phase: Phase) -> None:
        """A sale to open holds its margin at the upper limit in an auction, or goes; the oldest first."""
        auction = phase is Phase.AUCTION
        for order in sorted(self.orders, key=lambda each: each.place):
            if order.name == name and order.resting and order.opens and not order.buy and order.at_limit != auction:
                before = order.left * self.lot_hold(order, self.held_price(order))
                room = self.available(order.account)
                order.at_limit = auction
                more = order.left * self.lot_hold(order, self.held_price(order)) - before
                if more > 0 and more > room:
                    self.cancel(order, CancelReason.AUCTION, [1001])

    # --- the end of an auction

    def uncross(self, name: str) -> None:
        """All trades at one price: better prices first, then who came first."""
        price = self.clearing(name)
        said, self.told = self.told, []
        volume = 0
        while price is not None:
            buys = [order for order in self.queue(name, True) if order.price >= price]
            sells = [order for order in self.queue(name, False) if order.price <= price]
            if not buys or not sells:
                break
            older, younger = sorted((buys[0], sells[0]), key=lambda order: order.place)
            lots = min(older.left, younger.left)
            self.trade(younger, older, price, lots)
            volume += lots
            for order in (older, younger):
                order.shown = min(order.shown, order.left)
        self.told = [*said, ("uncrossed", name, price, volume), *self.told]

    def clearing(self, name: str) -> int | None:
        """Every price is tried: most lots, least left over, nearest to the settlement price, highest."""
        if not self.crossed(name):
            return None
        of, bids, asks = self.instruments[name], self.queue(name, True), self.queue(name, False)

        def rank(price: int) -> tuple[int, int, int, int]:
            wanted = sum(order.left for order in bids if order.price >= price)
            offered = sum(order.left for order in asks if order.price <= price)
            return min(wanted, offered), -abs(wanted - offered), -abs(price - of.settlement), price

        return max(range(asks[0].price, bids[0].price + 1, of.contract.tick), key=rank)

    # --- the end of a day

    def settle(self, command: Settle) -> None:
        wrong = self.cannot_settle(command)
        if wrong:
            return self.refuse(*wrong)
        self.tell("day settled", command.day, command.next_day)
        alive = {name: of for name, of in sorted(self.instruments.items()) if of.phase is not Phase.DELISTED}
        last = [name for name, of in alive.items() if 0 < of.terms.last_day <= command.day]
        ended = [order for order in self.orders if not self.lasts(order) or order.name in last]
        self.cancel_each(ended, CancelReason.SETTLEMENT)
        for name, of in alive.items():
            of.mark = command.prices.get(name, of.settlement if of.mark is None else of.mark)
            self.tell("settled", name, command.day, of.mark, name in last)
        for name in last:
            self.end_contract(name)
        for account in self.accounts.values():
            self.end_day(account, command.day)
        for of in alive.values():
            assert of.mark is not None
            of.settlement = of.mark
        self.cancel_each([order for order in self.orders if self.outside(order)], CancelReason.SETTLEMENT)
        for number in self.spared:
            self.accounts[number].judged = NEVER
        self.spared = set()
        live = {order.number for order in self.orders}
        for account in self.accounts.values():
            account.own_ids = {name: known for name, known in account.own_ids.items() if known[0] in live}
        self.day, self.broken = command.next_day, []
        return None

    def outside(self, order: Order) -> bool:
        """Whether an order that stays does not fit the new limits."""
        return order.resting and not self.instruments[order.name].inside(order.price)

    def cannot_settle(self, command: Settle) -> set[int]:
        wrong = {400} if not (is_day(command.day) and is_day(command.next_day)) else set()
        if command.day >= command.next_day:
            wrong.add(400)
        if command.day < self.day:
            wrong.add(409)
        for name, price in command.prices.items():
            if name not in self.instruments:
                wrong.add(1004)
                continue
            of = self.instruments[name]
            if price <= 0 or price % of.contract.tick:
                wrong.add(1007)
            low, high = self.band(name)
            unlikely = price < low or (high is not None and price > high)
            too_much = price * of.contract.multiplier * 1_000_000 > 10**18
            not_meant = unlikely and (not command.confirmed or too_much)
            if self.rules.settles_inside and not_meant and of.phase is not Phase.DELISTED:
                wrong.add(1008)
        return wrong

    def end_contract(self, name: str) -> None:
        of = self.instruments[name]
        for account in self.accounts.values():
            long, short = self.leg(account.number, name, True), self.leg(account.number, name, False)
            if long.lots or short.lots:
                gained = profit(True, long.lots * of.worth, long.cost) + profit(
                    False, short.lots * of.worth, short.cost
                )
                account.close_profit += gained
                self.tell("expired", account.number, name, long.lots, short.lots, of.mark, gained)
                self.legs[account.number, name, True] = Leg()
                self.legs[account.number, name, False] = Leg()
        of.phase = of.scheduled = Phase.DELISTED

    def end_day(self, account: Account, day: int) -> None:
        """Positions are marked, today's lots become yesterday's; the statement; the counters begin at zero."""
        number, gained = account.number, self.position_profit(account.number)
        closing = self.balance(number)
        lines = []
        for name, of in sorted(self.instruments.items()):
            long, short = self.leg(number, name, True), self.leg(number, name, False)
            for leg in (long, short):
                leg.his = [Parcel(each.lots, each.lots * of.worth, each.paid) for each in leg.parcels()]
                leg.today = []
                if not self.rules.lots_in_turn:
                    leg.his = merge(leg.his)
            if long.lots or short.lots:
                margin = self.leg_margin(of, True, long) + self.leg_margin(of, False, short)
                lines.append((name, long.lots, short.lots, of.mark, margin))
        self.tell(
            *("statement", number, day, account.opening, account.deposits, account.withdrawals, account.close_profit),
            *(gained, account.commission, closing, self.margin(number), tuple(lines)),
        )
        account.opening = closing
        account.deposits = account.withdrawals = account.close_profit = account.commission = 0
        for order in self.orders:
            if order.account == number:
                order.his_held, order.today_held = order.his_held + order.today_held, 0

    # --- operators

    def open_account(self, command: OpenAccount) -> None:
        if self.account_of(command.user_id):
            return self.refuse(409)
        account = Account(len(self.accounts) + 1, command.user_id)
        self.accounts[account.number] = account
        return self.tell("opened", account.number, account.user)

    def freeze(self, command: FreezeAccount) -> None:
        account = self.account_of(command.user_id)
        if account is None:
            return self.refuse(1003)
        if account.frozen is command.frozen:
            return self.refuse(409)
        account.frozen = command.frozen
        return self.tell("frozen", account.number, account.frozen)

    def set_rules(self, command: SetAccountRules) -> None:
        account, rules = self.account_of(command.user_id), command.rules
        wrong = set() if account else {1003}
        if rules.fee_group and rules.fee_group not in self.groups:
            wrong.add(404)
        counts = rules.live_orders, rules.waiting_orders, rules.trailing_stops
        limits = [limit or 0 for limit in (rules.max_volume, rules.max_position, rules.max_orders, *counts)]
        if min(limits) < 0 or limits[0] > MOST_LOTS:
            wrong.add(400)
        if wrong or account is None:
            return self.refuse(*wrong)
        account.rules = rules
        return self.tell("rules", account.number)

    def set_fee_group(self, command: SetFeeGroup) -> None:
        if not 0 <= rate(command.factor) <= 1:
            return self.refuse(400)
        self.groups[command.name] = command.factor
        return self.tell("fee group", command.name)

    def list_instrument(self, command: ListInstrument) -> None:
        contract = command.contract
        wrong = {409} if contract.instrument_id in self.instruments else set()
        if contract.tick <= 0 or contract.reference_price % contract.tick or not self.sound(command.terms.margin_long):
            wrong.add(400)
        if wrong:
            return self.refuse(*wrong)
        self.instruments[contract.instrument_id] = Instrument(contract, command.terms, contract.reference_price)
        return self.tell("listed", contract.instrument_id)

    def change_terms(self, command: ChangeTerms) -> None:
        wrong = set() if command.instrument_id in self.instruments else {1004}
        if not self.sound(command.terms.margin_long):
            wrong.add(400)
        if wrong:
            return self.refuse(*wrong)
        self.instruments[command.instrument_id].terms = command.terms
        return self.tell("terms", command.instrument_id)

    def sound(self, margin_rate: int) -> bool:
        return Fraction(1, 1000) <= rate(margin_rate) <= 1


def is_day(number: int) -> bool:
    return 1 <= number // 100 % 100 <= 12 and 1 <= number % 100 <= 31
