"""Orders, amendments and cancels: to the engine, for an account."""

from trading import protocol
from trading.access.rate_limits import RateLimiter
from trading.access.refusals import NO_ACCOUNT, NOT_AUTHENTICATED, READ_ONLY, pause, too_fast
from trading.reads.markets import Markets
from trading.reads.readers import Read
from trading.websocket.order_entry import OrderEntry
from trading.websocket.session import Session


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

    async def trade(self, message: protocol.EngineMessage, now: float) -> None:
        identity = self._session.identity
        if identity is None or not identity.may_trade:
            self._order_entry.refuse(message, NOT_AUTHENTICATED if identity is None else READ_ONLY)
            return
        limiter, asked = self._limiter, (identity.user_id, len(protocol.items_of(message)), now)
        wait = await limiter.orders_anywhere(*asked) if limiter.is_shared else limiter.orders(*asked)
        if wait:
            refusal = too_fast("orders", self._limiter.limits.orders_per_second)
            self._order_entry.refuse(message, refusal, pause(wait))
            return
        if self._markets.several:
            await self._trade_at(message, identity.user_id)
            return
        account_id = identity.account_id or await self._session.account_id()
        if account_id is None:
            self._order_entry.refuse(message, NO_ACCOUNT)
        else:
            self._order_entry.hand_in(message, account_id)

    async def _trade_at(self, message: protocol.EngineMessage, user_id: str) -> None:
        """Hand in what goes to the market that each item is about."""
        items = protocol.items_of(message)
        ways = self._markets.ways_known(user_id, items)
        if ways is None:
            ways = await self._read(self._markets.ways, user_id=user_id, items=items)
        self._order_entry.hand_in_at(message, ways)
