"""Three servers killed under load. The long run is `python -m tests.chaos.kill`."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.kill import MOMENTS, Run
from tests.e2e.server import Market


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(seeded_market: Market, tmp_path: Path) -> None:
    with Run(seeded_market.copy(tmp_path), seed=7) as run:
        for moment in MOMENTS:
            run.cycle(moment)
        run.check()
    figures = run.figures()
    assert figures["kills"] == len(MOMENTS)
    for name in ("orders acknowledged", "cancels acknowledged", "trades heard (sides)", "unanswered"):
        assert figures[name] > 20, f"a load without {name} proves nothing: {figures}"
