"""Forms whose content is a command to the engine. Bad text ends here; what is allowed on the market the engine says."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import msgspec
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin.engine_requests import present_market
from trading.core.commands import (
    AdminCommand,
    ChangeTerms,
    Deposit,
    ListInstrument,
    OpenAccount,
    SetAccountRules,
    SetFeeGroup,
    Settle,
    Withdraw,
)
from trading.core.money import RATE, UNIT, to_text
from trading.core.types import AccountRules, Contract, Fee, SelfTrade, Terms
from trading.models import (
    NAME,
    AccessToken,
    Account,
    Holiday,
    Instrument,
    Market,
    TradingSession,
    User,
    known_time_zone,
)
from trading.operators import calendar, settlement
from trading.storage.mapping import rules_of, terms_of

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

LARGEST_NUMBER = 2**31 - 1
"""Above everything the engine allows, and small enough for every column."""


class PlainDecimalField(forms.DecimalField):
    """Written with digits alone: one wrong key must not make 1e9 of 109."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and "e" in value.lower():
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


def _money(label: str, *, least: str = "0", help_text: str = "", **options: Any) -> forms.DecimalField:
    """An amount or a price: at most four decimals, and few enough digits for 63 bits."""
    return PlainDecimalField(
        label=label, min_value=Decimal(least), max_digits=16, decimal_places=4, help_text=help_text, **options
    )


def _rate(label: str, *, help_text: str = "", **options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, min_value=Decimal(0), max_digits=10, decimal_places=8, help_text=help_text, **options
    )


def _lots(label: str, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=1, max_value=LARGEST_NUMBER, **options)


def _limit(label: str, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=0, max_value=LARGEST_NUMBER, **options)


