"""The price at which an auction ends: what the rules name, found by trying every price."""

from hypothesis import given
from hypothesis import strategies as st

from trading.core.matching.auction import Clearing, clearing
from trading.core.matching.book import Book, Entry

Resting = tuple[bool, int, int]
"""(is it a buy, price, lots)."""

LOWEST, HIGHEST = 90, 112

overlapping = st.lists(
    st.tuples(st.booleans(), st.integers(LOWEST, HIGHEST), st.integers(1, 9)).map(
        lambda resting: (resting[0], resting[1] + (3 if resting[0] else -3), resting[2])
    ),
    min_size=2,
    max_size=12,
)
"""Orders whose sides overlap, since buyers bid a little more and sellers ask a little less."""


def book_of(orders: list[Resting]) -> Book[Entry]:
    book: Book[Entry] = Book()
    for is_buy, price, lots in orders:
        book.half(is_buy).add(Entry(is_buy, price, lots))
    return book


def best_price(orders: list[Resting], reference: int) -> Clearing | None:
    """Most lots, least imbalance, nearest to the reference price, higher."""
    found = []
    for price in range(LOWEST - 5, HIGHEST + 5):
        wanted = sum(lots for is_buy, bid, lots in orders if is_buy and bid >= price)
        offered = sum(lots for is_buy, ask, lots in orders if not is_buy and ask <= price)
        found.append((min(wanted, offered), -abs(wanted - offered), -abs(price - reference), price))
    volume, _, _, price = max(found)
    return Clearing(price=price, volume=volume) if volume else None


@given(overlapping, st.integers(LOWEST - 2, HIGHEST + 2))
def test_the_price_is_the_best_of_all_prices(orders: list[Resting], reference: int) -> None:
    assert clearing(book_of(orders), reference) == best_price(orders, reference)


def test_sides_that_do_not_overlap_have_no_price() -> None:
    assert clearing(book_of([(True, 99, 1), (False, 100, 1)]), 100) is None
    assert clearing(book_of([(True, 99, 1)]), 100) is None
    assert clearing(book_of([]), 100) is None


def test_hidden_lots_count() -> None:
    book = book_of([(False, 100, 2), (False, 101, 5)])
    book.bids.add(Entry(True, 101, 1, hidden=6))
    assert clearing(book, 100) == Clearing(price=101, volume=7)
