"""What a maker shows: skew, rounding, limits, sizes; and the way from the orders it has to those it wants."""

from collections import Counter
from typing import Any

import pytest
from bourse_client.messages import BUY, CLOSE, OPEN, SELL
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.portfolio import Instrument, Order
from bots.quotes import Plan, Quote, Style, View, follow, ladder, plan, skew

STYLE = Style(levels=3, gap=1.0, spacing=1, lots=4, lean=1.0, ease=10)


def instrument(**others: Any) -> Instrument:
    usual: dict[str, Any] = {
        "instrument_id": "IF",
        "tick": 0.2,
        "low": 900,
        "high": 1100,
        "anchor": 1000,
        "last": None,
        "min_volume": 1,
        "max_volume": 500,
        "max_position": None,
        "max_orders": None,
        "margin": 100.0,
    }
    return Instrument(**usual | others)


def view(**others: Any) -> View:
    usual: dict[str, Any] = {"fair": 1000.0, "net": 0, "most": 100}
    return View(**usual | others)


def shown(style: Style, what: View, centre: float = 1000.0, **terms: Any) -> tuple[str, str]:
    """Bids and asks as `lots@price`, best first."""
    found = ladder(style, instrument(**terms), what, centre)
    sides = [[quote for quote in found if quote.direction == direction] for direction in (BUY, SELL)]
    bids, asks = (" ".join(f"{quote.volume}@{quote.price}" for quote in side) for side in sides)
    return bids, asks


# --- skew


@pytest.mark.parametrize(("net", "ticks"), [(0, 0), (10, -1), (-10, 1), (30, -2), (-30, 2), (10_230, -10)])
def test_the_price_leans_against_the_position_and_cannot_be_bought_away(net: int, ticks: float) -> None:
    assert skew(STYLE, net) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("last", "wanted", "found"),
    [(None, 7.3, 7.3), (7.0, 7.7, 7.0), (7.0, 6.3, 7.0), (7.0, 7.75, 7.75), (7.0, 1.0, 1.0)],
)
def test_quotes_follow_when_the_price_has_moved_far_enough(last: float | None, wanted: float, found: float) -> None:
    assert follow(last, wanted) == found


# --- the ladder

LADDERS = [
    # what is special, bids, asks
    ({}, "4@999 6@998 8@997", "4@1001 6@1002 8@1003"),
    ({"centre": 1000.4}, "4@999 6@998 8@997", "4@1002 6@1003 8@1004"),
    ({"centre": 999.6}, "4@998 6@997 8@996", "4@1001 6@1002 8@1003"),
    # never where others would trade with it
    ({"best_ask": 998}, "4@997 6@996 8@995", "4@1001 6@1002 8@1003"),
    ({"best_bid": 1005}, "4@999 6@998 8@997", "4@1006 6@1007 8@1008"),
    ({"best_bid": 990, "best_ask": 1010}, "4@999 6@998 8@997", "4@1001 6@1002 8@1003"),
    # a position: less of what makes it larger, nothing beyond the most
    ({"net": 50}, "2@999 3@998 4@997", "4@1001 6@1002 8@1003"),
    ({"net": -75}, "4@999 6@998 8@997", "1@1001 2@1002 2@1003"),
    ({"net": 100}, "", "4@1001 6@1002 8@1003"),
    ({"net": -500}, "4@999 6@998 8@997", ""),
    # little money: smaller; none: only closings, no more than there is to close
    ({"appetite": 0.5}, "2@999 3@998 4@997", "2@1001 3@1002 4@1003"),
    ({"appetite": 0.0}, "", ""),
    ({"appetite": 0.0, "net": 7}, "", "4@1001 3@1002"),
    ({"appetite": 0.0, "net": -50}, "4@999 6@998 8@997", ""),
    # the day's limits
    ({"centre": 1099.5, "high": 1100}, "4@1097 6@1096 8@1095", "4@1099 6@1100"),
    ({"centre": 2000.0, "high": 1100}, "4@1097 6@1096 8@1095", "4@1099 6@1100"),
    ({"centre": 0.0, "low": 900}, "4@901 6@900", "4@903 6@904 8@905"),
    ({"low": 999, "high": 1001}, "4@999", "4@1001"),
    ({"best_ask": 900}, "", "4@1001 6@1002 8@1003"),
    # volumes and how many orders
    ({"min_volume": 5}, "5@999 6@998 8@997", "5@1001 6@1002 8@1003"),
    ({"max_volume": 5}, "4@999 5@998 5@997", "4@1001 5@1002 5@1003"),
    ({"max_orders": 4}, "4@999 6@998", "4@1001 6@1002"),
]


