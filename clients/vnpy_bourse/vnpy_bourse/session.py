"""What one sign-in of a gateway does in its loop: it follows the exchange and tells vnpy, and does what vnpy asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from bourse_client import BourseError, Client, Lost, Refused
from bourse_client.errors import Forbidden, NotAuthenticated, OrderFinished
from bourse_client.messages import Account, Bar, Frame, Order, OrderState, Snapshot, Trade
from bourse_client.streams import Stream
from vnpy.trader.constant import Interval
from vnpy.trader.database import DB_TZ
from vnpy.trader.gateway import BaseGateway
from vnpy.trader.object import BarData, ContractData, HistoryRequest, OrderData, OrderRequest, PositionData

from vnpy_bourse import words
from vnpy_bourse.holdings import Holdings
from vnpy_bourse.orders import Orders
from vnpy_bourse.quotes import Quote

T = TypeVar("T", Order, Trade)
MOST_OF_THE_DAY = 5_000
"""Orders and trades of the present day that are told at the start, the newest."""
BARS_AT_ONCE = 1_000
PATIENCE = 30.0
"""Seconds that a first connection may take before the log says that there is none."""
WORTH_SECONDS = 0.5
"""Between two questions what positions are worth: a busy account shall have its questions for itself."""
AGAIN_SECONDS = 1.0
"""Before another client is tried in place of one that has ended."""


class Session:
    """One user, as vnpy was told of them. All methods are called in the loop that runs it just now; what is known
    outlives it, so that nothing is told twice when it runs again."""

    def __init__(self, gateway: BaseGateway, address: str, user_id: str) -> None:
        self._gateway = gateway
        self._name = gateway.gateway_name
        self._address, self._user_id = address, user_id
        self._client: Client | None = None
        self._ready = False
        self._orders = Orders(self._name)
        self._holdings = Holdings(self._name)
        self._contracts: dict[str, ContractData] = {}
        self._elsewhere: set[str] = set()
        self._quotes: dict[str, Quote] = {}
        self._placing: dict[str, asyncio.Task[None]] = {}
        self._told_trades: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._valuing = self._worth_changed = False

    # -- life

    async def run(self, token: str, symbols: set[str]) -> None:
        """Until it is cancelled, or the exchange does not know the user any more. `symbols`: what is followed from the
        start."""
        self._quotes = {symbol: Quote(symbol, self._name) for symbol in symbols}
        while True:
            try:
                await self._sign_in(token)
            except (NotAuthenticated, Forbidden) as refused:
                self._log(f"the exchange does not let {self._user_id} in: {refused.message}")
                return
            except Lost as lost:
                self._log(f"{lost}; trying again")
            except Exception as error:
                self._log(f"the connection has failed, trying again: {error!r}")
            await asyncio.sleep(AGAIN_SECONDS)

    async def _sign_in(self, token: str) -> None:
        """One client, from its beginning to its end."""
        client = Client(self._address, self._user_id, token, patience=PATIENCE, hear_line=self._line)
        pushes = client.pushes()
        async with client:
            self._client = client
            try:
                async for push in pushes:
                    await self._hear(client, push)
            finally:
                self._client, self._ready = None, False
        raise Lost("the client has ended")

    async def end(self) -> None:
        """After `run`. What was handed in until now hears that nobody is there; what waits for an answer ends."""
        await asyncio.sleep(0)  # Work that was handed in begins,
        await asyncio.sleep(0)  # and so do its tasks.
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _line(self, is_connected: bool) -> None:
        """Told by the client, each time."""
        if not self._ready:
            return
        if not is_connected:
            self._log("the connection is lost; orders and cancels wait until it is back")
        else:
            self._log("connected again")
            self._beside(self._refresh(), "what has changed meanwhile")

    def _log(self, sentence: str) -> None:
        self._gateway.write_log(sentence)

    def _beside(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._told_of(work, what))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _told_of(self, work: Awaitable[None], what: str) -> None:
        """What goes wrong is written down; a strategy has no other way to hear of it."""
        try:
            await work
        except Refused as refused:
            self._log(f"{what}: refused, {refused.code} {refused.message}")
        except BourseError as error:
            self._log(f"{what}: {error}")
        except Exception as error:
            self._log(f"{what} has failed: {error!r}")

    # -- what is told, in order

    async def _hear(self, client: Client, push: Any) -> None:
        """What happens at other markets than the first is left alone."""
        market = push.get("market") if isinstance(push, dict) else push.market
        if market is not None:
            return
        match push:
            case Snapshot():
                await self._restore(client, push)
            case Trade():
                self._trade(push)
                self._positions(self._holdings.trade(push))
            case OrderState():
                self._order(self._orders.change(push))
                if push.reason is not None:
                    why = f": {push.error_message}" if push.error_message else ""
                    self._log(f"order {self._orders.name(push.order_id)} was cancelled, {push.reason}{why}")
            case Account():
                self._gateway.on_account(words.account(push, self._user_id, self._name))
                self._value()
            case _:
                self._hear_other(push)

    def _hear_other(self, push: Frame) -> None:
        match push["type"]:
            case "statement":
                self._positions(self._holdings.settle())
                self._log(f"the trading day {push['day']} is settled")
                self._beside(self._refresh(), "contracts of the new day")
            case "position_expired":
                self._positions(self._holdings.expire(push["instrument_id"]))
                self._log(f"{push['instrument_id']} has expired at {push['price']}")
            case "trade_broken":
                self._positions(self._holdings.take_back(push))
                self._log(f"trade {push['trade_id']} of {push['instrument_id']} was taken back")
            case "risk_warning":
                self._log(f"risk warning: margin is {push['risk_ratio']:.0%} of the balance")
            case "liquidation":
                self._log(f"liquidation: {push['status']}")

    async def _restore(self, client: Client, snapshot: Snapshot) -> None:
        """At the start, and where pushes were gone: all that there is. Positions come last, for they correct what vnpy
        makes of the trades."""
        await self._tell_contracts(client)
        settled = (await client.ask("query_statements", limit=1))["data"]["statements"]
        of_the_day = {"from_time": settled[0]["timestamp"]} if settled else {}
        orders = self._here(await client.query_orders(most=MOST_OF_THE_DAY, **of_the_day))
        trades = self._here(await client.query_trades(most=MOST_OF_THE_DAY, **of_the_day))
        for order in [*snapshot.orders, *reversed(orders)]:
            self._order(self._orders.learn(order))
        await self._settle_doubts(client, {order.order_id for order in snapshot.orders})
        for trade in reversed(trades):
            self._trade(trade)
        self._positions(self._holdings.restore(snapshot.positions, {trade.instrument_id for trade in trades}))
        self._gateway.on_account(words.account(snapshot.account, self._user_id, self._name))
        self._value()
        if not self._ready:
            self._ready = True
            self._log(f"connected to {self._address} as {self._user_id}")
            for quote in self._quotes.values():
                self._beside(self._follow(quote), f"ticks of {quote.symbol}")

    def _here(self, found: list[T]) -> list[T]:
        """Those of the first market; queries gather over all of them."""
        return [each for each in found if each.instrument_id not in self._elsewhere]

    async def _settle_doubts(self, client: Client, live: set[str]) -> None:
        """Orders that have ended unheard on an earlier day, and those that never came to the exchange."""
        for order_id in self._orders.active():
            if order_id not in live:
                try:
                    self._order(self._orders.learn(await client.query_order(order_id)))
                except Refused as refused:
                    self._log(f"what became of order {self._orders.name(order_id)}: {refused.message}")
        for name in self._orders.unheard():
            if name not in self._placing:
                self._log(f"order {name} did not come to the exchange")
                self._order(self._orders.reject(name))

    def _order(self, order: OrderData | None) -> None:
        if order is not None:
            self._gateway.on_order(order)

    def _trade(self, trade: Trade) -> None:
        """Each once, though a query may tell of one before its push."""
        key = trade.trade_id, trade.order_id
        if key not in self._told_trades:
            self._told_trades.add(key)
            self._gateway.on_trade(words.trade(trade, self._orders.name(trade.order_id), self._name))

    def _positions(self, positions: list[PositionData]) -> None:
        for position in positions:
            self._gateway.on_position(position)

    def _value(self) -> None:
        """Ask what positions have cost and are worth; once more where it has changed while it was asked."""
        self._worth_changed = True
        if not self._valuing:
            self._valuing = True
            self._beside(self._tell_worth(), "positions")

    async def _tell_worth(self) -> None:
        try:
            while self._worth_changed:
                self._worth_changed = False
                rows = await self._signed_in().query_positions()
                self._positions(self._holdings.value(rows))
                await asyncio.sleep(WORTH_SECONDS)
        finally:
            self._valuing = False

    # -- contracts and ticks

    async def _refresh(self) -> None:
        client = self._signed_in()
        await self._tell_contracts(client)
        for day in await client.days():
            if day.instrument_id in self._quotes:
                self._quotes[day.instrument_id].day = day
        self._value()

    async def _tell_contracts(self, client: Client) -> None:
        """Those that are new or have changed. The client hears only what becomes of orders at the first market."""
        for instrument in await client.instruments():
            if instrument.market is not None:
                self._elsewhere.add(instrument.instrument_id)
                continue
            contract = words.contract(instrument, self._name)
            if self._contracts.get(contract.symbol) != contract:
                self._contracts[contract.symbol] = contract
                self._gateway.on_contract(contract)

    def subscribe(self, symbol: str) -> None:
        if symbol in self._quotes:
            return
        quote = self._quotes[symbol] = Quote(symbol, self._name)
        if self._ready:
            self._beside(self._follow(quote), f"ticks of {symbol}")

    async def _follow(self, quote: Quote) -> None:
        """Until the client ends; whoever is refused may ask again."""
        try:
            await self._follow_with(self._signed_in(), quote)
        except Refused:
            del self._quotes[quote.symbol]
            raise

    async def _follow_with(self, client: Client, quote: Quote) -> None:
        async with client.books(quote.symbol) as books, client.tickers(quote.symbol) as tickers:
            if quote.symbol not in self._contracts:
                await self._tell_contracts(client)
            quote.name = self._contracts[quote.symbol].name
            quote.day = {day.instrument_id: day for day in await client.days()}.get(quote.symbol)
            await asyncio.gather(self._ticks(quote, books, quote.see), self._ticks(quote, tickers, quote.hear))

    async def _ticks(self, quote: Quote, stream: Stream[Any], take: Callable[[Any], None]) -> None:
        async for value in stream:
            take(value)
            self._gateway.on_tick(quote.tick(datetime.now(DB_TZ)))

    # -- what vnpy asks

    def _signed_in(self) -> Client:
        if self._client is None:
            raise Lost("not connected")
        return self._client

    def place(self, order: OrderData, req: OrderRequest) -> None:
        self._orders.sent(order)
        name = order.orderid
        client = self._client
        if client is None or req.symbol in self._elsewhere:
            why = "not connected" if client is None else f"{req.symbol} is traded at another market than the first"
            self._log(f"order {name}: {why}")
            self._order(self._orders.reject(name))
            return
        self._placing[name] = self._beside(self._place(client, name, words.wanted(req)), f"order {name}")
        self._placing[name].add_done_callback(lambda _: self._placing.pop(name))

    async def _place(self, client: Client, name: str, wanted: words.Wanted) -> None:
        """Pushes tell what becomes of it; refusals have none."""
        try:
            placed = await client.place(
                wanted.instrument_id,
                wanted.direction,
                wanted.volume,
                wanted.price,
                offset=wanted.offset,
                client_order_id=name,
                **wanted.options,
            )
            self._orders.accepted(placed)
        except Refused:
            self._order(self._orders.reject(name))
            raise
        except Lost as lost:
            raise Lost(f"{lost}; what became of it will be known when the gateway is connected again") from lost

    def cancel(self, name: str) -> None:
        """An order that is on its way is waited for."""
        self._beside(self._cancel(name), f"cancel of {name}")

    async def _cancel(self, name: str) -> None:
        if name in self._placing:
            await asyncio.wait([self._placing[name]])
        client = self._signed_in()
        told = self._orders.told(name)
        if told is not None and not told.is_active():
            return
        order_id = self._orders.order_id(name)
        if order_id is None:
            order_id = find(client, name)
        try:
            await client.cancel(order_id)
        except OrderFinished as late:
            self._log(f"cancel of {name}: too late, the order is {late.status}")

    def query_account(self) -> None:
        self._beside(self._tell_account(), "account")

    async def _tell_account(self) -> None:
        row = await self._signed_in().query_account()
        told = Account(**{field: row[field] for field in Account.__struct_fields__ if field in row})
        self._gateway.on_account(words.account(told, self._user_id, self._name))

    def query_position(self) -> None:
        self._value()

    async def history(self, req: HistoryRequest, interval: Interval) -> list[BarData]:
        """Bars that start from `start` to `end`, the oldest first."""
        client = self._signed_in()
        start = round(req.start.timestamp() * 1000)
        before = None if req.end is None else round(req.end.timestamp() * 1000) + 1
        found: list[Bar] = []
        while True:
            page = await client.past_bars(req.symbol, words.PERIODS[interval], BARS_AT_ONCE, before)
            found += [bar for bar in page if bar.start >= start]
            if len(page) < BARS_AT_ONCE or page[-1].start <= start:
                return words.bars(reversed(found), req.symbol, interval, self._name)
            before = page[-1].start


def find(client: Client, name: str) -> str:
    """The id of an order of which no push was heard yet. The name itself, if there is none: then it is one."""
    return next((order.order_id for order in client.live_orders if order.client_order_id == name), name)
