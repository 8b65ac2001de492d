"""`subscribe` and `unsubscribe`: what a connection wants to hear, if it may."""

from trading import protocol
from trading.access.refusals import NOT_AUTHENTICATED
from trading.core.codes import Code
from trading.core.events import Refused
from trading.delivery.channel_groups import PORTFOLIO
from trading.reads.markets import Markets
from trading.reads.readers import Read
from trading.transport.gateway import Gateway
from trading.websocket.announcement_board import CHANNEL, AnnouncementBoard, Reader
from trading.websocket.handlers.responder import Responder
from trading.websocket.market_subscriptions import MarketSubscriptions, Pair
from trading.websocket.session import Session
from trading.websocket.subscriptions import CHANNELS, MARKET_CHANNELS, PRIVATE_CHANNELS, PUBLIC_CHANNELS, Subscriptions


class SubscriptionHandler:
    """Checks a request, notes it, and follows or leaves the market data: what is followed comes behind the answer,
    what is left ends before it. `most`: pairs of an instrument and a channel
    of a connection. A market that is closed gives no market data."""

    __slots__ = (
        *("_board", "_gateway", "_market_data", "_markets", "_most", "_read", "_reader", "_responder", "_session"),
        "_subscriptions",
    )

    def __init__(
        self,
        session: Session,
        subscriptions: Subscriptions,
        market_data: MarketSubscriptions,
        responder: Responder,
        read: Read,
        gateway: Gateway,
        markets: Markets,
        most: int,
        board: AnnouncementBoard,
        reader: Reader,
    ) -> None:
        self._session = session
        self._subscriptions = subscriptions
        self._market_data = market_data
        self._responder = responder
        self._read = read
        self._gateway = gateway
        self._markets = markets
        self._most = most
        self._board = board
        self._reader = reader

    async def change(self, message: protocol.Subscribe | protocol.Unsubscribe) -> None:
        if self._session.identity is None and any(channel in PRIVATE_CHANNELS for channel in message.channels):
            await self._responder.refuse_message(message, NOT_AUTHENTICATED)
            return
        wrong = await self._what_is_wrong(message)
        adding = isinstance(message, protocol.Subscribe)
        asked = message.channels, message.instruments, message.period
        own = self._own(message)
        if wrong is None and not adding:
            await self._market_data.unfollow(self._subscriptions.remove(*asked) | own)
            if CHANNEL in message.channels:
                self._board.remove(self._reader)
        self._responder.send(
            protocol.SubscribeResponse(
                success=wrong is None,
                channels=message.channels,
                instruments=message.instruments,
                message=wrong.detail if wrong else "Subscribed successfully" if adding else "Unsubscribed successfully",
                error_code=wrong.code if wrong else None,
                request_id=message.request_id,
            )
        )
        if wrong is None and adding:
            await self._market_data.follow(self._subscriptions.add(*asked) | own)
            if CHANNEL in message.channels:
                await self._board.add(self._reader)

    def _own(self, message: protocol.Subscribe | protocol.Unsubscribe) -> set[Pair]:
        """What of it is followed like market data, but is the user's alone."""
        user_id = self._session.user_id
        return {(PORTFOLIO, user_id)} if user_id is not None and PORTFOLIO in message.channels else set()

    async def _what_is_wrong(self, message: protocol.Subscribe | protocol.Unsubscribe) -> Refused | None:
        """What is wrong with the request, in one sentence that names it; or None."""
        unknown = [channel for channel in message.channels if channel not in CHANNELS]
        if unknown:
            return Refused(Code.MALFORMED, f"Unknown channel {', '.join(unknown)}")
        if not message.channels:
            return Refused(Code.MALFORMED, "Name at least one channel")
        listed = await self._read(self._markets.of_instruments, names=message.instruments)
        unknown = [name for name in message.instruments if name not in listed]
        if unknown:
            return Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {', '.join(unknown)}")
        public = [channel for channel in message.channels if channel in PUBLIC_CHANNELS]
        if not public or not isinstance(message, protocol.Subscribe):
            return None
        of_instruments = [channel for channel in public if channel not in MARKET_CHANNELS]
        if of_instruments and not message.instruments:
            return Refused(Code.MALFORMED, f"Name at least one instrument for {', '.join(of_instruments)}")
        if self._subscriptions.would_be(public, message.instruments, message.period) > self._most:
            many = f"Too many subscriptions: at most {self._most} of an instrument and a channel"
            return Refused(Code.LIMIT_REACHED, many)
        concerned = sorted(set(listed.values())) or [self._markets.first]
        closed = next(filter(None, map(self._gateway.closed_at, concerned)), None)
        return None if closed is None else Refused(Code.UNAVAILABLE, closed)
