"""How the exchange fares, as the process that runs the engine has noted it."""

from trading.models import Pulse

Line = tuple[int, int, int, float | None, float | None]
"""A minute (Unix ms of its start), its orders and trades, and the seconds of its usual and its late answers."""


def latest(*, market: str) -> Pulse | None:
    """The newest."""
    return Pulse.objects.filter(market_id=market).order_by("-minute").first()


def lines(*, market: str, since: int) -> list[Line]:
    """The minutes from one on, in order; an index has them."""
    rows = Pulse.objects.filter(market_id=market, minute__gte=since).order_by("minute")
    return list(rows.values_list("minute", "orders", "trades", "usual_answer", "late_answer"))
