"""A client of DIFF that keeps a tree, as the protocol says: it peeks, merges what it is told, and peeks again."""

import json
from collections.abc import Callable
from typing import Any

from channels.testing import WebsocketCommunicator

from tests.websocket.client import PATIENCE
from trading.diff.routing import diff_routes
from trading.websocket.connection import ConnectionServices
from trading.websocket.routing import socket_routes

Tree = dict[str, Any]
FINGERPRINT = "02-42-AC-11-00-02"


def merge(tree: Tree, patch: Tree) -> None:
    for key, value in patch.items():
        if value is None:
            tree.pop(key, None)
        elif isinstance(value, dict):
            merge(tree.setdefault(key, {}), value)
        else:
            tree[key] = value


class DiffClient:
    """One connection to `/diff/md` or `/diff/td`."""

    def __init__(self, services: ConnectionServices, path: str) -> None:
        self.wire = WebsocketCommunicator(socket_routes(services, diff_routes(services)), path)
        self.tree: Tree = {}
        self.last: list[Tree] = []
        self.user_id = ""

    async def connect(self) -> "DiffClient":
        accepted, _ = await self.wire.connect(PATIENCE)
        assert accepted
        return self

    async def say(self, aid: str, **fields: Any) -> None:
        await self.send(json.dumps({"aid": aid, **fields}))

    async def send(self, text: str | None = None, *, binary: bytes | None = None) -> None:
        await self.wire.send_input({"type": "websocket.receive", "text": text, "bytes": binary})

    async def log_in(self, user_id: str, token: str) -> "DiffClient":
        self.user_id = user_id
        fields = {"client_mac_address": FINGERPRINT, "client_system_info": FINGERPRINT, "client_app_id": "X"}
        await self.say("req_login", bid="bourse", user_name=user_id, password=token, **fields)
        return self

    async def peek(self) -> None:
        """Ask for news, and merge them."""
        await self.say("peek_message")
        await self.take_news()

    async def take_news(self) -> None:
        told = await self.wire.receive_output(PATIENCE)
        assert told["type"] == "websocket.send", told
        frame = json.loads(told["text"])
        assert frame["aid"] == "rtn_data"
        self.last = frame["data"]
        for patch in self.last:
            merge(self.tree, patch)

    async def until(self, what: Callable[[], Any]) -> Any:
        """Peek until it is so; whatever it is that is so then."""
        while not (found := what()):
            await self.peek()
        return found

    async def close_code(self) -> int:
        """With which the exchange closes, whatever it tells before."""
        while (told := await self.wire.receive_output(PATIENCE))["type"] != "websocket.close":
            pass
        return int(told["code"])

    async def leave(self) -> None:
        await self.wire.disconnect(timeout=PATIENCE)

    # -- what is in the tree

    def mine(self, *path: str) -> Any:
        """A branch of the user's own; empty where there is none."""
        branch = self.tree.get("trade", {}).get(self.user_id, {})
        for name in path:
            branch = branch.get(name, {})
        return branch

    def notes(self) -> list[tuple[int, str]]:
        return [(note["code"], note["content"]) for note in self.tree.get("notify", {}).values()]

    def quote(self, symbol: str) -> Tree:
        found: Tree = self.tree.get("quotes", {}).get(symbol, {})
        return found

    # -- orders

    async def insert(self, order_id: str, words: str, **others: Any) -> None:
        """ "BUY OPEN 2 @ 120": a limit order of the index future."""
        direction, offset, volume, _, price = words.split()
        await self.say(
            "insert_order",
            **{
                "user_id": self.user_id,
                "order_id": order_id,
                "exchange_id": "CFFEX",
                "instrument_id": "IX2301",
                "direction": direction,
                "offset": offset,
                "volume": int(volume),
                "price_type": "LIMIT",
                "limit_price": float(price),
                "time_condition": "GFD",
                "volume_condition": "ANY",
                **others,
            },
        )

    async def finished(self, order_id: str) -> Tree:
        """The order, when it is over."""
        found: Tree = await self.until(
            lambda: (order := self.mine("orders", order_id)).get("status") == "FINISHED" and order
        )
        return found
