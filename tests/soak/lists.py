"""The lists of the back office over a long history: how long each takes to open, to filter, to search and to save.

A database is filled once (SQLite, in a folder that goes away) with a million orders, trades and entries of the ledger,
300,000 statements of 12,000 days and 100,000 users. Then each list is opened through the admin's own views, without a
network. Prints a line for each address: the milliseconds, those of the processor (which a busy machine does not
stretch), and the queries. Exit code 1 where a page took more than `--most` of the processor; a file has ten thousand
lines and may.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from trading.core.numbers import SEQUENCE, number_at

USERS, ROWS, STATEMENTS, DAYS = 100_000, 1_000_000, 300_000, 12_000
BEGAN, SECOND = 1_767_571_200_000, 1_000
"""When the first row was written (Unix ms, the 5th of January 2026), and the time between two; they end on the 16th."""
DATED = ("order", "trade", "ledgerentry", "riskevent")
DAY_RANGES = (
    "day__gte=2026-01-05&day__lte=2026-01-05",
    "day__gte=2026-01-10&day__lte=2026-01-12",
    "day__gte=2026-01-16",
    "day__lte=2026-01-06",
    "day__gte=2020-01-01&day__lte=2030-01-01",
    "day__gte=2026-01-10&q=p000777",
    "day__lte=2025-12-31",
)
WARM = ("admin/", "admin/trading/holiday/", "admin/trading/order/", "admin/trading/account/1777/change/")
"""Opened before the clock runs: templates are compiled once in the life of a server."""


def filled(database: Path) -> None:
    """Fill a migrated and seeded database by the database's own means: half a minute."""
    with closing(sqlite3.connect(database)) as base:
        base.execute("PRAGMA synchronous=OFF")
        market = base.execute("SELECT code FROM trading_market").fetchone()[0]
        instrument = base.execute("SELECT instrument_id FROM trading_instrument").fetchone()[0]
        text = {"market_id": f"'{market}'", "instrument_id": f"'{instrument}'"}
        clone(base, "trading_user", USERS, id="n+1000", username="printf('p%06d', n)", is_active="1",
              date_joined="'2026-01-01'", password="'!'")  # fmt: skip
        clone(base, "trading_account", USERS, id="n+1000", user_id="printf('p%06d', n)", **text,
              pre_balance="1000000+n", rules="'{}'")  # fmt: skip
        account = f"n%{USERS}+1001"
        first, apart = number_at(BEGAN), SECOND * SEQUENCE
        moment, order, trade = f"{BEGAN}+n*{SECOND}", f"{first}+n*{apart}", f"{first}+(n/2)*2*{apart}"
        common = {"account_id": account, "instrument_id": f"'{instrument}'", "volume": "3", "price": "1205000"}
        side = {"direction": "CASE n%2 WHEN 0 THEN 'BUY' ELSE 'SELL' END", "offset": "'OPEN'"}
        clone(base, "trading_order", ROWS, id=order, **common, **side, order_type="'LIMIT'", time_condition="'GFD'",
              filled="3", status="CASE n%500 WHEN 0 THEN 'Submitted' ELSE 'Filled' END", accepted_at=moment,
              updated_at=moment, client_order_id="printf('c%d', n)")  # fmt: skip
        clone(base, "trading_trade", ROWS, id="n", **common, **side, trade_id=trade, order_id=order, time=moment,
              is_maker="n%2")  # fmt: skip
        clone(base, "trading_ledgerentry", ROWS, id="n", account_id=account, kind="'COMMISSION'", amount="-1-n%90",
              time=moment, trade_id=trade)  # fmt: skip
        clone(base, "trading_statement", STATEMENTS, id="n", account_id=f"(n-1)/{DAYS}+1001",
              day=f"10000000+(n-1)%{DAYS}", time=f"{BEGAN}+(n-1)%{DAYS}*83*{SECOND}",
              positions="'[]'", opening="5", closing="5")  # fmt: skip
        clone(base, "trading_riskevent", 100_000, id="n", account_id=account, kind="'WARNED'",
              time=f"{BEGAN}+n*10*{SECOND}")  # fmt: skip
        clone(base, "trading_operatorcommand", 200_000, id="n", market_id=text["market_id"], kind="'Deposit'",
              payload="json_object('type','Deposit','user_id',printf('p%06d',n%1000+1),'amount',5)", status="'DONE'",
              key="'k'||n", asked_at="datetime(1767225600+n*60,'unixepoch')", result="'Deposited'")  # fmt: skip
        clone(base, "trading_settlementprice", 2 * DAYS, id="n", instrument_id=text["instrument_id"], day="10000000+n",
              price="5", time="n", delisted="0")  # fmt: skip
        base.commit()
        base.execute("ANALYZE")
        base.commit()


