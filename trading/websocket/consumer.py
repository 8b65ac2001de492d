"""The socket: decode, hand in, forward. Two plain loops a connection instead of the stock dispatcher, which costs two
tasks and a thread hop for every message. Decides nothing: rules are in the engine, words in the protocol.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qs

import msgspec
from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async

from trading import protocol
from trading.core.codes import Code
from trading.core.events import Refused
from trading.delivery import channel_groups
from trading.delivery.channel_layer import ChannelOverflow
from trading.observability.counters import COUNTERS
from trading.observability.event_log import log_event, next_connection
from trading.reads import answers, missed_pushes, selectors
from trading.transport.gateway import Gateway
from trading.websocket.cancel_on_disconnect import DisconnectTimers
from trading.websocket.heartbeat import Heartbeat
from trading.websocket.market_subscriptions import MarketSubscriptions, Present
from trading.websocket.order_entry import FAILED, OrderEntry
from trading.websocket.rate_limits import RateLimiter
from trading.websocket.reply_queue import ReplyQueue
from trading.websocket.send_queue import CLOSE_SECONDS, SLOW_CLOSE, ClientGone, Send, SendQueue
from trading.websocket.server_line import line_of
from trading.websocket.session import Session
from trading.websocket.subscriptions import CHANNELS, PRIVATE_CHANNELS, PUBLIC_CHANNELS, Subscriptions
from trading.websocket.token_monitor import TokenMonitor

logger = logging.getLogger(__name__)

NOT_AUTHENTICATED = Refused(Code.NOT_AUTHENTICATED, Code.NOT_AUTHENTICATED.text)
NO_ACCOUNT = Refused(*answers.NO_ACCOUNT)
READ_ONLY = Refused(Code.FORBIDDEN, "Not allowed: this token may only read")
TOO_MANY_TOKENS = Refused(Code.TOO_FAST, f"{Code.TOO_FAST.text}: too many invalid credentials from this address")
REVOKED = "The token is not valid any more"
BROKEN_CLOSE, REVOKED_CLOSE, CROWDED_CLOSE = 1011, 4401, 4429
"""Close codes: a failure of ours, a token that is not valid any more, too many connections."""

TRIAL_SECONDS = 2.0
"""To sign in, for a connection for which there is no room."""


class ConnectionServices(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection needs of the exchange. `clock` tells Unix milliseconds, `address_of` where a scope comes
    from."""

    gateway: Gateway
    disconnect_timers: DisconnectTimers
    limiter: RateLimiter
    tokens: TokenMonitor
    address_of: Callable[[dict[str, Any]], str]
    clock: Callable[[], int]
    present: Present
    public_answer: Callable[[protocol.PublicQuery], protocol.QueryResponse | protocol.Error]
    heartbeat: Heartbeat
    layer: Any
    max_frame: int
    max_outbox: int


class TradingConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One connection to `/ws`."""

    def __init__(self, *, services: ConnectionServices) -> None:
        self._services = services
        self._number = next_connection()
        self._limiter = services.limiter
        self._gone = False
        self._main: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._forwarding = asyncio.Event()
        self._forwarding.set()
        self._told_seq = 0  # private pushes up to here were sent by `resume`
        self.heard_at = 0.0

    # -- life

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        self._main = asyncio.current_task()
        self._line = line = line_of(scope)
        self._send_queue = SendQueue(self._services.max_outbox, send, None if line is None else line.send_text)
        self._replies = ReplyQueue(self._send_queue.put)
        self._order_entry = OrderEntry(self._services.gateway, self._services.clock, self._replies, self._start)
        owner = _user_in_url(scope)
        self._session = Session(
            self,
            owner=owner,
            address=self._services.address_of(scope),
            limiter=self._limiter,
            tokens=self._services.tokens,
            disconnect_timers=self._services.disconnect_timers,
        )
        self._subscriptions = Subscriptions(all_trades=owner is not None)
        self._market = MarketSubscriptions(self._services.layer, self._services.present, self._send_queue, self._start)
        self.heard_at = asyncio.get_running_loop().time()
        self._bucket = self._limiter.bucket(self.heard_at)
        if line is not None:
            line.listener = self
        writing = self._start(self._send_queue.write())
        try:
            broken_limit = self._limiter.enter(self._session.address)
            if broken_limit is None:
                await self._stay(receive)
            elif self._limiter.try_out(self._session.address):
                await self._try_out(broken_limit, receive)
            else:
                await self._turn_away(broken_limit, writing)
        except asyncio.CancelledError:
            if not self._gone:
                raise

    async def _stay(self, receive: Any) -> None:
        try:
            await self._market.open()
            log_event(logger, "connection opened", connection=self._number, address=self._session.address)
            self._services.heartbeat.add(self)
            self._start(self._forward())
            await self._read(receive)
        finally:
            await self._leave()

    async def _try_out(self, broken_limit: str, receive: Any) -> None:
        """There is no room for strangers, but whoever has a token may come in."""
        self._session.begin_trial()
        ending = asyncio.get_running_loop().call_later(TRIAL_SECONDS, self._end_trial, broken_limit)
        try:
            await self._stay(receive)
        finally:
            ending.cancel()

    def _end_trial(self, broken_limit: str) -> None:
        if self._session.identity is None:
            COUNTERS.connections_refused["connections"] += 1
            self._send(protocol.Error(code=Code.TOO_FAST, message=broken_limit))
            self.close(CROWDED_CLOSE)

    async def _turn_away(self, broken_limit: str, writing: asyncio.Task[None]) -> None:
        COUNTERS.connections_refused["connections"] += 1
        self._send(protocol.Error(code=Code.TOO_FAST, message=broken_limit))
        self.close(CROWDED_CLOSE)
        await asyncio.wait([writing])

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A loop that broke would leave a deaf connection: close it, the client will come again. One that cannot be
        closed is left."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, ClientGone):
            self._gone = True
            if self._main is not None:
                self._main.cancel()
        elif error is not None:
            logger.error("connection %d: a loop broke", self._number, exc_info=error)
            self.close(BROKEN_CLOSE)

    async def _leave(self) -> None:
        self._services.heartbeat.remove(self)
        user_id, code = self._session.user_id, self._send_queue.close_code
        log_event(logger, "connection ended", connection=self._number, user_id=user_id, close_code=code)
        # a client that went silent left when it was last heard
        self._session.end(self.heard_at if self._send_queue.closing else asyncio.get_running_loop().time())
        for task in list(self._tasks):
            task.cancel()
        await self._market.unfollow(self._subscriptions.public)
        if user_id is not None:
            await self._services.layer.group_discard(channel_groups.user_group(user_id), self._market.channel)

    def revoke(self) -> None:
        """The token with which this connection has authenticated is not valid any more."""
        self._send(protocol.Error(code=Code.NOT_AUTHENTICATED, message=REVOKED))
        self.close(REVOKED_CLOSE)

    def push(self, frame: str) -> None:
        """Send a frame that answers nothing."""
        self._send_queue.put(frame)

    def ping(self) -> None:
        """Ask for a sign of life: by our own frame, and by the protocol's where the server below us can."""
        self._send_queue.put(protocol.PING)
        if self._line is not None:
            self._line.ping()

    def close(self, code: int, patience: float = CLOSE_SECONDS) -> None:
        """Send what is queued if the client takes it within `patience` seconds, then close the socket."""
        self._send_queue.close(code, patience)

    # -- the loops

    async def _forward(self) -> None:
        """Group messages out."""
        send_queue, receive = self._send_queue, self._services.layer.receive
        try:
            while True:
                message = await receive(self._market.channel)
                if self._replies.held:
                    await self._replies.in_step()
                if not self._forwarding.is_set():
                    await self._forwarding.wait()
                if "user" in message:
                    self._forward_private(message)
                else:
                    send_queue.add_all(message["frames"])
                    if send_queue.waiting_since is not None:
                        self._market.look_at_reader()
                send_queue.flush()
        except ChannelOverflow:
            self.close(SLOW_CLOSE, patience=0)

    def _forward_private(self, message: dict[str, Any]) -> None:
        """What is for a user alone: it may have been sent before he logged out, or told by `resume` already."""
        if self._session.user_id != message["user"]:
            return
        if message["last_seq"] <= self._told_seq:
            return
        wants_trade = self._subscriptions.wants_trade
        self._send_queue.add_all([frame for tag, frame in message["frames"] if tag is None or wants_trade(tag)])

    async def _read(self, receive: Any) -> None:
        """Frames in, until the client is gone."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            self.heard_at = asyncio.get_running_loop().time()
            if not self._send_queue.closing:  # nobody could be told what became of it
                await self._take(message.get("text"))

    async def _take(self, text: str | None) -> None:
        """One frame. Whatever is wrong with it or with us, it gets an answer and the connection lives."""
        wait, limits = self._bucket.wait(self.heard_at), self._limiter.limits
        try:
            message = self._decode(text)
        except protocol.ProtocolError as error:
            if wait:
                refusal = _too_fast("frames", limits.frames_per_second)
                await self._refuse(refusal.code, refusal.detail, error.request_id, _pause(wait))
            else:
                await self._refuse(error.code, error.detail, error.request_id)
            return
        if wait:
            await self._refuse_message(message, _too_fast("frames", limits.frames_per_second), _pause(wait))
            return
        try:
            await self._serve(message)
        except Exception:
            logger.exception("connection %d: a frame could not be handled", self._number)
            await self._refuse_message(message, FAILED)

    def _decode(self, text: str | None) -> protocol.ClientMessage:
        if text is None:
            detail = "Malformed message: binary frames are not taken, send JSON text"
            raise protocol.ProtocolError(Code.MALFORMED, detail)
        if len(text) > self._services.max_frame:
            detail = f"Malformed message: a frame has at most {self._services.max_frame} characters"
            raise protocol.ProtocolError(Code.MALFORMED, detail)
        return protocol.decode(text)

    async def _serve(self, message: protocol.ClientMessage) -> None:
        if isinstance(message, protocol.EngineMessage):
            await self._trade(message)
        else:
            await self._replies.settled()
            if isinstance(message, protocol.Asking) or self._asks_again(message):
                wait = self._limiter.request(self._session.user_id, self._session.address, self.heard_at)
                if wait:
                    refusal = _too_fast("requests", self._limiter.limits.requests_per_second)
                    await self._refuse_message(message, refusal, _pause(wait))
                    return
            await self._other(message)

    def _asks_again(self, message: protocol.OtherMessage) -> bool:
        """Each `auth` is looked up; the first of a connection is free, for that many come at once after a restart."""
        return isinstance(message, protocol.Auth) and self._session.asked_before

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
            case protocol.Resume():
                await self._resume(message)
            case protocol.SetSession():
                await self._set_session(message)
            case protocol.Subscribe() | protocol.Unsubscribe():
                await self._change_subscriptions(message)
            case _:
                await self._query(message)

    # -- answers

    def _send(self, message: protocol.ServerMessage) -> None:
        self._send_queue.put(protocol.encode(message))

    async def _refuse(
        self, code: Code, detail: str, request_id: protocol.RequestId, retry_after: float | None = None
    ) -> None:
        await self._replies.settled()
        self._send(protocol.Error(code=code, message=detail, retry_after=retry_after, request_id=request_id))

    async def _refuse_message(
        self, message: protocol.ClientMessage, refusal: Refused, retry_after: float | None = None
    ) -> None:
        """What is for the engine is refused by its own answer, everything else by an error."""
        if isinstance(message, protocol.EngineMessage):
            self._order_entry.refuse(message, refusal, retry_after)
        else:
            await self._refuse(refusal.code, refusal.detail, message.request_id, retry_after)

    # -- orders

    async def _trade(self, message: protocol.EngineMessage) -> None:
        """To the engine, for an account. Each item of a batch counts as an order."""
        identity = self._session.identity
        if identity is None or not identity.may_trade:
            self._order_entry.refuse(message, NOT_AUTHENTICATED if identity is None else READ_ONLY)
            return
        wait = self._limiter.orders(identity.user_id, len(protocol.items_of(message)), self.heard_at)
        if wait:
            self._order_entry.refuse(message, _too_fast("orders", self._limiter.limits.orders_per_second), _pause(wait))
            return
        account_id = identity.account_id or await self._session.account_id()
        if account_id is None:
            self._order_entry.refuse(message, NO_ACCOUNT)
        else:
            self._order_entry.hand_in(message, account_id)

    # -- who

    async def _authenticate(self, message: protocol.Auth) -> None:
        wait = self._limiter.token(self._session.address, message.user_id, self.heard_at)
        async with self._limiter.guesses if wait else nullcontext():
            identity = await self._session.identify(message.user_id, message.token, self.heard_at)
        if identity is None and wait:
            await self._refuse_message(message, TOO_MANY_TOKENS, _pause(wait))
            return
        refusal = "Invalid credentials" if identity is None else self._session.sign_in(identity, self.heard_at)
        self._send(
            protocol.AuthResponse(
                success=refusal is None,
                user_id=message.user_id if refusal is None else "",
                message=refusal or "Authentication successful",
                request_id=message.request_id,
            )
        )
        if identity is not None and refusal is None:
            self._trust(True)
            log_event(logger, "signed in", connection=self._number, user_id=identity.user_id)
            await self._services.layer.group_add(channel_groups.user_group(identity.user_id), self._market.channel)

    def _trust(self, user_is_known: bool) -> None:
        if self._line is not None:
            self._line.trust(user_is_known)

    async def _log_out(self, message: protocol.Logout) -> None:
        user_id = self._session.user_id
        if user_id is None:
            await self._refuse_message(message, NOT_AUTHENTICATED)
            return
        await self._services.layer.group_discard(channel_groups.user_group(user_id), self._market.channel)
        self._session.sign_out()
        self._trust(False)
        self._send(protocol.LogoutResponse(success=True, request_id=message.request_id))

    async def _set_session(self, message: protocol.SetSession) -> None:
        identity = self._session.identity
        if identity is None or not identity.may_trade:
            await self._refuse_message(message, NOT_AUTHENTICATED if identity is None else READ_ONLY)
            return
        if await self._session.account_id() is None:
            await self._refuse_message(message, NO_ACCOUNT)
            return
        self._session.grace_ms = message.grace_ms if message.cancel_on_disconnect else None
        self._send(
            protocol.SetSessionResponse(
                success=True,
                cancel_on_disconnect=message.cancel_on_disconnect,
                grace_ms=message.grace_ms,
                request_id=message.request_id,
            )
        )

    # -- what was missed

    async def _resume(self, message: protocol.Resume) -> None:
        """Tell what was missed; what happens meanwhile waits, and what is told twice is left out."""
        account_id = await self._session.account_id()
        if account_id is None:
            await self._refuse_message(message, NOT_AUTHENTICATED if self._session.identity is None else NO_ACCOUNT)
            return
        self._forwarding.clear()
        try:
            upto = await database_sync_to_async(missed_pushes.last_push)(account_id=account_id)
            self._send(protocol.ResumeResponse(success=True, last_seq=upto, request_id=message.request_id))
            self._told_seq = await self._catch_up(account_id, message.last_seq, upto)
        finally:
            self._forwarding.set()

    async def _catch_up(self, account_id: int, after: int | None, upto: int) -> int:
        """Send the pushes after `after`, or a snapshot in place of those that are not kept. The last push told."""
        while after is not None and after < upto:
            page = await database_sync_to_async(missed_pushes.page)(account_id=account_id, after=after, upto=upto)
            if page is None:
                break
            for frame in page.frames:
                self._send_queue.add(frame)
                if self._send_queue.half_full:
                    await self._send_queue.drained()
            await self._send_queue.drained()
            after = page.last_seq
        if after == upto:
            return upto
        snapshot: protocol.Snapshot = await database_sync_to_async(missed_pushes.snapshot)(account_id=account_id)
        self._send(snapshot)
        return snapshot.seq

    # -- everything else

    async def _change_subscriptions(self, message: protocol.Subscribe | protocol.Unsubscribe) -> None:
        if self._session.identity is None and any(channel in PRIVATE_CHANNELS for channel in message.channels):
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
        if wrong is not None:
            return
        asked = message.channels, message.instruments, message.period
        if adding:
            await self._market.follow(self._subscriptions.add(*asked))
        else:
            await self._market.unfollow(self._subscriptions.remove(*asked))

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
            most = self._limiter.limits.subscriptions
            if self._subscriptions.would_be(public, message.instruments, message.period) > most:
                return f"Too many subscriptions: at most {most} of an instrument and a channel"
            return self._services.gateway.closed_because
        return None

    async def _query(self, message: protocol.Query) -> None:
        if isinstance(message, protocol.PublicQuery):
            self._send(await database_sync_to_async(self._services.public_answer)(message))
        elif self._session.user_id is None:
            await self._refuse_message(message, NOT_AUTHENTICATED)
        else:
            self._send(await database_sync_to_async(answers.answer)(self._session.user_id, message))


def _too_fast(what: str, most: int) -> Refused:
    return Refused(Code.TOO_FAST, f"{Code.TOO_FAST.text}: at most {most} {what} a second")


def _pause(seconds: float) -> float | None:
    """As `retry_after` tells it."""
    return max(0.001, round(seconds, 3)) if seconds else None


def _user_in_url(scope: dict[str, Any]) -> str | None:
    """The `user_id` of the query string: a wish, never a right."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query["user_id"][0] if "user_id" in query else None
