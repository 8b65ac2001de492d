"""How the exchange fares, minute by minute: written by the process that runs the engine, for the back office."""

from typing import Any

import msgspec

from trading.models import Pulse

SECONDS = 5.0
"""How often the minute so far is noted: one small write of another than the engine."""
MINUTE = 60_000
KEPT = 7 * 24 * 60 * MINUTE
"""Milliseconds: a week can be looked back at."""


class Beat(msgspec.Struct, frozen=True):
    """A minute so far, as of `time` (Unix ms). Answers in seconds; None: nothing was answered."""

    time: int
    orders: int
    trades: int
    usual_answer: float | None
    late_answer: float | None
    present: dict[str, Any]

    @property
    def minute(self) -> int:
        return self.time - self.time % MINUTE


def note(market: str, beat: Beat) -> None:
    """Store a minute so far; with a new one the oldest go."""
    values = msgspec.structs.asdict(beat)
    _, is_new = Pulse.objects.update_or_create(market_id=market, minute=beat.minute, defaults=values)
    if is_new:
        Pulse.objects.filter(market_id=market, minute__lt=beat.minute - KEPT).delete()
