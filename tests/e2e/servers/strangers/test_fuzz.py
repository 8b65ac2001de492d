"""Four vandals and two honest traders for some seconds. The long run is `python -m tests.chaos.fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.fuzz import Siege
from tests.e2e.server import Market

pytestmark = pytest.mark.long
SECONDS = 3
ENOUGH = {"frames": 300, "answers": 300, "below": 10, "left": 10, "rounds": 6}
"""Less would prove nothing."""


def test_whatever_vandals_send_the_honest_trade_on(seeded_market: Market, tmp_path: Path) -> None:
    siege = Siege(seeded_market.copy(tmp_path), seed=1)
    siege.hold(SECONDS, lambda: not _missing(siege))
    assert not _missing(siege)


def _missing(siege: Siege) -> list[str]:
    """Of what there was too little."""
    counts = {name: siege.tally.total(name) for name in ENOUGH if name != "rounds"} | {"rounds": siege.honest.rounds}
    return [name for name, least in ENOUGH.items() if counts[name] < least]