@pytest.mark.parametrize(("case", "bids", "asks"), LADDERS, ids=lambda case: str(case))
def test_ladder(case: dict[str, Any], bids: str, asks: str) -> None:
    ours = {name: case[name] for name in case if name in View.__dataclass_fields__}
    terms = {name: case[name] for name in case if name in Instrument.__dataclass_fields__}
    assert shown(STYLE, view(**ours), case.get("centre", 1000.0), **terms) == (bids, asks)


def test_levels_behind_the_first_stay_when_the_best_price_moves() -> None:
    wide = Style(levels=4, gap=1.0, spacing=5, lots=2)
    assert shown(wide, view(), 1000) == ("2@999 3@995 4@990 5@985", "2@1001 3@1005 4@1010 5@1015")
    assert shown(wide, view(), 1003) == ("2@1002 3@1000 4@995 5@990", "2@1004 3@1005 4@1010 5@1015")


STYLES = st.builds(
    Style,
    levels=st.integers(1, 6),
    gap=st.sampled_from([0.5, 1.0, 1.5, 4.0]),
    spacing=st.integers(1, 5),
    lots=st.integers(1, 20),
)
PRICES = st.none() | st.integers(895, 1105)


@settings(max_examples=300)
@given(
    style=STYLES,
    centre=st.floats(800, 1200),
    net=st.integers(-200, 200),
    bid=PRICES,
    ask=PRICES,
    appetite=st.sampled_from([0.0, 0.3, 1.0]),
    band=st.tuples(st.integers(900, 990), st.integers(1002, 1100)),
)
def test_quotes_never_cross_and_never_leave_the_limits(
    style: Style, centre: float, net: int, bid: int | None, ask: int | None, appetite: float, band: tuple[int, int]
) -> None:
    what = view(net=net, best_bid=bid, best_ask=ask, appetite=appetite)
    found = ladder(style, instrument(low=band[0], high=band[1]), what, centre)
    bids = [quote.price for quote in found if quote.direction == BUY]
    asks = [quote.price for quote in found if quote.direction == SELL]
    assert max(bids, default=0) < min([*asks, ask or 9999])
    assert min(asks, default=9999) > max([*bids, bid or 0])
    assert len(set(bids)) == len(bids) and len(set(asks)) == len(asks)
    assert all(band[0] <= quote.price <= band[1] and 1 <= quote.volume <= 500 for quote in found)
    if not appetite:
        assert sum(quote.volume for quote in found) <= abs(net)
    elif bid is None and ask is None:
        assert (bids or net >= 100) and (asks or net <= -100), (
            "both sides, unless the position is as large as it may be"
        )


# --- the plan


def orders(words: str) -> list[Order]:
    """`B 4@999` is an opening buy, `Bc` closes, `4/6@999` has 4 lots of 6 left."""
    found = []
    for number, word in enumerate(words.split(", ") if words else []):
        kind, rest = word.split(" ")
        lots, price = rest.split("@")
        left, _, volume = lots.partition("/")
        direction = BUY if kind[0] == "B" else SELL
        offset = CLOSE if kind.endswith("c") else OPEN
        found.append(Order(f"O{number}", "IF", direction, offset, int(price), int(volume or left), int(left)))
    return found


def wants(words: str) -> list[Quote]:
    return [Quote(order.direction, order.price, order.left) for order in orders(words)]


def told(found: Plan) -> list[str]:
    """What a plan does, one word each."""
    letters = {BUY: "B", SELL: "S"}
    ends = {OPEN: "", CLOSE: "c"}
    return [
        *(f"cancel {order.order_id}" for order in found.cancels),
        *(f"{change.order.order_id} to {change.volume}@{change.price}" for change in found.amendments),
        *(f"{letters[new.direction]}{ends[new.offset]} {new.volume}@{new.price}" for new in found.submissions),
    ]


