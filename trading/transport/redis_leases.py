"""Which gateways live, and whose orders depend on connections of each: one row a gateway in Redis, written anew twice a
second. A row that does not change any more is that of a gateway that was lost, and its connections were lost with it.

No clock of one machine is compared with that of another: a row has a counter, and its readers look at their own clocks.
When somebody has signed in is told by the clock of Redis, which all can ask: a row is read up to half a second after it
was written, and a user who had come before a connection was lost must not count as one who is back.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two writes of a row, and two looks at all of them."""
LOST_SECONDS = 3.0
"""Without a change, after which a gateway counts as lost: six writes."""
RECENT_SECONDS = 10.0
"""How long a row tells of somebody who has signed in."""


class GatewayRow(msgspec.Struct, frozen=True):
    """`armed`: by account, after how many milliseconds its orders go when the connection is lost; `signed_in`: by
    account, the row that told it first and when its user has authenticated, of late (Unix seconds of Redis);
    `connected`: open connections, and how many of them have authenticated."""

    counter: int
    armed: dict[int, int]
    signed_in: dict[int, tuple[int, float]]
    connected: tuple[int, int] = (0, 0)


def _seconds(time: tuple[int, int]) -> float:
    """What Redis says to TIME."""
    return time[0] + time[1] / 1_000_000


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(GatewayRow)


class Timers(Protocol):
    """Countdowns of accounts; times are those of `clock`."""

    def begin(self, account_id: int, since: float, grace_ms: int) -> None:
        """A connection of the account was lost; it was last there at `since`."""

    def seen_elsewhere(self, account_id: int, at: float) -> None:
        """Its user has authenticated in another process, at `at`."""


class _Seen:
    """A gateway as a reader knows it: its last row, and since when it has not changed."""

    __slots__ = ("row", "since")

    def __init__(self, row: GatewayRow, since: float) -> None:
        self.row = row
        self.since = since


class GatewayTable:
    """The rows of one market. `timers` are told who has signed in elsewhere. `run` is to be kept going."""

    def __init__(self, redis: Redis, market: str, timers: Timers, clock: Callable[[], float] = monotonic) -> None:
        self._redis = redis
        self._key = f"bourse:{market}:gateways"
        self._timers = timers
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._blind = True

    async def run(self) -> None:
        """Look and look again, until cancelled."""
        while True:
            try:
                await self.turn()
                self._blind = False
            except (RedisError, OSError) as error:
                if not self._blind:
                    logger.warning("the table of gateways cannot be reached: %s", error)
                self._blind = True
            await asyncio.sleep(LOOK_SECONDS)

    async def turn(self) -> None:
        """Read all rows."""
        found: Any = await self._redis.hgetall(self._key)
        time: Any = await self._redis.time()
        now = self._clock()
        for name, row in ((key.decode(), _decoder.decode(data)) for key, data in found.items()):
            seen = self._seen.get(name)
            if seen is None or seen.row.counter != row.counter:
                self._seen[name] = _Seen(row, now)
                self._tell_signed_in(name, row, 0 if seen is None else seen.row.counter, now - _seconds(time))
        if self._blind:  # nobody could be seen for a while: that was no silence of theirs
            for seen in self._seen.values():
                seen.since = now

    def _tell_signed_in(self, name: str, row: GatewayRow, known: int, ahead: float) -> None:
        """`ahead`: what our clock shows more than that of Redis."""
        for account_id, (first, at) in row.signed_in.items():
            if first > known:
                self._timers.seen_elsewhere(account_id, at + ahead)


class Lease(GatewayTable):
    """A gateway's own row beside those of the others. `armed` tells whose orders depend on connections of this
    gateway."""

    def __init__(
        self,
        redis: Redis,
        market: str,
        timers: Timers,
        name: str,
        armed: Callable[[], dict[int, int]],
        connected: Callable[[], tuple[int, int]] = lambda: (0, 0),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(redis, market, timers, clock)
        self._name = name
        self._armed = armed
        self._connected = connected
        self._counter = 0
        self._signed_in: dict[int, tuple[int, float]] = {}
        self._writing = asyncio.Lock()

    def signed_in(self, account_id: int) -> None:
        """The user of this account has authenticated here."""
        self._signed_in[account_id] = self._counter + 1, self._clock()

    async def turn(self) -> None:
        await self.write()
        await super().turn()

    async def write(self) -> None:
        """Have the row say how things are now. Raises what Redis raises."""
        async with self._writing:
            time: Any = await self._redis.time()
            now = self._clock()
            recent = {key: each for key, each in self._signed_in.items() if now - each[1] < RECENT_SECONDS}
            self._signed_in = recent
            self._counter += 1
            signed_in = {key: (first, _seconds(time) - now + at) for key, (first, at) in recent.items()}
            row = GatewayRow(self._counter, self._armed(), signed_in, self._connected())
            await self._redis.hset(self._key, self._name, _encoder.encode(row))

    def _tell_signed_in(self, name: str, row: GatewayRow, known: int, ahead: float) -> None:
        if name != self._name:
            super()._tell_signed_in(name, row, known, ahead)


class Leases:
    """A gateway's rows at all markets that it serves."""

    def __init__(self, each: Sequence[Lease]) -> None:
        self._each = each

    def signed_in(self, account_id: int) -> None:
        """As `Lease.signed_in`."""
        for lease in self._each:
            lease.signed_in(account_id)

    async def write(self) -> None:
        """As `Lease.write`."""
        for lease in self._each:
            await lease.write()


class LostGateways(GatewayTable):
    """The engine's look at the gateways: the connections of one that is lost are lost. `serves`: whether this process
    is the engine; `is_ours`: whether an account is of its market, for gateways tell every market of all."""

    def __init__(
        self,
        redis: Redis,
        market: str,
        timers: Timers,
        serves: Callable[[], bool],
        is_ours: Callable[[int], bool] = lambda account_id: True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(redis, market, timers, clock)
        self._serves = serves
        self._is_ours = is_ours

    @property
    def connected(self) -> tuple[int, int]:
        """Connections of all gateways together, and how many of them have authenticated."""
        rows = [seen.row.connected for seen in self._seen.values()]
        return sum(every for every, _ in rows), sum(authenticated for _, authenticated in rows)

    async def turn(self) -> None:
        await super().turn()
        if not self._serves():
            return
        now = self._clock()
        for name, seen in list(self._seen.items()):
            if now - seen.since >= LOST_SECONDS:
                logger.warning("gateway %s is lost, with %d accounts that depend on it", name, len(seen.row.armed))
                for account_id, grace_ms in filter(lambda each: self._is_ours(each[0]), seen.row.armed.items()):
                    self._timers.begin(account_id, seen.since, grace_ms)
                await self._redis.hdel(self._key, name)
                del self._seen[name]