def _day(label: str, **options: Any) -> forms.DateField:
    """A date, chosen with the browser's own calendar."""
    return forms.DateField(label=label, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"), **options)


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
            raise ValidationError(_("This form has lost its key. Open the page anew."))
        return self.cleaned_data

    def _post_clean(self) -> None:
        """Nothing goes into the row."""


class CommandForm(KeyedForm):
    """A form that says one command."""

    def command(self) -> AdminCommand:
        raise NotImplementedError


# --- accounts


def _user_named(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise ValidationError(_("There is no user {name}.").format(name=name))
    if not user.is_active:
        raise ValidationError(_("{name} is not active.").format(name=name))
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
    reason = forms.CharField(max_length=200, required=False, help_text="Kept in the audit trail.")

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
    max_volume = _limit("Largest order", required=False)
    max_position = _limit("Lots in one direction", required=False)
    max_orders = _limit("Live orders", required=False)
    live_orders = _limit("Live orders", required=False)
    waiting_orders = _limit("Waiting orders", required=False)
    trailing_stops = _limit("Trailing stops", required=False)

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        return super().of(row, initial=msgspec.structs.asdict(rules_of(row.rules)))

    def command(self) -> SetAccountRules:
        data = {name: value for name, value in self.cleaned_data.items() if name != "key"}
        return SetAccountRules(self.instance.user_id, AccountRules(**{**data, "stp": SelfTrade(data["stp"])}))


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
    max_position = _limit(
        "Lots in one direction", required=False, help_text="Orders to open included; empty: no limit."
    )
    max_orders = _limit("Live orders", required=False, help_text="Waiting ones included; empty: no limit.")
    larger_side = forms.BooleanField(
        label="Only the larger side pays margin",
        required=False,
        help_text="Of all long and all short positions of the product; its instruments should agree.",
    )
    last_day = _day("Last trading day", required=False, help_text="It expires with its settlement; empty: never.")

    collar = _rate(
        "Collar of market orders",
        required=False,
        help_text="Without price limits: how far from the last price they trade; 0.1 is 10 %; empty: 10 %.",
    )

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
            max_position=data["max_position"] or 0,
            max_orders=data["max_orders"] or 0,
            larger_side=data["larger_side"],
            last_day=calendar.number_of(data["last_day"]) if data["last_day"] else 0,
            collar=msgspec.UNSET if data["collar"] is None else _rate_units(data["collar"]),
        )

    def _fee(self, name: str) -> Fee:
        data = self.cleaned_data
        return Fee(_units(data[f"{name}_per_lot"]), _rate_units(data[f"{name}_rate"]))


TERMS_FIELDSETS: list[tuple[str, dict[str, Any]]] = [
    ("Margin", {"fields": [("margin_long", "margin_short"), "larger_side"]}),
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
    ("Limits of an account", {"fields": [("max_position", "max_orders")]}),
    ("Expiry", {"fields": ["last_day"]}),
    ("Market orders", {"fields": ["collar"]}),
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
        "max_position": terms.max_position or None,
        "max_orders": terms.max_orders or None,
        "larger_side": terms.larger_side,
        "last_day": calendar.date_of(terms.last_day) if terms.last_day else None,
        "collar": None if isinstance(terms.collar, msgspec.UnsetType) else to_text(terms.collar, scale=RATE),
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


# --- the market


class FeeGroupForm(CommandForm):
    name = forms.CharField(max_length=64, validators=[NAME], help_text="A new one, or one that gets another share.")
    factor = _rate(
        "Share of the commission", max_value=Decimal(1), help_text="What its accounts pay: 1 is all, 0.8 is 20 % off."
    )

    class Meta:
        model = Market
        fields: tuple[str, ...] = ()

    def command(self) -> SetFeeGroup:
        return SetFeeGroup(self.cleaned_data["name"], _rate_units(self.cleaned_data["factor"]))


FARTHEST = timedelta(days=366)
"""The next trading day lies no farther ahead."""


class SettleForm(CommandForm):
    """The day, the next one, and a price of each instrument that is to be settled at one."""

    day = _day("Trading day", help_text="The one that ends now.")
    next_day = _day("Next trading day")
    confirmed = forms.BooleanField(
        label="Prices outside the day's limits are meant",
        required=False,
        help_text="A settlement cannot be undone: without this, such a price is refused.",
    )

    class Meta:
        model = Market
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.prices = {f"price:{found.instrument_id}": found for found in settlement.preview(self.instance.pk)}
        for name, found in self.prices.items():
            self.fields[name] = self._price_field(found)

    def clean_next_day(self) -> date:
        found: date = self.cleaned_data["next_day"]
        latest = calendar.today(self.instance, timezone.now()) + FARTHEST
        if found > latest:
            raise ValidationError(
                _("The next trading day may be {day} at the latest: a settlement cannot be undone.").format(day=latest)
            )
        return found

    @staticmethod
    def _price_field(found: settlement.Price) -> forms.DecimalField:
        before = _("Empty: {price}, as before.").format(price=to_text(found.previous))
        traded = _("The average of {lots} lots in its last hour.").format(lots=found.lots)
        return _money(
            found.instrument_id,
            least="0.0001",
            required=False,
            initial=None if found.price is None else to_text(found.price),
            help_text=traded if found.price is not None else f"{_('No trades.')} {before}",
        )

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        days = calendar.days_to_settle(row, calendar.today(row, timezone.now()))
        day, next_day = map(calendar.date_of, days)
        return super().of(row, initial={"day": day, "next_day": next_day})

    def command(self) -> Settle:
        data = self.cleaned_data
        prices = {
            found.instrument_id: _units(data[name]) for name, found in self.prices.items() if data[name] is not None
        }
        days = calendar.number_of(data["day"]), calendar.number_of(data["next_day"])
        return Settle(*days, prices, confirmed=data["confirmed"])


class TimeZoneForm(KeyedForm):
    time_zone = forms.CharField(
        label="Time zone", max_length=64, validators=[known_time_zone], help_text="Such as Asia/Shanghai or UTC."
    )

    class Meta:
        model = Market
        fields: tuple[str, ...] = ()


# --- the schedule


class SessionForm(ModelForm):
    weekdays = forms.MultipleChoiceField(
        choices=[("1", "Mon"), ("2", "Tue"), ("3", "Wed"), ("4", "Thu"), ("5", "Fri"), ("6", "Sat"), ("7", "Sun")],
        widget=forms.CheckboxSelectMultiple,
        initial=list("12345"),
    )

    class Meta:
        model = TradingSession
        fields = ("action", "time", "weekdays", "before_holidays")

    def clean_weekdays(self) -> str:
        return "".join(sorted(self.cleaned_data["weekdays"]))


class HolidayForm(ModelForm):
    date = _day("Date")

    class Meta:
        model = Holiday
        fields = ("date",)

    def clean_date(self) -> Any:
        found = self.cleaned_data["date"]
        others = Holiday.objects.filter(market=present_market(), date=found).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError(_("This day is a holiday already."))
        return found


# --- tokens


class IssueTokenForm(KeyedForm):
    user = forms.CharField(label="User id", max_length=64, help_text="Whoever has the token acts as this user.")
    name = forms.CharField(max_length=64, required=False, help_text="What it is for.")
    scope = forms.ChoiceField(
        choices=AccessToken.Scope.choices,
        initial=AccessToken.Scope.TRADE,
        help_text="Read only: sees and hears everything of the user, and changes nothing.",
    )
    days = forms.IntegerField(
        label="Days until it expires",
        min_value=1,
        max_value=AccessToken.LONGEST_DAYS,
        initial=lambda: settings.TOKEN_DAYS,
    )

    class Meta:
        model = AccessToken
        fields: tuple[str, ...] = ()

    def clean_user(self) -> User:
        return _user_named(self.cleaned_data["user"])
