"""Three servers killed under load. The long run is `python -m tests.chaos.kill`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.kill import Run
from tests.e2e.server import Market

pytestmark = pytest.mark.long

SHORT = ("an answer", "a commit", "a settlement")
ENOUGH = 20
MOST_KILLS = 12
SHOWN = ("orders acknowledged", "cancels acknowledged", "trades heard (sides)", "unanswered")
"""Without them a load proves nothing."""


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(seeded_market: Market, tmp_path: Path) -> None:
    with Run(seeded_market.copy(tmp_path), seed=7) as run:
        while run.counts["kills"] < len(SHORT) or not _shows_enough(run):
            assert run.counts["kills"] < MOST_KILLS, f"a load that proves nothing: {run.figures()}"
            run.cycle(SHORT[run.counts["kills"] % len(SHORT)])
        run.check()


def _shows_enough(run: Run) -> bool:
    figures = run.figures()
    return all(figures[name] > ENOUGH for name in SHOWN) and figures["operators' commands done"] > 1
