"""A planned hand-over: the engine that runs finishes its batch and lets the market go; who stands by takes it.

Only where engines follow each other (PostgreSQL). Who asks holds a lock while they wait: no wish outlives them.
"""

import time
from collections.abc import Callable

import msgspec
from django.db import connections

from trading.models import Market
from trading.storage.engine_lock import HELD, lock_keys

LOOK_SECONDS = 0.01


class NotHandedOver(Exception):
    """Why the market has no other engine now than before."""


class HandOver(msgspec.Struct, frozen=True):
    """Epochs before and after."""

    before: int
    after: int


def hand_over(market: str, *, timeout: float = 10.0, using: str = "default") -> HandOver:
    """Wait until somebody stands by, ask, and wait until another engine has begun its epoch. NotHandedOver after
    `timeout` seconds, and then all is as before, or will be in a moment: an engine that has let go comes back where
    nobody else takes the market."""
    connection = connections[using]
    if connection.vendor == "sqlite":
        raise NotHandedOver("on SQLite no server stands by for another; stop the one that runs the engine")
    engine, standby, wish = lock_keys(market)
    with connection.cursor() as cursor:

        def ask(question: str, key: int) -> bool:
            cursor.execute(question, [key])
            return bool(cursor.fetchone() == (True,))

        if not ask(f"SELECT {HELD}", engine):
            raise NotHandedOver(f"no engine runs market {market}")
        deadline = time.monotonic() + timeout
        if not _until(lambda: ask(f"SELECT {HELD}", standby), deadline):  # whoever will may still load their books
            raise NotHandedOver(f"no other server stands by for market {market}")
        if not ask("SELECT pg_try_advisory_lock(%s)", wish):
            raise NotHandedOver("somebody else asks for the same just now")
        try:
            before = _epoch(market, using)
            if not _until(lambda: _epoch(market, using) != before, deadline):
                raise NotHandedOver(f"no other server has taken market {market} within {timeout:.0f} seconds")
            return HandOver(before, _epoch(market, using))
        finally:
            ask("SELECT pg_advisory_unlock(%s)", wish)


def _until(is_so: Callable[[], bool], deadline: float) -> bool:
    """Wait for something. False where it is not so until then."""
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _epoch(market: str, using: str) -> int:
    return Market.objects.using(using).values_list("epoch", flat=True).get(code=market)
