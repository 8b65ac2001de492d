"""How much one may ask, and how many may be connected. Knows no clock: times come in, in seconds. Those of one user may
come in any order: one of his connections had to wait, another had not."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec


class SharedBuckets(Protocol):
    """Token buckets that processes share; None: just now they cannot be asked."""

    async def wait(self, name: str, rate: float, burst: float, now: float, count: int = 1) -> float | None: ...

    async def pause(self, name: str, rate: float, burst: float) -> float | None: ...


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange puts up with. Each is a setting with its reason beside it."""

    frames_per_second: int
    orders_per_second: int
    requests_per_second: int
    wrong_tokens_per_minute: int
    connections_per_address: int
    connections_per_user: int
    anonymous_connections: int
    subscriptions: int


UNLIMITED = Limits(**dict.fromkeys(Limits.__struct_fields__, 10**9))


class TokenBucket:
    """Allows `rate` events a second on average and `burst` at once: twice as many, unless it is told otherwise."""

    __slots__ = ("_full", "_left", "_rate", "_seen")

    def __init__(self, rate: float, now: float, burst: float | None = None) -> None:
        self._rate = rate
        self._full = self._left = 2 * rate if burst is None else burst
        self._seen = now

    def wait(self, now: float, events: int = 1) -> float:
        """Take one event or more: 0 when they are allowed, else the seconds until one will be. Those beyond the first
        are given on credit: what comes after them waits until they are paid."""
        pause = self.pause(now)
        if not pause:
            self._left -= events
        return pause

    def take(self, events: int) -> None:
        """Where no `pause` is needed."""
        self._left -= events

    def pause(self, now: float) -> float:
        """Seconds until an event is allowed."""
        if now > self._seen:
            self._left = min(self._full, self._left + (now - self._seen) * self._rate)
            self._seen = now
        return 0.0 if self._left >= 1 else (1 - self._left) / self._rate

    def is_new(self, now: float) -> bool:
        """Whether a new one would be the same."""
        self.pause(now)
        return self._left >= self._full

    def standing(self, now: float) -> "Standing":
        """What may still be asked."""
        pause = self.pause(now)
        return Standing(int(self._full), max(0, int(self._left)), (self._full - self._left) / self._rate, pause)


class Standing(msgspec.Struct, frozen=True):
    """Of one who asks: `most` at once, what is `left` of it now, seconds until it is all there again, and until one
    more is allowed."""

    most: int
    left: int
    full_in: float
    pause: float


class _Asker:
    """A user with his connections, or what asks from an address without being one."""

    __slots__ = ("connections", "orders", "requests")

    def __init__(self, limits: Limits, now: float) -> None:
        self.connections = 0
        self.orders = TokenBucket(limits.orders_per_second, now)
        self.requests = TokenBucket(limits.requests_per_second, now)

    def is_new(self, now: float) -> bool:
        return not self.connections and self.orders.is_new(now) and self.requests.is_new(now)


class Counted(Protocol):
    """What is counted of one name."""

    def is_new(self, now: float) -> bool: ...


T = TypeVar("T", bound=Counted)


class ExpiringTable(Generic[T]):
    """What is counted of each name. When there are twice as many names as were needed, it is looked through for those
    that are not: each costs the same, however many there are."""

    def __init__(self, new: Callable[[float], T], few: int) -> None:
        self._new = new
        self._few = self._enough = few
        self._entries: dict[str, T] = {}

    def get(self, name: str) -> T | None:
        return self._entries.get(name)

    def of(self, name: str, now: float) -> T:
        entry = self._entries.get(name)
        if entry is None:
            if len(self._entries) >= self._enough:
                self._entries = {key: each for key, each in self._entries.items() if not each.is_new(now)}
                self._enough = max(self._few, 2 * len(self._entries))
            entry = self._entries[name] = self._new(now)
        return entry


