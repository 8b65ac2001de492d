"""What operators put right and say in the model: money in and out, trades that are taken back, announcements."""

from tests.core.model.books import Account, Parcel, Told, count
from tests.core.model.restraints import Restraints
from tests.core.model.rules import Rules
from trading.core.commands import (
    Announce,
    BreakTrade,
    Deposit,
    ReceiveTransfer,
    ReturnTransfer,
    SendTransfer,
    Withdraw,
    WithdrawAnnouncement,
)
from trading.core.types import Offset, TradeSide

MOST_MONEY = 10**15
MOST_ANNOUNCED = 50
LONGEST_TEXT = 500


class Office(Restraints):
    """`announced`: (number, text, from, until, user, when the exchange stops), also those that are over."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.broken: list[int] = []
        self.announced: list[tuple[int, str, int, int, str | None, int | None]] = []
        self.announcements = 0

    def account_of(self, user: str) -> Account | None:
        return next((account for account in self.accounts.values() if account.user == user), None)

    # --- money

    def deposit(self, command: Deposit) -> None:
        account = self.paid_in(command.user_id, command.amount)
        if account:
            self.tell("deposited", account.number, command.amount)

    def withdraw(self, command: Withdraw) -> None:
        account = self.paid_out(command.user_id, command.amount)
        if account:
            self.tell("withdrawn", account.number, command.amount)

    def send(self, command: SendTransfer) -> None:
        account = self.paid_out(command.transfer.user_id, command.transfer.amount)
        if account:
            self.tell("sent", account.number, command.transfer)

    def receive(self, command: ReceiveTransfer) -> None:
        account = self.paid_in(command.transfer.user_id, command.transfer.amount)
        if account:
            self.tell("received", account.number, command.transfer, False)

    def take_back(self, command: ReturnTransfer) -> None:
        """However much the account has: money must not stay in between."""
        transfer = command.transfer
        account = self.account_of(transfer.user_id)
        if account is None:
            return self.refuse(1003)
        if transfer.amount <= 0:
            return self.refuse(400)
        account.deposits += transfer.amount
        return self.tell("received", account.number, transfer, True)

    def paid_in(self, user: str, amount: int) -> Account | None:
        account = self.account_of(user)
        if account is None:
            self.refuse(1003)
            return None
        static = account.opening + account.deposits - account.withdrawals
        if amount <= 0 or static + amount > MOST_MONEY:
            self.refuse(400)
            return None
        account.deposits += amount
        return account

    def paid_out(self, user: str, amount: int) -> Account | None:
        account = self.account_of(user)
        if account is None:
            self.refuse(1003)
            return None
        wrong = {1012} if account.closed or account.number in self.spared else set()
        if amount <= 0:
            wrong.add(400)
        if amount > self.withdrawable(account.number):
            wrong.add(1001)
        if wrong:
            self.refuse(*wrong)
            return None
        account.withdrawals += amount
        return account

    def withdrawable(self, account: int) -> int:
        """Gains that are not realised stay in."""
        return self.available(account) - max(0, self.position_profit(account))

    # --- a trade is taken back

    def break_trade(self, command: BreakTrade) -> None:
        """The command says what the trade was; `opened` knows where its lots are now."""
        sides = {True: command.buyer, False: command.seller}
        wrong = self.reasons_against_breaking(command)
        if not wrong:
            for buys, side in sides.items():
                wrong |= self.reasons_against_undoing(command, side, buys)
        if wrong:
            return self.refuse(*wrong)
        told = [self.undo(command, side, buys) for buys, side in sides.items()]
        self.broken.append(command.trade_id)
        return self.tell("broken", command.trade_id, command.instrument_id, command.price, command.volume, *told)

    def reasons_against_breaking(self, command: BreakTrade) -> set[int]:
        wrong = set() if command.instrument_id in self.instruments else {1004}
        accounts = {command.buyer.account_id, command.seller.account_id}
        if len(accounts) < 2 or not accounts <= set(self.accounts):
            wrong.add(1003)
        if command.trade_id in self.broken:
            wrong.add(409)
        if command.day != self.day:
            wrong.add(1014)
        if not self.rules.lots_in_turn or command.volume <= 0 or command.price <= 0:
            wrong.add(400)
        return wrong

    def reasons_against_undoing(self, command: BreakTrade, side: TradeSide, buys: bool) -> set[int]:
        """Lots that the trade opened must be there, and no live order may be to close them."""
        if side.offset is not Offset.OPEN:
            return set()
        leg = self.leg(side.account_id, command.instrument_id, buys)
        parcel = self.opened.get((command.trade_id, side.account_id))
        there = any(each is parcel for each in leg.today)
        if parcel is None or not there or parcel.lots < command.volume:
            return {1005}
        held = sum(
            order.today_held
            for order in self.orders
            if (order.account, order.name, order.buy) == (side.account_id, command.instrument_id, not buys)
        )
        return {1005} if count(leg.today) - held < command.volume else set()

    def undo(self, command: BreakTrade, side: TradeSide, buys: bool) -> Told:
        account = self.accounts[side.account_id]
        value = command.volume * self.instruments[command.instrument_id].value(command.price)
        if side.offset is Offset.OPEN:
            leg, parcel = self.leg(account.number, command.instrument_id, buys), self.parcel(command, side)
            parcel.lots -= command.volume
            parcel.cost -= value
            parcel.paid -= value
            leg.today = [each for each in leg.today if each.lots]
        else:
            cost = value + side.close_profit if buys else value - side.close_profit
            self.leg(account.number, command.instrument_id, not buys).add(command.volume, cost)
        fees = side.commission if command.give_back_fees else 0
        account.commission -= fees
        account.close_profit -= side.close_profit
        return account.number, side.order_id, side.offset.value, fees, side.close_profit

    def parcel(self, command: BreakTrade, side: TradeSide) -> Parcel:
        return self.opened[command.trade_id, side.account_id]

    # --- announcements

    def announce(self, command: Announce) -> None:
        text, wrong = command.text.strip(), set()
        if command.user_id is not None and self.account_of(command.user_id) is None:
            wrong.add(1003)
        times = [command.until] + ([] if command.stop_at is None else [command.stop_at])
        if not 0 < len(text) <= LONGEST_TEXT or min(times) <= self.now:
            wrong.add(400)
        if len(self.shown_announcements()) >= MOST_ANNOUNCED:
            wrong.add(1013)
        if wrong:
            return self.refuse(*wrong)
        self.announcements += 1
        number = self.announcements
        self.announced.append((number, text, self.now, command.until, command.user_id, command.stop_at))
        return self.tell("announced", number)

    def withdraw_announcement(self, command: WithdrawAnnouncement) -> None:
        found = [each for each in self.shown_announcements() if each[0] == command.number]
        if not found:
            return self.refuse(404)
        self.announced.remove(found[0])
        return self.tell("announcement withdrawn", command.number)

    def shown_announcements(self) -> list[tuple[int, str, int, int, str | None, int | None]]:
        """Those that are not over."""
        return [each for each in self.announced if each[3] > self.now]
