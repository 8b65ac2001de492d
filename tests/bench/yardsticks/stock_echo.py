"""What every figure is compared with: stock Channels consumers on the same server."""

import json
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")

import django

django.setup()

from channels.consumer import AsyncConsumer  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import InMemoryChannelLayer, channel_layers  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402


class Echo(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Decodes and encodes each frame, as any JSON protocol must."""

    async def receive(self, text_data: str = "", bytes_data: bytes | None = None) -> None:
        await self.send(text_data=json.dumps(json.loads(text_data)))


class FanOut(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends what it is sent to a group of all connections."""

    groups = ["book"]

    async def receive(self, text_data: str = "", bytes_data: bytes | None = None) -> None:
        await self.channel_layer.group_send("book", {"type": "book", "text": text_data})

    async def book(self, message: dict[str, Any]) -> None:
        await self.send(text_data=message["text"])


class Silent(AsyncConsumer):  # type: ignore[misc]
    """The least there can be: accepts and listens, without a layer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass


application = ProtocolTypeRouter({"websocket": Echo.as_asgi()})
silent = ProtocolTypeRouter({"websocket": Silent.as_asgi()})


def _fan_out() -> Any:
    channel_layers.set("default", InMemoryChannelLayer())
    return ProtocolTypeRouter({"websocket": FanOut.as_asgi()})


fan_out = _fan_out() if os.environ.get("FAN_OUT") else None
