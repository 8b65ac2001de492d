"""The client: a connection that comes back, orders whose outcome becomes known, and streams without holes."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from urllib.parse import quote, urlsplit

import msgspec
from websockets.exceptions import InvalidStatus, WebSocketException

from bourse_client.book import Book
from bourse_client.errors import (
    BourseError,
    Forbidden,
    Lost,
    Missed,
    NotAuthenticated,
    OrderFinished,
    Refused,
    TooFast,
    Unavailable,
)
from bourse_client.line import Line, connected
from bourse_client.markets import Markets, Topic
from bourse_client.messages import (
    Account,
    Bar,
    BookChange,
    Day,
    Frame,
    Instrument,
    Interruption,
    Order,
    OrderOptions,
    OrderState,
    Position,
    Ticker,
    Trade,
)
from bourse_client.pauses import SOON, Lane, Pauses
from bourse_client.private import PUSHES, Hole, Private
from bourse_client.streams import Stream

T = TypeVar("T")
ORDERS = frozenset(
    {"submit_order", "submit_orders", "amend_order", "cancel_order", "cancel_orders", "cancel_all", "cancel_after"}
)
"""Requests that the exchange counts as orders."""
TOKEN_ENDED = 4401
PAGE = 200
FIRST_PUSH_SECONDS = 5.0
"""An accepted order is told of at once. One of which nothing is heard for so long was told of long before."""


def socket_address(url: str) -> str:
    """`ws://HOST:PORT/ws` of `http://HOST:PORT`, and of itself."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    return f"{scheme}://{parts.netloc}{path if path.endswith('/ws') else path + '/ws'}"


