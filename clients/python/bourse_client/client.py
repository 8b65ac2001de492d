"""The client: orders whose outcome becomes known, queries, and streams without holes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, Unpack

import msgspec

from bourse_client.asking.orders import Orders, named, order_fields
from bourse_client.asking.queries import PAGE
from bourse_client.book import Book
from bourse_client.connection import Connection
from bourse_client.errors import Lost, OrderFinished, Refused
from bourse_client.markets import Topic
from bourse_client.messages import (
    Account,
    Bar,
    BookChange,
    Frame,
    Interruption,
    Order,
    OrderOptions,
    OrderState,
    Position,
    Ticker,
    Trade,
)
from bourse_client.streams import Stream

FIRST_PUSH_SECONDS = 5.0
"""An accepted order is told of at once. One of which nothing is heard for so long was told of long before."""


class Client(Orders):
    """A user of the exchange, or without a user whoever looks on. Use it as `async with`.

    While there is no connection, requests wait for it. Wrap a call in `asyncio.timeout` to wait no longer than you
    like; of an order that was given up in this way nobody knows whether the exchange has it.
    """

    def __init__(
        self,
        url: str,
        user_id: str | None = None,
        token: str | None = None,
        *,
        patience: float | None = 30.0,
        dice: random.Random | None = None,
        hear_line: Callable[[bool], None] | None = None,
    ) -> None:
        """`patience`: seconds that the first connection may take; null: as long as it needs. `dice`: for the pauses
        between attempts. `hear_line` is told true when the client is connected, and has missed nothing, and false when
        it is not any more."""
        self.user_id = user_id
        self._connection = Connection(url, user_id, token, patience=patience, dice=dice, hear_line=hear_line)

    # -- life

    async def __aenter__(self) -> Self:
        await self._connection.open()
        return self

    async def close(self) -> None:
        """End the connection and all streams. Orders stay in the market."""
        await self._connection.close()

    @property
    def is_connected(self) -> bool:
        """Signed in, and nothing missed."""
        return self._connection.is_connected

    @property
    def put_off(self) -> Refused | None:
        """What the exchange has answered in place of the last answer: 429 or 503, and the client asks again later."""
        return self._connection.put_off

    @property
    def unanswered(self) -> int:
        """Orders and cancels that this client has sent, and nobody has said what became of them."""
        return self._connection.unanswered

    # -- what is known without asking

    @property
    def account(self) -> Account | None:
        """Money at the first market."""
        return self.account_at()

    def account_at(self, market: str | None = None) -> Account | None:
        """Money at a market; null where the user has no account."""
        known = {each.market: each.account for each in self._connection.known}
        return known.get(market)

    @property
    def positions(self) -> dict[str, Position]:
        """By instrument, of all markets; those that are not flat."""
        return self._connection.known.positions

    @property
    def orders(self) -> dict[str, Order]:
        """By order id: those that live, and those of this client's time that are finished; of all markets."""
        return self._connection.known.orders

    @property
    def live_orders(self) -> list[Order]:
        return self._connection.known.live_orders

    # -- asking

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Any request of the protocol that may be said twice; its answer. Waits for a connection, and where the
        exchange wants that; asks again where no answer came. Orders without a `client_order_id` are given one, so they
        are placed once. Refused where it is refused."""
        return await self._connection.ask_alike(kind, named(kind, fields))

    # -- orders

    async def place(
        self,
        instrument_id: str,
        direction: str,
        volume: float,
        price: float | None = None,
        *,
        offset: str = "OPEN",
        client_order_id: str | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Place an order and return it as it is then: MARKET without a price. Refused where the exchange does not want
        it. Where the connection was lost meanwhile, the exchange is asked whether it has the order, and only if not it
        is sent again: give it a `valid_until` (Unix ms) if it must not come late."""
        fields = order_fields(instrument_id, direction, volume, price, offset, client_order_id, options)
        name = fields["client_order_id"]
        since, in_doubt = self._connection.known.latest, False
        while True:
            await self._connection.ready_line()
            try:
                if in_doubt and (found := await self._find(name, since)) is not None:
                    return found
                answer = await self._connection.ask_once("submit_order", fields)
                return await self._placed(answer["order_id"])
            except Lost:
                in_doubt = True

    async def cancel(self, order_id: str) -> None:
        """Cancel an order. OrderFinished where it is too late."""
        in_doubt = False
        while True:
            await self._connection.ready_line()
            try:
                await self._connection.ask_once("cancel_order", {"order_id": order_id})
                return
            except OrderFinished as finished:
                if in_doubt and finished.status == "Cancelled":
                    return
                raise
            except Lost:
                in_doubt = True

    async def cancel_all(self, instrument_id: str | None = None, direction: str | None = None) -> int:
        """Cancel all orders, or those of an instrument or a side; how many there were. Where an answer was lost it is
        said again, and those are counted that lived before and are cancelled now."""
        wanted = {"instrument_id": instrument_id, "direction": direction}
        fields = {name: value for name, value in wanted.items() if value is not None}
        lived: set[str] = set()
        in_doubt = False
        while True:
            await self._connection.ready_line()
            lived |= {each.order_id for each in self.live_orders if _has(each, fields)}
            try:
                answer = await self._connection.ask_once("cancel_all", fields)
            except Lost:
                in_doubt = True
                continue
            return await self._cancelled(lived) if in_doubt else int(answer["cancelled"])

    async def _cancelled(self, order_ids: set[str]) -> int:
        """How many of these are cancelled, when pushes have told of all of them."""
        found = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_PUSH_SECONDS):
                for order_id in order_ids:
                    found += (await self.finished(order_id)).status == "Cancelled"
        return found

    async def finished(self, order_id: str) -> Order:
        """Wait until an order is filled or cancelled."""
        while True:
            order = self._connection.known.order(order_id)
            if order is None:
                order = await self.query_order(order_id)
                if order.is_live:
                    self._connection.known.learn(order)
            if not order.is_live:
                return order
            await self._connection.change_of(order_id)

    async def _find(self, name: str, since: int) -> Order | None:
        """The order of this own id, if the exchange has it. `since`: what it had told before the order was sent."""
        known = self._connection.known.known_as(name)
        if known is not None:
            return known
        page: Frame = {"from_time": since} if since else {}
        while True:
            data = (await self._connection.ask_once("query_orders", {"limit": PAGE} | page))["data"]
            for row in data["orders"]:
                if row["client_order_id"] == name:
                    return msgspec.convert(row, Order)
            if data["next"] is None:
                return None
            page["before"] = data["next"]

    async def _placed(self, order_id: str) -> Order:
        """An order that was accepted: pushes tell of it now, or have told before this client was there."""
        if (told := self._connection.known.order(order_id)) is not None:
            return told
        try:
            async with asyncio.timeout(FIRST_PUSH_SECONDS):
                while (order := self._connection.known.order(order_id)) is None:
                    await self._connection.change_of(order_id)
        except TimeoutError:
            return await self.query_order(order_id)
        return order

    # -- streams

    def trades(self) -> Stream[Trade]:
        """Own trades: each once and in order, over restarts of the exchange, too. Like all private streams it raises
        Missed where that is not possible, and goes on when it is iterated again."""
        return self._connection.stream(Trade)

    def order_states(self) -> Stream[OrderState]:
        """What becomes of own orders."""
        return self._connection.stream(OrderState)

    def accounts(self) -> Stream[Account]:
        """An account, each time when it has changed; its `market` is null of the first one."""
        return self._connection.stream(Account)

    def pushes(self) -> Stream[Any]:
        """All private pushes: `Trade`, `OrderState`, `Account`, frames of other kinds, and `Snapshot` where pushes are
        not kept any more."""
        return self._connection.stream(object)

    def tickers(self, instrument_id: str) -> Stream[Ticker]:
        """Every trade of the market; at once the last one. What was traded while the connection was lost is missing."""
        return self._connection.markets.stream(Topic("ticker", instrument_id))

    def bars(self, instrument_id: str, period: str = "1m") -> Stream[Bar]:
        """The bar so far, whenever it has changed."""
        return self._connection.markets.stream(Topic("kline", instrument_id, period))

    def books(self, instrument_id: str) -> Stream[Book]:
        """The book, each time when it has changed: always the same object, as it is now."""
        return self._connection.markets.books(instrument_id)

    def book_changes(self, instrument_id: str) -> Stream[BookChange]:
        """Levels that have changed; the whole book first, and again after a lost connection."""
        return self._connection.markets.stream(Topic("orderbook_delta", instrument_id))

    def trades_and_changes(self, instrument_id: str) -> Stream[Ticker | BookChange | Interruption]:
        """Every trade of the market and the levels that have changed, in the order in which they come. A trade comes
        before the change that it makes; what comes before a whole book is in it."""
        return self._connection.markets.trades_and_changes(instrument_id)


def _has(order: Order, fields: Frame) -> bool:
    """Whether these fields of an order are so."""
    return all(getattr(order, name) == value for name, value in fields.items())
