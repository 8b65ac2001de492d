"""What all bots do: sign in, learn what there is, look around now and then, and leave nothing behind. Their client
comes back by itself where the connection is lost."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from bourse_client import BourseError, Client, Missed, Refused
from bourse_client.errors import AccountFrozen

from bots.portfolio import AUCTION, CONTINUOUS, DELISTED, Instrument, Portfolio
from bots.world import Identity, World

T = TypeVar("T")
Beside = Callable[[Coroutine[Any, Any, None]], object]
"""Does work beside what goes on."""

logger = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""Between two looks at instruments, positions and money."""
STALE_SECONDS = 0.5
"""... and at the soonest, when something has happened."""
DEAD_MAN_SECONDS = 45
"""So long the exchange keeps the orders of a bot that it does not hear from."""
LEAVE_SECONDS = 2.0
"""What a bot that stops may take to cancel its orders."""
CLOSED_SECONDS = 5.0
"""The pause of a bot whose account is frozen or being liquidated."""
TROUBLE_SECONDS = 20.0
"""A connection that is lost for so long is worth a line in the log."""
FULL, EMPTY = 0.5, 0.1
"""The shares of the money that must be available for trading as usual, and for opening anything at all."""


def appetite(balance: float, available: float) -> float:
    """How much of its usual activity a bot can afford: 1 with plenty of money, 0 when it should only close."""
    if balance <= 0:
        return 0.0
    return min(max((available / balance - EMPTY) / (FULL - EMPTY), 0.0), 1.0)


class Bot:
    """One user of the exchange. What it does there is its `act`."""

    def __init__(self, identity: Identity, world: World, client: Client | None = None) -> None:
        """`client`: of this user; without one it makes its own."""
        self.identity = identity
        self.world = world
        self.dice = random.Random(f"{world.seed} {identity.user_id}")
        pauses = random.Random(identity.user_id)
        self.client = client or Client(
            world.url, identity.user_id, identity.token, patience=None, dice=pauses, hear_line=self._hear_line
        )
        self.portfolio = Portfolio(self.client)
        self._watched: set[str] = set()
        self._looked_at = 0.0
        self._poor = False
        self._closed = False
        self._worry: asyncio.TimerHandle | None = None
        self.traded = asyncio.Event()
        """Set when an order of the bot's own has traded."""

    async def run(self) -> None:
        """Trade until cancelled; then cancel all orders."""
        async with self.client, asyncio.TaskGroup() as group:
            group.create_task(self._hear())
            try:
                await self._look(group.create_task)
                await self.begin()
                while True:
                    await self._turn(group.create_task)
            finally:
                await self._leave()

    # -- for those that act

    async def begin(self) -> None:
        """Take in hand what an earlier run has left."""
        raise NotImplementedError

    async def act(self) -> None:
        """One step. Must return now and then."""
        raise NotImplementedError

    async def attempt(self, request: Awaitable[T]) -> T | None:
        """What comes of a request; nothing where it is refused. Refusals are counted."""
        try:
            answer = await request
        except Refused as refused:
            self._refused([refused.code])
            return None
        if isinstance(answer, dict):
            self._refused([each["error_code"] for each in answer.get("results", []) if each.get("error_code")])
        return answer

    def _refused(self, codes: list[int]) -> None:
        self.portfolio.refuse(codes)
        self._closed |= AccountFrozen.CODE in codes

    @property
    def appetite(self) -> float:
        return appetite(self.portfolio.balance, self.portfolio.available)

    def tradable(self) -> dict[str, Instrument]:
        """What takes orders now."""
        phases, instruments = self.portfolio.phases, self.portfolio.instruments
        return {name: instruments[name] for name in sorted(self._watched) if phases[name] in (CONTINUOUS, AUCTION)}

    # -- life

    async def _turn(self, beside: Beside) -> None:
        pause = STALE_SECONDS if self.portfolio.stale else LOOK_SECONDS
        if asyncio.get_running_loop().time() - self._looked_at >= pause:
            await self._look(beside)
        await self.act()
        if self._closed:
            self._closed = False
            await asyncio.sleep(CLOSED_SECONDS)

    async def _leave(self) -> None:
        with suppress(BourseError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.client.cancel_all()

    def _hear_line(self, is_connected: bool) -> None:
        if self._worry is not None:
            self._worry.cancel()
        if not is_connected:
            words = "%s cannot reach the exchange and keeps trying", self.identity.user_id
            self._worry = asyncio.get_running_loop().call_later(TROUBLE_SECONDS, logger.warning, *words)

    # -- hearing

    async def _hear(self) -> None:
        """What happens to the bot's own orders and money."""
        pushes = self.client.pushes()
        while True:
            try:
                async for push in pushes:
                    self.hear(push)
                return
            except Missed:
                self.portfolio.stale = True

    def hear(self, push: object) -> None:
        trades = self.portfolio.trades
        self.portfolio.hear(push)
        if self.portfolio.trades > trades:
            self.traded.set()

    async def _follow(self, name: str) -> None:
        """One book, as long as there is one."""
        try:
            async with self.client.books(name) as books:
                async for book in books:
                    self.portfolio.look_at(book)
        except Refused:  # It is not listed any more.
            self.portfolio.stale = True
        finally:
            self._watched.discard(name)

    # -- looking around

    async def _look(self, beside: Beside) -> None:
        """Renew the dead man's switch, learn what has changed, and follow what is new."""
        self._looked_at = asyncio.get_running_loop().time()
        await self.attempt(self.client.cancel_after(DEAD_MAN_SECONDS))
        self.portfolio.learn((await self.client.ask("query_instruments"))["data"]["instruments"])
        for name in self._fresh(self.portfolio.instruments.values()):
            self._watched.add(name)
            beside(self._follow(name))
        self._tell_money()

    def _fresh(self, instruments: Iterable[Instrument]) -> list[str]:
        """What is wanted, trades or will trade again, and is not followed yet."""
        wanted = [
            each
            for each in instruments
            if (not self.world.only or each.instrument_id in self.world.only)
            and self.portfolio.phases[each.instrument_id] != DELISTED
        ]
        for each in wanted:
            self.world.learn(each)
        return [each.instrument_id for each in wanted if each.instrument_id not in self._watched]

    def _tell_money(self) -> None:
        """A line in the log when money begins to run out, and when there is enough again."""
        poor = self.appetite < 1
        if poor is not self._poor:
            self._poor = poor
            available = f"{self.portfolio.available:,.2f} of {self.portfolio.balance:,.2f}"
            logger.warning(
                "%s has %s available and trades %s", self.identity.user_id, available, "less" if poor else "as usual"
            )
