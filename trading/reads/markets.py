"""Several markets behind one door: which of them a user's message is about, and answers that gather over all of them.

Nobody need name a market: an instrument is listed at one, and the number of an order or a trade tells whose it is. What
could be about any is about the first, unless another is named. All functions but `ways_known` block on the database.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from trading import protocol
from trading.core.codes import Code
from trading.core.events import AllCancelled, Event, Refused
from trading.core.numbers import shard_of, shard_of_account
from trading.models import Account, Instrument, Market
from trading.reads import answers

Ways = list[tuple[int, ...]]
"""For each item of a message the accounts that it goes to; none where the user has no account there."""
Answer = protocol.QueryResponse | protocol.Error


class Markets:
    """The markets that a server serves; the first is meant where nothing tells which. What it has learnt never changes:
    instruments stay at their market, accounts are there for good."""

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = tuple(codes)
        self.several = len(self.codes) > 1
        self._instruments: dict[str, str] = {}
        self._shards: dict[int, str] = {}
        self._accounts: dict[str, dict[str, int]] = {}

    @property
    def first(self) -> str:
        return self.codes[0]

    # -- which market

    def of_instrument(self, instrument_id: str) -> str:
        """Where an instrument is listed; the first market where it is nowhere, which will say so."""
        if instrument_id not in self._instruments:
            found = Instrument.objects.filter(pk=instrument_id, market__in=self.codes)
            code = found.values_list("market_id", flat=True).first()
            if code is None:
                return self.first
            self._instruments[instrument_id] = code
        return self._instruments[instrument_id]

    def of_instruments(self, *, names: list[str]) -> dict[str, str]:
        """Where each of them is listed; without those that are listed nowhere."""
        if not names:
            return {}
        found = Instrument.objects.filter(pk__in=names, market__in=self.codes).values_list("pk", "market_id")
        listed: dict[str, str] = dict(found)
        self._instruments |= listed
        return listed

    def of_number(self, number: int | None) -> str:
        """Whose order or trade this is."""
        return self.first if number is None else self._of_shard(shard_of(number))

    def of_account(self, account_id: int) -> str:
        """Whose account this is."""
        return self._of_shard(shard_of_account(account_id))

    def _of_shard(self, shard: int) -> str:
        if shard not in self._shards:
            found = Market.objects.filter(code__in=self.codes)
            self._shards = {row.shard: row.code for row in found}
        return self._shards.get(shard, self.first)

    # -- whose account

    def accounts(self, *, user_id: str) -> dict[str, int]:
        """A user's accounts by market, that of the first market first."""
        found = Account.objects.filter(user_id=user_id, market__in=self.codes).values_list("market", "id")
        known = dict(found)
        self._accounts[user_id] = {code: known[code] for code in self.codes if code in known}
        return self._accounts[user_id]

    def lost(self, *, user_id: str) -> list[tuple[int, bool]]:
        """A user's accounts, and whether their orders will be cancelled because a connection was lost."""
        found = Account.objects.filter(user_id=user_id, market__in=self.codes).values_list("id", "disconnect_at")
        return [(account_id, deadline is not None) for account_id, deadline in found]

    def ways_known(self, user_id: str, items: Sequence[protocol.Item]) -> Ways | None:
        """Where the items of a message go, if that needs no look into the tables."""
        known = self._accounts.get(user_id)
        if known is None:
            return None
        ways: Ways = []
        for item in items:
            market = self._known_market(item)
            if market is None or market not in known:
                return None
            ways.append((known[market],))
        return ways

    def _known_market(self, item: protocol.Item) -> str | None:
        """The market of an item; None where it must be looked up, as for those that are about all of them."""
        match item:
            case protocol.OrderFields():
                return self._instruments.get(item.instrument_id)
            case protocol.CancelOrder() | protocol.AmendOrder():
                number = protocol.order_number(item.order_id)
                return self.first if number is None else self._shards.get(shard_of(number))
            case protocol.CancelAll(instrument_id=str() as name):
                return self._instruments.get(name)
        return None

    def ways(self, *, user_id: str, items: Sequence[protocol.Item]) -> Ways:
        """Where the items of a message go: to the account at the market that each is about."""
        accounts = self.accounts(user_id=user_id)
        return [self._way(accounts, item) for item in items]

    def _way(self, accounts: dict[str, int], item: protocol.Item) -> tuple[int, ...]:
        match item:
            case protocol.OrderFields():
                market = self.of_instrument(item.instrument_id)
            case protocol.CancelOrder() | protocol.AmendOrder():
                market = self.of_number(protocol.order_number(item.order_id))
            case protocol.CancelAll(instrument_id=str() as name):
                market = self.of_instrument(name)
            case _:
                return tuple(accounts.values())
        return (accounts[market],) if market in accounts else ()

    # -- answers

    def answer(self, user_id: str, query: protocol.PrivateQuery) -> Answer:
        """The answer to a query of an authenticated user, of the market that it is about, or of all together."""
        market = self._asked(query)
        if market is not None:
            refusal = self.refusal(market)
            if refusal is not None:
                return protocol.Error(code=refusal.code, message=refusal.detail, request_id=query.request_id)
            return answers.answer(answers.Asker(user_id, market), query)
        there = list(self.accounts(user_id=user_id)) or [self.first]
        found = [answers.answer(answers.Asker(user_id, each), query) for each in there]
        return found[0] if len(found) == 1 else _gathered(query, found)

    def refusal(self, market: str | None) -> Refused | None:
        """Why nothing can be said of a market that somebody names: it is none of these."""
        if market is None or market in self.codes:
            return None
        return Refused(Code.NOT_FOUND, f"{Code.NOT_FOUND.text}: there is no market {market}")

    def _asked(self, query: protocol.PrivateQuery) -> str | None:
        """The market that a query is about; None: all of them."""
        match query:
            case protocol.QueryAccount() | protocol.QueryStatements():
                return query.market or self.first
            case _ if not self.several:
                return self.first
            case protocol.QueryOrder():
                return self.of_number(protocol.order_number(query.order_id))
            case protocol.QueryTrades(order_id=str() as order_id):
                return self.of_number(protocol.order_number(order_id))
        return None if query.instrument_id is None else self.of_instrument(query.instrument_id)


