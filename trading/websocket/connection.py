"""One connection: reads frames and has them handled, forwards what its groups hear, and ends cleanly. Two plain loops
instead of the stock dispatcher, which costs two tasks and a thread hop for every message.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from trading import protocol
from trading.access.rate_limits import RateLimiter
from trading.access.refusals import FAILED, pause, too_fast
from trading.access.token_monitor import TokenMonitor
from trading.core.codes import Code
from trading.core.events import Refused
from trading.delivery.channel_groups import MONEY
from trading.delivery.channel_layer import ChannelOverflow
from trading.observability.counters import Counters
from trading.observability.event_log import log_event, next_connection
from trading.reads.markets import Markets
from trading.reads.missed_pushes import PAGE
from trading.reads.readers import Readers
from trading.transport.gateway import Gateway
from trading.websocket.announcement_board import AnnouncementBoard
from trading.websocket.cancel_on_disconnect import DisconnectTimers
from trading.websocket.handlers.authentication import AuthenticationHandler
from trading.websocket.handlers.orders import OrderHandler
from trading.websocket.handlers.queries import PublicAnswer, QueryHandler
from trading.websocket.handlers.responder import Responder
from trading.websocket.handlers.resume import ResumeHandler
from trading.websocket.handlers.subscribing import SubscriptionHandler
from trading.websocket.heartbeat import Heartbeat
from trading.websocket.market_subscriptions import SLOW_SECONDS, MarketSubscriptions, Present
from trading.websocket.order_entry import OrderEntry
from trading.websocket.reply_queue import ReplyQueue
from trading.websocket.send_queue import CLOSE_SECONDS, SLOW_CLOSE, ClientGone, Send, SendQueue
from trading.websocket.server_line import ServerLine
from trading.websocket.session import Session
from trading.websocket.subscriptions import Subscriptions

T = TypeVar("T")
logger = logging.getLogger(__name__)

REVOKED = "The token is not valid any more"
DOOR_CLOSED = "The exchange takes no new connections now"
BROKEN_CLOSE, REVOKED_CLOSE, CROWDED_CLOSE = 1011, 4401, 4429
"""Close codes: a failure of ours, a token that is not valid any more, too many connections."""
TRIAL_SECONDS = 2.0
"""To sign in, for a connection for which there is no room."""


class ConnectionServices(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection needs of the exchange. `clock` tells Unix milliseconds, `address_of` where a scope comes
    from."""

    markets: Markets
    gateway: Gateway
    disconnect_timers: DisconnectTimers
    limiter: RateLimiter
    tokens: TokenMonitor
    address_of: Callable[[dict[str, Any]], str]
    clock: Callable[[], int]
    present: Present
    book: Callable[[str], Awaitable[str | None]]
    """The book of an instrument, as a frame, for who asks once; None if the instrument is unknown."""
    readers: Readers
    public_answer: PublicAnswer
    heartbeat: Heartbeat
    board: AnnouncementBoard
    layer: Any
    counters: Counters
    max_frame: int
    max_outbox: int
    slow_seconds: float = SLOW_SECONDS
    close_seconds: float = CLOSE_SECONDS
    resume_page: int = PAGE
    no_connections: Callable[[], bool] = lambda: False
    """Whether an operator has closed the door: who comes then is turned away."""