class Client:
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
        patience: float = 30.0,
        dice: random.Random | None = None,
        hear_line: Callable[[bool], None] | None = None,
    ) -> None:
        """`patience`: seconds that the first connection may take. `dice`: for the pauses between attempts.
        `hear_line` is told true when the client is connected, and has missed nothing, and false when it is not any
        more."""
        self._address = socket_address(url)
        if user_id is not None:
            self._address += f"?user_id={quote(user_id)}"
        self.user_id = user_id
        self._token = token
        self._patience = patience
        self._hear_line = hear_line or _nobody
        self._pauses = Pauses(dice or random.Random())  # noqa: S311 -- pauses, not locks
        self._lanes = {True: Lane(), False: Lane()}
        self._private = Private()
        self._markets = Markets(self._ask_alike, self._ask_once, self._chore)
        self._line: Line | None = None
        self._ready = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._resuming = True
        self._upto = 0
        self._failure: BourseError | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[Any]] = set()
        self._streams: list[tuple[type[Any], Stream[Any]]] = []
        self._changed: dict[str, asyncio.Event] = {}

    # -- life

    async def __aenter__(self) -> Self:
        self._reconnecting = asyncio.create_task(self._stay_connected())
        try:
            async with asyncio.timeout(self._patience):
                await self._ready_line()
        except TimeoutError as error:
            await self.close()
            raise Lost(f"{self._address} did not answer within {self._patience:g} s") from error
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection and all streams. Orders stay in the market."""
        self._end(self._failure or Lost("the client was closed"), None)
        tasks = [*self._chores, *filter(None, [self._reconnecting])]
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, BourseError):
                raise outcome

    @property
    def is_connected(self) -> bool:
        """Signed in, and nothing missed."""
        return self._line is not None and self._ready.is_set()

    # -- what is known without asking

    @property
    def account(self) -> Account | None:
        return self._private.account

    @property
    def positions(self) -> dict[str, Position]:
        """By instrument; those that are not flat."""
        return dict(self._private.positions)

    @property
    def orders(self) -> dict[str, Order]:
        """By order id: those that live, and those of this client's time that are finished."""
        return dict(self._private.orders)

    @property
    def live_orders(self) -> list[Order]:
        return [order for order in self._private.orders.values() if order.is_live]

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
        name = client_order_id or secrets.token_hex(12)
        fields: Frame = {
            "instrument_id": instrument_id,
            "direction": direction,
            "offset": offset,
            "volume": volume,
            "price": price,
            "order_type": "MARKET" if price is None else "LIMIT",
            "client_order_id": name,
            **options,
        }
        since, in_doubt = self._private.latest, False
        while True:
            await self._ready_line()
            try:
                if in_doubt and (found := await self._find(name, since)) is not None:
                    return found
                answer = await self._ask_once("submit_order", fields)
                return await self._placed(answer["order_id"])
            except Lost:
                in_doubt = True

    async def buy(
        self,
        instrument_id: str,
        volume: float,
        price: float | None = None,
        *,
        client_order_id: str | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Buy to open."""
        return await self.place(instrument_id, "BUY", volume, price, client_order_id=client_order_id, **options)

    async def sell(
        self,
        instrument_id: str,
        volume: float,
        price: float | None = None,
        *,
        client_order_id: str | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Sell to open."""
        return await self.place(instrument_id, "SELL", volume, price, client_order_id=client_order_id, **options)

    async def amend(self, order_id: str, *, price: float | None = None, volume: float | None = None) -> None:
        """Change an order: `volume` is all its lots, filled ones too. Where the answer was lost it is said again,
        which does no more."""
        wanted = {"price": price, "volume": volume}
        await self.ask("amend_order", order_id=order_id, **{k: v for k, v in wanted.items() if v is not None})

    async def cancel(self, order_id: str) -> None:
        """Cancel an order. OrderFinished where it is too late."""
        in_doubt = False
        while True:
            await self._ready_line()
            try:
                await self._ask_once("cancel_order", {"order_id": order_id})
                return
            except OrderFinished as finished:
                if in_doubt and finished.status == "Cancelled":
                    return
                raise
            except Lost:
                in_doubt = True

    async def cancel_all(self, instrument_id: str | None = None, direction: str | None = None) -> int:
        """Cancel all orders, or those of an instrument or a side; how many there were."""
        wanted = {"instrument_id": instrument_id, "direction": direction}
        answer = await self.ask("cancel_all", **{k: v for k, v in wanted.items() if v is not None})
        return int(answer["cancelled"])

    async def cancel_after(self, seconds: float) -> None:
        """The dead man's switch: all orders are cancelled so long from now, unless this is said again. 0 disarms."""
        await self.ask("cancel_after", timeout_ms=round(1000 * seconds))

    async def finished(self, order_id: str) -> Order:
        """Wait until an order is filled or cancelled."""
        while True:
            order = self._private.orders.get(order_id)
            if order is None:
                order = await self.query_order(order_id)
                if order.is_live:
                    self._private.learn(order)
            if not order.is_live:
                return order
            await self._change_of(order_id)

    # -- queries

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Any request of the protocol that may be said twice; its answer. Waits for a connection, and where the
        exchange wants that; asks again where no answer came. Refused where it is refused."""
        return await self._ask_alike(kind, fields)

    async def query_order(self, order_id: str) -> Order:
        answer = await self.ask("query_order", order_id=order_id)
        return msgspec.convert(answer["data"]["order"], Order)

    async def query_orders(self, *, most: int | None = None, **filters: Any) -> list[Order]:
        """Own orders, the newest first; `filters` are those of the protocol. At most `most`, or all."""
        return await self._pages("query_orders", "orders", Order, most, filters)

    async def query_trades(self, *, most: int | None = None, **filters: Any) -> list[Trade]:
        """Own trades, the newest first."""
        return await self._pages("query_trades", "trades", Trade, most, filters)

    async def query_account(self) -> Frame:
        """All that is known of the account now; positions are worth their last price."""
        return dict((await self.ask("query_account"))["data"]["account"])

    async def query_positions(self) -> list[Frame]:
        """Positions with lots of today and before, their cost and profit."""
        return list((await self.ask("query_position"))["data"]["positions"])

    async def instruments(self) -> list[Instrument]:
        answer = await self.ask("query_instruments")
        return msgspec.convert(answer["data"]["instruments"], list[Instrument])

    async def days(self) -> list[Day]:
        """The trading day of each instrument so far."""
        return msgspec.convert((await self.ask("query_statistics"))["data"]["statistics"], list[Day])

    async def past_bars(
        self, instrument_id: str, period: str = "1m", most: int = 200, before: int | None = None
    ) -> list[Bar]:
        """Bars, the newest first; at most 1,000. `before`: those that start earlier than this moment (Unix ms)."""
        answer = await self.ask("query_bars", instrument_id=instrument_id, period=period, limit=most, before=before)
        return msgspec.convert(answer["data"]["bars"], list[Bar])

    # -- streams

    def trades(self) -> Stream[Trade]:
        """Own trades: each once and in order, over restarts of the exchange, too. Like all private streams it raises
        Missed where that is not possible, and goes on when it is iterated again."""
        return self._stream(Trade)

    def order_states(self) -> Stream[OrderState]:
        """What becomes of own orders."""
        return self._stream(OrderState)

    def accounts(self) -> Stream[Account]:
        """The account, each time when it has changed."""
        return self._stream(Account)

    def pushes(self) -> Stream[Any]:
        """All private pushes: `Trade`, `OrderState`, `Account`, frames of other kinds, and `Snapshot` where pushes are
        not kept any more."""
        return self._stream(object)

    def tickers(self, instrument_id: str) -> Stream[Ticker]:
        """Every trade of the market; at once the last one. What was traded while the connection was lost is missing."""
        return self._markets.stream(Topic("ticker", instrument_id))

    def bars(self, instrument_id: str, period: str = "1m") -> Stream[Bar]:
        """The bar so far, whenever it has changed."""
        return self._markets.stream(Topic("kline", instrument_id, period))

    def books(self, instrument_id: str) -> Stream[Book]:
        """The book, each time when it has changed: always the same object, as it is now."""
        return self._markets.books(instrument_id)

    def book_changes(self, instrument_id: str) -> Stream[BookChange]:
        """Levels that have changed; the whole book first, and again after a lost connection."""
        return self._markets.stream(Topic("orderbook_delta", instrument_id))

    def trades_and_changes(self, instrument_id: str) -> Stream[Ticker | BookChange | Interruption]:
        """Every trade of the market and the levels that have changed, in the order in which they come. A trade comes
        before the change that it makes; what comes before a whole book is in it."""
        return self._markets.trades_and_changes(instrument_id)

    # -- asking

    async def _ready_line(self) -> Line:
        """The connection, when there is one and nothing is missed. What has ended the client, if something has."""
        while True:
            await self._ready.wait()
            if self._failure is not None:
                raise self._failure
            if self._line is not None and not self._line.ended.is_set():
                return self._line
            self._ready.clear()

    async def _ask_once(self, kind: str, fields: Frame) -> Frame:
        """The answer; waits where the exchange wants that. Lost where none came."""

        async def ask() -> Frame:
            return await (await self._ready_line()).ask(kind, fields)

        lane, pauses = self._lanes[kind in ORDERS], Pauses(random.Random())  # noqa: S311
        while True:
            try:
                return await lane.run(ask)
            except Unavailable as busy:
                await asyncio.sleep(pauses.next(at_least=busy.retry_after or 0))

    async def _ask_alike(self, kind: str, fields: Frame) -> Frame:
        """... and where none came it is asked again, until the client ends."""
        while True:
            await self._ready_line()
            try:
                return await self._ask_once(kind, fields)
            except Lost:
                continue

    async def _pages(self, kind: str, name: str, entry: type[T], most: int | None, filters: Frame) -> list[T]:
        found: list[T] = []
        page: Frame = {}
        while most is None or len(found) < most:
            data = (await self.ask(kind, **{"limit": PAGE, **filters, **page}))["data"]
            found += msgspec.convert(data[name], list[entry])  # type: ignore[valid-type]
            if data.get("next") is None:
                break
            page = {"before": data["next"]}
        return found[:most]

    # -- orders whose answer was lost

    async def _find(self, name: str, since: int) -> Order | None:
        """The order of this own id, if the exchange has it. `since`: what it had told before the order was sent."""
        known = self._private.known_as(name)
        if known is not None:
            return known
        page: Frame = {"from_time": since} if since else {}
        while True:
            data = (await self._ask_once("query_orders", {"limit": PAGE} | page))["data"]
            for row in data["orders"]:
                if row["client_order_id"] == name:
                    return msgspec.convert(row, Order)
            if data["next"] is None:
                return None
            page["before"] = data["next"]

    async def _placed(self, order_id: str) -> Order:
        """An order that was accepted: pushes tell of it now, or have told before this client was there."""
        try:
            async with asyncio.timeout(FIRST_PUSH_SECONDS):
                while order_id not in self._private.orders:
                    await self._change_of(order_id)
        except TimeoutError:
            return await self.query_order(order_id)
        return self._private.orders[order_id]

    async def _change_of(self, order_id: str) -> None:
        await self._changed.setdefault(order_id, asyncio.Event()).wait()
        if self._failure is not None:
            raise self._failure

    def _tell_change(self, order_id: str) -> None:
        changed = self._changed.pop(order_id, None)
        if changed is not None:
            changed.set()

    # -- connections

    async def _stay_connected(self) -> None:
        try:
            while self._failure is None:
                await asyncio.sleep(await self._connect())
        except Exception as error:
            self._end(Lost(f"the client has failed: {error!r}"), error)
            raise

    async def _connect(self) -> float:
        """One connection from its beginning to its end; the pause that follows."""
        line: Line | None = None
        try:
            async with connected(self._address, self._hear) as line:
                await self._begin(line)
                self._pauses.reset()
                await line.ended.wait()
        except (Forbidden, NotAuthenticated) as refused:
            self._end(refused, refused)
        except Refused as refused:
            if not isinstance(refused, (TooFast, Unavailable)):
                self._end(refused, refused)
            return self._pauses.next(refused.retry_after or SOON)
        except InvalidStatus as status:
            return self._pauses.next(_retry_after(status))
        except (Lost, OSError, WebSocketException):
            pass
        finally:
            self._leave()
        if line is not None and line.close_code == TOKEN_ENDED:
            ended = NotAuthenticated(NotAuthenticated.CODE, "the token is not valid any more")
            self._end(ended, ended)
        return self._pauses.next((line is not None and line.farewell and line.farewell.retry_after) or 0.0)

    async def _begin(self, line: Line) -> None:
        """Sign in, subscribe to what was subscribed to, and catch up with what was missed."""
        self._caught_up.clear()
        self._resuming = True
        if self.user_id is not None and self._token is not None:
            await line.ask("auth", {"user_id": self.user_id, "token": self._token})
        await self._markets.subscribe(line.ask)
        if self.user_id is not None and self._token is not None:
            seq = self._private.seq
            await line.ask("resume", {} if seq is None else {"last_seq": seq})
            await _first(self._caught_up, line.ended)
            if not self._caught_up.is_set():
                raise Lost("the connection has ended")
        self._line = line
        self._ready.set()
        self._hear_line(True)

    def _leave(self) -> None:
        if self._line is not None:
            self._hear_line(False)
        self._line = None
        if self._failure is None:
            self._ready.clear()
        self._markets.forget()

    def _end(self, failure: BourseError, told: Exception | None) -> None:
        """Whoever waits, or asks from now on, hears why; streams end, or raise what is `told`."""
        self._failure = self._failure or failure
        for _, stream in self._streams:
            stream.end(told)
        self._markets.end(told)
        for order_id in list(self._changed):
            self._tell_change(order_id)
        self._ready.set()

    # -- what comes

    def _hear(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind in PUSHES:
            self._push(frame)
        elif kind == "resume_response":
            self._resuming = False
            self._upto = frame["last_seq"]
        elif kind == "snapshot":
            self._restore(frame)
        else:
            self._markets.hear(frame)
        if not self._resuming and self._private.seq is not None and self._private.seq >= self._upto:
            self._caught_up.set()

    def _push(self, frame: Frame) -> None:
        """What comes before the answer to `resume` comes again after it. Pushes of other markets than the first have
        numbers of their own, and this client keeps the first one only."""
        if self._resuming or "market" in frame:
            return
        try:
            if not self._private.is_next(frame["seq"]):
                return
        except Hole as hole:
            raise Lost(str(hole)) from hole
        value = self._private.take(frame)
        for kind, stream in self._streams:
            if isinstance(value, kind):
                stream.put(value)
        if isinstance(value, OrderState):
            self._tell_change(value.order_id)

    def _restore(self, frame: Frame) -> None:
        snapshot, missed = self._private.restore(frame)
        self._upto = snapshot.seq
        for kind, stream in self._streams:
            if kind is object:
                stream.put(snapshot)
            elif missed:
                stream.tell(Missed("the exchange does not keep these pushes any more"))
        for order_id in list(self._changed):
            self._tell_change(order_id)

    def _stream(self, kind: type[T]) -> Stream[T]:
        async def leave(stream: Stream[T]) -> None:
            self._streams = [entry for entry in self._streams if entry[1] is not stream]

        made: Stream[T] = Stream(leave)
        if self._failure is not None:
            made.end()
        self._streams.append((kind, made))
        return made

    def _chore(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do this beside. The end of the client, or of the connection, is its end too."""

        async def do() -> None:
            with suppress(BourseError):
                await work()

        task = asyncio.create_task(do())
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _nobody(is_connected: bool) -> None:
    pass


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _retry_after(status: InvalidStatus) -> float:
    """Seconds that the answer to the handshake asks for."""
    try:
        return max(0.0, float(status.response.headers.get("Retry-After", "0")))
    except ValueError:  # It may be a date.
        return SOON
