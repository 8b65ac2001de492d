"""Orders, amendments and cancels: to the engine, for an account."""

import logging

from trading import protocol
from trading.access.rate_limits import RateLimiter
from trading.access.refusals import FAILED, NO_ACCOUNT, NOT_AUTHENTICATED, READ_ONLY, pause, too_fast
from trading.reads.markets import Markets
from trading.reads.readers import Read
from trading.websocket.order_entry import OrderEntry
from trading.websocket.session import Session

logger = logging.getLogger(__name__)


class OrderHandler:
    """Hands in what the user may ask; each item of a batch counts as an order."""

    __slots__ = ("_limiter", "_markets", "_order_entry", "_read", "_session")

    def __init__(
        self, session: Session, limiter: RateLimiter, order_entry: OrderEntry, markets: Markets, read: Read
    ) -> None:
        self._markets = markets
        self._read = read
        self._session = session
        self._limiter = limiter
        self._order_entry = order_entry

    def hear(self, text: str, now: float) -> bool:
        """Do as `trade_at_once` with a frame that is for the engine. False of any other, and of one that cannot be
        read."""
        try:
            message = protocol.decode(text)
        except protocol.ProtocolError:
            return False
        if not isinstance(message, protocol.EngineMessage):
            return False
        try:
            return self.trade_at_once(message, now)
        except Exception:
            logger.exception("an order could not be handled")
            self._order_entry.refuse(message, FAILED)
            return True

    def trade_at_once(self, message: protocol.EngineMessage, now: float) -> bool:
        """Hand in, or refuse, what needs no waiting. False where it might, and then nothing was done: use `trade`."""
        identity, limiter = self._session.identity, self._limiter
        if identity is None or not identity.may_trade or limiter.is_shared or self._markets.several:
            return False
        if identity.account_id is None:
            return False
        wait = limiter.orders(identity.user_id, len(protocol.items_of(message)), now)
        if wait:
            self._refuse_haste(message, wait)
        else:
            self._order_entry.hand_in(message, identity.account_id)
        return True

    async def trade(self, message: protocol.EngineMessage, now: float) -> None:
        if self.trade_at_once(message, now):
            return
        identity = self._session.identity
        if identity is None or not identity.may_trade:
            self._order_entry.refuse(message, NOT_AUTHENTICATED if identity is None else READ_ONLY)
            return
        limiter, asked = self._limiter, (identity.user_id, len(protocol.items_of(message)), now)
        wait = await limiter.orders_anywhere(*asked) if limiter.is_shared else limiter.orders(*asked)
        if wait:
            self._refuse_haste(message, wait)
            return
        if self._markets.several:
            await self._trade_at(message, identity.user_id)
            return
        account_id = identity.account_id or await self._session.account_id()
        if account_id is None:
            self._order_entry.refuse(message, NO_ACCOUNT)
        else:
            self._order_entry.hand_in(message, account_id)

    def _refuse_haste(self, message: protocol.EngineMessage, wait: float) -> None:
        refusal = too_fast("orders", self._limiter.limits.orders_per_second)
        self._order_entry.refuse(message, refusal, pause(wait))

    async def _trade_at(self, message: protocol.EngineMessage, user_id: str) -> None:
        """Hand in what goes to the market that each item is about."""
        items = protocol.items_of(message)
        ways = self._markets.ways_known(user_id, items)
        if ways is None:
            ways = await self._read(self._markets.ways, user_id=user_id, items=items)
        self._order_entry.hand_in_at(message, ways)
