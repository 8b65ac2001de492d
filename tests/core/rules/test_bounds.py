"""Numbers stay countable: whatever is listed, priced or typed fits 63 bits, or is refused with a word."""

import msgspec
import pytest

from tests.core.making import NOW, contract, exchange, order, terms, trade, units
from trading.core.codes import Code
from trading.core.commands import OpenAccount
from trading.core.events import Refused
from trading.core.instruments import highest_price
from trading.core.money import MAX_NOTIONAL, from_text, price_from_float
from trading.core.types import MOST_LOTS


def test_a_closing_at_an_absurd_price_is_refused() -> None:
    """Without price limits a closing needs no funds, so only the end of prices bounds it."""
    engine = exchange(contract(limits="0%"), terms(), "1000", "1000")
    trade(engine, "120", buyer=1, seller=2)
    absurd = msgspec.structs.replace(order(1, "SELL CLOSE 1 @ 120"), price=2**62 * units("0.2"))
    refusal = engine.apply(absurd, NOW)[0]
    assert isinstance(refusal, Refused) and refusal.code is Code.PRICE_LIMIT
    engine.state_hash()


def test_the_largest_order_at_the_highest_price_is_countable() -> None:
    listed = contract(limits="0%")
    assert highest_price(listed) * listed.multiplier * MOST_LOTS <= MAX_NOTIONAL < 2**63


@pytest.mark.parametrize("value", [1e308, -1e308, float("inf"), float("nan")])
def test_a_number_that_is_no_price_is_none(value: float) -> None:
    assert price_from_float(value) is None


@pytest.mark.parametrize("text", ["Infinity", "-inf", "NaN", "1e999999", "1e3", "1/3", "", " ", "1_0", "9" * 40, "١"])
def test_what_is_no_plain_decimal_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        from_text(text)


def test_no_digit_is_dropped() -> None:
    with pytest.raises(ValueError, match="decimals"):
        from_text("1.0000000000000001")


def test_users_obey_the_rule_of_names() -> None:
    refusal = exchange(contract(), terms()).apply(OpenAccount("a/b c"), NOW)[0]
    assert isinstance(refusal, Refused) and refusal.code is Code.MALFORMED
