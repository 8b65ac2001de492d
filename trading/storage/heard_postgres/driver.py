"""psycopg, with a bound for every wait.

The operating system ends a connection whose packets are lost. It knows nothing of one whose bytes arrive and go
nowhere: at a proxy whose other half is gone, at a server that is stopped. Whoever waits there would wait for ever.
"""

from collections.abc import Callable, Generator
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import *  # noqa: F403  # whatever Django finds in the driver
from psycopg import Error, OperationalError

SILENCE = 3.0
"""Seconds until a silent line is doubted: fewer than a gateway waits for an answer, so the true one is still told."""
LOOK_SECONDS = 2
"""For a second line to be there. The driver takes no less."""
NOT_FOR_A_LOOK = ("context", "cursor_factory")
"""What Django's connections have, and a plain question needs not."""
WORKS = (
    "SELECT pg_backend_pid() <> %s OR EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s"
    " AND state NOT LIKE 'idle%%' AND wait_event_type IS DISTINCT FROM 'Client')"
)
"""Whether the database does something for a session, and does not wait for more from it, or until it reads. Behind a
pooler, which numbers sessions in its own way, that cannot be found out."""


Wait = Generator[Any, Any, Any]
"""The driver's own: yields what it waits for, is sent what is ready, which may be nothing."""


class SilentLine(OperationalError):
    """A connection on which nothing comes any more."""


def heard(
    wait: Wait, silence: float, is_worked_for: Callable[[], bool], clock: Callable[[], float] = monotonic
) -> Wait:
    """What the driver waits for, while it is told now and then that nothing has come. SilentLine where nothing has come
    for `silence` seconds, and nobody works for the connection then."""
    doubted, since, ready = False, clock(), None
    while True:
        try:
            wanted = wait.send(ready)
        except StopIteration as end:
            return end.value
        ready = yield wanted
        if ready:
            doubted, since = False, clock()
        elif doubted:  # nor has anything come while the other line was asked
            raise SilentLine(
                f"PostgreSQL has said nothing for {clock() - since:.1f} s, and does nothing for this session"
            )
        elif clock() - since >= silence:
            doubted = not is_worked_for()
            since = since if doubted else clock()


class HeardConnection(psycopg.Connection[Any]):
    """Waits as long as the database works, however slow it is. Where nothing is heard for `silence` seconds, another
    connection is asked; if the database does nothing for this one, or does not answer there either, this one is closed:
    SilentLine. `silence` is an option of `connect`."""

    silence = SILENCE
    _words: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    @classmethod
    def connect(cls, *address: Any, **options: Any) -> Self:
        silence = options.pop("silence", SILENCE)
        made = super().connect(*address, **options)
        made.silence = silence
        made._words = address, {name: value for name, value in options.items() if name not in NOT_FOR_A_LOOK}
        return made

    def wait(self, gen: Wait, *args: Any, **options: Any) -> Any:
        try:
            return super().wait(heard(gen, self.silence, self._is_worked_for), *args, **options)
        except SilentLine:
            self.close()
            raise

    def _is_worked_for(self) -> bool:
        address, options = self._words
        options = {**options, "autocommit": True, "connect_timeout": LOOK_SECONDS}
        try:
            with _Look.connect(*address, silence=self.silence, **options) as look:
                return look.execute(WORKS, [look.info.backend_pid, self.info.backend_pid]).fetchone() == (True,)
        except Error:
            return False


class _Look(HeardConnection):
    """A second line. Where it is silent as well nobody is asked any more."""

    def _is_worked_for(self) -> bool:
        return False


connect = HeardConnection.connect
