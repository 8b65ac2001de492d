"""Whether what lies in the database may be traded on: the checks of an engine's start, each with a name.

They are cheap: a few rows of each table, and what is loaded anyway. `reconciliation.py` looks at everything.
"""

from enum import StrEnum
from functools import cache
from typing import Any

from django.db import Error, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from trading.core.engine import Engine
from trading.models import Account, ArchiveFile, Instrument, JournalBatch, LedgerEntry, Market, Order, Position, Trade

QUICK_CHECK_BYTES = 64 * 2**20
"""Up to this size every page is looked at (measured: 2 ms for each 1 MB in memory). Larger ones are when backed up."""
LOOK_BACK = 1_000
"""Batches at the end of the journal of which none may be missing."""
MALFORMED = ("malformed", "not a database")
"""What SQLite says when a file is damaged."""

RESTORE = "Restore a backup (docs/operations.md); `manage.py check_books` lists what is off"


class Check(StrEnum):
    """What is checked at a start, and what to do where it fails."""

    advice: str

    def __new__(cls, name: str, advice: str) -> "Check":
        check = str.__new__(cls, name)
        check._value_ = name
        check.advice = advice
        return check

    ACCESS = (
        "access",
        "See that the database runs and has room, that no other program holds it, and that the server's user may write"
        " it (with SQLite its folder, too); the server tries again by itself",
    )
    FILE = "file", "Stop the server, look at the disk, restore a backup (docs/operations.md)"
    TABLES = "tables", "Run `manage.py migrate`; if it finds nothing to do, restore a backup (docs/operations.md)"
    ROWS = "rows", "Restore a backup (docs/operations.md), of a version no newer than this one"
    JOURNAL = "journal", RESTORE
    NUMBERS = "numbers", RESTORE
    STATE = "state", RESTORE
    ACCOUNTS = "accounts", RESTORE
    POSITIONS = "positions", RESTORE
    HISTORY = "history", RESTORE


class Damaged(Exception):
    """A check has failed: no engine may start on this database."""

    def __init__(self, check: Check, finding: str) -> None:
        super().__init__(f"check {check} failed: {finding}. {check.advice}.")
        self.check = check

    @property
    def may_pass(self) -> bool:
        """Whether it may be over without a person who mends something here."""
        return self.check is Check.ACCESS


def diagnosis(error: Exception) -> Damaged:
    """What an error at a start says about the database."""
    if isinstance(error, Damaged):
        return error
    text = f"{type(error).__name__}: {error}"
    if not isinstance(error, Error | OSError):
        return Damaged(Check.ROWS, f"the rows make no market: {text}")
    damaged = any(words in str(error) for words in MALFORMED)
    return Damaged(Check.FILE if damaged else Check.ACCESS, text)


# --- before anything is read


def check_database(using: str = "default", quick_check_bytes: int = QUICK_CHECK_BYTES) -> None:
    """Damaged unless the file is whole and the tables are those of this version."""
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "sqlite":
            _check_file(cursor, quick_check_bytes)
        _check_tables(using, cursor)


def _check_file(cursor: Any, quick_check_bytes: int) -> None:
    cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    if cursor.fetchone()[0] > quick_check_bytes:
        return
    cursor.execute("PRAGMA quick_check(1)")
    (found,) = cursor.fetchone()
    if found != "ok":
        raise Damaged(Check.FILE, found)


def _check_tables(using: str, cursor: Any) -> None:
    connection = connections[using]
    missing = sorted(_migrations().difference(MigrationRecorder(connection).applied_migrations()))
    if missing:
        raise Damaged(Check.TABLES, f"not applied: {', '.join('.'.join(name) for name in missing[:3])}")
    wanted = set(connection.introspection.django_table_names())
    gone = sorted(wanted.difference(connection.introspection.table_names(cursor)))
    if gone:
        raise Damaged(Check.TABLES, f"there is no table {gone[0]}")


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """Those of this version."""
    return frozenset(MigrationLoader(None).graph.nodes)


# --- after the engine was loaded


