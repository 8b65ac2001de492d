"""Fields of forms: amounts, rates, lots, days, users; and amounts and rates as the engine counts them."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from trading.core.money import RATE, UNIT
from trading.models import User

LARGEST_NUMBER = 2**31 - 1
"""Above everything the engine allows, and small enough for every column."""


WIDE = {0xFEE0 + ord(sign): sign for sign in "0123456789.-+"}
"""Digits, point and signs as a Chinese keyboard writes them."""


def plainly(text: str) -> str:
    """A number with the digits, the point and the sign of ASCII, where a Chinese keyboard wrote them."""
    return text.translate(WIDE)


class _Plain(forms.Field):
    """A number as the trading page takes one: Python would also take digits of any script, and 1_0 for 10."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = plainly(value)
            if not value.isascii() or "_" in value:
                raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class NumberField(_Plain, forms.DecimalField):
    """A number; a very small one may be written as 1e-7."""


class WholeField(_Plain, forms.IntegerField):
    """A whole number."""


class PlainDecimalField(NumberField):
    """Written with digits alone: one wrong key must not make 1e9 of 109."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and "e" in value.lower():
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


def money_field(label: str, *, least: str = "0", help_text: str = "", **options: Any) -> forms.DecimalField:
    """An amount or a price: at most four decimals, and few enough digits for 63 bits."""
    return PlainDecimalField(
        label=label, min_value=Decimal(least), max_digits=16, decimal_places=4, help_text=help_text, **options
    )


def rate_field(label: str, *, help_text: str = "", **options: Any) -> forms.DecimalField:
    return NumberField(
        label=label, min_value=Decimal(0), max_digits=10, decimal_places=8, help_text=help_text, **options
    )


def lots_field(label: str, **options: Any) -> forms.IntegerField:
    return WholeField(label=label, min_value=1, max_value=LARGEST_NUMBER, **options)


def limit_field(label: str, **options: Any) -> forms.IntegerField:
    return WholeField(label=label, min_value=0, max_value=LARGEST_NUMBER, **options)


def day_field(label: str, **options: Any) -> forms.DateField:
    """A date, chosen with the browser's own calendar."""
    return forms.DateField(label=label, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"), **options)


def units(amount: Decimal) -> int:
    return int(amount * UNIT)


def rate_units(rate: Decimal) -> int:
    return int(rate * RATE)


def user_named(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise ValidationError(_("There is no user {name}.").format(name=name))
    if not user.is_active:
        raise ValidationError(_("{name} is not active.").format(name=name))
    return user
