"""What drives takers: bursts of arrivals, skewed sizes, and orders that an exchange would take."""

import random
from collections import Counter
from statistics import fmean, median, pvariance
from typing import Any

import pytest
from bourse_client.messages import BUY, CLOSE, OPEN, SELL

from bots.flow import BITE, MOST, Arrivals, Intent, View, buying, decide, size
from tests.bots.test_quotes import instrument


def view(**others: Any) -> View:
    usual: dict[str, Any] = {
        "phase": "continuous",
        "fair": 1000.0,
        "best_bid": 999,
        "best_ask": 1001,
        "net": 0,
        "free": {BUY: 0, SELL: 0},
        "lots": {BUY: 100, SELL: 100},
    }
    return View(**usual | others)


def intents(what: View, number: int = 300, **terms: Any) -> list[Intent | None]:
    """What many takers would do in this situation."""
    dice = random.Random("takers")
    return [decide(dice, instrument(**terms), what) for _ in range(number)]


# --- arrivals


def moments(seed: str, number: int, rate: float = 2.0) -> list[float]:
    arrivals = Arrivals(random.Random(seed), rate)
    return [arrivals.next() for _ in range(number)]


def test_arrivals_are_the_same_for_a_seed_and_never_go_back() -> None:
    assert moments("a", 100) == moments("a", 100) != moments("b", 100)
    assert moments("a", 100) == sorted(moments("a", 100))


@pytest.mark.parametrize("rate", [0.3, 2.0, 40.0])
def test_arrivals_keep_their_rate_in_the_long_run(rate: float) -> None:
    assert 20_000 / moments("a", 20_000, rate)[-1] == pytest.approx(rate, rel=0.1)


def test_arrivals_come_in_bursts() -> None:
    """The counts of 5 seconds vary far more than the mean, as which a Poisson process's would."""
    counts = Counter(int(moment / 5) for moment in moments("a", 20_000))
    numbers = [counts[window] for window in range(max(counts))]
    assert pvariance(numbers) > 1.8 * fmean(numbers)


# --- sizes


def test_sizes_are_whole_lots_most_of_them_small_and_some_large() -> None:
    dice, again = random.Random("a"), random.Random("a")
    sizes = [size(dice) for _ in range(10_000)]
    assert sizes[:50] == [size(again) for _ in range(50)]
    assert all(type(lots) is int and lots >= 1 for lots in sizes)
    assert median(sizes) == 2
    assert 2.5 < fmean(sizes) < 4
    assert 0.005 < sum(lots >= 12 for lots in sizes) / len(sizes) < 0.05


# --- which side


@pytest.mark.parametrize(
    ("what", "chance"),
    [
        ({}, 0.5),
        ({"fair": 1003.0}, 0.953),
        ({"fair": 997.0}, 0.047),
        ({"net": 60}, 0.119),
        ({"net": -60}, 0.881),
        ({"best_bid": None}, 0.5),
        ({"fair": 1e9}, 1.0),
        ({"net": 10**9}, 0.0),
    ],
)
def test_takers_buy_what_is_cheap_and_turn_round(what: dict[str, Any], chance: float) -> None:
    assert buying(view(**what)) == pytest.approx(chance, abs=0.001)


# --- the orders


def test_takers_do_the_same_for_a_seed() -> None:
    assert intents(view()) == intents(view())


def test_all_kinds_of_orders_come_and_none_that_an_exchange_would_refuse() -> None:
    found = intents(view(), 2_000)
    kinds = Counter((each.order_type, each.time_condition, each.patience is None) for each in found if each)
    assert sum(kinds.values()) == 2_000
    assert set(kinds) == {("MARKET", "IOC", True), ("LIMIT", "IOC", True), ("LIMIT", "GFD", False)}
    assert kinds["MARKET", "IOC", True] > 1_000 and min(kinds.values()) > 200
    for each in found:
        assert each is not None and each.offset == OPEN
        assert (each.price is None) == (each.order_type == "MARKET")
        assert each.patience is None or each.patience >= 5


@pytest.mark.parametrize("direction", [BUY, SELL])
def test_limit_orders_stay_inside_the_limits(direction: str) -> None:
    tight = view(best_bid=1000, best_ask=1001, fair=1000.5)
    prices = {each.price for each in intents(tight, low=1000, high=1001) if each and each.direction == direction}
    assert prices - {None} == {1000, 1001} if direction == SELL else prices - {None} <= {1000, 1001}


@pytest.mark.parametrize("terms", [{}, {"min_volume": 5}, {"max_volume": 3}])
def test_volumes_are_allowed_and_leave_the_book_standing(terms: dict[str, int]) -> None:
    for lots in (0, 4, 20, 1_000):
        for each in intents(view(lots={BUY: lots, SELL: lots}), **terms):
            assert each is not None
            assert terms.get("min_volume", 1) <= each.volume <= terms.get("max_volume", 500)
            if each.time_condition == "IOC":
                assert each.volume <= max(BITE * lots, terms.get("min_volume", 1))


@pytest.mark.parametrize("what", [{"phase": "auction"}, {"best_bid": None, "best_ask": None}])
def test_where_nothing_can_be_taken_orders_wait_near_the_fair_price(what: dict[str, Any]) -> None:
    for each in intents(view(**what)):
        assert each is not None and (each.order_type, each.time_condition) == ("LIMIT", "GFD")
        assert each.price is not None and abs(each.price - 1000) <= 5


HOLDING = [
    # net, free to close (buy, sell), appetite: what buys and sales are
    ({"net": 5, "free": {BUY: 0, SELL: 5}}, {(BUY, OPEN), (SELL, CLOSE)}),
    ({"net": -5, "free": {BUY: 5, SELL: 0}}, {(BUY, CLOSE), (SELL, OPEN)}),
    ({"net": 5, "free": {BUY: 0, SELL: 5}, "appetite": 0.0}, {(SELL, CLOSE)}),
    ({"appetite": 0.0}, set()),
    ({"net": MOST, "free": {BUY: 0, SELL: MOST}, "fair": 1010.0}, {(SELL, CLOSE)}),
    ({"net": -MOST, "free": {BUY: MOST, SELL: 0}, "fair": 990.0}, {(BUY, CLOSE)}),
    ({"net": MOST, "free": {BUY: 0, SELL: 0}}, set()),
]


@pytest.mark.parametrize(("what", "done"), HOLDING)
def test_what_can_be_closed_is_closed_first(what: dict[str, Any], done: set[tuple[str, str]]) -> None:
    found = [each for each in intents(view(**what), 1_000) if each is not None]
    assert {(each.direction, each.offset) for each in found} == done
    assert all(each.volume <= what["free"][each.direction] for each in found if each.offset == CLOSE)
