"""Where the socket is."""

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from trading.consumers import TradingConsumer, Venue


def socket_routes(venue: Venue) -> URLRouter:
    """`/ws` and `/ws/`; any other path is refused with HTTP 403."""
    return URLRouter([re_path(r"^ws/?$", TradingConsumer.as_asgi(venue=venue)), re_path("", refuse)])


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Close a handshake before it is accepted."""
    await receive()
    await send({"type": "websocket.close"})
