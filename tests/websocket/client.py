"""A client of the socket that speaks in dicts and waits for what it expects, never for time to pass."""

import asyncio
import json
from collections import deque
from typing import Any

from channels.testing import WebsocketCommunicator

from exchange_site.wiring.connections import STOP_CLOSE
from tests.contracts.frames import assert_heard, assert_sent
from trading.websocket.connection import ConnectionServices
from trading.websocket.routing import socket_routes

PATIENCE = 60.0
"""Seconds until a frame that does not come is a failure; only failing tests wait so long."""

Frame = dict[str, Any]


class Client:
    """One connection to `/ws` of a venue."""

    def __init__(self, services: ConnectionServices, path: str = "/ws") -> None:
        self._wire = WebsocketCommunicator(self._served(socket_routes(services)), path)
        self._kept: deque[Frame] = deque()

    def _served(self, application: Any) -> Any:
        """Whoever is told that the server stops leaves, so that it need not wait for them."""

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            async def send_on(message: dict[str, Any]) -> None:
                await send(message)
                if message["type"] == "websocket.close" and message.get("code") == STOP_CLOSE:
                    await self._wire.send_input({"type": "websocket.disconnect", "code": STOP_CLOSE})

            await application(scope, receive, send_on)

        return serve

    async def connect(self) -> "Client":
        accepted, _ = await self._wire.connect(PATIENCE)
        assert accepted, "the handshake was refused"
        return self

    async def sign_in(self, user_id: str, token: str) -> "Client":
        await self.say(type="auth", user_id=user_id, token=token)
        answer = await self._answer("auth_response")
        assert answer["success"], answer
        return self

    async def leave(self) -> None:
        await self._wire.disconnect(timeout=PATIENCE)

    # -- speaking

    async def say(self, **message: Any) -> None:
        await self.send(json.dumps(message))

    async def say_wrong(self, **message: Any) -> None:
        await self.send_wrong(json.dumps(message))

    async def send(self, text: str) -> None:
        """A frame of the contract."""
        assert_sent(text)
        await self.send_wrong(text)

    async def send_wrong(self, text: str | None = None, *, binary: bytes | None = None) -> None:
        """Whatever it is: what a contract does not know is sent on purpose."""
        await self._wire.send_input({"type": "websocket.receive", "text": text, "bytes": binary})

    async def ask(self, **message: Any) -> Frame:
        """Say something and hear the next frame."""
        await self.say(**message)
        return await self.hear()

    async def ask_wrong(self, **message: Any) -> Frame:
        await self.say_wrong(**message)
        return await self.hear()

    async def place(self, words: str, instrument_id: str = "IX2301", **more: Any) -> Frame:
        """Place an order and wait for its answer."""
        await self.say(**order_message(words, instrument_id, **more))
        return await self._answer("order_response")

    async def _answer(self, kind: str) -> Frame:
        """The next frame of a type; others that come before it are kept for later."""
        passed: list[Frame] = []
        while (frame := await self.hear())["type"] != kind:
            passed.append(frame)
        self._kept.extend(passed)
        return frame

    # -- hearing

    async def hear(self) -> Frame:
        """The next frame that is not a ping."""
        async with asyncio.timeout(PATIENCE):
            while (frame := await self.hear_raw()) == {"type": "ping"}:
                pass
        return frame

    async def hear_raw(self) -> Frame:
        if self._kept:
            return self._kept.popleft()
        output = await self._wire.receive_output(PATIENCE)
        assert output["type"] == "websocket.send", f"the connection was closed: {output}"
        frame: Frame = json.loads(output["text"])
        assert_heard(frame)
        return frame

    async def hear_many(self, count: int) -> list[Frame]:
        return [await self.hear() for _ in range(count)]

    async def hear_until(self, kind: str, **fields: Any) -> Frame:
        """The first frame of this type with these fields; what comes before is passed over."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = await self.hear()
                if frame["type"] == kind and is_like(frame, fields):
                    return frame

    async def rest(self) -> list[Frame]:
        """Everything that has been sent by now. A pong may overtake pushes that are on their way, a second cannot."""
        frames = []
        for name in ("nearly", "the end"):
            await self.say(type="ping", request_id=name)
            while (frame := await self.hear()) != {"type": "pong", "request_id": name}:
                frames.append(frame)
        return frames

    async def hears_nothing(self) -> None:
        assert await self.rest() == []

    async def close_code(self) -> int:
        """The code with which the server closes; frames before it are passed over."""
        async with asyncio.timeout(PATIENCE):
            while (output := await self._wire.receive_output(PATIENCE))["type"] != "websocket.close":
                pass
        return int(output["code"])


def is_like(frame: Frame, fields: Frame) -> bool:
    """Whether the frame has these fields; others do not matter."""
    return all(name in frame and frame[name] == value for name, value in fields.items())


def assert_frames(frames: list[Frame], *expected: Frame) -> None:
    """The frames in this order, each with at least these fields."""
    same = len(frames) == len(expected) and all(map(is_like, frames, expected))
    assert same, "heard\n  " + "\n  ".join(map(str, frames)) + "\nexpected\n  " + "\n  ".join(map(str, expected))


def order_message(words: str, instrument_id: str = "IX2301", **more: Any) -> Frame:
    """An order as a trader says it, "BUY OPEN 10 @ 120", as the client message."""
    direction, offset, volume, _, price = words.split()
    message = {
        "type": "submit_order",
        "instrument_id": instrument_id,
        "direction": direction,
        "offset": offset,
        "volume": int(volume),
        "order_type": "MARKET" if price == "MARKET" else "LIMIT",
    }
    if price != "MARKET":
        message["price"] = float(price)
    return message | more
