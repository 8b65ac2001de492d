"""Four vandals and two honest traders for some seconds. The long run is `python -m tests.chaos.fuzz`."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.fuzz import Siege
from tests.e2e.server import Market

SECONDS = 3
ENOUGH = {"frames": 300, "answers": 300, "below": 10, "left": 10}
"""Less would prove nothing."""


def test_whatever_vandals_send_the_honest_trade_on(seeded_market: Market, tmp_path: Path) -> None:
    siege = Siege(seeded_market.copy(tmp_path), seed=1)
    siege.hold(SECONDS)
    assert siege.honest.rounds > 5
    assert {name: siege.tally.total(name) > least for name, least in ENOUGH.items()} == dict.fromkeys(ENOUGH, True)
