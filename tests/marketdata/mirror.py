"""A client that keeps a book from `orderbook_delta` as docs/protocol.md says."""

from typing import Any

Frame = dict[str, Any]
Side = dict[float, tuple[float, int]]


class Mirror:
    """`take` every frame as it comes. A hole is a failure: nothing is ever lost on one connection."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.sides: dict[str, Side] = {"bids": {}, "asks": {}}
        self.rest: tuple[Any, ...] = ()
        self.wholes = self.changes = self.old = 0

    def take(self, frame: Frame) -> None:
        if frame["prev_seq"] is None:
            self.sides = {"bids": {}, "asks": {}}
            self.wholes += 1
        elif self.seq is not None and frame["seq"] <= self.seq:
            self.old += 1
            return
        else:
            assert frame["prev_seq"] == self.seq, f"after {self.seq} comes {frame}"
            self.changes += 1
        self.seq = frame["seq"]
        for name, side in self.sides.items():
            for level in frame[name]:
                if level["volume"]:
                    side[level["price"]] = level["volume"], level["order_count"]
                else:
                    assert level["order_count"] == 0
                    del side[level["price"]]
        self.rest = _rest(frame)

    def is_book(self, frame: Frame) -> bool:
        """Whether it is the same book as a whole one (of as many levels as that has)."""
        return all(self.levels(name, len(frame[name])) == frame[name] for name in self.sides) and (
            self.rest == _rest(frame)
        )

    def levels(self, name: str, most: int = 10**9) -> list[Frame]:
        """One side, best first."""
        prices = sorted(self.sides[name], reverse=name == "bids")[:most]
        found = [(price, *self.sides[name][price]) for price in prices]
        return [{"price": price, "volume": volume, "order_count": count} for price, volume, count in found]


def _rest(frame: Frame) -> tuple[Any, ...]:
    """What a book says beside its levels."""
    return frame.get("phase", "continuous"), frame.get("indicative_price"), frame.get("indicative_volume")
