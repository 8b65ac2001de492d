"""Ids of orders, trades and announcements as text, and back."""

from trading.core.numbers import ORDER_EPOCH_MS, SEQUENCE

_FIRST_NUMBER = ORDER_EPOCH_MS * SEQUENCE
_ID_DIGITS = 20


def order_id_text(number: int) -> str:
    """O, 13 digits of milliseconds, 7 digits of sequence."""
    return f"O{number + _FIRST_NUMBER}"


def trade_id_text(number: int) -> str:
    """T, 13 digits of milliseconds, 7 digits of sequence."""
    return f"T{number + _FIRST_NUMBER}"


def announcement_id_text(number: int) -> str:
    """A, 13 digits of milliseconds, 7 digits of sequence."""
    return f"A{number + _FIRST_NUMBER}"


def order_number(text: str) -> int | None:
    """The number in an order id, or None when it is no order id of ours."""
    return _number(text, "O")


def trade_number(text: str) -> int | None:
    """The number in a trade id, or None when it is no trade id of ours."""
    return _number(text, "T")


def _number(text: str, letter: str) -> int | None:
    digits = text[1:]
    if text[:1] != letter or len(digits) != _ID_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits) - _FIRST_NUMBER
    return number if 0 < number < 2**63 else None
