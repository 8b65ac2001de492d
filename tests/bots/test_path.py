"""Fair prices: the same for a seed, inside their bounds, of all moods, and drawn back."""

import math
from statistics import fmean, pvariance
from typing import Any

import pytest

from bots.path import MOODS, STEP, TICKS, Path, Regime

HOUR = 3_600


def path(seed: str = "1", **others: Any) -> Path:
    usual: dict[str, Any] = {"start": 120.0, "anchor": 120.0, "low": 108.0, "high": 132.0, "tick": 0.5}
    return Path(seed, **usual | others)


def prices(found: Path, seconds: int) -> list[float]:
    return [found.at(second) for second in range(seconds)]


def test_a_seed_makes_one_path_however_often_it_is_looked_at() -> None:
    often, once = path(), path()
    seen = prices(often, HOUR)
    assert once.at(HOUR - 1) == seen[-1]
    assert len(set(seen)) > HOUR / 2
    assert prices(path("2"), HOUR) != seen


def test_a_path_begins_where_and_when_it_is_told() -> None:
    assert path(start=125.0).at(0.0) == pytest.approx(125.0)
    assert path(now=1000.0).at(1000.0) == pytest.approx(120.0)
    assert path(now=1000.0).at(1000.0 + HOUR) == pytest.approx(path().at(HOUR))


@pytest.mark.parametrize("seed", "abcdef")
@pytest.mark.parametrize("band", [{}, {"low": 119.0, "high": 121.0}, {"low": 60.0}])
def test_a_path_stays_inside_its_bounds_with_room_for_quotes(seed: str, band: dict[str, float]) -> None:
    low, high = band.get("low", 108.0), band.get("high", 132.0)
    seen = prices(path(seed, **band), 4 * HOUR)
    assert low < min(seen) <= max(seen) < high
    assert min(seen) - low > 0.05 * (120 - low) and high - max(seen) > 0.05 * (high - 120)


@pytest.mark.parametrize("start", [50.0, 400.0])
def test_a_start_outside_the_bounds_is_brought_inside(start: float) -> None:
    assert 108 < path(start=start).at(0) < 132


@pytest.mark.parametrize("seed", "abcdef")
def test_every_regime_comes(seed: str) -> None:
    found = path(seed)
    seen = set()
    for second in range(2 * HOUR):
        found.at(second)
        seen.add(found.regime)
    assert seen == set(Regime)


def changes(found: Path, regime: Regime) -> list[float]:
    """The steps that a path makes in one regime."""
    steps, last = [], math.log(found.at(0))
    for number in range(1, round(8 * HOUR / STEP)):
        now = math.log(found.at(number * STEP))
        if found.regime is regime:
            steps.append(now - last)
        last = now
    return steps


def test_a_volatile_market_shakes_as_much_more_as_its_mood_says() -> None:
    wide: dict[str, Any] = {"low": 1.0, "high": 10_000.0}
    calm, volatile = (pvariance(changes(path(**wide), regime)) for regime in (Regime.CALM, Regime.VOLATILE))
    assert calm / STEP == pytest.approx((TICKS * 0.5 / 120) ** 2, rel=0.1)
    assert volatile / calm == pytest.approx(MOODS[Regime.VOLATILE].volatility ** 2, rel=0.1)


def test_a_path_is_drawn_back_to_its_anchor() -> None:
    """On average over many seeds, the distance to the anchor shrinks as fast as the pull says."""
    pull = path()._pull
    ends = [math.log(path(str(seed), start=129.0).at(2 / pull) / 120) for seed in range(40)]
    assert fmean(ends) / math.log(129 / 120) == pytest.approx(math.exp(-2), abs=0.2)


def test_coarse_ticks_move_too() -> None:
    """In ten minutes, an instrument of 120 with ticks of 0.5 is worth a few ticks more or less."""
    spans = []
    for seed in range(20):
        seen = prices(path(str(seed)), 600)
        spans.append((max(seen) - min(seen)) / 0.5)
    assert 2 < fmean(spans) < 12


def test_a_new_day_has_other_bounds_and_goes_on_from_the_same_price() -> None:
    found = path()
    last = found.at(HOUR)
    found.rebase(anchor=118.0, low=106.0, high=130.0)
    assert found.at(HOUR) == last
    found.rebase(anchor=150.0, low=140.0, high=160.0)
    assert all(140 < price < 160 for price in (found.at(HOUR + second) for second in range(HOUR)))