def _gathered(query: protocol.PrivateQuery, found: Sequence[Answer]) -> Answer:
    """One answer of those of several markets; the first refusal where one is refused."""
    parts: list[protocol.QueryData] = []
    for each in found:
        if isinstance(each, protocol.Error):
            return each
        parts.append(each.data)
    if isinstance(query, protocol.QueryOrders | protocol.QueryTrades):
        data = _page(parts, "orders" if isinstance(query, protocol.QueryOrders) else "trades", query.limit)
    else:
        held = [position for part in parts for position in part.positions or []]
        data = protocol.QueryData(positions=sorted(held, key=lambda position: position.instrument_id))
    response = found[0]
    assert isinstance(response, protocol.QueryResponse), "errors are answered above"
    return msgspec.structs.replace(response, data=data)


def _page(parts: Sequence[protocol.QueryData], name: str, limit: int) -> protocol.QueryData:
    """The newest of the pages of several markets. Ids tell the time, so they tell how far each page reaches: what lies
    below the one that reaches least far may have others in between, and comes with the next page."""
    key = "order_id" if name == "orders" else "trade_id"
    floor = max((part.next for part in parts if isinstance(part.next, str)), default="")
    rows: list[Any] = sorted((row for part in parts for row in getattr(part, name)), key=lambda row: getattr(row, key))
    rows = [row for row in reversed(rows) if getattr(row, key) >= floor]
    following: str | None = floor or None
    if len(rows) > limit:
        rows = rows[:limit]
        following = getattr(rows[-1], key)
    until = [part.archived_until for part in parts if part.archived_until is not None]
    archived = max(until) if until and following is None else None
    data = protocol.QueryData(next=following, archived_until=archived)
    return msgspec.structs.replace(data, **{name: rows})


def combined(events: Sequence[Event]) -> Event:
    """What became of one item that went to several markets: a refusal where one refused it."""
    first = next((event for event in events if isinstance(event, Refused)), events[0])
    if isinstance(first, AllCancelled):
        count = sum(event.count for event in events if isinstance(event, AllCancelled))
        return AllCancelled(first.account_id, count)
    return first
