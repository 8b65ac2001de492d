"""What holds for the whole market: fee groups, the settlement, its time zone, the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Self

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin.columns import amount_text
from trading.admin.engine_requests import present_market
from trading.admin.forms.base import CommandForm, KeyedForm, ModelForm
from trading.admin.forms.fields import day_field, money_field, rate_field, rate_units, units
from trading.core.commands import SetFeeGroup, Settle
from trading.core.money import to_text
from trading.models import NAME, Holiday, Market, TradingSession, known_time_zone
from trading.operators import calendar, settlement


class FeeGroupForm(CommandForm):
    name = forms.CharField(max_length=64, validators=[NAME], help_text="A new one, or one that gets another share.")
    factor = rate_field(
        "Share of the commission", max_value=Decimal(1), help_text="What its accounts pay: 1 is all, 0.8 is 20 % off."
    )

    class Meta:
        model = Market
        fields: tuple[str, ...] = ()

    def command(self) -> SetFeeGroup:
        return SetFeeGroup(self.cleaned_data["name"], rate_units(self.cleaned_data["factor"]))


FARTHEST = timedelta(days=366)
"""The next trading day lies no farther ahead."""


class SettleForm(CommandForm):
    """The day, the next one, and a price of each instrument that is to be settled at one."""

    day = day_field("Trading day", help_text="The one that ends now.")
    next_day = day_field("Next trading day")
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
        before = _("Empty: {price}, as before.").format(price=amount_text(found.previous))
        traded = _("The average of {lots} lots in its last hour.").format(lots=found.lots)
        return money_field(
            found.instrument_id,
            least="0.0001",
            required=False,
            initial=None if found.price is None else to_text(found.price),
            help_text=traded if found.lots else f"{_('No trades.')} {before}",
        )

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        days = calendar.days_to_settle(row, calendar.today(row, timezone.now()))
        day, next_day = map(calendar.date_of, days)
        return super().of(row, initial={"day": day, "next_day": next_day})

    def command(self) -> Settle:
        data = self.cleaned_data
        prices = {found.instrument_id: found.price for found in self.prices.values() if found.price and not found.lots}
        prices |= {self.prices[name].instrument_id: units(data[name]) for name in self.prices if data[name] is not None}
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
    date = day_field("Date")

    class Meta:
        model = Holiday
        fields = ("date",)

    def clean_date(self) -> Any:
        found = self.cleaned_data["date"]
        others = Holiday.objects.filter(market=present_market(), date=found).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError(_("This day is a holiday already."))
        return found
