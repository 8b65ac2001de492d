"""What lies between a client and a server: can be cut at a chosen frame, before or after it has passed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]
Choice = Callable[[Frame], bool]
Change = Callable[[Frame], Frame]


def nothing(frame: Frame) -> bool:
    return False


def unchanged(frame: Frame) -> Frame:
    return frame


class Wire:
    """`lost_up`, `lost_down`: frames that do not arrive, and with which the connection ends. `up`, `down`: all that has
    come to it, by connection."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.url = ""
        self.lost_up: Choice = nothing
        self.lost_down: Choice = nothing
        self.silent_down: Choice = nothing
        """Frames that do not arrive, and nobody notices."""
        self.told_up: Change = unchanged
        self.told_down: Change = unchanged
        """What arrives in place of a frame."""
        self.up: list[list[Frame]] = []
        self.down: list[list[Frame]] = []

    def sent(self, kind: str) -> list[Frame]:
        """What the client has sent of a type."""
        return [frame for frames in self.up for frame in frames if frame["type"] == kind]

    async def carry(self, client: ServerConnection) -> None:
        """One connection."""
        query = urlsplit(client.request.path).query if client.request else ""
        up: list[Frame] = []
        down: list[Frame] = []
        self.up.append(up)
        self.down.append(down)
        async with connect(f"{self._target}?{query}", compression=None, proxy=None, max_size=None) as server:
            ways = [
                asyncio.create_task(self._pass(client, server, up, lambda frame: self.lost_up(frame))),
                asyncio.create_task(self._pass(server, client, down, lambda frame: self.lost_down(frame))),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        client.transport.abort()

    async def _pass(
        self,
        source: ServerConnection | ClientConnection,
        to: ServerConnection | ClientConnection,
        log: list[Frame],
        is_lost: Choice,
    ) -> None:
        """Until the connection ends or the frame comes that is lost."""
        try:
            async for text in source:
                log.append(frame := json.loads(text))
                if is_lost(frame):
                    return
                if not isinstance(source, ClientConnection):
                    await to.send(json.dumps(self.told_up(frame)))
                elif not self.silent_down(frame):
                    await to.send(json.dumps(self.told_down(frame)))
        except ConnectionClosed:
            return


def changed(choice: Choice, **fields: Any) -> Change:
    """The first frame that is chosen, with other fields."""
    is_first = once(choice)
    return lambda frame: frame | fields if is_first(frame) else frame


def unknown() -> Change:
    """The first answer to an order, or to its cancel, says that nobody knows what became of it."""
    doubt = {"success": False, "order_id": None, "error_code": 504, "error_message": "Unknown outcome"}
    return changed(lambda frame: bool(frame["type"] == "order_response"), **doubt)


@asynccontextmanager
async def wire(target: str) -> AsyncIterator[Wire]:
    """A wire to a server, with an address of its own."""
    made = Wire(target)
    async with serve(made.carry, "127.0.0.1", 0, compression=None) as running:
        host, port = next(iter(running.sockets)).getsockname()
        made.url = f"ws://{host}:{port}/ws"
        yield made


def once(choice: Choice) -> Choice:
    """Only the first frame that is chosen."""
    found: list[Frame] = []

    def is_first(frame: Frame) -> bool:
        if found or not choice(frame):
            return False
        found.append(frame)
        return True

    return is_first
