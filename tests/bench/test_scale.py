"""The model of docs/scale.md: it grows with what is asked, and nothing in it is fuller than it may be."""

import pytest

from tests.bench.scale import Costs, plan


@pytest.mark.parametrize("orders", [10, 1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("users", [10, 10_000, 1_000_000])
def test_ten_times_as_much_never_takes_less(users: int, orders: float) -> None:
    small, large = plan(Costs(), users, orders, users), plan(Costs(), users * 10, orders * 10, users * 10)
    for part in ("gateways", "engines", "redis", "postgres", "cores", "gigabytes"):
        assert getattr(large, part) >= getattr(small, part), part
    assert int(small.first.rpartition("(")[2].rstrip("%)")) <= 100


def test_an_engine_that_is_full_means_another_market() -> None:
    costs = Costs(order_engine=0.6e-3)
    assert plan(costs, 1, 1_000, 1).engines == 1
    assert plan(costs, 1, 1_001, 1).engines == 2
    assert plan(costs, 1, 1, 1, markets=5).engines == 5
