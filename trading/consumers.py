"""The socket: decode, hand in, forward. Two plain loops a connection instead of the stock dispatcher, which costs two
tasks and a thread hop for every message. Decides nothing: rules are in the engine, words in the protocol.
"""

import asyncio
import logging
from typing import Any, Protocol, assert_never
from urllib.parse import parse_qs

import msgspec
from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async

from trading import groups, protocol, queries, selectors
from trading.answers import Answers, Slot
from trading.core.codes import Code
from trading.core.events import Event, Refused
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
FAILED = "The exchange failed on this message; nothing was done"


class MarketData(Protocol):
    """The present state of public market data, as ready frames."""

    def orderbook(self, instrument_id: str) -> str | None: ...

    def ticker(self, instrument_id: str) -> str | None: ...


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection needs of the exchange. `frames_per_second` is None where rates are not limited."""

    gateway: Gateway
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
        self._channel = ""
        self._too_fast = f"{Code.TOO_FAST.text}: at most {venue.frames_per_second} a second"
        self._tasks: set[asyncio.Task[None]] = set()
        self.heard_at = 0.0

    # -- life

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        self._claimed_user = _user_in_url(scope)
        self._subscriptions = Subscriptions(all_trades=self._claimed_user is not None)
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
        for task in list(self._tasks):
            task.cancel()
        for channel, instrument_id in self._subscriptions.public:
            await self._venue.layer.group_discard(GROUPS[channel](instrument_id), self._channel)
        if self._identity is not None:
            await self._venue.layer.group_discard(groups.user_group(self._identity.user_id), self._channel)

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
                for tag, frame in message["frames"]:
                    if tag is None or wants_trade(tag):
                        outbox.add(frame)
                await outbox.flush(send)
        except ChannelOverflow:
            self.close(SLOW_CLOSE)

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
            await self._refuse_message(message, Refused(Code.UNAVAILABLE, FAILED))

    def _decode(self, text: str | None) -> protocol.ClientMessage:
        if text is None:
            detail = "Malformed message: binary frames are not taken, send JSON text"
            raise protocol.ProtocolError(Code.MALFORMED, detail)
        if len(text) > self._venue.max_frame:
            detail = f"Malformed message: a frame has at most {self._venue.max_frame} characters"
            raise protocol.ProtocolError(Code.MALFORMED, detail)
        return protocol.decode(text)

    async def _serve(self, message: protocol.ClientMessage) -> None:
        if isinstance(message, protocol.OrderMessage):
            await self._order(message)
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
            case protocol.Subscribe() | protocol.Unsubscribe():
                await self._change_subscriptions(message)
            case protocol.QueryAccount() | protocol.QueryPosition() | protocol.QueryOrder():
                await self._query(message)
            case _:
                assert_never(message)

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
        """Refusals of orders and cancels are order responses, of everything else errors."""
        if isinstance(message, protocol.OrderMessage):
            await self._answers.settled()
            self._send(protocol.order_response(refusal, message.request_id, _client_id(message), retry_after))
        else:
            await self._refuse(refusal.code, refusal.detail, message.request_id, retry_after)

    # -- orders

    async def _order(self, message: protocol.OrderMessage) -> None:
        """To the engine, if it can be a command; the answer takes its place in the order of requests."""
        if self._identity is None:
            await self._refuse_message(message, NOT_AUTHENTICATED)
            return
        account_id = self._identity.account_id or await self._find_account(self._identity)
        command = NO_ACCOUNT if account_id is None else protocol.to_command(message, account_id)
        if isinstance(command, Refused):
            await self._refuse_message(message, command)
            return
        slot = self._answers.reserve()
        try:
            self._venue.gateway.submit(command, lambda event: self._answer_order(slot, message, event))
        except Exception:
            logger.exception("an order could not be handed in")
            self._answer_order(slot, message, Refused(Code.UNAVAILABLE, FAILED))

    async def _find_account(self, identity: selectors.Identity) -> int | None:
        """The account may have been opened after the user signed in."""
        account_id: int | None = await database_sync_to_async(selectors.account_id)(user_id=identity.user_id)
        self._identity = selectors.Identity(identity.user_id, account_id)
        return account_id

    def _answer_order(self, slot: Slot, message: protocol.OrderMessage, event: Event) -> None:
        if isinstance(message, protocol.CancelOrder) and _is_unknown(event) and self._identity is not None:
            self._start(self._answer_unknown(slot, message, self._identity))
        else:
            self._fill(slot, message, event)

    def _fill(self, slot: Slot, message: protocol.OrderMessage, event: Event) -> None:
        response = protocol.order_response(event, message.request_id, _client_id(message))
        self._answers.fill(slot, protocol.encode(response))

    async def _answer_unknown(self, slot: Slot, message: protocol.CancelOrder, identity: selectors.Identity) -> None:
        """The engine knows live orders only; the rows tell an own order that is finished from one that never was."""
        event = Refused(Code.ORDER_NOT_FOUND, Code.ORDER_NOT_FOUND.text)
        number = protocol.order_number(message.order_id)
        try:
            if number is not None and identity.account_id is not None:
                finished = database_sync_to_async(selectors.order_is_finished)
                if await finished(account_id=identity.account_id, number=number):
                    event = Refused(Code.ORDER_FINISHED, Code.ORDER_FINISHED.text)
        except Exception:
            logger.exception("an order could not be looked up")
        self._fill(slot, message, event)

    # -- everything else

    async def _authenticate(self, message: protocol.Auth) -> None:
        identity = None
        if self._may_become(message.user_id):
            check = database_sync_to_async(selectors.identity_of_token)
            identity = await check(user_id=message.user_id, token=message.token)
        self._send(
            protocol.AuthResponse(
                success=identity is not None,
                user_id=identity.user_id if identity else "",
                message="Authentication successful" if identity else "Invalid credentials",
                request_id=message.request_id,
            )
        )
        if identity is not None:
            self._identity = identity
            await self._venue.layer.group_add(groups.user_group(identity.user_id), self._channel)

    def _may_become(self, user_id: str) -> bool:
        """A connection belongs to one user: the one it named in its URL, or the first that authenticated."""
        wanted = self._identity.user_id if self._identity else self._claimed_user
        return wanted is None or wanted == user_id

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

    async def _query(self, message: queries.Query) -> None:
        if self._identity is None:
            await self._refuse_message(message, NOT_AUTHENTICATED)
        else:
            self._send(await database_sync_to_async(queries.answer)(self._identity.user_id, message))


def _user_in_url(scope: dict[str, Any]) -> str | None:
    """The `user_id` of the query string: a wish, never a right."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query["user_id"][0] if "user_id" in query else None


def _client_id(message: protocol.OrderMessage) -> str | None:
    return message.client_order_id if isinstance(message, protocol.SubmitOrder) else None


def _is_unknown(event: Event) -> bool:
    return isinstance(event, Refused) and event.code is Code.ORDER_NOT_FOUND
