"""Where the socket is."""

from collections.abc import Sequence
from typing import Any

from channels.routing import URLRouter
from django.urls import URLPattern, re_path

from trading.websocket.connection import ConnectionServices
from trading.websocket.consumer import TradingConsumer


def socket_routes(services: ConnectionServices, further: Sequence[URLPattern] = ()) -> URLRouter:
    """`/ws` and `/ws/`, and `further` ones; any other path is refused with HTTP 403."""
    socket: Any = TradingConsumer.as_asgi(services=services)
    refusal: Any = refuse
    return URLRouter([re_path(r"^ws/?$", socket), *further, re_path("", refusal)])


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Close a handshake before it is accepted."""
    await receive()
    await send({"type": "websocket.close"})
