"""The trading page. It gets the list of instruments, who is signed in, the settings that a client must keep
to and whether there is a chart library; everything else it asks over the public protocol."""

from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.generic import TemplateView

from exchange_site.page.session import who
from trading import protocol
from trading.core.money import known_currency, to_currency
from trading.models import Instrument
from trading.reads import announcements
from trading.reads.instruments import instrument_list


@method_decorator(cache_control(private=True, no_cache=True), name="dispatch")
@method_decorator(ensure_csrf_cookie, name="dispatch")
class TradingPage(TemplateView):
    """Of all markets that the server has; what it tells of money and of announcements is the first one's, `market`."""

    template_name = "index.html"
    market = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        instruments = [_instrument(row) for row in instrument_list(market=self.market)]
        for code in settings.FURTHER_MARKETS:
            instruments += [_instrument(row) | {"market": code} for row in instrument_list(market=code)]
        kwargs["has_chart"] = settings.CHART_LIBRARY.is_dir()
        kwargs["exchange"] = _exchange()
        kwargs["announced"] = _announced(self.market)
        return super().get_context_data(instruments=instruments, session=who(self.request), **kwargs)


def _exchange() -> dict[str, float]:
    """What the settings decide about connections and risk."""
    return {
        "ping_seconds": settings.PING_SECONDS,
        "idle_seconds": settings.IDLE_SECONDS,
        "risk_warn": settings.RISK_WARN,
        "risk_limit": settings.RISK_LIMIT,
    }


def _announced(market: str) -> Any:
    """What operators tell everybody, also those who do not get through to the exchange."""
    now = int(timezone.now().timestamp() * 1000)
    found = announcements.to(None, announcements.present(market=market, time=now), now)
    told = [protocol.announcement_data(each) for each in found]
    return msgspec.to_builtins({"announcements": told, "timestamp": now})


def _instrument(row: Instrument) -> dict[str, object]:
    return {
        "instrument_id": row.instrument_id,
        "name": row.name,
        "tick": to_currency(row.tick),
        "multiplier": row.multiplier,
        "limit_up": known_currency(row.limit_up),
        "limit_down": known_currency(row.limit_down),
    }
