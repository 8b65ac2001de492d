"""How a value of a row is read: units as decimals, milliseconds as local times, numbers as the protocol's ids."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy

from trading import protocol
from trading.core.money import RATE, to_text
from trading.core.types import risk_ratio

Column = Callable[[Any], Any]
NEGATIVE = '<strong class="negative">{}</strong>'


def money(field: str, label: str | None = None) -> Column:
    """An amount or a price, as a decimal with its thousands apart."""
    return _of_field(field, label, amount_text, right=True)


def rate(field: str, label: str | None = None) -> Column:
    """A rate as a fraction: 0.10 is 10 %."""
    return _of_field(field, label, lambda units: to_text(units, scale=RATE), right=True)


def number(field: str, label: str | None = None) -> Column:
    """A whole number, set to the right in lists."""
    return _of_field(field, label, "{:,}".format, right=True)


def limit(field: str, label: str | None = None) -> Column:
    """A number of which 0 means that there is none."""
    return _of_field(field, label, lambda value: f"{value:,}" if value else "-", right=True)


def day(field: str, label: str | None = None) -> Column:
    """A trading day as a date. A dash stands for none."""
    return _of_field(field, label, day_text)


def moment(field: str, label: str | None = None) -> Column:
    """Unix milliseconds as a local time."""
    return _of_field(field, label, local_time)


def date(field: str, label: str | None = None) -> Column:
    """A point in time that Django keeps, written like the others."""
    return _of_field(field, label, time_text)


def order_id(field: str, label: str = "order id") -> Column:
    return _of_field(field, label, protocol.order_id_text)


def trade_id(field: str = "trade_id", label: str = "trade id") -> Column:
    return _of_field(field, label, protocol.trade_id_text)


def computed(name: str, label: str, value: Column) -> Column:
    """An amount that no column holds; a negative one stands out."""

    @admin.display(description=gettext_lazy(label))
    def show(row: Any) -> Any:
        amount = value(row)
        return amount_text(amount) if amount >= 0 else format_html(NEGATIVE, amount_text(amount))

    show.__name__ = f"{name}_number"
    return show


def _of_field(field: str, label: str | None, text: Callable[[Any], str], *, right: bool = False) -> Column:
    """Lists are sorted by the field, and style sheets know numbers by the end of the name."""

    @admin.display(description=gettext_lazy(label or field.replace("_", " ")), ordering=field)
    def show(row: Any) -> str:
        value = getattr(row, field)
        return "-" if value is None else text(value)

    show.__name__ = f"{field}_number" if right else f"{field}_text"
    return show


def amount_text(units: int) -> str:
    """12345678 as 1,234.5678: at least two decimals, the thousands apart."""
    whole, _, decimals = to_text(units).partition(".")
    return f"{'-' if units < 0 else ''}{int(whole.lstrip('-')):,}.{decimals}"


def change_text(share: float) -> str:
    """With its sign, so that it is not told by colour alone. What rounds to nothing has none."""
    text = f"{share:+z.2%}"
    return "0.00%" if text == "+0.00%" else text


def ratio_text(margin: int, balance: int) -> str:
    """Margin / balance, as CTP's risk is counted. Without a balance there is no share of it."""
    if balance > 0 or (balance == 0 and margin == 0):
        return f"{risk_ratio(margin, balance):.2%}"
    return gettext("no balance left")


def day_text(day: int) -> str:
    """20260131 as 2026-01-31."""
    digits = f"{day:08}"
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if day else "-"


def local_time(milliseconds: int) -> str:
    """2026-01-31 09:30:00.250, in the zone of the settings. A dash stands for never."""
    if not milliseconds:
        return "-"
    seconds, rest = divmod(milliseconds, 1000)
    moment = timezone.localtime(datetime.fromtimestamp(seconds, tz=UTC))
    return f"{moment:%Y-%m-%d %H:%M:%S}.{rest:03}"


def time_text(moment: datetime) -> str:
    """2026-01-31 09:30:00, in the zone of the settings."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"
