"""An engine beside the test, as a server would run it: it holds the market's lock and does what operators ask."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models.signals import post_save

from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder
from trading.models import OperatorCommand
from trading.observability.counters import Counters
from trading.storage.engine_lock import engine_lock
from trading.storage.store import Store
from trading.transport.in_process import InProcessQueue
from trading.worker.worker import Worker

LOOK_SECONDS = 0.05
"""It is woken when something is asked; it looks by itself as well, for what is asked in other ways."""


class _Ours:
    """The lock of whoever has it already, for each of his stores."""

    shared = False
    sure = True

    def acquire(self) -> bool:
        return True

    def held(self) -> bool:
        return True

    def taken(self) -> bool:
        return True

    def awaited(self) -> bool:
        return True

    def release(self) -> None:
        pass

    def decide(self) -> None:
        pass

    def beat(self) -> bool:
        return False

    def stand_by(self) -> None:
        pass


class EngineBeside:
    """`busy`: it has the lock and takes nothing."""

    def __init__(self, market: str) -> None:
        self.busy = False
        self._market = market
        self._started, self._wake = threading.Event(), threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine beside")
        self._failed: BaseException | None = None

    def start(self) -> None:
        post_save.connect(self._asked, sender=OperatorCommand, weak=False)
        self._thread.start()
        assert self._started.wait(20)

    def stop(self) -> None:
        post_save.disconnect(self._asked, sender=OperatorCommand)
        self._stopping = True
        self._wake.set()
        self._thread.join(20)
        if self._failed is not None:
            raise self._failed

    def _asked(self, **_: Any) -> None:
        transaction.on_commit(self._wake.set)

    def _run(self) -> None:
        lock = engine_lock(self._market)
        try:
            assert lock.acquire(), "another engine runs"
            self._started.set()
            while not self._stopping:
                self._wake.wait(LOOK_SECONDS)
                self._wake.clear()
                if not self.busy and OperatorCommand.objects.filter(status=OperatorCommand.Status.PENDING).exists():
                    asyncio.run(self._serve())
        except BaseException as error:
            self._failed = error
        finally:
            self._started.set()
            lock.release()
            connection.close()

    async def _serve(self) -> None:
        """It loads each time: tests write between."""
        worker = Worker(
            queue=InProcessQueue(1),
            store=Store(self._market, lock=_Ours()),
            pushes=PushEncoder(InProcessLayer()),
            listeners=[],
            clock=lambda: time.time_ns() // 1_000_000,
            counters=Counters(),
        )
        try:
            assert await worker.start()
            await worker.drain_operators()
        finally:
            await worker.close()


@contextmanager
def engine_beside(market: str = "MAIN") -> Iterator[EngineBeside]:
    engine = EngineBeside(market)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()
