"""Accounts come into being, get their rules; money comes in and goes out, also to the user's account at another market.
Nothing else creates or destroys money."""

from trading.core.codes import Code
from trading.core.commands import (
    Deposit,
    FreezeAccount,
    OpenAccount,
    ReceiveTransfer,
    ReturnTransfer,
    SendTransfer,
    SetAccountRules,
    SetFeeGroup,
    SetMarketLimits,
    Withdraw,
)
from trading.core.events import (
    AccountFrozen,
    AccountOpened,
    Deposited,
    Event,
    FeeGroupSet,
    MarketLimitsSet,
    Refused,
    RulesSet,
    TransferReceived,
    TransferSent,
    Withdrawn,
)
from trading.core.money import MAX_MONEY, RATE, to_text
from trading.core.orders import Account
from trading.core.rules.instruments import hold_anew
from trading.core.state import State
from trading.core.types import MOST_LOTS, NAME, NO_LIMITS


def open_account(state: State, command: OpenAccount) -> list[Event]:
    if not NAME.match(command.user_id):
        return [Refused(Code.MALFORMED, "a user's name has letters, digits, and _ . - only, at most 64")]
    if command.user_id in state.by_user:
        return [Refused(Code.DUPLICATE, f"{command.user_id} has an account already")]
    account = Account(account_id=state.next_account_id(), user_id=command.user_id)
    state.accounts[account.account_id] = account
    state.by_user[account.user_id] = account
    state.changes.accounts[account.account_id] = account
    return [AccountOpened(account.account_id, account.user_id)]


def deposit(state: State, command: Deposit) -> list[Event]:
    found = _receiver(state, command.user_id, command.amount)
    if isinstance(found, Refused):
        return [found]
    _pay_in(state, found, command.amount)
    return [Deposited(found.account_id, command.amount, state.now, command.correction)]


def withdraw(state: State, command: Withdraw) -> list[Event]:
    found = _payer(state, command.user_id, command.amount)
    if isinstance(found, Refused):
        return [found]
    _pay_out(state, found, command.amount)
    return [Withdrawn(found.account_id, command.amount, state.now, command.correction)]


# --- between markets


def send(state: State, command: SendTransfer) -> list[Event]:
    transfer = command.transfer
    found = _payer(state, transfer.user_id, transfer.amount)
    if isinstance(found, Refused):
        return [found]
    _pay_out(state, found, transfer.amount)
    return [TransferSent(found.account_id, transfer, state.now)]


def receive(state: State, command: ReceiveTransfer) -> list[Event]:
    transfer = command.transfer
    found = _receiver(state, transfer.user_id, transfer.amount)
    if isinstance(found, Refused):
        return [found]
    _pay_in(state, found, transfer.amount)
    return [TransferReceived(found.account_id, transfer, returned=False, time=state.now)]


def take_back(state: State, command: ReturnTransfer) -> list[Event]:
    """Whatever the account has by now: money must not stay in between."""
    transfer = command.transfer
    account = state.by_user.get(transfer.user_id)
    if account is None:
        return [_no_account(transfer.user_id)]
    if transfer.amount <= 0:
        return [_not_positive(transfer.amount)]
    _pay_in(state, account, transfer.amount)
    return [TransferReceived(account.account_id, transfer, returned=True, time=state.now)]


# --- what all of them have in common


def _receiver(state: State, user_id: str, amount: int) -> Account | Refused:
    """The account that may be given so much, or why it may not."""
    account = state.by_user.get(user_id)
    if account is None:
        return _no_account(user_id)
    if amount <= 0:
        return _not_positive(amount)
    if account.figures().static_balance + amount > MAX_MONEY:
        return Refused(Code.MALFORMED, f"No account may be given more than {to_text(MAX_MONEY)}")
    return account


