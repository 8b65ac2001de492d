"""List an instrument, change its terms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Self

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin.columns import day_text
from trading.admin.engine_requests import present_market
from trading.admin.forms.base import CommandForm
from trading.admin.forms.fields import day_field, limit_field, lots_field, money_field, rate_field, rate_units, units
from trading.core.commands import ChangeTerms, ListInstrument
from trading.core.money import RATE, to_text
from trading.core.types import Contract, Fee, Terms
from trading.models import NAME, Instrument, Market
from trading.operators import calendar
from trading.storage.mapping import terms_of


class _TermsFields(CommandForm):
    """The fields of `Terms`; fractions for rates, so 0.1 is 10 %."""

    name = forms.CharField(max_length=64)
    margin_long = rate_field("Margin rate, long", help_text="0.1 is 10 %.")
    margin_short = rate_field("Margin rate, short", help_text="0.1 is 10 %.")
    fee_open_per_lot = money_field("Open, per lot")
    fee_open_rate = rate_field("Open, of the value")
    fee_close_per_lot = money_field("Close, per lot")
    fee_close_rate = rate_field("Close, of the value")
    fee_close_today_per_lot = money_field("Close today, per lot")
    fee_close_today_rate = rate_field("Close today, of the value")
    min_volume = lots_field("Smallest order")
    max_volume = lots_field("Largest order")
    max_position = limit_field(
        "Lots in one direction", required=False, help_text="Orders to open included; empty: no limit."
    )
    max_orders = limit_field("Live orders", required=False, help_text="Waiting ones included; empty: no limit.")
    larger_side = forms.BooleanField(
        label="Only the larger side pays margin",
        required=False,
        help_text="Of all long and all short positions of the product; its instruments should agree.",
    )
    last_day = day_field("Last trading day", required=False, help_text="It expires with its settlement; empty: never.")

    collar = rate_field(
        "Collar of market orders",
        required=False,
        help_text="Without price limits: how far from the last price they trade; 0.1 is 10 %; empty: 10 %.",
    )

    def clean_last_day(self) -> date | None:
        """Nothing new may end before it began. What an instrument has stays: it expires with the next settlement."""
        day: date | None = self.cleaned_data["last_day"]
        if day is None or calendar.number_of(day) == self.instance.last_day:
            return day
        market = Market.objects.filter(code=present_market()).first() or Market(code=present_market())
        present = calendar.trading_day(market, timezone.now())
        if day < present:
            sentence = _("This day has passed. The market is in trading day {day}: choose it or a later one.")
            raise ValidationError(sentence.format(day=day_text(calendar.number_of(present))))
        return day

    def terms(self) -> Terms:
        data = self.cleaned_data
        return Terms(
            name=data["name"],
            margin_long=rate_units(data["margin_long"]),
            margin_short=rate_units(data["margin_short"]),
            fee_open=self._fee("fee_open"),
            fee_close=self._fee("fee_close"),
            fee_close_today=self._fee("fee_close_today"),
            min_volume=data["min_volume"],
            max_volume=data["max_volume"],
            max_position=data["max_position"] or 0,
            max_orders=data["max_orders"] or 0,
            larger_side=data["larger_side"],
            last_day=calendar.number_of(data["last_day"]) if data["last_day"] else 0,
            collar=msgspec.UNSET if data["collar"] is None else rate_units(data["collar"]),
        )

    def _fee(self, name: str) -> Fee:
        data = self.cleaned_data
        return Fee(units(data[f"{name}_per_lot"]), rate_units(data[f"{name}_rate"]))


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
        return super().of(row, initial=terms_values(terms_of(row)))

    def command(self) -> ChangeTerms:
        return ChangeTerms(self.instance.pk, self.terms())


def terms_values(terms: Terms) -> dict[str, Any]:
    """As the fields of the forms have them."""
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


def contract_values(row: Instrument | Contract) -> dict[str, Any]:
    """What stays as it was listed, beside the id."""
    return {
        "product_id": row.product_id,
        "tick": to_text(row.tick),
        "multiplier": row.multiplier,
        "reference_price": to_text(row.reference_price),
        "limit_rate": to_text(row.limit_rate, scale=RATE),
    }


class ListInstrumentForm(_TermsFields):
    PLAIN = Terms(name="", margin_long=RATE // 10, margin_short=RATE // 10)
    """What it begins with."""

    instrument_id = forms.CharField(
        label="Instrument id", max_length=64, validators=[NAME], help_text="Such as IF2301."
    )
    product_id = forms.CharField(label="Product id", max_length=64, validators=[NAME], help_text="Such as IF.")
    tick = money_field("Tick", least="0.0001", help_text="The smallest step of a price.")
    multiplier = lots_field("Multiplier", help_text="Units of the underlying in a lot.")
    reference_price = money_field(
        "Reference price", least="0.0001", help_text="On the tick; the day's limits follow from it."
    )
    limit_rate = rate_field("Price limit", initial="0.10", help_text="0.1 is 10 % up and down; 0: no limit.")

    class Meta:
        model = Instrument
        fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        """`copy` names an instrument whose values it begins with."""
        other = Instrument.objects.filter(pk=str(initial.get("copy", ""))[:64], market=present_market()).first()
        values = terms_values(cls.PLAIN) if other is None else terms_values(terms_of(other)) | contract_values(other)
        return super().of(row, initial=values)

    def command(self) -> ListInstrument:
        data = self.cleaned_data
        contract = Contract(
            instrument_id=data["instrument_id"],
            product_id=data["product_id"],
            tick=units(data["tick"]),
            multiplier=data["multiplier"],
            reference_price=units(data["reference_price"]),
            limit_rate=rate_units(data["limit_rate"]),
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
