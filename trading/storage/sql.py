"""SQL made once from the models, with the driver's placeholders: measured many times faster than `bulk_create`."""

from collections.abc import Callable, Sequence

import msgspec
from django.db import models


class Table:
    """The statement that writes rows of one model: an insert, or with `updates` an upsert on `key`."""

    def __init__(
        self, model: type[models.Model], fields: Sequence[str], key: Sequence[str] = (), updates: Sequence[str] = ()
    ) -> None:
        self.model = model
        self._columns = [self._column(field) for field in fields]
        self._key = [self._column(field) for field in key]
        self._updates = [self._column(field) for field in updates]

    def _column(self, field: str) -> str:
        column: str = self.model._meta.get_field(field).column  # type: ignore[union-attr,assignment]  # all are columns
        return column

    def sql(self, quote: Callable[[str], str], mark: str, lines: int) -> str:
        """The statement for `lines` rows at once; `mark` stands for a value, as the database's driver wants it."""
        columns = ", ".join(map(quote, self._columns))
        marks = ", ".join([f"({', '.join([mark] * len(self._columns))})"] * lines)
        insert = f"INSERT INTO {quote(self.model._meta.db_table)} ({columns}) VALUES {marks}"  # noqa: S608  # model names
        if not self._updates:
            return insert
        key = ", ".join(map(quote, self._key))
        updates = ", ".join(f"{quote(column)} = excluded.{quote(column)}" for column in self._updates)
        return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {updates}"


def json_text(value: object) -> str:
    """As a driver takes it for a column of text or JSON."""
    return msgspec.json.encode(value).decode()
