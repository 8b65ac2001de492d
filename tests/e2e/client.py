"""A small synchronous protocol client: sends, hears, and keeps everything it has heard."""

from __future__ import annotations

import itertools
import json
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import websocket

from tests.contracts.frames import assert_heard, assert_sent

Frame = dict[str, Any]
PATIENCE = 60.0
_numbers = itertools.count(1)


class Client:
    """One connection. With a user and a token it has authenticated when it is made."""

    def __init__(
        self, url: str, user_id: str | None = None, token: str | None = None, *, named: bool = True, **options: Any
    ) -> None:
        self.user_id = user_id
        self.heard: list[Frame] = []
        self._taken = 0
        address = f"{url}?user_id={user_id}" if user_id and named else url
        self.socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True, **options)
        if token is not None:
            assert self.ask("auth", user_id=user_id, token=token)["success"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        try:
            with suppress(OSError, websocket.WebSocketException):
                self.socket.close(timeout=1)
        finally:
            self.socket.shutdown()

    # -- out

    def send(self, kind: str, **fields: Any) -> None:
        self.send_text(json.dumps({"type": kind} | fields))

    def send_text(self, text: str) -> None:
        """A frame of the contract."""
        assert_sent(text)
        self.socket.send(text)

    def send_wrong(self, text: str) -> None:
        """Whatever it is: what a contract does not know is sent on purpose."""
        self.socket.send(text)

    # -- in

    def hear(self) -> Frame:
        """The next frame, whatever it is. ConnectionError when the server has closed."""
        text = self.socket.recv()
        if not text:
            raise ConnectionError(f"the server closed the connection; the last frames were {self.heard[-3:]}")
        return self._keep(text)

    def _keep(self, text: str | bytes) -> Frame:
        frame: Frame = json.loads(text)
        assert_heard(frame)
        self.heard.append(frame)
        return frame

    def until(self, kind: str, **fields: Any) -> Frame:
        """Read on until a frame of this type with these fields has come, as long as `PATIENCE` bears it."""
        wanted, deadline = {"type": kind} | fields, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            frame = self.hear()
            if frame.items() >= wanted.items():
                return frame
        raise AssertionError(f"no {wanted} came; the last frames were {self.heard[-5:]}")

    def take(self) -> list[Frame]:
        """What was heard since the last call."""
        frames = self.heard[self._taken :]
        self._taken = len(self.heard)
        return frames

    def of(self, kind: str) -> list[Frame]:
        """All frames of a type that were heard."""
        return [frame for frame in self.heard if frame["type"] == kind]

    def close_code(self) -> int:
        """Read on until the server closes; its close code."""
        while True:
            frame = self.socket.recv_frame()
            if frame.opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(frame.data[:2], "big")
            if frame.opcode == websocket.ABNF.OPCODE_TEXT:
                self._keep(frame.data)

    # -- both

    def ask(self, kind: str, **fields: Any) -> Frame:
        """Send, and read on until the answer, which carries the request's id."""
        number, deadline = next(_numbers), time.monotonic() + PATIENCE
        self.send(kind, request_id=number, **fields)
        while time.monotonic() < deadline:
            frame = self.hear()
            if frame.get("request_id") == number:
                return frame
        raise AssertionError(f"no answer to {kind} came; the last frames were {self.heard[-5:]}")

    def order(self, direction: str, volume: float, price: float | None, **more: Any) -> Frame:
        """Submit a LIMIT order to open on the demo instrument, unless `more` says otherwise; the answer."""
        return self.ask("submit_order", **order_fields(direction, volume, price, **more))

    def account(self) -> Frame:
        found: Frame = self.ask("query_account")["data"]["account"]
        return found


def order_fields(direction: str, volume: float, price: float | None, **more: Any) -> Frame:
    usual = {"instrument_id": "IX2301", "offset": "OPEN", "order_type": "LIMIT"}
    return usual | {"direction": direction, "volume": volume, "price": price} | more


def signed_in(server: Any, user_id: str, **options: Any) -> Client:
    """A connection that has authenticated as a user of this server."""
    return Client(server.ws, user_id, server.token(user_id), **options)
