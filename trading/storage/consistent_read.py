"""Reading many rows as they were at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction


@contextmanager
def consistent_read(using: str = "default") -> Iterator[None]:
    """Everything that is read in here was so at one moment, and nobody who writes has to wait for it. Within a
    transaction of the caller's it is that transaction which decides."""
    connection: Any = connections[using]
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor != "sqlite":
        with transaction.atomic(using=using), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
        return
    connection.ensure_connection()
    mode, connection.transaction_mode = connection.transaction_mode, "DEFERRED"
    try:
        with transaction.atomic(using=using):
            yield
    finally:
        connection.transaction_mode = mode
