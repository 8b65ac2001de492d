"""Accounts come into being, money comes in and goes out. Nothing else creates or destroys money."""

from trading.core.codes import Code
from trading.core.commands import Deposit, OpenAccount, Withdraw
from trading.core.events import AccountOpened, Deposited, Event, Refused, Withdrawn
from trading.core.money import MAX_MONEY, to_text
from trading.core.risk import Account
from trading.core.state import State
from trading.core.types import NAME


def open_account(state: State, command: OpenAccount) -> list[Event]:
    if not NAME.match(command.user_id):
        return [Refused(Code.MALFORMED, "a user's name has letters, digits, and _ . - only, at most 64")]
    if command.user_id in state.by_user:
        return [Refused(Code.DUPLICATE, f"{command.user_id} has an account already")]
    account = Account(account_id=len(state.accounts) + 1, user_id=command.user_id)
    state.accounts[account.account_id] = account
    state.by_user[account.user_id] = account
    state.changes.accounts[account.account_id] = account
    return [AccountOpened(account.account_id, account.user_id)]


def deposit(state: State, command: Deposit) -> list[Event]:
    account = state.by_user.get(command.user_id)
    if account is None:
        return [_no_account(command.user_id)]
    if command.amount <= 0:
        return [_not_positive(command.amount)]
    if account.figures().static_balance + command.amount > MAX_MONEY:
        return [Refused(Code.MALFORMED, f"No account may be given more than {to_text(MAX_MONEY)}")]
    account.deposits += command.amount
    state.changes.accounts[account.account_id] = account
    return [Deposited(account.account_id, command.amount, state.now)]


def withdraw(state: State, command: Withdraw) -> list[Event]:
    account = state.by_user.get(command.user_id)
    if account is None:
        return [_no_account(command.user_id)]
    if command.amount <= 0:
        return [_not_positive(command.amount)]
    free = account.figures().withdrawable
    if command.amount > free:
        detail = f"Insufficient funds: {to_text(command.amount)} asked, {to_text(free)} can be withdrawn"
        return [Refused(Code.INSUFFICIENT_FUNDS, detail)]
    account.withdrawals += command.amount
    state.changes.accounts[account.account_id] = account
    return [Withdrawn(account.account_id, command.amount, state.now)]


def _no_account(user_id: str) -> Refused:
    return Refused(Code.ACCOUNT_NOT_FOUND, f"{user_id} has no account")


def _not_positive(amount: int) -> Refused:
    return Refused(Code.MALFORMED, f"The amount must be positive, it is {to_text(amount)}")
