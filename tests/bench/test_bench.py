"""What `make bench` measures with: the books that ours is held against, and what its figures say."""

import random
from collections.abc import Callable

import pytest

from tests.bench.figures import Pairs, at_least, at_most, table
from tests.bench.flow import Message, seeded
from tests.bench.takeover import Times, figures
from tests.bench.yardsticks.baseline_book import Baseline
from tests.bench.yardsticks.heap_book import HeapBook
from tests.core.oracle_adapter import Adapter


def reports(book: Callable[[Callable[[Message], None]], object], messages: list[Message]) -> list[Message]:
    """What a book says of a flow."""
    said: list[Message] = []
    played = book(said.append)
    for kind, *arguments in messages:
        getattr(played, ("new", "cancel", "modify")[kind])(*arguments)
    return said


@pytest.mark.parametrize("yardstick", [Baseline, HeapBook])
def test_a_book_that_ours_is_held_against_does_the_same(yardstick: type) -> None:
    messages = seeded(5_000, random.Random(11))
    assert reports(yardstick, messages) == reports(Adapter, messages)


def test_a_ratio_of_pairs_is_their_median_between_the_smallest_and_the_largest() -> None:
    pairs = Pairs([(2.0, 1.0), (9.0, 3.0), (1.0, 4.0)])
    figure = at_least("orders", "ours", "theirs", pairs, 2)
    assert (figure.ratio, figure.spread, figure.met) == (2.0, (0.25, 3.0), True)
    assert "2.00 (0.25 to 3.00)" in table([figure])


def test_a_goal_that_is_missed_is_said() -> None:
    figure = at_most("bytes", "ours", "theirs", 1.01, 1)
    assert not figure.met
    assert table([figure]).endswith("| 1.01 | <= 1 | missed |")


def test_one_slow_fail_over_of_fifty_is_no_miss_and_three_are() -> None:
    few, many = ([0.3] * (50 - slow) + [4.0] * slow for slow in (1, 3))
    assert [figure.met for kills in (few, many) for figure in figures(Times(kills=kills))] == [True, False]
    assert not figures(Times(hand_overs=[0.1, 0.3]))[0].met
