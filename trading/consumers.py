"""The socket: decode, hand in, forward. Two plain loops a connection instead of the stock dispatcher, which costs two
tasks and a thread hop for every message. Decides nothing: rules are in the engine, words in the protocol.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec
from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async

from trading import groups, protocol, queries, selectors
from trading.absences import Absences
from trading.answers import Answers
from trading.core.codes import Code
from trading.core.events import Refused
from trading.desk import FAILED, Desk
from trading.gateway import Gateway
from trading.heartbeat import Heartbeat
from trading.layers import ChannelOverflow
from trading.limits import TokenBucket
from trading.outbox import SLOW_CLOSE, ClientGone, Outbox, Send
from trading.subscriptions import CHANNELS, PRIVATE_CHANNELS, PUBLIC_CHANNELS, Subscriptions

logger = logging.getLogger(__name__)

GROUPS = {"orderbook": groups.orderbook_group, "ticker": groups.ticker_group}
NOT_AUTHENTICATED = Refused(Code.NOT_AUTHENTICATED, Code.NOT_AUTHENTICATED.text)
NO_ACCOUNT = Refused(*queries.NO_ACCOUNT)
BROKEN_CLOSE = 1011


class MarketData(Protocol):
    """The present state of public market data, as ready frames."""

    def orderbook(self, instrument_id: str) -> str | None: ...

    def ticker(self, instrument_id: str) -> str | None: ...


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection needs of the exchange. `clock` tells Unix milliseconds; `frames_per_second` is None where rates
    are not limited."""

    gateway: Gateway
    absences: Absences
    clock: Callable[[], int]
    market_data: MarketData
    heartbeat: Heartbeat
    layer: Any
    max_frame: int
    max_outbox: int
    frames_per_second: int | None


class TradingConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One connection to `/ws`."""

    def __init__(self, *, venue: Venue) -> None:
        self._venue = venue
        self._identity: selectors.Identity | None = None
        self._outbox = Outbox(venue.max_outbox)
        self._answers = Answers(self._outbox.put)
        self._desk = Desk(venue.gateway, venue.clock, self._answers, self._start)
        self._grace_ms: int | None = None  # None: the orders outlive the connection
        self._channel = ""
        self._too_fast = f"{Code.TOO_FAST.text}: at most {venue.frames_per_second} a second"
        self._tasks: set[asyncio.Task[None]] = set()
        self.heard_at = 0.0

    # -- life

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        self._owner = _user_in_url(scope)
        self._subscriptions = Subscriptions(all_trades=self._owner is not None)
        self.heard_at = asyncio.get_running_loop().time()
        rate = self._venue.frames_per_second
        self._bucket = None if rate is None else TokenBucket(rate, self.heard_at)
        self._channel = await self._venue.layer.new_channel()
        self._venue.heartbeat.add(self)
        self._start(self._outbox.write(send))
        self._start(self._forward(send))
        try:
            await self._read(receive)
        finally:
            await self._leave()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A loop that broke would leave a deaf connection: close it, the client will come again."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ClientGone):
            logger.error("a connection's loop broke", exc_info=error)
            self.close(BROKEN_CLOSE)

    async def _leave(self) -> None:
        self._venue.heartbeat.remove(self)
        self._mind_orders()
        for task in list(self._tasks):
            task.cancel()
        for channel, instrument_id in self._subscriptions.public:
            await self._venue.layer.group_discard(GROUPS[channel](instrument_id), self._channel)
        if self._identity is not None:
            await self._venue.layer.group_discard(groups.user_group(self._identity.user_id), self._channel)

    def _mind_orders(self) -> None:
        """The connection has ended: a client that went silent left when it was last heard."""
        if self._identity is not None and self._identity.account_id is not None and self._grace_ms is not None:
            left_at = self.heard_at if self._outbox.closing else asyncio.get_running_loop().time()
            self._venue.absences.begin(self._identity.account_id, left_at, self._grace_ms)

    def push(self, frame: str) -> None:
        """Send a frame that answers nothing."""
        self._outbox.put(frame)

    def close(self, code: int) -> None:
        """Send what is queued, then close the socket."""
        self._outbox.close(code)

    # -- the loops

    async def _forward(self, send: Send) -> None:
        """Group messages out."""
        outbox, wants_trade = self._outbox, self._subscriptions.wants_trade
        receive = self._venue.layer.receive
        try:
            while True:
                message = await receive(self._channel)
                if self._answers.held:
                    await self._answers.in_step()
                if not self._may_hear(message.get("user")):
                    continue
                for tag, frame in message["frames"]:
                    if tag is None or wants_trade(tag):
                        outbox.add(frame)
                await outbox.flush(send)
        except ChannelOverflow:
            self.close(SLOW_CLOSE)

    def _may_hear(self, user_id: str | None) -> bool:
        """What is for a user alone was sent before he logged out, if this is not his connection any more."""
        return user_id is None or (self._identity is not None and self._identity.user_id == user_id)

    async def _read(self, receive: Any) -> None:
        """Frames in, until the client is gone."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            self.heard_at = asyncio.get_running_loop().time()
            if not self._outbox.closing:  # nobody could be told what became of it
                await self._take(message.get("text"))

    async def _take(self, text: str | None) -> None:
        """One frame. Whatever is wrong with it or with us, it gets an answer and the connection lives."""
        wait = self._bucket.wait(self.heard_at) if self._bucket is not None else 0.0
        try:
            message = self._decode(text)
        except protocol.ProtocolError as error:
            code, detail = (Code.TOO_FAST, self._too_fast) if wait else (error.code, error.detail)
            await self._refuse(code, detail, error.request_id, round(wait, 3) or None)
            return
        if wait:
            await self._refuse_message(message, Refused(Code.TOO_FAST, self._too_fast), round(wait, 3))
            return
        try:
            await self._serve(message)
        except Exception:
            logger.exception("a frame could not be handled")
            await self._refuse_message(message, FAILED)

    def _decode(self, text: str | None) -> protocol.ClientMessage:
        if text is None:
            detail = "Malformed message: binary frames are not taken, send JSON text"
            raise protocol.ProtocolError(Code.MALFORMED, detail)
        if len(text) > self._venue.max_frame:
            detail = f"Malformed message: a frame has at most {self._venue.max_frame} characters"
            raise protocol.ProtocolError(Code.MALFORMED, detail)
        return protocol.decode(text)

    async def _serve(self, message: protocol.ClientMessage) -> None:
        if isinstance(message, protocol.EngineMessage):
            await self._trade(message)
        else:
            await self._answers.settled()
            await self._other(message)

    async def _other(self, message: protocol.OtherMessage) -> None:
        match message:
            case protocol.Ping():
                self._send(protocol.PongFrame(request_id=message.request_id))
            case protocol.Pong():
                pass
            case protocol.Auth():
                await self._authenticate(message)
            case protocol.Logout():
                await self._log_out(message)
            case protocol.SetSession():
                await self._set_session(message)
            case protocol.Subscribe() | protocol.Unsubscribe():
                await self._change_subscriptions(message)
            case _:
                await self._query(message)

    # -- answers

    def _send(self, message: protocol.ServerMessage) -> None:
        self._outbox.put(protocol.encode(message))

    async def _refuse(
        self, code: Code, detail: str, request_id: protocol.RequestId, retry_after: float | None = None
    ) -> None:
        await self._answers.settled()
        self._send(protocol.Error(code=code, message=detail, retry_after=retry_after, request_id=request_id))

    async def _refuse_message(
        self, message: protocol.ClientMessage, refusal: Refused, retry_after: float | None = None
    ) -> None:
        """What is for the engine is refused by its own answer, everything else by an error."""
        if isinstance(message, protocol.EngineMessage):
            self._desk.refuse(message, refusal, retry_after)
        else:
            await self._refuse(refusal.code, refusal.detail, message.request_id, retry_after)

    # -- orders

    async def _trade(self, message: protocol.EngineMessage) -> None:
        """To the engine, for an account. Each item of a batch counts as a frame."""
        if self._bucket is not None and isinstance(message, protocol.BatchMessage):
            self._bucket.take(len(message.items) - 1)
        if self._identity is None:
            self._desk.refuse(message, NOT_AUTHENTICATED)
            return
        account_id = self._identity.account_id or await self._find_account(self._identity)
        if account_id is None:
            self._desk.refuse(message, NO_ACCOUNT)
        else:
            self._desk.hand_in(message, account_id)

    async def _find_account(self, identity: selectors.Identity) -> int | None:
        """The account may have been opened after the user signed in."""
        account_id: int | None = await database_sync_to_async(selectors.account_id)(user_id=identity.user_id)
        self._identity = selectors.Identity(identity.user_id, account_id)
        return account_id

    # -- who

    async def _authenticate(self, message: protocol.Auth) -> None:
        identity = None
        if self._may_become(message.user_id):
            check = database_sync_to_async(selectors.identity_of_token)
            identity = await check(user_id=message.user_id, token=message.token)
        if identity is not None and identity.account_id is not None:
            self._venue.absences.end(identity.account_id, self.heard_at, identity.disconnected)
        self._send(
            protocol.AuthResponse(
                success=identity is not None,
                user_id=identity.user_id if identity else "",
                message="Authentication successful" if identity else "Invalid credentials",
                request_id=message.request_id,
            )
        )
        if identity is not None:
            self._identity, self._owner = identity, identity.user_id
            await self._venue.layer.group_add(groups.user_group(identity.user_id), self._channel)

    def _may_become(self, user_id: str) -> bool:
        """A connection belongs to one user: the one it named in its URL, or the first that authenticated."""
        return self._owner in (None, user_id)

    async def _log_out(self, message: protocol.Logout) -> None:
        if self._identity is None:
            await self._refuse_message(message, NOT_AUTHENTICATED)
            return
        await self._venue.layer.group_discard(groups.user_group(self._identity.user_id), self._channel)
        self._identity = self._grace_ms = None
        self._send(protocol.LogoutResponse(success=True, request_id=message.request_id))

    async def _set_session(self, message: protocol.SetSession) -> None:
        if self._identity is None:
            await self._refuse_message(message, NOT_AUTHENTICATED)
        elif (self._identity.account_id or await self._find_account(self._identity)) is None:
            await self._refuse_message(message, NO_ACCOUNT)
        else:
            self._grace_ms = message.grace_ms if message.cancel_on_disconnect else None
            self._send(
                protocol.SetSessionResponse(
                    success=True,
                    cancel_on_disconnect=message.cancel_on_disconnect,
                    grace_ms=message.grace_ms,
                    request_id=message.request_id,
                )
            )

    # -- everything else

    async def _change_subscriptions(self, message: protocol.Subscribe | protocol.Unsubscribe) -> None:
        if self._identity is None and any(channel in PRIVATE_CHANNELS for channel in message.channels):
            await self._refuse_message(message, NOT_AUTHENTICATED)
            return
        wrong = await self._wrong_subscription(message)
        adding = isinstance(message, protocol.Subscribe)
        self._send(
            protocol.SubscribeResponse(
                success=wrong is None,
                channels=message.channels,
                instruments=message.instruments,
                message=wrong or ("Subscribed successfully" if adding else "Unsubscribed successfully"),
                request_id=message.request_id,
            )
        )
        if wrong is None:
            await (self._subscribe if adding else self._unsubscribe)(message.channels, message.instruments)

    async def _wrong_subscription(self, message: protocol.Subscribe | protocol.Unsubscribe) -> str | None:
        """One sentence that names what is wrong with the request, or None."""
        unknown = [channel for channel in message.channels if channel not in CHANNELS]
        if unknown:
            return f"Unknown channel {', '.join(unknown)}"
        if not message.channels:
            return "Name at least one channel"
        unknown = await database_sync_to_async(selectors.unknown_instruments)(names=message.instruments)
        if unknown:
            return f"Unknown instrument {', '.join(unknown)}"
        public = [channel for channel in message.channels if channel in PUBLIC_CHANNELS]
        if isinstance(message, protocol.Subscribe) and public and not message.instruments:
            return f"Name at least one instrument for {', '.join(public)}"
        if isinstance(message, protocol.Subscribe) and public:
            return self._venue.gateway.closed_because
        return None

    async def _subscribe(self, channels: list[str], instruments: list[str]) -> None:
        """Join the groups, then send the present state: what changes in between comes twice rather than never."""
        market_data = self._venue.market_data
        present = {"orderbook": market_data.orderbook, "ticker": market_data.ticker}
        for channel, instrument_id in sorted(self._subscriptions.add(channels, instruments)):
            await self._venue.layer.group_add(GROUPS[channel](instrument_id), self._channel)
            frame = present[channel](instrument_id)
            if frame is not None:
                self.push(frame)

    async def _unsubscribe(self, channels: list[str], instruments: list[str]) -> None:
        for channel, instrument_id in self._subscriptions.remove(channels, instruments):
            await self._venue.layer.group_discard(GROUPS[channel](instrument_id), self._channel)

    async def _query(self, message: protocol.Query) -> None:
        if isinstance(message, protocol.QueryInstruments):
            self._send(await database_sync_to_async(queries.public_answer)(message))
        elif self._identity is None:
            await self._refuse_message(message, NOT_AUTHENTICATED)
        else:
            self._send(await database_sync_to_async(queries.answer)(self._identity.user_id, message))


def _user_in_url(scope: dict[str, Any]) -> str | None:
    """The `user_id` of the query string: a wish, never a right."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query["user_id"][0] if "user_id" in query else None
