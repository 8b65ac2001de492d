"""The way back from rows: the engine's state as of the last commit, the journal, and what operators ask."""

from collections import Counter
from collections.abc import Collection, Iterable
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
from django.db import connections
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Abs, Cast

from trading.core.accounts import KEPT_IDS
from trading.core.codes import Code
from trading.core.commands import AdminCommand, ClientOrder, Command, ListInstrument, SubmitOrder
from trading.core.events import Refused
from trading.core.snapshot.records import AccountRecord, InstrumentRecord, OrderRecord, PositionRecord, Snapshot
from trading.models import (
    IS_LIVE,
    Account,
    Instrument,
    JournalBatch,
    Market,
    OperatorCommand,
    Order,
    Position,
    PositionDetail,
)
from trading.storage import mapping
from trading.storage.sql import chunks, driver, mark_of, used_as
from trading.worker.batch import OperatorAsk
from trading.worker.follower import JournalEntry

WAITING = "SELECT market_id FROM trading_operatorcommand WHERE status = 'PENDING'"
"""Finds the few that wait by an index of them alone, of all markets. With the state as a parameter, or a market beside
it, SQLite reads all commands that were ever asked."""


class MarketReader:
    """Reads what its engine needs of one market. Where several queries must agree, the caller holds a transaction.

    `only`: accounts, with what is theirs, without the others: enough where nothing is to trade.
    """

    def __init__(self, market: str, using: str, only: Collection[int] | None = None) -> None:
        self._market = market
        self._using = using
        self._mark = mark_of(connections[using])
        self._own = Q(market=market) if only is None else Q(market=market, pk__in=only)
        self._theirs = Q(account__market=market) if only is None else Q(account__market=market, account__in=only)

    def snapshot(self, market: Market) -> Snapshot:
        """The engine's state as the rows have it. `market`: its row."""
        return Snapshot(
            last_id=market.last_id,
            day=mapping.day_record(market),
            instruments=self._instruments(),
            accounts=self._accounts(market.trading_day),
            positions=self._positions(),
            orders=self._orders(),
            rules=market.rules,
            shard=market.shard,
        )

    def row(self) -> Market:
        """The market's own."""
        return Market.objects.using(self._using).get(code=self._market)

    def push_seqs(self) -> dict[int, int]:
        """The number of each account's last push."""
        accounts = Account.objects.using(self._using).filter(market=self._market)
        return dict(accounts.values_list("id", "push_seq"))

    def time_of(self, number: int) -> int:
        """When a batch was made, or the last before it (Unix ms); 0: there is none."""
        found = JournalBatch.objects.using(self._using).filter(market=self._market, number__lte=number)
        return found.order_by("-number").values_list("time", flat=True).first() or 0

    def _instruments(self) -> list[InstrumentRecord]:
        found = Instrument.objects.using(self._using).filter(market=self._market)
        return [mapping.instrument_record(row) for row in found]

    def _accounts(self, trading_day: int) -> list[AccountRecord]:
        client_orders = self._client_orders(trading_day)
        found = Account.objects.using(self._using).filter(self._own).order_by("id")
        found = found.annotate(rules_text=Cast("rules", TextField()))
        return [
            mapping.account_record(row, client_orders.get(row[0], []))
            for row in found.values_list(*mapping.LOADED_ACCOUNT_FIELDS).iterator()
        ]

    def _client_orders(self, trading_day: int) -> dict[int, list[tuple[str, ClientOrder]]]:
        """The ids that are used up today: by today's orders, and by those that have lived until today. Of an account's
        as many as the engine keeps: the newest, and those of live orders."""
        known = self._used_today(trading_day).order_by("-id").annotate(live=IS_LIVE)
        by_account: dict[int, list[tuple[str, ClientOrder]]] = {}
        newer: Counter[int] = Counter()
        for *row, live in known.values_list(*mapping.LOADED_CLIENT_ORDER_FIELDS, "live").iterator():
            newer[row[0]] += 1
            if live or newer[row[0]] <= KEPT_IDS:
                account_id, name, asked = mapping.client_order(tuple(row))
                by_account.setdefault(account_id, []).append((name, asked))
        return {account_id: sorted(orders, key=itemgetter(0)) for account_id, orders in by_account.items()}

    def _used_today(self, trading_day: int) -> QuerySet[Order]:
        found = Order.objects.using(self._using).filter(self._theirs, client_order_id__isnull=False)
        return found.filter(Q(trading_day=trading_day) | Q(known_day=trading_day))

    def used_ids(self, asked: list[SubmitOrder], trading_day: int) -> dict[tuple[int, str], ClientOrder]:
        """Those own ids of orders, by account, that are used up today, and what for."""
        names: dict[int, list[str]] = {}
        for order in asked:
            names.setdefault(order.account_id, []).append(order.client_order_id or "")
        found: dict[tuple[int, str], ClientOrder] = {}
        connection = connections[self._using]
        connection.ensure_connection()
        with driver(connection) as cursor:
            for account_id, own in names.items():
                for size, at in chunks(len(own)):
                    for day in ("trading_day", "known_day"):  # each has its index
                        cursor.execute(*self._own_ids(day, trading_day, account_id, own[at : at + size]))
                        for row in cursor.fetchall():
                            _, name, known = mapping.client_order(row)
                            found[account_id, name] = known
        return found

    def _own_ids(self, day_of: str, day: int, account_id: int, names: list[str]) -> tuple[str, tuple[Any, ...]]:
        columns = ", ".join(map(connections[self._using].ops.quote_name, mapping.LOADED_CLIENT_ORDER_FIELDS))
        condition, values = used_as(connections[self._using], self._mark, day_of, day, account_id, names)
        return f"SELECT {columns} FROM trading_order WHERE {condition}", values  # noqa: S608  # no value is in the text

    def _positions(self) -> list[PositionRecord]:
        found = Position.objects.using(self._using).filter(self._theirs)
        details = self._details()
        ordered = found.order_by("account_id", "instrument_id").values_list(*mapping.LOADED_POSITION_FIELDS)
        return [mapping.position_record(row, details) for row in ordered if any(row[2:])]

    def _details(self) -> mapping.Details:
        """The lines of all positions' details, in each leg the first opened first."""
        found = PositionDetail.objects.using(self._using).filter(self._theirs)
        rows = found.order_by(Abs("id")).values_list(*mapping.LOADED_DETAIL_FIELDS)
        return mapping.details(rows.iterator())

    def _orders(self) -> list[OrderRecord]:
        """Live orders in time priority: put in order here, which costs less than in the database."""
        found = Order.objects.using(self._using).filter(IS_LIVE, self._theirs).order_by()
        rows = found.values_list(*mapping.LOADED_ORDER_FIELDS)
        return sorted(map(mapping.order_record, rows.iterator()), key=attrgetter("priority"))

    def asks(self, most: int) -> list[OperatorAsk]:
        """Operators' commands that wait, oldest first."""
        if not self._asked():
            return []
        found = OperatorCommand.objects.using(self._using).filter(
            market=self._market, status=OperatorCommand.Status.PENDING
        )
        rows = [(pk, _command(payload)) for pk, payload in found.order_by("id").values_list("pk", "payload")[:most]]
        elsewhere = self.elsewhere({_listed(command) or "" for _, command in rows} - {""})
        return [OperatorAsk(pk, command, elsewhere.get(_listed(command) or "")) for pk, command in rows]

    def _asked(self) -> bool:
        """Whether there are any. A server that nobody asks looks some times a second, and Django makes a query anew."""
        connection = connections[self._using]
        connection.ensure_connection()
        with driver(connection) as cursor:
            cursor.execute(WAITING)
            return any(market == self._market for (market,) in cursor)

    def elsewhere(self, names: set[str]) -> dict[str, Refused]:
        """Of the instruments that are to be listed, those that another market has: an id is one market's."""
        if not names:
            return {}
        taken = Instrument.objects.using(self._using).filter(pk__in=names).exclude(market=self._market)
        return {
            name: Refused(Code.DUPLICATE, f"{name} is listed at another market")
            for name in taken.values_list("pk", flat=True)
        }

    def journal(self) -> Iterable[tuple[int, list[Command]]]:
        """All journalled batches from the first, as (time, commands)."""
        found = JournalBatch.objects.using(self._using).filter(market=self._market).order_by("number")
        for made_at, commands in found.values_list("time", "commands").iterator():
            yield made_at, mapping.commands_of(commands)

    def entries_after(self, number: int, most: int) -> list[JournalEntry]:
        """The first batches of the journal after a number."""
        found = JournalBatch.objects.using(self._using).filter(market=self._market, number__gt=number)
        rows = found.order_by("number").values_list("number", "time", "commands")[:most]
        return [JournalEntry(at, time, mapping.commands_of(commands)) for at, time, commands in rows]


def _listed(command: Command | None) -> str | None:
    return command.contract.instrument_id if isinstance(command, ListInstrument) else None


def _command(payload: object) -> Command | None:
    try:
        command: AdminCommand = msgspec.convert(payload, AdminCommand)
        return command
    except msgspec.ValidationError:
        return None
