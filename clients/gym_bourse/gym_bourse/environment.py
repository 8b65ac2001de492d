"""The environment: what the agent sees, what it may do, and what it gets for it."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from bourse_client.messages import BUY, CLOSE, OPEN, SELL
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from gym_bourse.crowd import Crowd
from gym_bourse.market import Market

LEVELS = 5
DISTANCES = 5
"""Ticks behind the best price of the other side at which a quote may stand, at most."""
MOST_SHOWN = 1e6
"""Lots that an observation can show."""
MOST_MONEY = 1e12
WARM_UP = 30
"""Seconds that the market has traded when the agent comes."""

Observation: TypeAlias = dict[str, np.ndarray[Any, np.dtype[np.float64]]]
Action: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


def parts(action: Iterable[Any]) -> tuple[int, int, int]:
    """Of an action: the bid, the ask and what trades at once."""
    try:
        bid, ask, now = (operator.index(part) for part in action)
    except (TypeError, ValueError):
        bid = ask = now = -1
    if not (0 <= bid <= DISTANCES and 0 <= ask <= DISTANCES and 0 <= now <= 2):
        raise ValueError(f"{action!r} is no action: three numbers, 0 to {DISTANCES}, 0 to {DISTANCES}, 0 to 2")
    return bid, ask, now


class MarketEnv(gymnasium.Env[Observation, Action]):
    """One trading day of an index future (tick 0.5, 100 a point, 10 % margin, 2 a lot of commission).

    **Action** `MultiDiscrete([6, 6, 3])`: a bid, an ask, and an order that trades at once. The quotes of the step
    before are cancelled first. A bid of `d` stands `d` ticks below the best ask, an ask of `d` as far above the best
    bid, 0 is none; 1 or 2 in the third place buys or sells at the market. Each is of `lots` lots; what can close,
    closes.

    **Observation**, a dict: `bids` and `asks`, five levels as price and lots, best first, zeros where there is none;
    `position` in lots, long minus short; `cash`, the money available, in currency; `time`, the share of the day that is
    left.

    **Reward**: the change of the equity in currency, open positions at the last price, commissions paid.

    The episode is terminated when the day is over, or when the account is being liquidated.
    """

    metadata = {"render_modes": []}

    def __init__(
        self,
        *,
        seconds: float = 3600.0,
        step_seconds: float = 1.0,
        funds: int = 1_000_000,
        lots: int = 1,
        makers: int = 3,
        takers: int = 5,
        render_mode: str | None = None,
    ) -> None:
        """A day of `seconds`, in steps of `step_seconds`; `funds` in currency."""
        if not 0 < step_seconds <= seconds or funds <= 0 or lots <= 0:
            raise ValueError("seconds, step_seconds, funds and lots must be above 0, and a day have at least one step")
        if makers < 0 or takers < 0:
            raise ValueError("there cannot be fewer than 0 makers or takers")
        self.render_mode = render_mode
        self._left = 0
        self._steps = round(seconds / step_seconds)
        self._step_ms = round(1000 * step_seconds)
        self._funds, self._lots = funds, lots
        self._makers, self._takers = makers, takers
        self.action_space = spaces.MultiDiscrete([DISTANCES + 1, DISTANCES + 1, 3])
        side = spaces.Box(0.0, MOST_SHOWN, (LEVELS, 2), np.float64)
        self.observation_space = spaces.Dict(  # type: ignore[assignment]  # its values are arrays
            {
                "bids": side,
                "asks": side,
                "position": spaces.Box(-MOST_SHOWN, MOST_SHOWN, (1,), np.float64),
                "cash": spaces.Box(-MOST_MONEY, MOST_MONEY, (1,), np.float64),
                "time": spaces.Box(0.0, 1.0, (1,), np.float64),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._market = Market()
        self._agent = self._market.open("agent", self._funds)
        dice = str(int(self.np_random.integers(2**32)))
        self._crowd = Crowd(self._market, dice, self._makers, self._takers)
        for _ in range(WARM_UP):
            self._market.pass_time(1000)
            self._crowd.act()
        self._left = self._steps
        self._equity = self._market.equity(self._agent)
        return self._observe(), self._info()

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """ResetNeeded where the day has not begun or is over, ValueError where it is no action."""
        if self._left <= 0 or self._is_liquidated:
            raise ResetNeeded("the day has not begun, or is over: call reset")
        bid, ask, now = parts(action)
        for order in self._market.orders(self._agent):
            self._market.cancel(self._agent, order.order_id)
        self._order(bid, ask, now)
        self._market.pass_time(self._step_ms)
        self._crowd.act()
        self._left -= 1
        equity = self._market.equity(self._agent)
        reward, self._equity = equity - self._equity, equity
        return self._observe(), reward, self._left <= 0 or self._is_liquidated, False, self._info()

    @property
    def _is_liquidated(self) -> bool:
        return self._agent in self._market.liquidated

    def _order(self, bid: int, ask: int, now: int) -> None:
        bids, asks = self._market.depth(1)
        if now:
            self._send(BUY if now == 1 else SELL, None)
        if bid and asks:
            self._send(BUY, asks[0][0] - bid)
        if ask and bids:
            self._send(SELL, bids[0][0] + ask)

    def _send(self, direction: str, price: int | None) -> None:
        """What can close, closes; the rest opens. Quotes wait, and do not trade at once."""
        closing = min(self._lots, self._market.free(self._agent, direction))
        for offset, lots in ((CLOSE, closing), (OPEN, self._lots - closing)):
            if lots:
                self._market.submit(self._agent, direction, offset, lots, price, post_only=price is not None)

    def _observe(self) -> Observation:
        market = self._market
        bids, asks = market.depth(LEVELS)
        return {
            "bids": self._side(bids),
            "asks": self._side(asks),
            "position": np.array([market.net(self._agent)], np.float64),
            "cash": np.array([market.available(self._agent)], np.float64),
            "time": np.array([self._left / self._steps], np.float64),
        }

    def _side(self, levels: list[tuple[int, int]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        shown = np.zeros((LEVELS, 2))
        for row, (price, lots) in enumerate(levels):
            shown[row] = self._market.instrument.price(price), min(lots, MOST_SHOWN)
        return shown

    def _info(self) -> dict[str, Any]:
        """`equity` in currency, and whether the account is being `liquidated`."""
        return {"equity": self._equity, "liquidated": self._is_liquidated}
