"""The first order: one user of the demo offers, another buys what is cheapest. Run it while `make run` serves:

.venv/bin/python examples/first_order.py TOKEN_OF_USER001 TOKEN_OF_USER002
"""

import json
import sys

import websocket


def trader(user_id: str, token: str) -> websocket.WebSocket:
    socket = websocket.create_connection(f"ws://localhost:8081/ws?user_id={user_id}")
    socket.send(json.dumps({"type": "auth", "user_id": user_id, "token": token}))
    return socket


def order(socket: websocket.WebSocket, direction: str, **kind: object) -> None:
    socket.send(json.dumps({
        "type": "submit_order", "instrument_id": "IX2301", "direction": direction, "offset": "OPEN",
        "volume": 10, **kind,
    }))  # fmt: skip


buyer, seller = trader("user001", sys.argv[1]), trader("user002", sys.argv[2])
order(seller, "SELL", order_type="LIMIT", price=120.0)
seller.recv()  # auth_response
seller.recv()  # order_response: it is in the book
order(buyer, "BUY", order_type="MARKET")
for frame in iter(buyer.recv, ""):
    print(frame)
    if '"Filled"' in frame:
        break
