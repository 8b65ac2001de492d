"""The order book alone: its links, its sums, and that it is the naive book, only faster."""

from hypothesis import given
from hypothesis import strategies as st

from tests.core.naive import NaiveBook
from trading.core.matching.book import Book, BookSide, Entry

Placed = tuple[str, bool, int, int]
"""("rest", "ioc" or "cancel"; is it a buy; price; lots, or which order to cancel)."""


def entry(order_id: int, price: int = 100, lots: int = 1, *, is_buy: bool = True) -> Entry:
    return Entry(is_buy, price, lots, owner=order_id)


def bids(*entries: Entry) -> BookSide[Entry]:
    half: BookSide[Entry] = BookSide(1)
    for each in entries:
        half.add(each)
    half.check()
    return half


def ids(half: BookSide[Entry]) -> list[int]:
    half.check()
    return [each.owner for each in half.entries()]


def test_an_empty_half() -> None:
    half = bids()
    assert half.best is None
    assert half.depth(5) == []
    assert not half.take(0, 10)


def test_the_best_bid_is_the_highest_and_the_best_ask_the_lowest() -> None:
    book: Book[Entry] = Book()
    for number, price in enumerate((100, 102, 101)):
        book.bids.add(entry(number, price))
        book.asks.add(entry(number + 10, price + 5, is_buy=False))
    assert (book.bids.best, book.asks.best) == (102, 105)
    assert [each.price for each in book.entries()] == [102, 101, 100, 105, 106, 107]


def test_first_middle_and_last_can_leave_a_level() -> None:
    for gone in (1, 2, 3):
        queue = [entry(1, lots=1), entry(2, lots=2), entry(3, lots=4)]
        half = bids(*queue)
        half.remove(queue[gone - 1])
        assert ids(half) == [order_id for order_id in (1, 2, 3) if order_id != gone]
        assert half.depth(1) == [(100, 7 - 2 ** (gone - 1), 2)]


def test_the_only_entry_takes_its_level_with_it() -> None:
    only = [entry(1, 99), entry(2, 100), entry(3, 101)]
    half = bids(*only)
    half.remove(only[1])
    assert half.depth(5) == [(101, 1, 1), (99, 1, 1)]
    half.remove(only[2])
    assert half.best == 99


def test_who_has_left_knows_no_neighbours() -> None:
    queue = [entry(1), entry(2), entry(3)]
    half = bids(*queue)
    half.remove(queue[1])
    ((filled, _),) = half.take(100, 1)
    for gone in (queue[1], filled):
        assert (gone.level, gone.ahead, gone.behind) == (None, None, None)


def test_what_has_left_can_rest_again() -> None:
    queue = [entry(1), entry(2)]
    half = bids(*queue)
    half.remove(queue[0])
    half.add(queue[0])
    assert ids(half) == [2, 1]


def test_take_stops_at_the_limit() -> None:
    half = bids(entry(1, 102), entry(2, 101), entry(3, 100))
    assert [maker.owner for maker, _ in half.take(101, 10)] == [1, 2]
    assert half.depth(5) == [(100, 1, 1)]


def test_take_fills_in_part() -> None:
    half = bids(entry(1, lots=2), entry(2, lots=5))
    assert [(maker.owner, lots) for maker, lots in half.take(0, 4)] == [(1, 2), (2, 2)]
    assert half.depth(1) == [(100, 3, 1)]
    assert ids(half) == [2]


def test_take_nothing() -> None:
    assert bids(entry(1)).take(0, 0) == []


def test_depth_gives_as_many_levels_as_asked() -> None:
    half = bids(entry(1, 100, 3), entry(2, 101, 4), entry(3, 101, 5))
    assert half.depth(0) == []
    assert half.depth(1) == [(101, 9, 2)]
    assert half.depth(2) == half.depth(9) == [(101, 9, 2), (100, 3, 1)]


# --- the twins

placings = st.lists(
    st.sampled_from(["rest"] * 6 + ["ioc"] * 2 + ["cancel"] * 3).flatmap(
        lambda what: st.tuples(st.just(what), st.booleans(), st.integers(98, 103), st.integers(1, 9))
    ),
    min_size=20,
    max_size=60,
)


@given(placings)
def test_the_book_does_what_the_naive_book_does(placed: list[Placed]) -> None:
    twins = Twins()
    for order_id, (what, is_buy, price, number) in enumerate(placed):
        if what == "cancel":
            twins.cancel(order_id - number)
        else:
            twins.place(order_id, is_buy, price, number, rests=what == "rest")
        twins.agree()


class Twins:
    """A book and a naive book that are told the same."""

    def __init__(self) -> None:
        self.book: Book[Entry] = Book()
        self.naive = NaiveBook()
        self.entries: dict[int, Entry] = {}

    def place(self, order_id: int, is_buy: bool, price: int, volume: int, *, rests: bool) -> None:
        expected = self.naive.match(is_buy, price, volume)
        other = self.book.other(is_buy)
        trades = [(maker.owner, maker.price, lots) for maker, lots in other.take(other.key(price), volume)]
        assert trades == expected
        left = volume - sum(lots for _, _, lots in trades)
        if left and rests:
            self.entries[order_id] = entry(order_id, price, left, is_buy=is_buy)
            self.book.half(is_buy).add(self.entries[order_id])
            self.naive.rest(order_id, is_buy, price, left)

    def cancel(self, order_id: int) -> None:
        if found := self.naive.cancel(order_id):
            self.book.half(found.is_buy).remove(self.entries[order_id])

    def agree(self) -> None:
        self.book.check()
        for is_buy in (True, False):
            assert self.book.half(is_buy).depth(99) == self.naive.depth(is_buy)
        standing = [(each.owner, each.remaining) for each in self.book.entries()]
        assert standing == [(each.order_id, each.left) for each in self.naive.standing()]
