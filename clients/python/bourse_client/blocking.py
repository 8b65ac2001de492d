"""The same client for programs without asyncio: each call waits for its result. A loop runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from bourse_client.asking.orders import Orders
from bourse_client.book import Book
from bourse_client.client import Client
from bourse_client.errors import Lost
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
from bourse_client.streams import Stream

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Values(Generic[T]):
    """A stream to iterate with `for`. `close`, or the end of a `with` around it, ends it."""

    def __init__(self, stream: Stream[T], run: Run) -> None:
        self._stream = stream
        self._run = run

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            value: T = self._run(anext_of(self._stream))
        except StopAsyncIteration:
            raise StopIteration from None
        return value

    def close(self) -> None:
        self._run(self._stream.close())

    def __enter__(self) -> Self:
        self._run(self._stream.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def anext_of(stream: Stream[T]) -> T:
    return await anext(stream)


class Waiting:
    """Orders and queries of a client without asyncio. Any thread may call them."""

    def __init__(self, client: Orders) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bourse-client", daemon=True)
        self._carrier = client

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._carrier.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._carrier.close())
        finally:
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for it; whoever is interrupted while they wait, interrupts it."""
        if self._loop.is_closed():
            work.close()
            raise Lost("the client was closed")
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise

    # -- orders

    def place(
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
        return self._run(
            self._carrier.place(
                instrument_id, direction, volume, price, offset=offset, client_order_id=client_order_id, **options
            )
        )

    def buy(
        self,
        instrument_id: str,
        volume: float,
        price: float | None = None,
        *,
        client_order_id: str | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        return self._run(self._carrier.buy(instrument_id, volume, price, client_order_id=client_order_id, **options))

    def sell(
        self,
        instrument_id: str,
        volume: float,
        price: float | None = None,
        *,
        client_order_id: str | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        return self._run(self._carrier.sell(instrument_id, volume, price, client_order_id=client_order_id, **options))

    def amend(self, order_id: str, *, price: float | None = None, volume: float | None = None) -> None:
        self._run(self._carrier.amend(order_id, price=price, volume=volume))

    def cancel(self, order_id: str) -> None:
        self._run(self._carrier.cancel(order_id))

    def cancel_all(self, instrument_id: str | None = None, direction: str | None = None) -> int | None:
        return self._run(self._carrier.cancel_all(instrument_id, direction))

    def cancel_after(self, seconds: float) -> None:
        self._run(self._carrier.cancel_after(seconds))

    # -- queries

    def ask(self, kind: str, **fields: Any) -> Frame:
        return self._run(self._carrier.ask(kind, **fields))

    def query_order(self, order_id: str) -> Order:
        return self._run(self._carrier.query_order(order_id))

    def query_orders(self, *, most: int | None = None, **filters: Any) -> list[Order]:
        return self._run(self._carrier.query_orders(most=most, **filters))

    def query_trades(self, *, most: int | None = None, **filters: Any) -> list[Trade]:
        return self._run(self._carrier.query_trades(most=most, **filters))

    def query_account(self, market: str | None = None) -> Frame:
        return self._run(self._carrier.query_account(market))

    def query_positions(self) -> list[Frame]:
        return self._run(self._carrier.query_positions())

    def instruments(self) -> list[Instrument]:
        return self._run(self._carrier.instruments())

    def days(self) -> list[Day]:
        return self._run(self._carrier.days())

    def past_bars(
        self, instrument_id: str, period: str = "1m", most: int = 200, before: int | None = None
    ) -> list[Bar]:
        return self._run(self._carrier.past_bars(instrument_id, period, most, before))


class SyncClient(Waiting):
    """`Client` with calls that wait. Its methods and exceptions are those of `Client`; any thread may call them."""

    def __init__(self, url: str, user_id: str | None = None, token: str | None = None, **options: Any) -> None:
        self._client = Client(url, user_id, token, **options)
        super().__init__(self._client)

    # -- what is known

    @property
    def account(self) -> Account | None:
        return self._client.account

    def account_at(self, market: str | None = None) -> Account | None:
        return self._client.account_at(market)

    @property
    def positions(self) -> dict[str, Position]:
        return self._client.positions

    @property
    def orders(self) -> dict[str, Order]:
        return self._client.orders

    @property
    def live_orders(self) -> list[Order]:
        return self._client.live_orders

    def finished(self, order_id: str) -> Order:
        return self._run(self._client.finished(order_id))

    def _stream(self, make: Callable[[], Stream[T]]) -> Values[T]:
        async def made() -> Stream[T]:
            return make()

        return Values(self._run(made()), self._run)

    # -- streams

    def trades(self) -> Values[Trade]:
        return self._stream(self._client.trades)

    def order_states(self) -> Values[OrderState]:
        return self._stream(self._client.order_states)

    def accounts(self) -> Values[Account]:
        return self._stream(self._client.accounts)

    def pushes(self) -> Values[Any]:
        return self._stream(self._client.pushes)

    def tickers(self, instrument_id: str) -> Values[Ticker]:
        return self._stream(lambda: self._client.tickers(instrument_id))

    def bars(self, instrument_id: str, period: str = "1m") -> Values[Bar]:
        return self._stream(lambda: self._client.bars(instrument_id, period))

    def books(self, instrument_id: str) -> Values[Book]:
        return self._stream(lambda: self._client.books(instrument_id))

    def book_changes(self, instrument_id: str) -> Values[BookChange]:
        return self._stream(lambda: self._client.book_changes(instrument_id))

    def trades_and_changes(self, instrument_id: str) -> Values[Ticker | BookChange | Interruption]:
        return self._stream(lambda: self._client.trades_and_changes(instrument_id))
