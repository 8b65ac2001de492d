"""Drives the engine's own order book with the public workload's new / cancel / modify messages."""

from collections.abc import Callable

from trading.core.book import Book, Entry

Report = Callable[[tuple[int, ...]], None]


class Adapter:
    """Reports: 0 accepted, 1 traded, 2 cancelled, 3 modified, 4 cancel refused, 5 modify refused.

    The id that the workload gave an order stands in its `owner`.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.book: Book[Entry] = Book()
        self.live: dict[int, Entry] = {}

    def new(self, seq: int, oid: int, side: int, price: int, qty: int, ioc: int) -> None:
        self.report((0, seq, side, oid, price, qty))
        self._enter(seq, oid, side, price, qty, ioc)

    def cancel(self, seq: int, oid: int) -> None:
        entry = self.live.pop(oid, None)
        if entry is None:
            self.report((4, seq, oid))
            return
        self.book.half(entry.is_buy).remove(entry)
        self.report((2, seq, 1 - entry.is_buy, oid, entry.price))

    def modify(self, seq: int, oid: int, side: int, price: int, qty: int) -> None:
        entry = self.live.pop(oid, None)
        if entry is None:
            self.report((5, seq, oid))
            return
        self.book.half(entry.is_buy).remove(entry)
        self.report((3, seq, side, oid, price, qty))
        self._enter(seq, oid, side, price, qty, 0)

    def _enter(self, seq: int, oid: int, side: int, price: int, qty: int, ioc: int) -> None:
        is_buy = side == 0
        other = self.book.other(is_buy)
        for maker, lots in other.take(price * other.sign, qty):
            if not maker.remaining:
                del self.live[maker.owner]
            self.report((1, seq, maker.price, lots, maker.owner, oid))
            qty -= lots
        if qty and ioc:
            self.report((2, seq, side, oid, price))
        elif qty:
            entry = self.live[oid] = Entry(is_buy, price, qty, oid)
            self.book.half(is_buy).add(entry)

    def best_bid(self) -> int | None:
        return self.book.bids.best

    def best_ask(self) -> int | None:
        return self.book.asks.best

    def depth(self, price: int, side: int) -> int:
        half = self.book.half(side == 0)
        level = half.levels.get(price * half.sign)
        return level.volume if level else 0
