"""Keeps the market's engine going in a server: waits while another process is the engine, loads, serves, steps back
when another has taken the market over, and comes back when it can.

It decides when the gateway is open. What the engine does is the worker's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from trading.transport.gateway import Gateway
from trading.worker.batch import FilesReplaced, HandedOver, Superseded
from trading.worker.worker import Worker

logger = logging.getLogger(__name__)

ATTEMPTS, PAUSE = 10, 0.1
"""A second of patience with a shell command that is the engine just now, before anybody is told to wait; then a look
every so many seconds. Whoever follows looks more often (`follower.py`)."""
ACCESS_PAUSE = 2.0
"""Seconds until a database that could not be used is looked for again."""
HAND_OVER_SECONDS = 10.0
"""The most that whoever stands by may take to become the engine, before this process may be it again. They are there,
or nobody would be asked to hand over; on a busy machine they may be slow."""
SETTLING_SECONDS = 0.5
"""After a hand-over, until the books are loaded to stand by: the new engine's first orders need the processor more."""

LOADING = "The books are being loaded."
ELSEWHERE = (
    "Another process runs the engine of market {market} on this database; this server takes no orders until it ends."
)


class Finding(Protocol):
    """What speaks against a start."""

    @property
    def check(self) -> str:
        """Its name, for everybody."""

    @property
    def may_pass(self) -> bool:
        """Whether trying again may help."""


class EngineKeeper:
    """`prepare` is called when the books are loaded, before orders are taken; `diagnose` says what an error of the
    start means; `on_warm` is called once, when there are books that follow another engine."""

    def __init__(
        self,
        worker: Worker,
        gateway: Gateway,
        market: str,
        *,
        prepare: Callable[[], Awaitable[None]],
        diagnose: Callable[[Exception], Finding],
        on_warm: Callable[[], None] = lambda: None,
    ) -> None:
        self._worker = worker
        self._gateway = gateway
        self._market = market
        self._prepare = prepare
        self._diagnose = diagnose
        self._on_warm = on_warm
        self._loaded = self._warm = self._follows = False
        self._said = ""
        self._stopping = asyncio.Event()
        self.decided = asyncio.Event()
        """Set when it is known for the first time whether orders are taken."""

    @property
    def not_ready_because(self) -> str | None:
        """Why no order is taken just now; None when orders are."""
        return self._gateway.closed_because or (self._worker.trouble if self._loaded else LOADING)

    @property
    def warm(self) -> bool:
        """Whether it has followed another engine before."""
        return self._warm

    @property
    def stands_by(self) -> bool:
        """Whether it follows another engine just now."""
        return self._follows

    def stop(self, reason: str) -> None:
        """Let `run` end after the present turn."""
        self._gateway.close(reason)
        self._stopping.set()
        self._worker.stop()

    async def run(self) -> None:
        """Be the engine whenever no other process is, until told to stop or unfit to go on."""
        try:
            while await self._become_engine():
                if not await self._serve():
                    return
        finally:
            self.decided.set()
            await self._worker.release()

    # -- to the engine

    async def _become_engine(self) -> bool:
        """Wait until the market is this server's, with its books loaded. False at the end, or where nothing helps."""
        waited = 0.0
        while not self._stopping.is_set():
            try:
                if await self._worker.start():
                    self._follows = False
                    await self._prepare()
                    self._open()
                    return True
                if waited >= ATTEMPTS * PAUSE:
                    self._wait_for_other()
                pause = await self._follow()
            except Exception as error:
                await self._worker.release()
                if not self._refuse_to_start(error):
                    return False
                pause = ACCESS_PAUSE
            waited += pause
            await self._sleep(pause)
        return False

    async def _follow(self) -> float:
        """Keep warm books of the market that another process runs, where that can be. Seconds until the next look."""
        pause = await self._worker.follow()
        if pause is None:
            return PAUSE
        if not self._warm:
            self._on_warm()
        if not self._follows:
            self._warm = self._follows = True
            logger.info("this server stands by for market %s, with warm books", self._market)
        return pause

    def _open(self) -> None:
        self._loaded = True
        if not self._stopping.is_set():
            if self._said:
                logger.warning("this server runs the engine of market %s now", self._market)
            self._said = ""
            self._gateway.open()
        self.decided.set()

    def _wait_for_other(self) -> None:
        if self._gateway.closed_because is None:
            self._close(ELSEWHERE.format(market=self._market), logging.WARNING)
        self.decided.set()

    def _refuse_to_start(self, error: Exception) -> bool:
        """The log says what was found and what to do, everybody else which check it was. True when trying again may
        help; that is said once."""
        found = self._diagnose(error)
        reason = f"The engine did not start: check {found.check} failed; see the server's log."
        if self._said != reason:
            known: object = found
            cause = None if known is error else error
            logger.critical("the market cannot be loaded: %s", found, exc_info=cause)
            self._say(reason)
        self.decided.set()
        return found.may_pass

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # -- and away from it

    async def _serve(self) -> bool:
        """Be the engine. True when it has stepped back for another one, and may come back."""
        try:
            await self._worker.run()
        except Superseded as error:
            self._close(f"The engine stopped: {error}; this server waits until it can go on.", logging.CRITICAL)
            await self._worker.release()
            return True
        except HandedOver:
            self._close(ELSEWHERE.format(market=self._market), logging.WARNING)
            await self._worker.release()
            await self._leave()
            return True
        except FilesReplaced as error:
            logger.critical("The engine stopped: %s", error)  # where the file is, is nobody else's business
            self._say("The engine stopped: a file of its database was removed or replaced; see the server's log.")
        except Exception:
            logger.exception("the engine stopped")
            self._close("The engine stopped; see the server's log.", logging.CRITICAL)
        return False

    async def _leave(self) -> None:
        """Until another process is the engine, or nobody has become it."""
        clock = asyncio.get_running_loop().time
        latest = clock() + HAND_OVER_SECONDS
        while clock() < latest and not self._stopping.is_set():
            if await self._worker.another_is_engine():
                await self._sleep(SETTLING_SECONDS)
                return
            await self._sleep(PAUSE)

    def _close(self, reason: str, level: int) -> None:
        logger.log(level, reason)
        self._say(reason)

    def _say(self, reason: str) -> None:
        """A server that stops has closed its gateway with a reason of its own."""
        self._said = reason
        if not self._stopping.is_set():
            self._gateway.close(reason)
