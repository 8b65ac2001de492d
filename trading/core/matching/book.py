"""A price-time order book: two halves, each a sorted list of prices and a linked list of entries a level.

Adding, cancelling (from the middle too) and trading cost O(1) plus one bisection where a level appears or goes.
Knows no accounts, no money and no instrument; prices are whole ticks and volumes whole lots.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar


class Entry:
    """What rests in a book. The engine's orders extend it.

    `owner`: who never trades with it (0: nobody). An iceberg shows `remaining`, has `hidden` lots behind that,
    and shows the next `display` of them when the shown ones are filled. Matching stops after one that
    `pauses_matching`, because its trade changes other orders.
    """

    __slots__ = (
        *("ahead", "behind", "display", "hidden", "is_buy", "level", "owner", "pauses_matching", "price", "remaining"),
    )

    def __init__(
        self, is_buy: bool, price: int, remaining: int, owner: int = 0, hidden: int = 0, display: int = 0
    ) -> None:
        self.is_buy = is_buy
        self.price = price
        self.remaining = remaining
        self.owner = owner
        self.hidden = hidden
        self.display = display
        self.pauses_matching = False
        self.level: Level | None = None
        self.ahead: Entry | None = None
        self.behind: Entry | None = None


E = TypeVar("E", bound=Entry)


class Level:
    """All entries at one price, oldest first."""

    __slots__ = ("count", "head", "hidden", "price", "tail", "volume")

    def __init__(self, first: Entry) -> None:
        self.price = first.price
        self.head = self.tail = first
        self.volume = first.remaining
        self.count = 1
        self.hidden = first.hidden


class BookSide(Generic[E]):
    """One side of the book.

    `keys` is sorted so that the best price is last: a bid's key is its price, an ask's key is its negative price, as
    `sign` (1 or -1) says. So a taker that accepts prices down to `limit_key` trades while `keys[-1] >= limit_key`, on
    either side.
    """

    __slots__ = ("keys", "levels", "refilled", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, Level] = {}
        self.refilled: list[E] = []
        """Icebergs that `take` has put at the end of their queue, in that order; for the caller to empty."""

    def key(self, price: int) -> int:
        """What a price (ticks) is sorted by."""
        return price if self.sign > 0 else -price

    @property
    def best(self) -> int | None:
        """The best price in ticks, or None when the half is empty."""
        return self.keys[-1] * self.sign if self.keys else None

    def price_at(self, place: int) -> int | None:
        """The price in ticks of the best level (1), the one behind it (2), ...; None where there are fewer."""
        return self.keys[-place] * self.sign if 0 < place <= len(self.keys) else None

    def add(self, entry: E) -> None:
        """Rest `entry` behind all others at its price."""
        key = self.key(entry.price)
        level = self.levels.get(key)
        if level is None:
            entry.level = self.levels[key] = Level(entry)
            keys = self.keys
            if not keys or key > keys[-1]:
                keys.append(key)
            else:
                insort(keys, key)
            return
        tail = level.tail
        tail.behind = entry
        entry.ahead = tail
        level.tail = entry
        entry.level = level
        level.volume += entry.remaining
        level.count += 1
        if entry.hidden:
            level.hidden += entry.hidden

    def shrink(self, entry: E, lots: int) -> None:
        """Make `entry` smaller where it stands, by fewer lots than it has: hidden ones first."""
        level = entry.level
        assert level is not None, "the entry does not rest in this book"
        hidden = min(lots, entry.hidden)
        entry.hidden -= hidden
        level.hidden -= hidden
        entry.remaining -= lots - hidden
        level.volume -= lots - hidden

    def remove(self, entry: E) -> None:
        """Take `entry`, which must rest here, out of the book."""
        level = entry.level
        assert level is not None, "the entry does not rest in this book"
        ahead, behind = entry.ahead, entry.behind
        if ahead is None and behind is None:
            self._drop(level)
        else:
            level.volume -= entry.remaining
            level.count -= 1
            if entry.hidden:
                level.hidden -= entry.hidden
            if ahead is None:
                level.head = behind  # type: ignore[assignment]  # not both are None
            else:
                ahead.behind = behind
            if behind is None:
                level.tail = ahead  # type: ignore[assignment]
            else:
                behind.ahead = ahead
        entry.level = entry.ahead = entry.behind = None

    def _drop(self, level: Level) -> None:
        key = self.key(level.price)
        del self.levels[key]
        keys = self.keys
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]

    def take(self, limit_key: int, volume: int, owner: int = -1) -> Sequence[tuple[E, int]]:
        """Trade up to `volume` lots with all prices whose key is at least `limit_key`, in price-time priority; stop in
        front of an entry of `owner`, and behind an iceberg that was refilled and an entry that pauses_matching.

        Returns (maker, lots) for each trade, oldest first. The makers' `remaining` is reduced; those filled have
        left the book.
        """
        keys = self.keys
        if not keys or keys[-1] < limit_key:
            return ()
        levels = self.levels
        fills: list[tuple[E, int]] = []
        while volume and keys and keys[-1] >= limit_key:
            level = levels[keys[-1]]
            maker: E = level.head  # type: ignore[assignment]  # a half holds one kind of entry
            while True:
                if maker.owner == owner:
                    return fills
                lots = maker.remaining
                if lots > volume:
                    maker.remaining = lots - volume
                    level.volume -= volume
                    fills.append((maker, volume))
                    return fills
                fills.append((maker, lots))
                volume -= lots
                if maker.hidden:
                    self._refill(level, maker)
                    return fills
                behind: E | None = maker.behind  # type: ignore[assignment]
                maker.remaining = 0
                maker.level = maker.behind = None
                if behind is None:
                    del levels[keys.pop()]
                    if maker.pauses_matching:
                        return fills
                    break
                behind.ahead = None
                level.head = behind
                level.volume -= lots
                level.count -= 1
                if not volume or maker.pauses_matching:
                    return fills
                maker = behind
        return fills

    def _refill(self, level: Level, maker: E) -> None:
        """Show the next slice of an iceberg at the head of a level, behind all others."""
        shown = min(maker.display, maker.hidden)
        level.volume += shown - maker.remaining
        level.hidden -= shown
        maker.remaining = shown
        maker.hidden -= shown
        behind = maker.behind
        if behind is not None:
            behind.ahead = None
            level.head = behind
            tail = level.tail
            tail.behind = maker
            maker.ahead, maker.behind = tail, None
            level.tail = maker
        self.refilled.append(maker)

    def blocker(self, limit_key: int) -> E | None:
        """The entry that stands first at a price whose key is at least `limit_key`, if there is one."""
        if self.keys and self.keys[-1] >= limit_key:
            return self.levels[self.keys[-1]].head  # type: ignore[return-value]
        return None

    def depth(self, most: int) -> list[tuple[int, int, int]]:
        """The best `most` levels as (price, volume, order count), best first."""
        levels = [self.levels[key] for key in self.keys[: -most - 1 : -1]]
        return [(level.price, level.volume, level.count) for level in levels]

    def entries(self) -> Iterator[E]:
        """All entries in priority order: best price first, oldest first."""
        for key in reversed(self.keys):
            entry: Entry | None = self.levels[key].head
            while entry is not None:
                yield entry  # type: ignore[misc]
                entry = entry.behind

    def check(self) -> None:
        """Assert the invariants of the links, sums and order of this half."""
        assert self.keys == sorted(self.levels), "the price list and the levels disagree"
        for key, level in self.levels.items():
            assert key == self.key(level.price)
            self._check_level(level)

    def _check_level(self, level: Level) -> None:
        volume = count = hidden = 0
        ahead: Entry | None = None
        entry: Entry | None = level.head
        while entry is not None:
            assert entry.level is level and entry.ahead is ahead and entry.price == level.price, "broken link"
            assert entry.remaining > 0, "an empty entry rests in the book"
            assert entry.is_buy == (self.sign == 1), "an entry rests on the wrong side"
            assert entry.hidden >= 0 and (not entry.hidden or entry.remaining <= entry.display), (
                "an iceberg shows too much"
            )
            volume += entry.remaining
            hidden += entry.hidden
            count += 1
            ahead, entry = entry, entry.behind
        assert level.tail is ahead, "the tail is not the last entry"
        assert (volume, count, hidden) == (level.volume, level.count, level.hidden), "a level's sums are off"


class Book(Generic[E]):
    """Bids and asks of one instrument."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids: BookSide[E] = BookSide(1)
        self.asks: BookSide[E] = BookSide(-1)

    def half(self, is_buy: bool) -> BookSide[E]:
        """The half in which an order of this side rests."""
        return self.bids if is_buy else self.asks

    def other(self, is_buy: bool) -> BookSide[E]:
        """The half that an order of this side trades with."""
        return self.asks if is_buy else self.bids

    def blocker(self, is_buy: bool, limit: int) -> E | None:
        """The entry that an incoming order with this limit meets first, if any."""
        half = self.other(is_buy)
        return half.blocker(half.key(limit))

    @property
    def crossed(self) -> bool:
        """Whether a bid and an ask could trade: so it is only before an auction has ended."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid >= ask

    def entries(self) -> Iterator[E]:
        """All resting entries, bids first, each half in priority order."""
        yield from self.bids.entries()
        yield from self.asks.entries()

    def check(self, *, crossed: bool = False) -> None:
        """Assert the invariants: both halves are sound and the book is not crossed, where it must not be."""
        self.bids.check()
        self.asks.check()
        assert crossed or not self.crossed, f"the book is crossed: {self.bids.best} >= {self.asks.best}"
