"""Forms whose content is a command to the engine. Bad text ends here; what is allowed on the market the engine says."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from trading.core.commands import ChangeTerms, Deposit, ListInstrument, OpenAccount, OperatorOrder, Withdraw
from trading.core.money import RATE, UNIT, to_text
from trading.core.types import Contract, Fee, Terms
from trading.models import NAME, AccessToken, Account, Instrument, User
from trading.rows import terms_of

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

LARGEST_NUMBER = 2**31 - 1
"""Above everything the engine allows, and small enough for every column."""

LONGEST_TOKEN_DAYS = 3650


def _money(label: str, *, least: str = "0", help_text: str = "", **options: Any) -> forms.DecimalField:
    """An amount or a price: at most four decimals, and few enough digits for 63 bits."""
    return forms.DecimalField(
        label=label, min_value=Decimal(least), max_digits=16, decimal_places=4, help_text=help_text, **options
    )


def _rate(label: str, *, help_text: str = "", **options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, min_value=Decimal(0), max_digits=10, decimal_places=8, help_text=help_text, **options
    )


def _lots(label: str, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=1, max_value=LARGEST_NUMBER, **options)


def _units(amount: Decimal) -> int:
    return int(amount * UNIT)


def _rate_units(rate: Decimal) -> int:
    return int(rate * RATE)


class KeyedForm(ModelForm):
    """A form that is told apart from any other by a hidden key, so that sending it twice does things once.

    It edits no row: of the model it takes nothing but the columns that are shown beside the fields.
    """

    key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        """A fresh form about a row, or about none."""
        return cls(instance=row, initial={**dict(initial.items()), "key": uuid.uuid4().hex})

    def again(self, error: str) -> Self:
        """The same content under a fresh key, with the reason why it was not done."""
        data = {**dict(self.data.items()), "key": uuid.uuid4().hex}
        form = type(self)(data, instance=self.instance)
        form.add_error(None, error)
        return form

    def clean(self) -> dict[str, Any]:
        if "key" in self.errors:
            raise ValidationError("This form has lost its key. Open the page anew.")
        return self.cleaned_data

    def _post_clean(self) -> None:
        """Nothing goes into the row."""


class CommandForm(KeyedForm):
    """A form that says one command."""

    def command(self) -> OperatorOrder:
        raise NotImplementedError


# --- accounts


def _user_named(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise ValidationError(f"There is no user {name}.")
    if not user.is_active:
        raise ValidationError(f"{name} is not active.")
    return user


class OpenAccountForm(CommandForm):
    user = forms.CharField(label="User id", max_length=64, help_text="An existing user who has no account yet.")

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    def clean_user(self) -> User:
        return _user_named(self.cleaned_data["user"])

    def command(self) -> OpenAccount:
        return OpenAccount(self.cleaned_data["user"].username)


class MoneyForm(CommandForm):
    """An amount into an account or out of it."""

    amount = _money("Amount", least="0.0001", help_text="In the currency, with up to four decimals.")

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    @property
    def units(self) -> int:
        return _units(self.cleaned_data["amount"])


class DepositForm(MoneyForm):
    def command(self) -> Deposit:
        return Deposit(self.instance.user_id, self.units)


class WithdrawForm(MoneyForm):
    def command(self) -> Withdraw:
        return Withdraw(self.instance.user_id, self.units)


# --- instruments


class _TermsFields(CommandForm):
    """The fields of `Terms`; fractions for rates, so 0.1 is 10 %."""

    name = forms.CharField(max_length=64)
    margin_long = _rate("Margin rate, long", help_text="0.1 is 10 %.")
    margin_short = _rate("Margin rate, short", help_text="0.1 is 10 %.")
    fee_open_per_lot = _money("Open, per lot")
    fee_open_rate = _rate("Open, of the value")
    fee_close_per_lot = _money("Close, per lot")
    fee_close_rate = _rate("Close, of the value")
    fee_close_today_per_lot = _money("Close today, per lot")
    fee_close_today_rate = _rate("Close today, of the value")
    min_volume = _lots("Smallest order")
    max_volume = _lots("Largest order")

    def terms(self) -> Terms:
        data = self.cleaned_data
        return Terms(
            name=data["name"],
            margin_long=_rate_units(data["margin_long"]),
            margin_short=_rate_units(data["margin_short"]),
            fee_open=self._fee("fee_open"),
            fee_close=self._fee("fee_close"),
            fee_close_today=self._fee("fee_close_today"),
            min_volume=data["min_volume"],
            max_volume=data["max_volume"],
        )

    def _fee(self, name: str) -> Fee:
        data = self.cleaned_data
        return Fee(_units(data[f"{name}_per_lot"]), _rate_units(data[f"{name}_rate"]))


TERMS_FIELDSETS: list[tuple[str, dict[str, Any]]] = [
    ("Margin", {"fields": [("margin_long", "margin_short")]}),
    (
        "Commission",
        {
            "fields": [
                ("fee_open_per_lot", "fee_open_rate"),
                ("fee_close_per_lot", "fee_close_rate"),
                ("fee_close_today_per_lot", "fee_close_today_rate"),
            ],
            "description": "Per lot in the currency, plus a fraction of the traded value: 0.000023 is 0.0023 %.",
        },
    ),
    ("Order volume", {"fields": [("min_volume", "max_volume")], "description": "In lots."}),
]


class ChangeTermsForm(_TermsFields):
    class Meta:
        model = Instrument
        fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        return super().of(row, initial=_terms_initial(terms_of(row)))

    def command(self) -> ChangeTerms:
        return ChangeTerms(self.instance.pk, self.terms())


def _terms_initial(terms: Terms) -> dict[str, Any]:
    fees = {"fee_open": terms.fee_open, "fee_close": terms.fee_close, "fee_close_today": terms.fee_close_today}
    return {
        "name": terms.name,
        "margin_long": to_text(terms.margin_long, scale=RATE),
        "margin_short": to_text(terms.margin_short, scale=RATE),
        "min_volume": terms.min_volume,
        "max_volume": terms.max_volume,
        **{f"{name}_per_lot": to_text(fee.per_lot) for name, fee in fees.items()},
        **{f"{name}_rate": to_text(fee.rate, scale=RATE) for name, fee in fees.items()},
    }


class ListInstrumentForm(_TermsFields):
    instrument_id = forms.CharField(
        label="Instrument id", max_length=64, validators=[NAME], help_text="Such as IF2301."
    )
    product_id = forms.CharField(label="Product id", max_length=64, validators=[NAME], help_text="Such as IF.")
    tick = _money("Tick", least="0.0001", help_text="The smallest step of a price.")
    multiplier = _lots("Multiplier", help_text="Units of the underlying in a lot.")
    reference_price = _money(
        "Reference price", least="0.0001", help_text="On the tick; the day's limits follow from it."
    )
    limit_rate = _rate("Price limit", initial="0.10", help_text="0.1 is 10 % up and down; 0: no limit.")

    class Meta:
        model = Instrument
        fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        return super().of(row, initial=_terms_initial(Terms(name="", margin_long=RATE // 10, margin_short=RATE // 10)))

    def command(self) -> ListInstrument:
        data = self.cleaned_data
        contract = Contract(
            instrument_id=data["instrument_id"],
            product_id=data["product_id"],
            tick=_units(data["tick"]),
            multiplier=data["multiplier"],
            reference_price=_units(data["reference_price"]),
            limit_rate=_rate_units(data["limit_rate"]),
        )
        return ListInstrument(contract, self.terms())


CONTRACT_FIELDSETS: list[tuple[str | None, dict[str, Any]]] = [
    (None, {"fields": ["instrument_id", "name", "product_id"]}),
    (
        "Contract",
        {
            "fields": [("tick", "multiplier"), ("reference_price", "limit_rate")],
            "description": "Cannot be changed later.",
        },
    ),
]


# --- tokens


class IssueTokenForm(KeyedForm):
    user = forms.CharField(label="User id", max_length=64, help_text="Whoever has the token trades as this user.")
    name = forms.CharField(max_length=64, required=False, help_text="What it is for.")
    days = forms.IntegerField(
        label="Days until it expires",
        min_value=1,
        max_value=LONGEST_TOKEN_DAYS,
        initial=lambda: settings.TOKEN_DAYS,
    )

    class Meta:
        model = AccessToken
        fields: tuple[str, ...] = ()

    def clean_user(self) -> User:
        return _user_named(self.cleaned_data["user"])
