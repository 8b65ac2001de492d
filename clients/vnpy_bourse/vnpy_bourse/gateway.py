"""The gateway as vnpy wants it: methods that any thread may call and that wait for nothing. A loop runs in a thread."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, TypeVar

from bourse_client import BourseError, Lost
from vnpy.event import EventEngine
from vnpy.trader.constant import Exchange
from vnpy.trader.gateway import BaseGateway
from vnpy.trader.object import BarData, CancelRequest, HistoryRequest, OrderRequest, SubscribeRequest

from vnpy_bourse import words
from vnpy_bourse.orders import rejected
from vnpy_bourse.session import Session

T = TypeVar("T")
HISTORY_SECONDS = 30.0
"""`query_history` is the one method that waits; not longer than this."""


class BourseGateway(BaseGateway):
    """One account of a Bourse exchange. What happens comes as events; what is refused is in the log, too."""

    default_name = "BOURSE"
    default_setting: dict[str, str | int | float | bool] = {
        "address": "http://localhost:8081",
        "user_id": "",
        "token": "",
    }
    exchanges: list[Exchange] = [words.EXCHANGE]

    def __init__(self, event_engine: EventEngine, gateway_name: str) -> None:
        super().__init__(event_engine, gateway_name)
        self._numbers = itertools.count(1)
        self._prefix = secrets.token_hex(6)
        self._lock = threading.Lock()
        self._symbols: set[str] = set()
        self._sessions: dict[tuple[str, str], Session] = {}
        self._running: Running | None = None

    def connect(self, setting: dict[str, Any]) -> None:
        """Sign in, and come back by itself from then on. The log says when everything is known, and what is wrong."""
        missing = [name for name in self.default_setting if not setting.get(name)]
        if missing:
            self.write_log(f"the setting needs {', '.join(missing)}")
            return
        who = str(setting["address"]), str(setting["user_id"])
        with self._lock:
            if self._running is not None and self._running.is_alive:
                self.write_log("the gateway is connected already; close it first")
                return
            session = self._sessions.setdefault(who, Session(self, *who))
            self._running = Running(session, str(setting["token"]), set(self._symbols))

    def close(self) -> None:
        """End the connection. Orders stay in the market."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.end()

    def subscribe(self, req: SubscribeRequest) -> None:
        """Ticks of an instrument; before `connect`, too."""
        with self._lock:
            self._symbols.add(req.symbol)
            running = self._running
        if running is not None:
            running.do(lambda session: session.subscribe(req.symbol))

    def send_order(self, req: OrderRequest) -> str:
        """The order is SUBMITTING until the exchange has answered. Where the answer is lost, the exchange is asked
        for it; an order is never placed twice."""
        name = f"{self._prefix}-{next(self._numbers)}"
        order = req.create_order_data(name, self.gateway_name)
        try:
            words.wanted(req)
        except ValueError as error:
            self.write_log(f"order {name}: {error}")
            self.on_order(rejected(order))
            return order.vt_orderid
        self.on_order(order)
        running = self._running
        if running is None or not running.do(lambda session: session.place(order, req)):
            self.write_log(f"order {name}: not connected")
            self.on_order(rejected(order))
        return order.vt_orderid

    def cancel_order(self, req: CancelRequest) -> None:
        self._do(lambda session: session.cancel(req.orderid), f"cancel of {req.orderid}")

    def query_account(self) -> None:
        self._do(lambda session: session.query_account(), "account")

    def query_position(self) -> None:
        self._do(lambda session: session.query_position(), "positions")

    def query_history(self, req: HistoryRequest) -> list[BarData]:
        """Bars of a minute, an hour or a trading day, the oldest first; the last one may not be over yet. Waits."""
        interval, running = req.interval, self._running
        if interval not in words.PERIODS:
            self.write_log(f"bars of {req.vt_symbol}: there are those of a minute, an hour and a day")
        elif running is None:
            self.write_log(f"bars of {req.vt_symbol}: not connected")
        else:
            try:
                return running.wait_for(running.session.history(req, interval), HISTORY_SECONDS)
            except TimeoutError:
                self.write_log(f"bars of {req.vt_symbol}: no answer within {HISTORY_SECONDS:g} s")
            except BourseError as error:
                self.write_log(f"bars of {req.vt_symbol}: {error}")
        return []

    def _do(self, work: Callable[[Session], None], what: str) -> None:
        running = self._running
        if running is None or not running.do(work):
            self.write_log(f"{what}: not connected")


class Running:
    """A session in a loop of its own, in a thread of its own."""

    def __init__(self, session: Session, token: str, symbols: set[str]) -> None:
        self.session = session
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._up = threading.Event()
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._run, args=(token, symbols), name="vnpy-bourse", daemon=True)
        self._thread.start()
        self._up.wait()

    @property
    def is_alive(self) -> bool:
        return self._open

    def do(self, work: Callable[[Session], None]) -> bool:
        """Whether it will be done: not where the session is over."""
        with self._lock:
            if self._open:
                self._loop.call_soon_threadsafe(work, self.session)
            return self._open

    def wait_for(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """TimeoutError where it takes longer, Lost where the session is over."""
        with self._lock:
            running = asyncio.run_coroutine_threadsafe(work, self._loop) if self._open else None
        if running is None:
            work.close()
            raise Lost("not connected")
        try:
            return running.result(seconds)
        except CancelledError:
            raise Lost("the gateway was closed") from None
        finally:
            running.cancel()

    def end(self) -> None:
        """... and wait until its thread is over."""
        self.do(lambda session: self._cancel())
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self, token: str, symbols: set[str]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(asyncio.CancelledError):
            runner.run(self._main(token, symbols))

    async def _main(self, token: str, symbols: set[str]) -> None:
        self._task = asyncio.current_task()
        self._up.set()
        try:
            await self.session.run(token, symbols)
        finally:
            with self._lock:
                self._open = False
            await self.session.end()
