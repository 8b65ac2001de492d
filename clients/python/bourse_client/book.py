"""The book of one instrument, kept from its changes. Knows no connection."""

from __future__ import annotations

from bourse_client.messages import BookChange, Level


class BookGap(Exception):
    """A change is missing, or what came cannot be a book: the whole book has to be asked for."""


class Book:
    """Levels of both sides by price. `seq` is null until the whole book has come."""

    def __init__(self, instrument_id: str) -> None:
        self.instrument_id = instrument_id
        self.seq: int | None = None
        self.timestamp = 0
        self.phase = "continuous"
        self._bids: dict[float, Level] = {}
        self._asks: dict[float, Level] = {}

    @property
    def bids(self) -> list[Level]:
        """The highest first."""
        return sorted(self._bids.values(), key=lambda level: -level.price)

    @property
    def asks(self) -> list[Level]:
        """The lowest first."""
        return sorted(self._asks.values(), key=lambda level: level.price)

    @property
    def best_bid(self) -> float | None:
        return max(self._bids, default=None)

    @property
    def best_ask(self) -> float | None:
        return min(self._asks, default=None)

    def forget(self) -> None:
        """Until the whole book comes, nothing is known."""
        self.seq = None

    def apply(self, change: BookChange) -> bool:
        """Whether the book is another now. BookGap where the change does not follow on what is known."""
        if change.prev_seq is None:
            self._bids.clear()
            self._asks.clear()
        elif self.seq is None or change.seq <= self.seq:
            return False
        elif change.prev_seq != self.seq:
            raise BookGap(f"{self.instrument_id}: have {self.seq}, and {change.seq} follows on {change.prev_seq}")
        for side, levels in ((self._bids, change.bids), (self._asks, change.asks)):
            for level in levels:
                if level.volume:
                    side[level.price] = level
                else:
                    side.pop(level.price, None)
        self.seq, self.timestamp = change.seq, change.timestamp
        self.phase = change.phase or "continuous"
        self._check()
        return True

    def _check(self) -> None:
        bid, ask = self.best_bid, self.best_ask
        if self.phase == "continuous" and bid is not None and ask is not None and bid >= ask:
            raise BookGap(f"{self.instrument_id}: {bid} is bid and {ask} asked")
        if any(level.volume < 0 for side in (self._bids, self._asks) for level in side.values()):
            raise BookGap(f"{self.instrument_id}: a level has less than nothing")
