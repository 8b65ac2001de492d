"""The connection of one user: it comes back, catches up with what was missed, and tells whoever waits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

from websockets.exceptions import InvalidStatus, WebSocketException

from bourse_client.errors import (
    AccountNotFound,
    BourseError,
    Forbidden,
    Lost,
    Missed,
    NotAuthenticated,
    Refused,
    TooFast,
    Unavailable,
    UnknownOutcome,
)
from bourse_client.markets import Markets
from bourse_client.messages import Frame, OrderState, check_text
from bourse_client.private import PUSHES, Holdings, Hole, Private, number
from bourse_client.streams import Stream
from bourse_client.wire.addresses import socket_address
from bourse_client.wire.line import Line, connected
from bourse_client.wire.pauses import SOON, Lane, Pauses

T = TypeVar("T")
ORDERS = frozenset(
    {"submit_order", "submit_orders", "amend_order", "cancel_order", "cancel_orders", "cancel_all", "cancel_after"}
)
"""Requests that the exchange counts as orders."""
TOKEN_ENDED = 4401


class Connection:
    """A user's line to the exchange, which is put up again where it was lost; and what came over it: `known` is what
    is known of the user, `markets` what is followed."""

    def __init__(
        self,
        url: str,
        user_id: str | None,
        token: str | None,
        *,
        patience: float | None,
        dice: random.Random | None,
        hear_line: Callable[[bool], None] | None,
    ) -> None:
        self._address = socket_address(url)
        if user_id is not None:
            check_text(user_id, "user_id")
            self._address += f"?user_id={quote(user_id)}"
        self.user_id = user_id
        self._token = token
        self._patience = patience
        self._hear_line = hear_line or _nobody
        self._dice = dice or random.Random()  # noqa: S311 -- pauses, not locks
        self._pauses = Pauses(self._dice)
        self._lanes = {True: Lane(), False: Lane()}
        self.known = Holdings()
        self.markets = Markets(self.ask_alike, self.ask_once, self._chore)
        self._line: Line | None = None
        self._ready = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._resuming: Private | None = None
        """What is catching up, to its push `_upto`;"""
        self._upto = 0
        self._resumed: set[str | None] = set()
        """... and the markets that have, on this connection."""
        self._failure: BourseError | None = None
        self._trouble = ""
        """Why the last attempt to connect has failed."""
        self.put_off: Refused | None = None
        """What was answered in place of the last answer: it is asked again later."""
        self.unanswered = 0
        """Orders and cancels that were sent, and nobody has said what became of them."""
        self._reconnecting: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[Any]] = set()
        self._streams: list[tuple[type[Any], Stream[Any]]] = []
        self._changed: dict[str, asyncio.Event] = {}

    # -- life

    async def open(self) -> None:
        """Connect, and stay connected. Lost where nobody answers in time."""
        self._reconnecting = asyncio.create_task(self._stay_connected())
        try:
            async with asyncio.timeout(self._patience):
                await self.ready_line()
        except TimeoutError as error:
            await self.close()
            why = f": {self._trouble}" if self._trouble else ""
            raise Lost(f"{self._address} gave no connection within {self._patience or 0:g} s{why}") from error
        except BaseException:
            await self.close()
            raise

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

    # -- asking

    async def ready_line(self) -> Line:
        """The connection, when there is one and nothing is missed. What has ended the client, if something has."""
        while True:
            await self._ready.wait()
            if self._failure is not None:
                raise self._failure
            if self._line is not None and not self._line.ended.is_set():
                return self._line
            self._ready.clear()

    async def ask_once(self, kind: str, fields: Frame) -> Frame:
        """The answer; waits where the exchange wants that. Lost where none came; after UnknownOutcome the time has
        passed after which it may be asked again."""

        async def ask() -> Frame:
            line = await self.ready_line()
            self.unanswered += kind in ORDERS
            try:
                answer = await line.ask(kind, fields)
            except Refused as refused:
                self.unanswered -= kind in ORDERS
                self.put_off = refused if isinstance(refused, (TooFast, Unavailable)) else None
                raise
            except Lost:
                self.put_off = None
                raise
            self.unanswered -= kind in ORDERS
            self.put_off = None
            return answer

        lane, pauses = self._lanes[kind in ORDERS], Pauses(self._dice)
        while True:
            try:
                return await lane.run(ask)
            except Unavailable as busy:
                await asyncio.sleep(pauses.next(at_least=busy.retry_after or 0))
            except UnknownOutcome as unknown:
                await asyncio.sleep(pauses.next(at_least=SOON if unknown.retry_after is None else unknown.retry_after))
                raise

    async def ask_alike(self, kind: str, fields: Frame) -> Frame:
        """... and where none came it is asked again, until the client ends."""
        while True:
            await self.ready_line()
            try:
                return await self.ask_once(kind, fields)
            except Lost:
                continue

    async def change_of(self, order_id: str) -> None:
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
            self._trouble = str(refused)
            return self._pauses.next(refused.retry_after or SOON)
        except InvalidStatus as status:
            self._trouble = str(status)
            return self._pauses.next(_retry_after(status))
        except (Lost, OSError, WebSocketException) as error:
            self._trouble = str(error)
        finally:
            self._leave()
        if line is not None and line.close_code == TOKEN_ENDED:
            ended = NotAuthenticated(NotAuthenticated.CODE, "the token is not valid any more")
            self._end(ended, ended)
        return self._pauses.next((line is not None and line.farewell and line.farewell.retry_after) or 0.0)

    async def _begin(self, line: Line) -> None:
        """Sign in, subscribe to what was subscribed to, and catch up with what was missed."""
        self._resumed.clear()
        is_user = self.user_id is not None and self._token is not None
        if is_user:
            await line.ask("auth", {"user_id": self.user_id, "token": self._token})
        await self.markets.subscribe(line.ask)
        if is_user:
            self.known.locate((await line.ask("query_instruments", {}))["data"]["instruments"])
            while waiting := [each for each in self.known if each.market not in self._resumed]:
                await self._catch_up(line, waiting[0])
        self._line = line
        self._ready.set()
        self._hear_line(True)

    async def _catch_up(self, line: Line, market: Private) -> None:
        """Hear what was missed of one market, or all that there is. Without an account there is nothing yet."""
        self._caught_up.clear()
        self._resuming = market
        asked = {"market": market.market, "last_seq": market.seq}
        try:
            await line.ask("resume", {name: value for name, value in asked.items() if value is not None})
        except AccountNotFound:
            if market.market is None:
                raise
            market.begin_empty()
            self._resumed.add(market.market)
            return
        await _first(self._caught_up, line.ended)
        if not self._caught_up.is_set():
            raise Lost("the connection has ended")

    def _leave(self) -> None:
        if self._line is not None:
            self._hear_line(False)
        self._line = None
        if self._failure is None:
            self._ready.clear()
        self.markets.forget()

    def _end(self, failure: BourseError, told: Exception | None) -> None:
        """Whoever waits, or asks from now on, hears why; streams end, or raise what is `told`."""
        self._failure = self._failure or failure
        for _, stream in self._streams:
            stream.end(told)
        self.markets.end(told)
        for order_id in list(self._changed):
            self._tell_change(order_id)
        self._ready.set()

    # -- what comes

    def _hear(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind in PUSHES:
            self._push(frame)
        elif kind == "resume_response" and self._resuming is not None:
            self._resumed.add(self._resuming.market)
            self._upto = frame["last_seq"]
        elif kind == "snapshot":
            self._restore(frame)
        else:
            self.markets.hear(frame)
        if self._resuming is not None:
            self._look_whether_caught_up(self._resuming)

    def _look_whether_caught_up(self, market: Private) -> None:
        if market.seq is not None and market.market in self._resumed and market.seq >= self._upto:
            self._resuming = None
            self._caught_up.set()

    def _push(self, frame: Frame) -> None:
        """What comes before the answer to `resume` comes again after it."""
        market = frame.get("market")
        known = self.known.at(market)
        if market not in self._resumed:
            if self._line is not None:  # An account was opened where nothing was listed when this connection began.
                known.begin_empty()
                raise Lost(f"nothing was known of market {market}")
            return
        try:
            if not known.is_next(number(frame)):
                return
        except Hole as hole:
            raise Lost(str(hole)) from hole
        value = known.take(frame)
        for kind, stream in self._streams:
            if isinstance(value, kind):
                stream.put(value)
        if isinstance(value, OrderState):
            self._tell_change(value.order_id)

    def _restore(self, frame: Frame) -> None:
        snapshot, missed = self.known.at(frame.get("market")).restore(frame)
        self._upto = snapshot.seq
        for kind, stream in self._streams:
            if kind is object:
                stream.put(snapshot)
            elif missed:
                stream.tell(Missed("the exchange does not keep these pushes any more"))
        for order_id in list(self._changed):
            self._tell_change(order_id)

    def stream(self, kind: type[T]) -> Stream[T]:
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
