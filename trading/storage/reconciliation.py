"""Whether a market's tables agree with each other, with the engine that a restart would load, and with the journal.

Reads only. Every finding is one sentence that names the row. Works beside a running server: each pass reads one moment.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from django.db import connections
from django.db.models import Sum

from trading.core.engine import Engine
from trading.core.snapshot.records import Snapshot
from trading.core.snapshot.taking import named
from trading.models import CarriedForward, Market, Transfer
from trading.storage.archive.history import History, play
from trading.storage.consistent_read import consistent_read
from trading.storage.store import Store

Findings = Iterator[str]
Kind = CarriedForward.Kind


def check_books(market: str, using: str = "default") -> list[str]:
    """What contradicts itself in the tables of a market; nothing, if all is well."""
    with consistent_read(using):
        books = _Books(market, using)
        return [*books.findings(), *_of_nobody(using)]


def check_all_books(using: str = "default") -> list[str]:
    """What contradicts itself in the tables of any market, or between them; nothing, if all is well."""
    findings: list[str] = []
    with consistent_read(using):
        markets = [
            _Books(code, using) for code in Market.objects.using(using).order_by("code").values_list("code", flat=True)
        ]
        for books in markets:
            findings += books.findings()
        findings += _of_nobody(using)
        in_transit = Transfer.objects.using(using).filter(status=Transfer.Status.IN_TRANSIT)
        moving = int(in_transit.aggregate(sum=Sum("amount"))["sum"] or 0)
    paid_in, inside = sum(books.paid_in() for books in markets), sum(books.inside() for books in markets)
    if paid_in != inside + moving:
        findings.append(f"all markets: {paid_in} were paid in, {inside} are there and {moving} in transit")
    return findings


def replay_journal(market: str, using: str = "default", folder: Path | None = None, *, whole: bool = False) -> "Replay":
    """Play the journal and hold the result against the state that a restart would load: from the state that the newest
    archive file ends with, or with `whole` from empty through all files, each held against what it says. `folder`:
    where they are; a market that was never archived has none. ArchiveFailed where one is missing or wrong."""
    with consistent_read(using):
        store, history = Store(market, using), History(market, folder or Path(), using)
        done = 0
        if whole:
            engine = history.empty()
            done, last = history.whole(engine), max((file.last_batch for file in history.files()), default=0)
        else:
            engine, last = history.newest_state()
        done += sum(play(engine, batch) for batch in history.batches(after=last))
        loaded = Engine.restore(store.load()[0])
    difference = None
    if engine.state_hash() != loaded.state_hash():
        difference = _first_difference(named(engine.snapshot()), named(loaded.snapshot()))
    return Replay(done, engine.state_hash(), loaded.state_hash(), difference)


class Replay(msgspec.Struct, frozen=True):
    """What came of a replay. `difference`: the first record that is not the same, None when all are."""

    commands: int
    replayed: str
    loaded: str
    difference: str | None


def _first_difference(replayed: Snapshot, loaded: Snapshot) -> str:
    for field in Snapshot.__struct_fields__:
        ours, theirs = getattr(replayed, field), getattr(loaded, field)
        if ours == theirs:
            continue
        if not isinstance(ours, list):
            return f"{field}: the journal makes {ours}, the tables have {theirs}"
        for mine, other in zip(ours, theirs, strict=False):
            if mine != other:
                return f"{field}: the journal makes {mine}, the tables have {other}"
        return f"{field}: the journal makes {len(ours)}, the tables have {len(theirs)}"
    return "the same records have different names"


REFERENCES = {
    "order": {"account_id": "account", "instrument_id": "instrument"},
    "trade": {"order_id": "order", "account_id": "account", "instrument_id": "instrument"},
    "ledgerentry": {"account_id": "account"},
}
"""What no database looks at when such rows are written: their columns, and the tables that these refer to."""


def _of_nobody(using: str) -> Findings:
    """Rows, of any market, that refer to one that is not there."""
    for table, columns in REFERENCES.items():
        for column, other in columns.items():
            key = "instrument_id" if other == "instrument" else "id"
            with connections[using].cursor() as cursor:
                cursor.execute(
                    f"SELECT t.id, t.{column} FROM trading_{table} t"  # noqa: S608  # of the table above
                    f" LEFT JOIN trading_{other} o ON o.{key} = t.{column} WHERE o.{key} IS NULL ORDER BY t.id"
                )
                for number, missing in cursor.fetchall():
                    yield f"row {number} of {table}: there is no {other} {missing}"


class _Books:
    """The tables of one market, and the engine that a restart would make of them."""

    def __init__(self, market: str, using: str) -> None:
        self.market = market
        self._connection = connections[using]
        self.engine = Engine.restore(Store(market, using).load()[0])
        carried = CarriedForward.objects.using(using).filter(account__market=market)
        self._carried = {
            (account, kind, subject): amount
            for account, kind, subject, amount in carried.values_list("account", "kind", "subject", "amount")
        }

    def _carried_of(self, *kinds: str) -> dict[tuple[int, str, str], int]:
        """What the archived rows add up to, of some kinds."""
        return {key: amount for key, amount in self._carried.items() if key[1] in kinds}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement; `%s` stands for the market, as often as it occurs."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, [self.market] * sql.count("%s"))
            return list(cursor.fetchall())

    def findings(self) -> Findings:
        yield from self._engine()
        yield from self._trades()
        yield from self._orders()
        yield from self._positions()
        yield from self._accounts()
        yield from self._statements()
        yield from self._transfers()
        yield from self._market()

    def _engine(self) -> Findings:
        try:
            self.engine.check()
        except AssertionError as error:
            yield f"engine: {error}"
        derived = {
            account.account_id: (account.margin, account.hold) for account in self.engine.state.accounts.values()
        }
        for number, margin, hold in self.rows(
            "SELECT id, margin, hold FROM trading_account WHERE market_id = %s ORDER BY id"
        ):
            if derived[number] != (margin, hold):
                yield f"account {number}: margin and hold are {(margin, hold)}, they follow as {derived[number]}"

    def _trades(self) -> Findings:
        for number, *sides in self.rows(
            """SELECT t.trade_id, COUNT(*), COUNT(DISTINCT t.direction), COUNT(DISTINCT t.price),
                      COUNT(DISTINCT t.volume), COUNT(DISTINCT t.account_id), COUNT(DISTINCT t.is_maker)
               FROM trading_trade t JOIN trading_account a ON a.id = t.account_id WHERE a.market_id = %s
               GROUP BY t.trade_id
               HAVING NOT (COUNT(*) = 2 AND COUNT(DISTINCT t.direction) = 2 AND COUNT(DISTINCT t.price) = 1
                           AND COUNT(DISTINCT t.volume) = 1 AND COUNT(DISTINCT t.account_id) = 2
                           AND COUNT(DISTINCT t.is_maker) <> 1)
               ORDER BY t.trade_id"""
        ):
            yield f"trade {number}: it has not two sides that agree: {tuple(sides)}"

    def _orders(self) -> Findings:
        archived = {int(subject): lots for (_, _, subject), lots in self._carried_of(Kind.FILLED).items()}
        for number, filled, traded in self.rows(
            """SELECT o.id, o.filled, COALESCE(SUM(t.volume), 0) FROM trading_order o
               JOIN trading_account a ON a.id = o.account_id
               LEFT JOIN trading_trade t ON t.order_id = o.id WHERE a.market_id = %s
               GROUP BY o.id, o.filled HAVING o.filled != COALESCE(SUM(t.volume), 0) ORDER BY o.id"""
        ):
            lots = int(traded) + archived.pop(number, 0)
            if filled != lots:
                yield f"order {number}: {filled} lots are filled, its trades make {lots}"
        for number, lots in sorted(archived.items()):
            yield f"order {number}: {lots} lots too many of it are in the archive, or it is gone"
        for number, kept, made in self.rows(
            """SELECT o.id, o.price_sum, COALESCE(SUM(t.price * t.volume), 0) FROM trading_order o
               JOIN trading_account a ON a.id = o.account_id
               LEFT JOIN trading_trade t ON t.order_id = o.id WHERE a.market_id = %s
               GROUP BY o.id, o.filled, o.price_sum HAVING o.filled = COALESCE(SUM(t.volume), 0)
                  AND o.price_sum != COALESCE(SUM(t.price * t.volume), 0) ORDER BY o.id"""
        ):
            yield f"order {number}: its fills have a sum of {kept}, its trades make {made}"
        for number, *state in self.rows(
            """SELECT o.id, o.status, o.filled, o.volume FROM trading_order o
               JOIN trading_account a ON a.id = o.account_id WHERE a.market_id = %s AND (
                  (o.status = 'Filled' AND o.filled != o.volume) OR (o.status != 'Filled' AND o.filled = o.volume)
                  OR (o.status IN ('Waiting', 'Submitted') AND o.filled > 0)
                  OR (o.status = 'PartiallyFilled' AND o.filled = 0))
               ORDER BY o.id"""
        ):
            yield f"order {number}: it cannot be like that: {tuple(state)}"

    def _positions(self) -> Findings:
        """What was opened and not closed is what there is, but for what was taken back; what has expired is not there
        any more."""
        traded = self._archived_lots()
        for account, instrument, direction, opens, lots in self.rows(
            """SELECT t.account_id, t.instrument_id, t.direction, t.offset = 'OPEN', SUM(t.volume)
               FROM trading_tradebreak t JOIN trading_instrument i ON i.instrument_id = t.instrument_id
               WHERE i.market_id = %s AND i.phase != 'delisted'
               GROUP BY t.account_id, t.instrument_id, t.direction, t.offset = 'OPEN'"""
        ):
            long_short = traded.setdefault((account, instrument), [0, 0])
            long_short[(direction == "BUY") != bool(opens)] -= int(lots) if opens else -int(lots)
        for account, instrument, direction, opens, lots in self.rows(
            """SELECT t.account_id, t.instrument_id, t.direction, t.offset = 'OPEN', SUM(t.volume)
               FROM trading_trade t JOIN trading_instrument i ON i.instrument_id = t.instrument_id
               WHERE i.market_id = %s AND i.phase != 'delisted'
               GROUP BY t.account_id, t.instrument_id, t.direction, t.offset = 'OPEN'"""
        ):
            long_short = traded.setdefault((account, instrument), [0, 0])
            long_short[(direction == "BUY") != bool(opens)] += int(lots) if opens else -int(lots)
        held = {
            (account, instrument): [long, short]
            for account, instrument, long, short in self.rows(
                """SELECT p.account_id, p.instrument_id, p.long_today + p.long_his, p.short_today + p.short_his
                   FROM trading_position p JOIN trading_account a ON a.id = p.account_id WHERE a.market_id = %s"""
            )
            if long or short
        }
        for key in sorted(traded.keys() | held.keys()):
            if traded.get(key, [0, 0]) != held.get(key, [0, 0]):
                yield f"position {key}: its trades make {traded.get(key)} (long, short), it has {held.get(key)}"

    def _archived_lots(self) -> dict[tuple[int, str], list[int]]:
        """What archived trades have opened and not closed, in instruments that have not expired."""
        living = {name for (name,) in self.rows(
            "SELECT instrument_id FROM trading_instrument WHERE market_id = %s AND phase != 'delisted'"
        )}  # fmt: skip
        lots: dict[tuple[int, str], list[int]] = {}
        for (account, kind, name), amount in self._carried_of(Kind.LONG, Kind.SHORT).items():
            if name in living:
                lots.setdefault((account, name), [0, 0])[kind == Kind.SHORT] += amount
        return lots

    def _accounts(self) -> Findings:
        """Each account is the sum of its ledger, and the ledger that of its trades, archived ones included, less
        what was taken back."""
        archived: Counter[tuple[int, str]] = Counter()
        for (account, kind, subject), amount in self._carried.items():
            archived[account, kind] += amount
            archived[account, f"{kind} {subject}"] += amount
        for account, fees, profit in self.rows(
            """SELECT t.account_id, SUM(t.commission), SUM(t.close_profit) FROM trading_tradebreak t
               JOIN trading_account a ON a.id = t.account_id WHERE a.market_id = %s GROUP BY t.account_id"""
        ):
            archived[account, "COMMISSION"] -= int(fees)
            archived[account, "CLOSE_PROFIT"] -= int(profit)
        for number, figures, *sums in self.rows(
            """SELECT a.id, a.pre_balance + a.deposits - a.withdrawals + a.close_profit - a.commission,
                      (SELECT COALESCE(SUM(amount), 0) FROM trading_ledgerentry WHERE account_id = a.id),
                      (SELECT COALESCE(-SUM(amount), 0) FROM trading_ledgerentry
                       WHERE account_id = a.id AND kind = 'COMMISSION'),
                      (SELECT COALESCE(SUM(commission), 0) FROM trading_trade WHERE account_id = a.id),
                      (SELECT COALESCE(SUM(amount), 0) FROM trading_ledgerentry
                       WHERE account_id = a.id AND kind = 'CLOSE_PROFIT'),
                      (SELECT COALESCE(SUM(close_profit), 0) FROM trading_trade WHERE account_id = a.id)
               FROM trading_account a WHERE a.market_id = %s ORDER BY a.id"""
        ):
            ledger, fees, charged, profit, made = map(int, sums)
            ledger += archived[number, "LEDGER"]
            fees -= archived[number, "LEDGER COMMISSION"]
            charged += archived[number, "COMMISSION"]
            profit += archived[number, "LEDGER CLOSE_PROFIT"]
            made += archived[number, "CLOSE_PROFIT"]
            if figures != ledger:
                yield f"account {number}: it holds {figures}, the entries of its ledger make {ledger}"
            if fees != charged:
                yield f"account {number}: its ledger has {fees} of commission, its trades {charged}"
            if profit != made:
                yield f"account {number}: its ledger has {profit} of close profit, its trades {made}"

    def _statements(self) -> Findings:
        """Every day opens with what the day before closed with; the present one too."""
        closed: dict[int, tuple[int, int]] = {}
        for account, day, opening, closing in self.rows(
            """SELECT s.account_id, s.day, s.opening, s.closing FROM trading_statement s
               JOIN trading_account a ON a.id = s.account_id WHERE a.market_id = %s ORDER BY s.day"""
        ):
            before, balance = closed.get(account, (0, 0))
            if opening != balance:
                yield f"statement {day} of account {account}: it opens with {opening}, {before} closed with {balance}"
            closed[account] = day, closing
        for account in self.engine.state.accounts.values():
            day, balance = closed.get(account.account_id, (0, 0))
            if account.pre_balance != balance:
                yield f"account {account.account_id}: it opened with {account.pre_balance}, {day} closed with {balance}"

    def _transfers(self) -> Findings:
        """What accounts have sent to other markets and got from them is what the transfers say."""
        told: Counter[str] = Counter()
        for user, status, amount, source in self.rows(
            """SELECT user_id, status, amount, source_id = %s FROM trading_transfer
               WHERE source_id = %s OR target_id = %s"""
        ):
            if source:
                told[user] -= 0 if status == "RETURNED" else amount
            elif status == "ARRIVED":
                told[user] += amount
        booked: Counter[str] = Counter()
        for user, amount in self.rows(
            """SELECT a.user_id, SUM(e.amount) FROM trading_ledgerentry e
               JOIN trading_account a ON a.id = e.account_id
               WHERE a.market_id = %s AND e.kind = 'TRANSFER' GROUP BY a.user_id"""
        ):
            booked[user] += int(amount)
        users = {account.account_id: user for user, account in self.engine.state.by_user.items()}
        for (account, _, kind), amount in self._carried_of(Kind.LEDGER).items():
            if kind == "TRANSFER":
                booked[users[account]] += amount
        for user in sorted(told.keys() | booked.keys()):
            if told[user] != booked[user]:
                yield f"transfers of {user}: they make {told[user]}, the ledger has {booked[user]}"

    @cached_property
    def _entries(self) -> Counter[str]:
        """What all entries of the ledger add up to, archived ones included, by their kind."""
        sums: Counter[str] = Counter()
        for kind, amount in self.rows(
            """SELECT e.kind, SUM(e.amount) FROM trading_ledgerentry e
               JOIN trading_account a ON a.id = e.account_id WHERE a.market_id = %s GROUP BY e.kind"""
        ):
            sums[kind] += int(amount)
        for (_, _, kind), amount in self._carried_of(Kind.LEDGER).items():
            sums[kind] += amount
        return sums

    def paid_in(self) -> int:
        """Deposits less withdrawals, corrections among them."""
        entries = self._entries
        return entries["DEPOSIT"] + entries["WITHDRAWAL"] + entries["CORRECTION"]

    def inside(self) -> int:
        """All balances, and the commission that was kept."""
        balances = sum(account.figures().balance for account in self.engine.state.accounts.values())
        return balances - self._entries["COMMISSION"]

    def _market(self) -> Findings:
        """Deposits - withdrawals + what came from other markets - what went to them = balances + collected commission,
        to the last unit."""
        came, inside = self.paid_in() + self._entries["TRANSFER"], self.inside()
        if came != inside:
            yield f"market {self.market}: {came} came in, balances and commission are {inside}"
