"""An ASGI application that fails in the middle of what it sends, under our server classes."""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
django.setup()

from exchange_site import servers  # noqa: E402  # needs a ready Django

servers.tune()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        servers.take_in(receive)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/csv")]})
    await send({"type": "http.response.body", "body": b"first line\r\n", "more_body": True})
    raise RuntimeError("the second line cannot be read")
