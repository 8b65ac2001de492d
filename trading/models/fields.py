"""What columns and indexes of several tables share."""

from typing import TYPE_CHECKING, Any

from django.core.validators import RegexValidator
from django.db import models

from trading.core import types
from trading.core.types import CancelReason, Direction, Offset, OrderStatus, OrderType, Phase, TimeCondition

NAME = RegexValidator(types.NAME, "Use letters, digits, and _ . - only, at most 64.")


def choices_of(
    words: type[CancelReason | Direction | Offset | OrderStatus | OrderType | Phase | TimeCondition],
) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


if TYPE_CHECKING:
    BigInteger = models.BigIntegerField[int, int]
else:
    BigInteger = models.BigIntegerField


class NumberField(BigInteger):
    """A key that the exchange counts. On SQLite it is where the row is, and needs no index."""

    def db_type(self, connection: Any) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)


class IndexBeforeKey(models.Index):
    """An index whose last column is the key. SQLite ends every entry with it anyway: there it is not named."""

    def create_sql(self, model: type[models.Model], schema_editor: Any, using: str = "", **others: Any) -> Any:
        if schema_editor.connection.vendor != "sqlite":
            return super().create_sql(model, schema_editor, using, **others)
        named = models.Index(name=self.name, fields=self.fields[:-1], condition=self.condition)
        return named.create_sql(model, schema_editor, using, **others)
