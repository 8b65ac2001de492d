"""The first order: two users of the demo meet in the book. Run it while `make run` serves:

.venv/bin/python examples/first_order.py TOKEN_OF_USER001 TOKEN_OF_USER002
"""

import json
import sys

import websocket


def trader(user_id: str, token: str) -> websocket.WebSocket:
    socket = websocket.create_connection(f"ws://localhost:8081/ws?user_id={user_id}")
    socket.send(json.dumps({"type": "auth", "user_id": user_id, "token": token}))
    return socket


def order(socket: websocket.WebSocket, direction: str) -> None:
    socket.send(json.dumps({
        "type": "submit_order", "instrument_id": "IX2301", "direction": direction, "offset": "OPEN",
        "volume": 10, "price": 120.0, "order_type": "LIMIT",
    }))  # fmt: skip


buyer, seller = trader("user001", sys.argv[1]), trader("user002", sys.argv[2])
order(buyer, "BUY")
order(seller, "SELL")
for frame in iter(buyer.recv, ""):
    print(frame)
    if '"Filled"' in frame:
        break
