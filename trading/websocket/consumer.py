"""The socket as the ASGI server sees it: accepts a connection and lets it live."""

from typing import Any
from urllib.parse import parse_qs

from channels.consumer import AsyncConsumer

from trading.websocket.connection import Connection, ConnectionServices
from trading.websocket.send_queue import Send
from trading.websocket.server_line import line_of


class TradingConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One connection to `/ws`."""

    def __init__(self, *, services: ConnectionServices) -> None:
        self._services = services

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        line = line_of(scope)
        connection = Connection(
            self._services,
            channel=await self._services.layer.new_channel(),
            owner=_user_in_url(scope),
            address=self._services.address_of(scope),
            send=send,
            line=line,
        )
        if line is not None:
            line.hear = connection.hear
        await connection.serve(receive)


def _user_in_url(scope: dict[str, Any]) -> str | None:
    """The `user_id` of the query string: a wish, never a right."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query["user_id"][0] if "user_id" in query else None