def check_market(market: str, engine: Engine, using: str = "default", look_back: int = LOOK_BACK) -> None:
    """Damaged unless the tables of a market and the engine that was loaded from them agree."""
    row = Market.objects.using(using).get(code=market)
    _check_journal(row, using, look_back)
    _check_numbers(row, using)
    _check_state(engine)
    _check_accounts(row, engine, using)
    _check_positions(row, engine, using)
    _check_history(row, using)


def _check_journal(market: Market, using: str, look_back: int) -> None:
    """Every commit has its row."""
    found = JournalBatch.objects.using(using).filter(market=market).order_by("-number")
    numbers = list(found.values_list("number", flat=True)[:look_back])
    last = numbers[0] if numbers else 0
    if last != market.batch:
        raise Damaged(Check.JOURNAL, f"the journal ends at batch {last}, the market stands at {market.batch}")
    archived = _newest_archived(market, using)
    lost = set(range(max(last - look_back, archived.last_batch if archived else 0) + 1, last)).difference(numbers)
    if lost:
        raise Damaged(Check.JOURNAL, f"batch {max(lost)} is missing, the last one is {last}")


def _newest_archived(market: Market, using: str) -> ArchiveFile | None:
    """The file behind which the tables begin, if the market has been archived."""
    return ArchiveFile.objects.using(using).filter(market=market).order_by("-day").first()


def _check_numbers(market: Market, using: str) -> None:
    """No order and no trade is younger than the market."""
    for table, key in ((Order, "id"), (Trade, "trade_id")):
        newest = table.objects.using(using).order_by(f"-{key}").values_list(key, "account__market_id").first()
        if newest is not None and newest[1] == market.code and newest[0] > market.last_id:
            name = table._meta.verbose_name
            raise Damaged(Check.NUMBERS, f"there is {name} {newest[0]}, the market has counted to {market.last_id}")


def _check_state(engine: Engine) -> None:
    try:
        engine.check()
    except AssertionError as error:
        raise Damaged(Check.STATE, str(error)) from None


def _check_accounts(market: Market, engine: Engine, using: str) -> None:
    """Margin and hold follow from positions and live orders, which lie in other tables."""
    found = Account.objects.using(using).filter(market=market).values_list("id", "margin", "hold")
    for number, *stored in found.order_by("id"):
        account = engine.state.accounts[number]
        derived = [account.margin, account.hold]
        if stored != derived:
            raise Damaged(Check.ACCOUNTS, f"margin and hold of account {number} are {stored}, they follow as {derived}")


def _check_positions(market: Market, engine: Engine, using: str) -> None:
    """Margins follow from lots, costs and the instrument's terms."""
    fields = ("account_id", "instrument_id", "long_margin", "short_margin")
    found = Position.objects.using(using).filter(account__market=market).values_list(*fields)
    for number, name, *stored in found:
        position = engine.state.accounts[number].positions.get(name)
        derived = [0, 0] if position is None else [position.long.margin, position.short.margin]
        if stored != derived:
            finding = f"margins (long, short) of account {number} in {name} are {stored}, they follow as {derived}"
            raise Damaged(Check.POSITIONS, finding)


def _check_history(market: Market, using: str) -> None:
    """The newest trade is the last one that the instruments know of, and the ledger has booked it. Trades of other
    markets, which may be newer, are passed over."""
    instruments = Instrument.objects.using(using).filter(market=market)
    last_time = instruments.order_by("-last_time").values_list("last_time", flat=True).first() or 0
    fields = ("trade_id", "time", "commission", "close_profit")
    trades = Trade.objects.using(using).filter(instrument__in=instruments.values("pk"))
    newest = list(trades.order_by("-trade_id").values_list(*fields)[:2])
    archived = _newest_archived(market, using)
    if not newest and archived is not None and last_time < archived.until:
        return
    time = newest[0][1] if newest else 0
    if time != last_time:
        raise Damaged(Check.HISTORY, f"the newest trade is of {time}, the instruments have traded at {last_time}")
    booked = LedgerEntry.objects.using(using).order_by("-id").values_list("time", flat=True).first() or 0
    if booked < time and any(commission or profit for *_, commission, profit in newest):
        raise Damaged(Check.HISTORY, f"trade {newest[0][0]} of {time} is not booked, the ledger ends at {booked}")
