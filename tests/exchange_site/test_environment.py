"""A setting that is mistyped is named at the start, and never means another."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from exchange_site.security.environment import MARKET_CODE, Environment, hold_markets
from trading.models import Market
from trading.operators.authority.approvals import hold_settings


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    for name, word in {"A": "enabled", "B": "ture", "C": "ON", "D": "off", "E": "abc", "F": "-4", "G": "1.5"}.items():
        monkeypatch.setenv(name, word)
    return Environment()


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_switch_is_on_or_off(env: Environment, name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{name} must be on or off"):
        env.bool(name, default=True)


def test_its_words_are_as_ever(env: Environment) -> None:
    assert [env.bool(name, default=True) for name in ("C", "D", "NONE")] == [True, False, True]


@pytest.mark.parametrize(("name", "why"), [("E", "must be a whole number"), ("F", "must be 0 or more"), ("G", "whole")])
def test_a_number_is_one(env: Environment, name: str, why: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{name} .*{why}"):
        env.int(name, default=1)


@pytest.mark.parametrize("word", ["abc", "nan", "inf", "-1"])
def test_so_is_one_with_a_fraction(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("RISK", word)
    with pytest.raises(ImproperlyConfigured, match="RISK must be"):
        Environment().float("RISK", default=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("FOUR_EYES_KINDS", ["withdraw"]), ("FOUR_EYES_ABOVE", "-5"), ("FOUR_EYES_ABOVE", "much")],
)
def test_a_second_person_is_asked_for_what_there_is(settings: Any, name: str, value: object) -> None:
    hold_settings()
    setattr(settings, name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        hold_settings()


@pytest.mark.parametrize("codes", [["a/b"], ["MAIN", ""], [".."], ["M" * 17], ["MAIN", "CFFEX", "MAIN"]])
def test_a_market_has_a_code_of_its_own(codes: list[str]) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"no code of a market|each market once"):
        hold_markets(codes)


def test_the_longest_code_has_room_in_its_column() -> None:
    code = "M" * (Market._meta.get_field("code").max_length or 0)
    hold_markets(["MAIN", code])
    assert MARKET_CODE.fullmatch(code) and not MARKET_CODE.fullmatch(code + "M")
