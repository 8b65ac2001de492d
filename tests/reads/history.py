"""A market with a long past, made by the database itself in a few seconds, and how much work a query is.

Work is counted in SQLite's own steps, so it is the same on every machine.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models

from tests.builders import NOW
from trading.core.numbers import SEQUENCE, number_at
from trading.models import LedgerEntry, Order, PushBatch, RiskEvent, Statement, Trade

FIRST = number_at(NOW) + 1_000_000
"""The number of the first order of the past."""
APART = SEQUENCE
"""Numbers from one order to the next, a millisecond; its trade has the number after it."""
STEP = 100
"""SQLite's steps between two looks at them."""


def insert(model: type[models.Model], start: int, rows: int, **columns: str) -> None:
    """Rows from expressions of `i`, which counts from `start`. Columns that are not named are null or have their
    default."""
    names, end = ", ".join(columns), start + rows - 1
    connection.cursor().execute(
        f"WITH RECURSIVE n(i) AS (SELECT CAST({start} AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < {end})"
        f" INSERT INTO {model._meta.db_table} ({names}) SELECT {', '.join(columns.values())} FROM n"
    )


def number_of(row: int) -> int:
    """The order number of a row of the past."""
    return FIRST + row * APART


def make_past(rows: int, days: int, start: int = 0) -> None:
    """As many filled orders of account 1, each with a trade against account 2, what was booked and told of them, and
    statements of as many days."""
    number = f"{FIRST} + i * {APART}"
    order = {
        "instrument_id": "'IX2301'",
        '"offset"': "'OPEN'",
        "order_type": "'LIMIT'",
        "time_condition": "'GFD'",
        "volume": "1",
        "price": "1200000",
        "his_held": "0",
        "today_held": "0",
        "accepted_at": f"{NOW}",
        "updated_at": f"{NOW} + i",
        "forced": "0" if connection.vendor == "sqlite" else "false",
        "trading_day": "0",
        "filled": "1",
        "status": "'Filled'",
    }
    insert(Order, start, rows, id=number, account_id="1", direction="'BUY'", **order, client_order_id="'past-' || i")
    for account_id, direction in ((1, "BUY"), (2, "SELL")):
        maker = f"{account_id == 2}" if connection.vendor != "sqlite" else f"{int(account_id == 2)}"
        insert(
            Trade,
            start,
            rows,
            trade_id=f"{number} + 1",
            order_id=number,
            account_id=f"{account_id}",
            direction=f"'{direction}'",
            instrument_id="'IX2301'",
            **{'"offset"': "'OPEN'"},
            is_maker=maker,
            price="1200000",
            volume="1",
            commission="20000",
            close_profit="0",
            time=f"{NOW} + i",
        )
        insert(
            LedgerEntry,
            start,
            rows,
            account_id=f"{account_id}",
            kind="'COMMISSION'",
            amount="-20000",
            trade_id=f"{number} + 1",
            time=f"{NOW} + i",
        )
    insert(
        PushBatch,
        start,
        rows,
        account_id="1",
        last_seq="100 + i",
        frames="'{}'",
    )
    insert(RiskEvent, start, rows, account_id="1", kind="'WARNED'", margin="1", balance="1", time=f"{NOW} + i")
    zero = dict.fromkeys(
        ("opening", "deposits", "withdrawals", "close_profit", "position_profit", "commission", "closing", "margin"),
        "0",
    )
    for account_id in (1, 2, 3):
        insert(
            Statement,
            start,
            days,
            account_id=f"{account_id}",
            day="20000101 + i",
            positions="'[]'",
            time=f"{NOW}",
            **zero,
        )


class Work:
    """SQLite's steps of each statement, and the tables that it reads from end to end."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()
        self._running = ""

    def watch(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self._running = sql
        return execute(sql, params, many, context)

    def count(self) -> int:
        self.steps[self._running] += STEP
        return 0

    @property
    def most(self) -> tuple[int, str]:
        """The most expensive statement."""
        return max(((steps, sql) for sql, steps in self.steps.items()), default=(0, ""))


@contextmanager
def counted_work() -> Iterator[Work]:
    """What is done meanwhile on the connection of this thread."""
    connection.ensure_connection()
    work, driver = Work(), connection.connection
    driver.set_progress_handler(work.count, STEP)
    try:
        with connection.execute_wrapper(work.watch):
            yield work
    finally:
        driver.set_progress_handler(None, 0)