class Connection:
    """All that belongs to one connection; complete when it is made. `owner`: the user in its URL, a wish and never a
    right. `channel`: its own of the channel layer. `line`: what the server below offers beyond ASGI, if it does."""

    def __init__(
        self,
        services: ConnectionServices,
        *,
        channel: str,
        owner: str | None,
        address: str,
        send: Send,
        line: ServerLine | None,
    ) -> None:
        self._services = services
        self._channel = channel
        self._number = next_connection()
        self._gone = self._waits = False
        self._main: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._time = asyncio.get_running_loop().time
        self.heard_at = self._time()
        self._limiter = limiter = services.limiter
        self._bucket = limiter.bucket(self.heard_at)
        self._line = line
        self._send_queue = send_queue = SendQueue(
            services.max_outbox,
            send,
            services.counters,
            services.close_seconds,
            None if line is None else line.send_texts,
        )
        if line is not None:
            line.listener = self
        self._replies = ReplyQueue(send_queue.put)
        self._session = session = Session(
            self,
            markets=services.markets,
            owner=owner,
            address=address,
            limiter=limiter,
            read=self._read_rows,
            tokens=services.tokens,
            disconnect_timers=services.disconnect_timers,
            counters=services.counters,
        )
        self._subscriptions = Subscriptions(all_trades=owner is not None)
        self._market_data = MarketSubscriptions(
            services.layer,
            channel,
            services.present,
            send_queue,
            self._start,
            services.counters,
            services.slow_seconds,
        )
        order_entry = OrderEntry(services.gateway, services.clock, self._replies, self._start, self._read_rows)
        self._responder = responder = Responder(send_queue, self._replies, order_entry)
        self._orders = OrderHandler(session, limiter, order_entry, services.markets, self._read_rows)
        self._authentication = AuthenticationHandler(
            session, limiter, responder, services.layer, channel, self._number, line, self._market_data
        )
        self._resume = ResumeHandler(
            session, send_queue, responder, self._read_rows, services.resume_page, services.markets
        )
        self._subscribing = SubscriptionHandler(
            session,
            self._subscriptions,
            self._market_data,
            responder,
            self._read_rows,
            services.gateway,
            services.markets,
            limiter.limits.subscriptions,
            services.board,
            self,
        )
        self._queries = QueryHandler(session, responder, self._read_rows, services.markets, services.public_answer)

    # -- life

    async def serve(self, receive: Any) -> None:
        """Until the client is gone."""
        self._main = asyncio.current_task()
        writing = self._start(self._send_queue.write())
        try:
            if self._services.no_connections():
                await self._turn_away(DOOR_CLOSED, writing)
                return
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
            self._refuse_room(broken_limit)

    def _refuse_room(self, broken_limit: str) -> None:
        self._services.counters.connections_refused["connections"] += 1
        self._responder.send(protocol.Error(code=Code.TOO_FAST, message=broken_limit))
        self.close(CROWDED_CLOSE)

    async def _turn_away(self, broken_limit: str, writing: asyncio.Task[None]) -> None:
        self._refuse_room(broken_limit)
        await asyncio.wait([writing])

    async def _read_rows(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Read from the tables, when it is this user's turn, or that of this address while nobody has signed in."""
        user_id = self._session.user_id
        owner = f"address {self._session.address}" if user_id is None else f"user {user_id}"
        return await self._services.readers.run(owner, function, *arguments, **named)

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
            self._broke(error)

    def _broke(self, error: BaseException) -> None:
        logger.error("connection %d: a loop broke", self._number, exc_info=error)
        self.close(BROKEN_CLOSE)

    async def _leave(self) -> None:
        self._services.heartbeat.remove(self)
        self._services.board.remove(self)
        user_id, code = self._session.user_id, self._send_queue.close_code
        log_event(logger, "connection ended", connection=self._number, user_id=user_id, close_code=code)
        # a client that went silent left when it was last heard
        self._session.end(self.heard_at if self._send_queue.closing else self._time())
        for task in list(self._tasks):
            task.cancel()
        await self._market_data.end()
        if user_id is not None:
            await self._authentication.stop_hearing(user_id)

    def revoke(self) -> None:
        """The token with which this connection has authenticated is not valid any more."""
        self._responder.send(protocol.Error(code=Code.NOT_AUTHENTICATED, message=REVOKED))
        self.close(REVOKED_CLOSE)

    @property
    def user_id(self) -> str | None:
        """Who has signed in."""
        return self._session.user_id

    def push(self, frame: str) -> None:
        """Send a frame that answers nothing."""
        self._send_queue.put(frame)

    def ping(self) -> None:
        """Ask for a sign of life: by our own frame, and by the protocol's where the server below us can."""
        self.push(protocol.PING)
        if self._line is not None:
            self._line.ping()

    def close(self, code: int, patience: float | None = None) -> None:
        """Send what is queued if the client takes it within `patience` seconds (None: as long as usual), then close the
        socket."""
        self._send_queue.close(code, patience)

    # -- out

    async def _forward(self) -> None:
        """Group messages out, if not at once (`_hear_groups`) then when they may."""
        receive, may_forward = self._services.layer.receive, self._resume.may_forward
        try:
            while True:
                message = await receive(self._channel, self._hear_groups)
                if self._replies.held:
                    await self._replies.in_step()
                if not may_forward.is_set():
                    await may_forward.wait()
                self._pass_on(message)
        except ChannelOverflow:
            self.close(SLOW_CLOSE, patience=0)

    def _hear_groups(self, messages: deque[dict[str, Any]]) -> None:
        """Group messages, while `_forward` waits; those are left that must not go out yet."""
        if self._replies.held or not self._resume.may_forward.is_set():
            return
        try:
            while messages:
                self._pass_on(messages.popleft())
        except Exception as error:
            self._broke(error)

    def _pass_on(self, message: dict[str, Any]) -> None:
        if "user" in message:
            self._forward_private(message)
        elif self._market_data.wants(message["group"]):
            self._send_queue.put_all(message["frames"])
            if self._send_queue.waiting_since is not None:
                self._market_data.look_at_reader()

    def _forward_private(self, message: dict[str, Any]) -> None:
        """What is for a user alone: it may have been sent before they logged out, or told by `resume` already."""
        if self._session.user_id != message["user"]:
            return
        if message["last_seq"] <= self._resume.told(message.get("market")):
            return
        wants_trade, knows_money = self._subscriptions.wants_trade, message.get("market") in self._session.named
        self._send_queue.put_all(
            [
                frame
                for tag, frame in message["frames"]
                if tag is None or (knows_money if tag == MONEY else wants_trade(tag))
            ]
        )

    # -- in

    async def _read(self, receive: Any) -> None:
        """Frames in, until the client is gone."""
        while True:
            self._waits = True
            message = await receive()
            self._waits = False
            if message["type"] == "websocket.disconnect":
                return
            self.heard_at = self._time()
            if not self._send_queue.closing:  # nobody could be told what became of it
                await self._take(message.get("text"))

    def hear(self, text: str) -> bool:
        """An order, as the server has read it, while `_read` waits. False where more than the engine must be waited
        for, and nothing was done then: it is to be received, as all else."""
        hears = self._waits and self._send_queue.close_code is None and len(text) <= self._services.max_frame
        if not hears or self._bucket.pause(self.heard_at) or not self._orders.hear(text, self.heard_at):
            return False
        self._bucket.take(1)
        return True

    async def _take(self, text: str | None) -> None:
        """One frame. Whatever is wrong with it or with us, it gets an answer and the connection lives."""
        wait = self._bucket.wait(self.heard_at)
        try:
            message = protocol.decode_frame(text, self._services.max_frame)
        except protocol.ProtocolError as error:
            refusal = self._too_many_frames() if wait else Refused(error.code, error.detail)
            await self._responder.refuse(refusal, error.request_id, pause(wait))
            return
        if wait:
            await self._responder.refuse_message(message, self._too_many_frames(), pause(wait))
            return
        try:
            await self._serve(message)
        except Exception:
            logger.exception("connection %d: a frame could not be handled", self._number)
            await self._responder.refuse_message(message, FAILED)

    def _too_many_frames(self) -> Refused:
        return too_fast("frames", self._limiter.limits.frames_per_second)

    async def _serve(self, message: protocol.ClientMessage) -> None:
        if isinstance(message, protocol.EngineMessage):
            await self._orders.trade(message, self.heard_at)
        else:
            await self._replies.settled()
            if isinstance(message, protocol.Asking) or self._asks_again(message):
                limiter, asked = self._limiter, (self._session.user_id, self._session.address, self.heard_at)
                wait = await limiter.request_anywhere(*asked) if limiter.is_shared else limiter.request(*asked)
                if wait:
                    refusal = too_fast("requests", self._limiter.limits.requests_per_second)
                    await self._responder.refuse_message(message, refusal, pause(wait))
                    return
            await self._other(message)

    def _asks_again(self, message: protocol.OtherMessage) -> bool:
        """Each `auth` is looked up; the first of a connection is free, for that many come at once after a restart."""
        return isinstance(message, protocol.Auth) and self._session.asked_before

    async def _other(self, message: protocol.OtherMessage) -> None:
        match message:
            case protocol.Ping():
                self._responder.send(protocol.PongFrame(request_id=message.request_id))
            case protocol.Pong():
                pass
            case protocol.Auth():
                await self._authentication.authenticate(message, self.heard_at)
                self._services.board.tell(self)
            case protocol.Logout():
                await self._authentication.log_out(message)
                self._services.board.tell(self)
            case protocol.SetSession():
                await self._authentication.set_session(message)
            case protocol.Resume():
                await self._resume.resume(message)
            case protocol.Subscribe() | protocol.Unsubscribe():
                await self._subscribing.change(message)
            case _:
                await self._queries.answer(message)
