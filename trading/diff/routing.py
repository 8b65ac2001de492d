"""Where the sockets of DIFF are."""

from typing import Any

from django.urls import URLPattern, re_path

from trading.diff.consumer import DiffConsumer
from trading.diff.translation.market import MarketConversation
from trading.diff.translation.trader import TraderConversation
from trading.websocket.connection import ConnectionServices

SOCKETS = {"md": MarketConversation, "td": TraderConversation}


def diff_routes(services: ConnectionServices) -> list[URLPattern]:
    """`/diff/md` and `/diff/td`."""

    def socket(name: str) -> Any:
        return DiffConsumer.as_asgi(services=services, conversation=SOCKETS[name])

    return [re_path(rf"^diff/{name}/?$", socket(name)) for name in SOCKETS]
