"""The first order: one user of the demo offers, another buys what is cheapest. Run it while `make run` serves:

.venv/bin/python examples/first_order.py TOKEN_OF_USER001 TOKEN_OF_USER002
"""

import argparse
import json
from typing import Any

import websocket


def answer(socket: websocket.WebSocket) -> dict[str, Any]:
    """The next answer; what the server says by itself in between is not one."""
    while True:
        frame: dict[str, Any] = json.loads(socket.recv())
        if frame["type"].endswith("_response") or frame["type"] == "error":
            return frame


def trader(url: str, user_id: str, token: str) -> websocket.WebSocket:
    try:
        socket = websocket.create_connection(f"{url}?user_id={user_id}")
    except (OSError, ValueError, websocket.WebSocketException) as error:
        raise SystemExit(f"no exchange answers at {url}: {error}") from None
    socket.send(json.dumps({"type": "auth", "user_id": user_id, "token": token}))
    signed_in = answer(socket)
    if not signed_in.get("success"):
        raise SystemExit(f"{user_id} is not signed in: {signed_in['message']}")
    return socket


def order(socket: websocket.WebSocket, direction: str, **kind: object) -> None:
    socket.send(json.dumps({
        "type": "submit_order", "instrument_id": "IX2301", "direction": direction, "offset": "OPEN",
        "volume": 10, **kind,
    }))  # fmt: skip
    verdict = answer(socket)
    if not verdict.get("success"):
        raise SystemExit(f"{direction} is refused: {verdict.get('error_message')}")


words = argparse.ArgumentParser()
words.add_argument("buyer", help="token of user001")
words.add_argument("seller", help="token of user002")
words.add_argument("--url", default="ws://localhost:8081/ws")
given = words.parse_args()
buyer, seller = trader(given.url, "user001", given.buyer), trader(given.url, "user002", given.seller)
order(seller, "SELL", order_type="LIMIT", price=120.0)
order(buyer, "BUY", order_type="MARKET")
for frame in iter(buyer.recv, ""):
    print(frame)
    if '"Filled"' in frame or '"Cancelled"' in frame:
        break