def _payer(state: State, user_id: str, amount: int) -> Account | Refused:
    """The account that may pay so much, or why it may not."""
    account = state.by_user.get(user_id)
    if account is None:
        return _no_account(user_id)
    if amount <= 0:
        return _not_positive(amount)
    if account.frozen or account.liquidating or account.account_id in state.day.restrictions.spared:
        return Refused(Code.ACCOUNT_FROZEN, f"The account of {user_id} takes no withdrawals now")
    free = account.figures().withdrawable
    if amount > free:
        detail = f"Insufficient funds: {to_text(amount)} asked, {to_text(free)} can be withdrawn"
        return Refused(Code.INSUFFICIENT_FUNDS, detail)
    return account


def _pay_in(state: State, account: Account, amount: int) -> None:
    account.deposits += amount
    state.touched[account.account_id] = account
    state.changes.accounts[account.account_id] = account


def _pay_out(state: State, account: Account, amount: int) -> None:
    account.withdrawals += amount
    state.touched[account.account_id] = account
    state.changes.accounts[account.account_id] = account


# --- rules of accounts


def freeze(state: State, command: FreezeAccount) -> list[Event]:
    account = state.by_user.get(command.user_id)
    if account is None:
        return [_no_account(command.user_id)]
    if account.frozen is command.frozen:
        return [Refused(Code.DUPLICATE, f"{command.user_id} is {'frozen already' if account.frozen else 'not frozen'}")]
    account.frozen = command.frozen
    state.changes.accounts[account.account_id] = account
    return [AccountFrozen(account.account_id, account.frozen)]


def set_rules(state: State, command: SetAccountRules) -> list[Event]:
    account, rules = state.by_user.get(command.user_id), command.rules
    if account is None:
        return [_no_account(command.user_id)]
    if rules.fee_group and rules.fee_group not in state.day.fee_groups:
        return [Refused(Code.NOT_FOUND, f"There is no fee group {rules.fee_group}")]
    counts = (rules.live_orders, rules.waiting_orders, rules.trailing_stops)
    limits = (rules.max_volume, rules.max_position, rules.max_orders, *counts)
    if any(limit is not None and limit < 0 for limit in limits) or (rules.max_volume or 0) > MOST_LOTS:
        return [Refused(Code.MALFORMED, f"Limits must not be negative, and the order volume at most {MOST_LOTS}")]
    account.rules = rules
    _set_fee_factor(state, account)
    return [RulesSet(account.account_id)]


def set_fee_group(state: State, command: SetFeeGroup) -> list[Event]:
    if not NAME.match(command.name):
        return [Refused(Code.MALFORMED, "a fee group's name has letters, digits, and _ . - only, at most 64")]
    if not 0 <= command.factor <= RATE:
        return [Refused(Code.MALFORMED, "the factor of a fee group must be from 0 to 1")]
    state.day.fee_groups = {**state.day.fee_groups, command.name: command.factor}
    state.changes.day = state.day
    for account in state.accounts.values():
        if account.rules.fee_group == command.name:
            _set_fee_factor(state, account)
    return [FeeGroupSet(command.name)]


def set_market_limits(state: State, command: SetMarketLimits) -> list[Event]:
    state.day.limits = NO_LIMITS if command.limits == NO_LIMITS else command.limits
    state.changes.day = state.day
    return [MarketLimitsSet()]


def _set_fee_factor(state: State, account: Account) -> None:
    """The account pays by its group from now on; what its orders hold follows."""
    account.fee_factor = state.day.fee_groups.get(account.rules.fee_group, RATE)
    state.changes.accounts[account.account_id] = account
    for order in account.orders.values():
        if order.level is not None:
            hold_anew(state, order)


def _no_account(user_id: str) -> Refused:
    return Refused(Code.ACCOUNT_NOT_FOUND, f"{user_id} has no account")


def _not_positive(amount: int) -> Refused:
    return Refused(Code.MALFORMED, f"The amount must be positive, it is {to_text(amount)}")