PLANS = [
    # live, wanted, lots free to close (buy, sell), what is done
    ("", "B 4@99, S 4@101", (0, 0), ["B 4@99", "S 4@101"]),
    ("B 4@99, S 4@101", "B 4@99, S 4@101", (0, 0), []),
    # filled in part, or another size: it keeps its place
    ("B 1/4@99, S 9@101", "B 4@99, S 4@101", (0, 0), []),
    # one tick up: the last bid becomes the first, the first ask the last; what makes way goes first
    ("B 4@99, B 6@98, S 4@101, S 6@102", "B 4@100, B 6@99, S 4@102, S 6@103", (0, 0), ["O2 to 6@103", "O1 to 4@100"]),
    ("B 4@99, B 6@98, S 4@101, S 6@102", "B 4@98, B 6@97, S 4@100, S 6@101", (0, 0), ["O0 to 6@97", "O3 to 4@100"]),
    # the volume of an amendment counts what is filled; a closing keeps its own
    ("B 1/4@98", "B 5@99", (0, 0), ["O0 to 8@99"]),
    ("Bc 1/4@98", "B 5@99", (0, 0), ["O0 to 4@99"]),
    # lots that can be closed are closed, as many as there are, at the best price first
    ("", "B 4@99, B 6@98", (5, 9), ["Bc 4@99", "Bc 1@98"]),
    ("", "B 4@99, S 6@101", (0, 6), ["B 4@99", "Sc 6@101"]),
    ("B 4@98", "B 4@99", (4, 0), ["cancel O0", "Bc 4@99"]),
    ("Bc 4@98", "B 4@99", (4, 0), ["O0 to 4@99"]),
    # nothing wanted, two at one price
    ("B 4@99, S 4@101", "S 4@101", (0, 0), ["cancel O0"]),
    ("B 4@99, B 4@99", "B 4@99", (0, 0), ["cancel O1"]),
]


@pytest.mark.parametrize(("live", "wanted", "free", "done"), PLANS)
def test_plan(live: str, wanted: str, free: tuple[int, int], done: list[str]) -> None:
    found = plan(orders(live), wants(wanted), dict(zip((BUY, SELL), free, strict=True)))
    assert told(found) == done


def test_a_rest_that_is_too_small_to_close_is_left() -> None:
    assert told(plan([], wants("B 4@99"), {BUY: 2, SELL: 0}, min_volume=3)) == ["B 4@99"]


@st.composite
def ladders(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Prices of bids and asks that do not cross."""
    middle = draw(st.integers(90, 110))
    bids = draw(st.sets(st.integers(middle - 6, middle), max_size=5))
    asks = draw(st.sets(st.integers(middle + 1, middle + 7), max_size=5))
    return [*((BUY, price) for price in sorted(bids)), *((SELL, price) for price in sorted(asks))]


@settings(max_examples=300)
@given(
    live=ladders(),
    wanted=ladders(),
    offsets=st.lists(st.sampled_from([OPEN, CLOSE]), min_size=10, max_size=10),
    free=st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_a_plan_leads_to_what_is_wanted_and_never_crosses_on_its_way(
    live: list[tuple[str, int]], wanted: list[tuple[str, int]], offsets: list[str], free: tuple[int, int]
) -> None:
    have = [
        Order(f"O{number}", "IF", direction, offset, price, 4, 4)
        for number, ((direction, price), offset) in enumerate(zip(live, offsets, strict=False))
    ]
    closable = dict(zip((BUY, SELL), free, strict=True))
    found = plan(have, [Quote(direction, price, 4) for direction, price in wanted], closable)
    book = {order.order_id: (order.direction, order.price) for order in have}

    def look() -> None:
        bids = [price for direction, price in book.values() if direction == BUY]
        asks = [price for direction, price in book.values() if direction == SELL]
        assert max(bids, default=0) < min(asks, default=999)

    for order in found.cancels:
        del book[order.order_id]
    for change in found.amendments:
        book[change.order.order_id] = change.order.direction, change.price
        look()
    for number, new in enumerate(found.submissions):
        book[f"N{number}"] = new.direction, new.price
        look()
    assert Counter(book.values()) == Counter(wanted)
    for direction in (BUY, SELL):
        closed = sum(new.volume for new in found.submissions if (new.direction, new.offset) == (direction, CLOSE))
        assert closed <= closable[direction]