def clone(base: sqlite3.Connection, table: str, count: int, **given: str) -> None:
    """Rows of a table: each column as an expression of `n` = 1.., or empty."""
    columns = base.execute(f"PRAGMA table_info({table})").fetchall()
    names = [row[1] for row in columns]
    values = [given.get(row[1], _empty(row)) for row in columns]
    base.execute(f"DELETE FROM {table} WHERE {names[0]} IN (SELECT {names[0]} FROM {table}) AND {int(table in KEPT)}=0")
    base.execute(
        f"WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM counted WHERE n<{count}) "
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM counted"
    )


KEPT = ("trading_user", "trading_account")
"""Tables whose rows stay beside the new ones."""


def _empty(column: Any) -> str:
    """A value for a column that nobody gave: nothing where that may be, else zero or no text."""
    _number, _name, kind, required, default, _key = column
    if not required:
        return "NULL"
    if default is not None:
        return str(default)
    return "0" if kind.lower().startswith(("int", "big", "bool", "real", "small")) else "''"


# --- what is opened


def addresses(market: str, instrument: str) -> list[str]:
    """Every list, its filters, its search, a second page, the file; and the pages of the desk that read much."""
    lists = ("order", "trade", "ledgerentry", "statement", "riskevent", "operatorcommand", "settlementprice")
    found = []
    for name in (*lists, "account", "user", "accesstoken", "position", "instrument", "tradingsession", "holiday"):
        here = f"admin/trading/{name}/"
        found += [here, f"{here}?p=2", f"{here}?q=p000777", f"{here}?q=nobody"]
    found += [f"admin/trading/{name}/?_csv=1" for name in lists]
    found += [
        "admin/trading/order/?state=live",
        "admin/trading/order/?state=finished",
        "admin/trading/order/?status__exact=Submitted",
        "admin/trading/order/?direction__exact=BUY&offset__exact=OPEN",
        f"admin/trading/order/?instrument__instrument_id__exact={instrument}",
        "admin/trading/order/?account__id__exact=1777",
        "admin/trading/trade/?account__id__exact=1777",
        f"admin/trading/trade/?trade_id__exact={number_at(BEGAN) + 500 * SECOND * SEQUENCE}",
        "admin/trading/ledgerentry/?account__id__exact=1777&kind__exact=COMMISSION",
        "admin/trading/statement/?day=10011999",
        "admin/trading/statement/?account__id__exact=1010",
        "admin/trading/operatorcommand/?status__exact=DONE&kind=Deposit",
        "admin/trading/account/?standing=debt",
        "admin/trading/account/?standing=risk",
        "admin/trading/account/?standing=frozen",
        "admin/trading/user/?is_staff__exact=1",
        *("admin/trading/account/?_facets=True", "admin/trading/statement/?_facets=True"),
        *("admin/", "admin/emergency/", "admin/trading/desk/risk/", "admin/trading/desk/statements/"),
        *("admin/trading/desk/approvals/", "admin/trading/desk/roles/", "admin/trading/desk/sessions/"),
        *("admin/trading/desk/accounts/1010/statement/10011999/", "admin/trading/desk/statements/10011999.csv"),
        "admin/trading/desk/accounts/1777/ledger/",
        "admin/trading/desk/accounts/1777/view-as/",
        "admin/trading/account/1777/change/",
        f"admin/trading/market/{market}/change/",
        f"admin/trading/instrument/{instrument}/change/",
    ]
    found += [f"admin/trading/{name}/?{days}" for name in DATED for days in DAY_RANGES]
    return found


@contextmanager
def database() -> Iterator[Path]:
    """Django over a fresh database in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "exchange_site.settings", "DEMO": "on"}
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("seed_demo", verbosity=0)
        from django.db import connections

        path = Path(str(connections["default"].settings_dict["NAME"]))
        connections.close_all()
        yield path
        connections.close_all()


def opened(client: Any, address: str) -> tuple[int, int, float, float]:
    """The status, the queries, the seconds until the last byte, and those that the processor had to do with it."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        began, busy = time.perf_counter(), time.process_time()
        response = client.get(f"/{address}", headers={"host": "localhost"})
        body = b"".join(response.streaming_content) if response.streaming else response.content
        taken, spent = time.perf_counter() - began, time.process_time() - busy
    assert body or response.status_code != 200
    return response.status_code, len(queries), taken, spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=float, default=1.0, help="seconds of the processor that a page may take")
    most = parser.parse_args().most
    with database() as path:
        began = time.perf_counter()
        filled(path)
        print(f"filled in {time.perf_counter() - began:.0f} s, {path.stat().st_size / 1e6:,.0f} MB")
        from django.test import Client

        from trading.models import Instrument, User

        client = Client()
        client.force_login(User.objects.create_superuser("boss"))
        listed = Instrument.objects.select_related("market").first()
        assert listed is not None
        for address in WARM:
            opened(client, address)
        late = 0
        for address in addresses(listed.market_id, listed.pk):
            status, queries, taken, spent = opened(client, address)
            wrong = status not in {200, 302} or (spent > most and "_csv" not in address)
            late += wrong
            mark = "   <<<" if wrong else ""
            times = f"{taken * 1000:8.0f} ms {spent * 1000:7.0f} busy"
            print(f"{times} {queries:4} queries {status} {address}{mark}", flush=True)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
