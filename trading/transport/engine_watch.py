"""Whether an engine in another process takes orders, as far as a gateway can know: by its beats."""

import asyncio
import logging
from math import inf

from trading.transport.gateway import Gateway

logger = logging.getLogger(__name__)

LOST_SECONDS = 2.0
"""Of silence, after which nothing is taken any more. Beats come several times a second; a standby takes over sooner."""
SILENT = "No engine of market {market} is heard; this gateway takes no orders until one is."
STARTING = "This gateway has not heard of an engine yet."


class EngineWatch:
    """Opens and closes the gateway of one market. `run` is to be kept going."""

    def __init__(self, gateway: Gateway, market: str, lost_seconds: float = LOST_SECONDS) -> None:
        self._gateway = gateway
        self._market = market
        self._lost_seconds = lost_seconds
        self._heard_at: float | None = None
        self._serving, self._served_at = "", -inf
        """The engine that has said last that it takes orders, and when."""
        self.decided = asyncio.Event()
        """Set when it is known for the first time whether orders are taken."""
        gateway.close(STARTING)

    def heard(self, engine: str, closed: str | None) -> bool:
        """A beat has come; `closed`: why the engine takes nothing. False where its word does not count: one that is cut
        off from the database cannot know that another has taken its place, and that one is heard."""
        now = asyncio.get_running_loop().time()
        if closed is None:
            self._serving, self._served_at = engine, now
        elif engine == self._serving:
            self._served_at = -inf
        elif now - self._served_at < self._lost_seconds:
            return False
        self._heard_at = now
        if closed is not None:
            self._close(closed)
        elif self._gateway.closed_because is not None:
            logger.warning("the engine of market %s is heard", self._market)
            self._gateway.open()
        self.decided.set()
        return True

    async def run(self) -> None:
        """Close the gateway when the engine falls silent, until cancelled."""
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        while True:
            await asyncio.sleep(self._lost_seconds / 10)
            if loop.time() - self._heard_at >= self._lost_seconds:
                self._close(SILENT.format(market=self._market))
                self.decided.set()

    def _close(self, reason: str) -> None:
        if self._gateway.closed_because != reason:
            logger.warning(reason)
            self._gateway.close(reason)
