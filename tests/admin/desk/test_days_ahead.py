"""Days that lie far ahead: a settlement cannot be undone, and what asks for the future gets what there is."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from tests.builders import Founded
from trading.admin.desk.funds import units_of
from trading.admin.forms.fields import NumberField, PlainDecimalField, WholeField
from trading.core.money import UNIT
from trading.models import Market, OperatorCommand

SETTLE = "admin:trading_desk_settle"


def money(text: str) -> Decimal:
    """As a line of a file has it."""
    return Decimal(units_of(text)) / UNIT


@pytest.mark.parametrize("next_day", ["9999-12-31", "2999-12-31", str(timezone.localdate() + timedelta(days=400))])
def test_no_day_begins_that_lies_far_ahead(market: Founded, root: Client, next_day: str) -> None:
    asked = {"day": str(timezone.localdate()), "next_day": next_day, "post": "yes"}
    said = root.post(reverse(SETTLE), {**shown(root), **asked})
    assert said.status_code == 200
    assert "The next trading day may be" in said.content.decode()
    assert not OperatorCommand.objects.exists() and Market.objects.get().trading_day == 0


def test_a_day_that_is_not_the_calendars_is_pointed_at(market: Founded, root: Client) -> None:
    asked = {"day": str(timezone.localdate()), "next_day": str(timezone.localdate() + timedelta(days=30))}
    said = root.post(reverse(SETTLE), {**shown(root), **asked}).content.decode()
    assert "The calendar says that" in said
    said = root.post(reverse(SETTLE), shown(root)).content.decode()
    assert "Prices" in said and "The calendar says that" not in said


def shown(root: Client) -> dict[str, str]:
    """What the form has in it when it is opened."""
    form = root.get(reverse(SETTLE)).context["form"]
    found = {name: form[name].value() for name in form.fields}
    return {name: str(value) for name, value in found.items() if value not in (None, False)}


def test_the_trail_of_the_future_ends_today(market: Founded, root: Client) -> None:
    said: Any = root.get(reverse("admin:trading_desk_audit"), {"from_day": "2026-01-01", "to_day": "9999-12-31"})
    assert said.status_code == 200
    assert b"".join(said.streaming_content).decode("utf-8-sig").startswith("number,kind")
    assert str(timezone.localdate()) in said["Content-Disposition"]


def test_browsers_can_read_the_days_in_any_language(market: Founded, root: Client) -> None:
    root.cookies["django_language"] = "zh-hans"
    with translation.override("en"):  # afterwards it is again what it was
        text = root.get(reverse("admin:trading_desk_audit")).content.decode()
    assert f'value="{date.today().year}-' in text


@pytest.mark.parametrize("read", [NumberField().clean, WholeField().clean, PlainDecimalField().clean, money])
def test_one_rule_says_what_a_number_is(read: Callable[[str], Any]) -> None:
    """Forms, files and the trading page take what a Chinese keyboard writes, and no digits of other scripts."""
    assert read("１２３") == read("123") == read("＋123") == 123
    for text in ("1_000", "\N{ARABIC-INDIC DIGIT ONE}", "\N{DEVANAGARI DIGIT ONE}", "²", "1 0"):
        with pytest.raises(ValidationError):
            read(text)


def test_wide_points_and_signs_are_read() -> None:
    assert money("－１２．５") == NumberField().clean("－１２．５") == Decimal("-12.5")


def test_amounts_have_no_exponent() -> None:
    """One wrong key must not make 1e9 of 109."""
    with pytest.raises(ValidationError):
        PlainDecimalField().clean("1e9")
    assert PlainDecimalField().clean("109") == 109
