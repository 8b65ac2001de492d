"""What all bots do: sign in, learn what there is, look around now and then, and leave nothing behind."""

import asyncio
import logging
import random
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from bots.client import Busy, Connection, Lost, stay_connected
from bots.frames import AUCTION, CONTINUOUS, DELISTED, Frame, refusals
from bots.portfolio import Instrument, Portfolio
from bots.world import Identity, World

logger = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""Between two looks at instruments, positions and money."""
STALE_SECONDS = 0.5
"""... and at the soonest, when something has happened."""
DEAD_MAN_SECONDS = 45
"""So long the exchange keeps the orders of a bot that it does not hear from."""
LEAVE_SECONDS = 2.0
"""What a bot that stops may take to cancel its orders."""
PAGE = 200
"""Orders in one answer."""
CLOSED_ACCOUNT, CLOSED_SECONDS = 1012, 5.0
"""The code of an account that is frozen or being liquidated, and the pause that follows."""
FULL, EMPTY = 0.5, 0.1
"""The shares of the money that must be available for trading as usual, and for opening anything at all."""


def appetite(balance: float, available: float) -> float:
    """How much of its usual activity a bot can afford: 1 with plenty of money, 0 when it should only close."""
    if balance <= 0:
        return 0.0
    return min(max((available / balance - EMPTY) / (FULL - EMPTY), 0.0), 1.0)


class Bot:
    """One user of the exchange with one connection at a time. What it does there is its `act`."""

    def __init__(self, identity: Identity, world: World) -> None:
        self.identity = identity
        self.world = world
        self.dice = random.Random(f"{world.seed} {identity.user_id}")
        self.portfolio = Portfolio()
        self._connection: Connection | None = None
        self._watched: set[str] = set()
        self._looked_at = 0.0
        self._poor = False
        self.traded = asyncio.Event()
        """Set when an order of the bot's own has traded."""

    async def run(self) -> None:
        """Trade until cancelled; then cancel all orders."""
        await stay_connected(self.world.url, self.identity.user_id, self.identity.token, self._hear, self._session)

    # -- for those that act

    async def begin(self) -> None:
        """Take in hand what an earlier connection has left."""
        raise NotImplementedError

    async def act(self) -> None:
        """One step. Must return now and then."""
        raise NotImplementedError

    async def ask(self, kind: str, **fields: Any) -> Frame:
        assert self._connection is not None, "a bot acts while it is connected"
        answer = await self._connection.ask(kind, **fields)
        if CLOSED_ACCOUNT in refusals(answer):
            raise Busy(CLOSED_SECONDS)
        return answer

    @property
    def appetite(self) -> float:
        return appetite(self.portfolio.balance, self.portfolio.available)

    def tradable(self) -> dict[str, Instrument]:
        """What takes orders now."""
        phases, instruments = self.portfolio.phases, self.portfolio.instruments
        return {name: instruments[name] for name in sorted(self._watched) if phases[name] in (CONTINUOUS, AUCTION)}

    async def find_orders(self) -> None:
        """Ask for the orders that live, page by page."""
        self.portfolio.orders.clear()
        before: dict[str, str] = {}
        while True:
            answer = await self.ask("query_orders", status="LIVE", limit=PAGE, **before)
            if answer["data"]["next"] is None:
                return
            before = {"before": answer["data"]["next"]}

    # -- life

    def _hear(self, frame: Frame, request: Frame | None) -> None:
        self.portfolio.hear(frame, request)
        if frame["type"] == "trade":
            self.traded.set()

    async def _session(self, connection: Connection) -> None:
        self._connection = connection
        self._watched.clear()
        try:
            await self._look()
            await self.begin()
            while True:
                await self._turn()
        finally:
            await self._leave()

    async def _turn(self) -> None:
        try:
            pause = STALE_SECONDS if self.portfolio.stale else LOOK_SECONDS
            if asyncio.get_running_loop().time() - self._looked_at >= pause:
                await self._look()
            await self.act()
        except Busy as busy:
            await asyncio.sleep(busy.seconds)

    async def _leave(self) -> None:
        with suppress(Lost, Busy, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.ask("cancel_all")

    # -- looking around

    async def _look(self) -> None:
        """Renew the dead man's switch, and correct whatever the frames did not tell."""
        self._looked_at = asyncio.get_running_loop().time()
        self.portfolio.stale = False
        await self.ask("cancel_after", timeout_ms=1000 * DEAD_MAN_SECONDS)
        for query in ("query_instruments", "query_position", "query_account"):
            await self.ask(query)
        await self._watch(self.portfolio.instruments.values())
        self._tell_money()

    async def _watch(self, instruments: Iterable[Instrument]) -> None:
        """Follow the books of all instruments that are wanted and trade, or will trade again."""
        wanted = [
            each
            for each in instruments
            if (not self.world.only or each.instrument_id in self.world.only)
            and self.portfolio.phases[each.instrument_id] != DELISTED
        ]
        for each in wanted:
            self.world.learn(each)
        fresh = [each.instrument_id for each in wanted if each.instrument_id not in self._watched]
        if fresh:
            await self.ask("subscribe", channels=["orderbook"], instruments=fresh)
            self._watched.update(fresh)

    def _tell_money(self) -> None:
        """A line in the log when money begins to run out, and when there is enough again."""
        poor = self.appetite < 1
        if poor is not self._poor:
            self._poor = poor
            available = f"{self.portfolio.available:,.2f} of {self.portfolio.balance:,.2f}"
            logger.warning(
                "%s has %s available and trades %s", self.identity.user_id, available, "less" if poor else "as usual"
            )
