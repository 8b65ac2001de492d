"""What every figure is compared with: the stock Channels consumer, decoding and echoing JSON, on the same server."""

import json
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")

import django  # noqa: E402

django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data=json.dumps(json.loads(text_data)))


application = ProtocolTypeRouter({"websocket": Echo.as_asgi()})
