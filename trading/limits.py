"""How fast one connection may ask. Knows no clock; the time comes in."""


class TokenBucket:
    """Allows `rate` events a second on average and twice as many at once."""

    __slots__ = ("_full", "_left", "_rate", "_seen")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._full = self._left = 2 * rate
        self._seen = now

    def wait(self, now: float) -> float:
        """Take one event: 0 when it is allowed, else the seconds until one will be."""
        self._left = min(self._full, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._rate

    def take(self, events: int) -> None:
        """Take more events at once, if need be on credit: the next one waits until they are paid."""
        self._left -= events
