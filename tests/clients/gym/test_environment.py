"""The environment for gymnasium: it passes gymnasium's own checks, is the same for the same seed, and pays what the
exchange says."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from gym_bourse import MarketEnv
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from tests.e2e.server import PATIENCE, ROOT

NOTHING = np.array([0, 0, 0])
BUY, SELL = np.array([0, 0, 1]), np.array([0, 0, 2])
PATH = ":".join(str(ROOT / folder) for folder in ("", "clients/python", "clients/gym_bourse"))


def played(seed: int, steps: int = 60) -> list[tuple[Any, ...]]:
    """A day of a random agent."""
    env = MarketEnv(seconds=steps)
    seen, _ = env.reset(seed=seed)
    env.action_space.seed(seed)
    told: list[tuple[Any, ...]] = [tuple(part.tobytes() for part in seen.values())]
    is_over = False
    while not is_over:
        seen, reward, is_over, truncated, info = env.step(env.action_space.sample())
        assert not truncated and env.observation_space.contains(seen)
        told.append((reward, info["equity"], *(part.tobytes() for part in seen.values())))
    return told


def test_it_passes_the_checks_of_gymnasium() -> None:
    """Warnings are errors here."""
    check_env(MarketEnv(seconds=20), skip_render_check=True)


def test_the_same_seed_is_the_same_day() -> None:
    first = played(7)
    assert len(first) == 61
    assert played(7) == first
    assert played(8) != first


def test_the_market_is_alive_without_the_agent() -> None:
    env = MarketEnv(seconds=120)
    seen, info = env.reset(seed=1)
    books = set()
    for _ in range(120):
        seen, reward, is_over, _, info = env.step(NOTHING)
        assert reward == 0 and seen["position"] == [0]
        assert seen["bids"][0, 0] < seen["asks"][0, 0] and seen["bids"][:, 1].all() and seen["asks"][:, 1].all()
        books.add(seen["bids"].tobytes())
    assert is_over and seen["time"] == [0] and info == {"equity": 1_000_000, "liquidated": False}
    assert len(books) > 30


def test_what_is_bought_and_sold_costs_the_spread_and_the_commission() -> None:
    env = MarketEnv(lots=2, takers=0, makers=1)
    env.reset(seed=3)
    seen, first, *_ = env.step(BUY)
    assert seen["position"] == [2]
    paid = env._market.last
    seen, second, *_ = env.step(SELL)
    got = env._market.last
    assert paid is not None and got is not None and seen["position"] == [0]
    assert first + second == (got - paid) * 0.5 * 100 * 2 - 2 * 2 * 2
    assert seen["cash"] == [1_000_000 + first + second]


def test_quotes_stand_where_they_were_put_until_the_next_step() -> None:
    env = MarketEnv(takers=0)
    before, _ = env.reset(seed=5)
    env._order(5, 5, 0)
    (bid, ask) = env._market.orders(env._agent)
    assert (bid.price + 5) * 0.5 == before["asks"][0, 0] and (ask.price - 5) * 0.5 == before["bids"][0, 0]
    env.step(NOTHING)
    assert env._market.orders(env._agent) == []


def test_who_cannot_pay_any_more_is_liquidated() -> None:
    """Two lots need 2,400 of margin. The agent buys and sells until the commissions and the spread have eaten it up."""
    env = MarketEnv(funds=2_600, lots=2, seconds=10_000)
    env.reset(seed=1)
    for number in range(10_000):
        *_, is_over, _, info = env.step(BUY)
        if is_over:
            break
    assert info["liquidated"] and number < 9_999


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0}, {"step_seconds": 0}, {"funds": 0}, {"lots": 0}, {"makers": -1}, {"takers": -1}]
)
def test_what_cannot_be_meant_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be above 0|fewer than 0 makers"):
        MarketEnv(**wrong)


def run(program: str, path: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(
        words, cwd="/", env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.long
@pytest.mark.parametrize(
    "action", [[6, 0, 0], [0, -1, 0], [0, 0, 3], [0, 0], "buy", None, [float("nan"), 0, 0], [1.5, 0, 0]]
)
def test_an_action_that_is_none_is_said_and_changes_nothing(action: Any) -> None:
    env = MarketEnv(seconds=1)
    with pytest.raises(ResetNeeded):
        env.step(NOTHING)
    before = env.reset(seed=1)[0]
    with pytest.raises(ValueError, match="is no action"):
        env.step(action)
    assert env.observation_space.contains(before) and env.step(NOTHING)[2]
    with pytest.raises(ResetNeeded):
        env.step(NOTHING)


def test_the_example_of_the_readme_runs() -> None:
    text = (ROOT / "clients/gym_bourse/README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    done = run(example, PATH)
    assert done.returncode == 0 and re.fullmatch(r"-?[\d.]+ -?\d+\n", done.stdout), done.stdout + done.stderr


@pytest.mark.long
def test_who_has_no_exchange_is_told_what_is_missing() -> None:
    done = run("import gym_bourse", str(ROOT / "clients/gym_bourse"))
    assert done.returncode == 1 and "plays on the exchange's own engine: put the folder" in done.stderr
