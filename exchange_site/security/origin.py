"""Browsers may open the socket from our own pages only. Programs send no origin and are let in: their token decides."""

from typing import Any
from urllib.parse import urlparse

from channels.security.websocket import OriginValidator, WebsocketDenier


class BrowserOriginValidator(OriginValidator):  # type: ignore[misc]  # channels has no types
    """Refuses a handshake with a foreign or unreadable Origin header (HTTP 403)."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        if _readable(scope):
            return await super().__call__(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)

    def valid_origin(self, parsed_origin: Any) -> bool:
        if parsed_origin is None:
            return True
        if parsed_origin.geturl() == "null":
            return "null" in self.allowed_origins
        return bool(super().valid_origin(parsed_origin))


def _readable(scope: Any) -> bool:
    try:
        for name, value in scope["headers"]:
            if name == b"origin":
                urlparse(value.decode("latin1")).port  # noqa: B018  # reading it raises on nonsense
    except ValueError:
        return False
    return True
