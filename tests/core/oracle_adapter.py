"""Drives the engine's own order book with the public workload's new / cancel / modify messages."""

from collections.abc import Callable

from trading.core.matching.book import Book, Entry

Report = Callable[[tuple[int, ...]], None]


class Adapter:
    """Reports: 0 accepted, 1 traded, 2 cancelled, 3 modified, 4 cancel refused, 5 modify refused.

    The id that the workload gave an order stands in its `owner`.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.book: Book[Entry] = Book()
        self.bids, self.asks = self.book.bids, self.book.asks
        self.live: dict[int, Entry] = {}

    def new(self, seq: int, oid: int, side: int, price: int, qty: int, ioc: int) -> None:
        self.report((0, seq, side, oid, price, qty))
        self._enter(seq, oid, side, price, qty, ioc)

    def cancel(self, seq: int, oid: int) -> None:
        entry = self.live.pop(oid, None)
        if entry is None:
            self.report((4, seq, oid))
            return
        (self.bids if entry.is_buy else self.asks).remove(entry)
        self.report((2, seq, 1 - entry.is_buy, oid, entry.price))

    def modify(self, seq: int, oid: int, side: int, price: int, qty: int) -> None:
        entry = self.live.pop(oid, None)
        if entry is None:
            self.report((5, seq, oid))
            return
        (self.bids if entry.is_buy else self.asks).remove(entry)
        self.report((3, seq, side, oid, price, qty))
        self._enter(seq, oid, side, price, qty, 0)

    def _enter(self, seq: int, oid: int, side: int, price: int, qty: int, ioc: int) -> None:
        fills = self.bids.take(price, qty) if side else self.asks.take(-price, qty)
        for maker, lots in fills:
            if not maker.remaining:
                del self.live[maker.owner]
            self.report((1, seq, maker.price, lots, maker.owner, oid))
            qty -= lots
        if qty and ioc:
            self.report((2, seq, side, oid, price))
        elif qty:
            entry = self.live[oid] = Entry(not side, price, qty, oid)
            (self.asks if side else self.bids).add(entry)

    def best_bid(self) -> int | None:
        return self.bids.best

    def best_ask(self) -> int | None:
        return self.asks.best

    def depth(self, price: int, side: int) -> int:
        half = self.book.half(side == 0)
        level = half.levels.get(half.key(price))
        return level.volume if level else 0
