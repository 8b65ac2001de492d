"""The trading page. It gets nothing but the list of instruments; everything else it asks over the public protocol."""

from typing import Any

from django.views.generic import TemplateView

from trading import selectors
from trading.core.money import to_currency
from trading.models import Instrument


class TradingPage(TemplateView):
    template_name = "index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        instruments = [_instrument(row) for row in selectors.instrument_list()]
        return super().get_context_data(instruments=instruments, **kwargs)


def _instrument(row: Instrument) -> dict[str, object]:
    return {
        "instrument_id": row.instrument_id,
        "name": row.name,
        "tick": to_currency(row.tick),
        "multiplier": row.multiplier,
        "limit_up": None if row.limit_up is None else to_currency(row.limit_up),
        "limit_down": None if row.limit_down is None else to_currency(row.limit_down),
    }
