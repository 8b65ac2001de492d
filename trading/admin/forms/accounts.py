"""Open an account, move money, set its own rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgspec
from django import forms
from django.utils.translation import gettext as _

from trading.admin.engine_requests import present_market
from trading.admin.forms.base import CommandForm
from trading.admin.forms.fields import limit_field, money_field, units, user_named
from trading.core.commands import Deposit, OpenAccount, SetAccountRules, Withdraw
from trading.core.types import AccountRules, SelfTrade
from trading.models import Account, Market, User
from trading.storage.mapping import rules_of


class OpenAccountForm(CommandForm):
    user = forms.CharField(label="User id", max_length=64, help_text="An existing user who has no account yet.")

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    def clean_user(self) -> User:
        return user_named(self.cleaned_data["user"])

    def command(self) -> OpenAccount:
        return OpenAccount(self.cleaned_data["user"].username)


class MoneyForm(CommandForm):
    """An amount into an account or out of it."""

    amount = money_field("Amount", least="0.0001", help_text="In the currency, with up to four decimals.")
    reason = forms.CharField(max_length=200, required=False, help_text="Kept in the audit trail.")

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    def command(self) -> Deposit | Withdraw:
        raise NotImplementedError

    @property
    def units(self) -> int:
        return units(self.cleaned_data["amount"])


class DepositForm(MoneyForm):
    def command(self) -> Deposit:
        return Deposit(self.instance.user_id, self.units)


class WithdrawForm(MoneyForm):
    def command(self) -> Withdraw:
        return Withdraw(self.instance.user_id, self.units)


def _fee_groups() -> list[tuple[str, str]]:
    market = Market.objects.filter(pk=present_market()).first()
    names = sorted(market.fee_groups) if market is not None else []
    return [("", _("None: all of the commission")), *((name, name) for name in names)]


class RulesForm(CommandForm):
    """An account's own rules; of a number that is empty the instrument's own holds."""

    stp = forms.ChoiceField(
        label="Self-trade prevention",
        choices=[
            (SelfTrade.CANCEL_MAKER.value, "Cancel the resting order"),
            (SelfTrade.CANCEL_TAKER.value, "Cancel the incoming order"),
            (SelfTrade.CANCEL_BOTH.value, "Cancel both"),
        ],
        help_text="Where two of its own orders would trade, and the incoming one does not say otherwise.",
    )
    fee_group = forms.ChoiceField(label="Fee group", choices=_fee_groups, required=False)
    max_volume = limit_field("Largest order", required=False)
    max_position = limit_field("Lots in one direction", required=False)
    max_orders = limit_field("Live orders", required=False)
    live_orders = limit_field("Live orders in all", required=False)
    waiting_orders = limit_field("Waiting orders", required=False)
    trailing_stops = limit_field("Trailing stops", required=False)

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        return super().of(row, initial=rules_values(rules_of(row.rules)))

    def command(self) -> SetAccountRules:
        data = {name: value for name, value in self.cleaned_data.items() if name != "key"}
        return SetAccountRules(self.instance.user_id, AccountRules(**{**data, "stp": SelfTrade(data["stp"])}))


def rules_values(rules: AccountRules) -> dict[str, Any]:
    """As the fields of the form have them."""
    return {**msgspec.structs.asdict(rules), "stp": rules.stp.value}