class RateLimiter:
    """Everybody who is connected to this process, and what each may still ask. Whoever leaves and comes again finds
    their limits as they left them. `shared`: rates are counted over all processes; connections are those of this one.
    """

    FEW = 1_000
    """So many names are remembered without a thought."""
    USERS = 20
    """As many times the wrong tokens of one user may come from an address, whomever they are for."""

    TRIALS, TRIALS_OF_ADDRESS = 200, 50
    """Connections beyond the limits that may be open for a moment, to sign in: a class that comes back at once."""

    def __init__(self, limits: Limits, few: int = FEW, shared: SharedBuckets | None = None) -> None:
        self.limits = limits
        self._shared = shared
        self.is_shared = shared is not None
        self._anonymous = 0
        self._addresses: Counter[str] = Counter()
        self._trials: Counter[str] = Counter()
        self.guesses = asyncio.Lock()
        """Of those whose wrong tokens are too many, one is looked up at a time: others ask the database, too."""
        self._askers = ExpiringTable(lambda now: _Asker(limits, now), few)
        most = limits.wrong_tokens_per_minute
        self._wrong_tokens = ExpiringTable(lambda now: TokenBucket(most / 60, now, burst=most), few)
        more = most * self.USERS
        self._wrong_from = ExpiringTable(lambda now: TokenBucket(more / 60, now, burst=more), few)

    # -- connections

    def enter(self, address: str) -> str | None:
        """A connection has come. None if it may stay, else the limit that it would break, as a sentence."""
        limits = self.limits
        if self._addresses[address] >= limits.connections_per_address:
            return f"Too many connections from this address: at most {limits.connections_per_address}"
        if self._anonymous >= limits.anonymous_connections:
            return f"Too many connections without a user: at most {limits.anonymous_connections}"
        self._addresses[address] += 1
        self._anonymous += 1
        return None

    def leave(self, address: str | None) -> None:
        """A connection without a user has gone; one that was tried out was never counted at its address."""
        self._anonymous -= 1
        if address is not None:
            _uncount(self._addresses, address)

    def try_out(self, address: str) -> bool:
        """A connection has come for which there is no room. Whether it may stay a moment all the same, to sign in:
        strangers must not take the room of those who trade."""
        if self._trials[address] >= self.TRIALS_OF_ADDRESS or self._trials.total() >= self.TRIALS:
            return False
        self._trials[address] += 1
        self._anonymous += 1
        return True

    def end_trial(self, address: str) -> None:
        """It has signed in, or gone."""
        _uncount(self._trials, address)

    def sign_in(self, user_id: str, now: float) -> str | None:
        """A connection is now this user's. None if it may be, else the limit that it would break, as a sentence."""
        asker, most = self._askers.of(user_id, now), self.limits.connections_per_user
        if asker.connections >= most:
            return f"Too many connections of this user: at most {most}"
        asker.connections += 1
        self._anonymous -= 1
        return None

    def sign_out(self, user_id: str) -> None:
        """A connection is nobody's any more."""
        asker = self._askers.get(user_id)
        assert asker is not None, "whoever is connected is not forgotten"
        asker.connections -= 1
        self._anonymous += 1

    # -- rates: seconds to wait, 0 when it is allowed

    def bucket(self, now: float) -> TokenBucket:
        """For the frames of one connection."""
        return TokenBucket(self.limits.frames_per_second, now)

    def orders(self, user_id: str, count: int, now: float) -> float:
        """A user asks something of the engine, `count` orders or cancels at once."""
        return self._askers.of(user_id, now).orders.wait(now, count)

    def request(self, user_id: str | None, address: str, now: float) -> float:
        """Somebody asks something else."""
        return self._askers.of(f"@{address}" if user_id is None else user_id, now).requests.wait(now)

    def standing(self, user_id: str | None, address: str, now: float, *, orders: bool) -> Standing:
        """How far somebody is from the limit of their orders, or of all else that they ask."""
        if user_id is None:
            return self._askers.of(f"@{address}", now).requests.standing(now)
        asker = self._askers.of(user_id, now)
        return (asker.orders if orders else asker.requests).standing(now)

    def token(self, address: str, user_id: str, now: float) -> float:
        """Somebody shows a wrong token: how long they are to wait. A right one is taken at any time."""
        buckets = self._wrong_tokens.get(_guess(address, user_id)), self._wrong_from.get(address)
        return max(0.0 if bucket is None else bucket.pause(now) for bucket in buckets)

    def wrong_token(self, address: str, user_id: str, now: float) -> None:
        """It was none of ours."""
        self._wrong_tokens.of(_guess(address, user_id), now).wait(now)
        self._wrong_from.of(address, now).wait(now)

    # -- the same over all processes, where there are others

    async def orders_anywhere(self, user_id: str, count: int, now: float) -> float:
        rate = self.limits.orders_per_second
        wait = await self._take(f"orders {user_id}", rate, 2 * rate, now, count)
        return self.orders(user_id, count, now) if wait is None else wait

    async def request_anywhere(self, user_id: str | None, address: str, now: float) -> float:
        rate = self.limits.requests_per_second
        wait = await self._take(f"requests {f'@{address}' if user_id is None else user_id}", rate, 2 * rate, now)
        return self.request(user_id, address, now) if wait is None else wait

    async def token_anywhere(self, address: str, user_id: str, now: float) -> float:
        assert self._shared is not None
        pauses = [await self._shared.pause(name, most / 60, most) for name, most in self._guesses(address, user_id)]
        return max(self.token(address, user_id, now), *[pause or 0.0 for pause in pauses])

    async def wrong_token_anywhere(self, address: str, user_id: str, now: float) -> None:
        self.wrong_token(address, user_id, now)
        for name, most in self._guesses(address, user_id):
            await self._take(name, most / 60, most, now)

    def _guesses(self, address: str, user_id: str) -> list[tuple[str, int]]:
        most = self.limits.wrong_tokens_per_minute
        return [(f"guesses {_guess(address, user_id)}", most), (f"guesses {address}", most * self.USERS)]

    async def _take(self, name: str, rate: float, burst: float, now: float, count: int = 1) -> float | None:
        assert self._shared is not None
        return await self._shared.wait(name, rate, burst, now, count)


def _uncount(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]


def _guess(address: str, user_id: str) -> str:
    """Whoever guesses may name whatever he likes, as long as he likes: no user's id is longer than this."""
    return f"{address} {user_id[:64]}"
