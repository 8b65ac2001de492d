"""What columns of several tables share."""

from django.core.validators import RegexValidator

from trading.core import types
from trading.core.types import CancelReason, Direction, Offset, OrderStatus, OrderType, Phase, TimeCondition

NAME = RegexValidator(types.NAME, "Use letters, digits, and _ . - only, at most 64.")


def choices_of(
    words: type[CancelReason | Direction | Offset | OrderStatus | OrderType | Phase | TimeCondition],
) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]
