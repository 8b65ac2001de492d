"""The instruments of a market, from the rows of the last commit."""

from trading.models import Instrument


def unknown_instruments(*, names: list[str], market: str) -> list[str]:
    """Those of `names` that are not listed at a market."""
    if not names:
        return []
    listed = set(Instrument.objects.filter(pk__in=names, market=market).values_list("pk", flat=True))
    return [name for name in names if name not in listed]


def instrument_list(*, market: str, instrument_id: str | None = None) -> list[Instrument]:
    """All instruments of a market, or the one named."""
    rows = Instrument.objects.filter(market=market)
    return list(rows if instrument_id is None else rows.filter(pk=instrument_id))
