"""What REST needs of the exchange: what a connection of the socket is given has it all."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from trading import protocol
from trading.access.rate_limits import RateLimiter
from trading.access.token_monitor import TokenMonitor
from trading.reads.markets import Markets
from trading.reads.readers import Read, Readers
from trading.transport.gateway import Gateway

Answer = protocol.QueryResponse | protocol.Error


class PublicAnswer(Protocol):
    """Answers queries of the market."""

    async def answer(self, query: protocol.PublicQuery, read: Read) -> Answer:
        """As of now; `read` gives a turn at the tables."""


class BookAway(Exception):
    """Whoever keeps the books cannot be asked just now."""


class Services(Protocol):
    """`clock` tells Unix milliseconds, `address_of` where a scope comes from; `book`: the book of an instrument as a
    frame, None if it is unknown; raises BookAway."""

    @property
    def markets(self) -> Markets: ...
    @property
    def gateway(self) -> Gateway: ...
    @property
    def limiter(self) -> RateLimiter: ...
    @property
    def tokens(self) -> TokenMonitor: ...
    @property
    def address_of(self) -> Callable[[dict[str, Any]], str]: ...
    @property
    def clock(self) -> Callable[[], int]: ...
    @property
    def book(self) -> Callable[[str], Awaitable[str | None]]: ...
    @property
    def readers(self) -> Readers: ...
    @property
    def public_answer(self) -> PublicAnswer: ...
