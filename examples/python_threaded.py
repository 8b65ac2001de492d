"""A client with threads (package `websocket-client`): one reads, one keeps the connection alive, the main one trades.

    .venv/bin/python examples/python_threaded.py TOKEN                buys one lot of what is offered
    .venv/bin/python examples/python_threaded.py TOKEN --price 120    bids for one lot and waits until somebody sells

It ends when the order is finished. Answers and pushes come in one stream: what a frame is, its `type` says.
"""

import argparse
import json
import queue
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import websocket

PING_EVERY = 5.0
"""Seconds. The server closes a connection (code 4408) from which nothing has come for ten."""
Frame = dict[str, Any]


class Connection:
    """Iterate over it to get the frames, in order, until the connection ends. Any thread may send."""

    def __init__(self, url: str, user_id: str) -> None:
        # With the user's id in the address, the user's trades come without a subscription, once `auth` has succeeded.
        self._socket = websocket.create_connection(f"{url}?user_id={user_id}")
        self._frames: queue.Queue[Frame | None] = queue.Queue()
        self._ended = threading.Event()
        self.close_code: int | None = None
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        threading.Thread(target=self._ping, daemon=True).start()

    def send(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames.get, None)

    def close(self) -> None:
        """Say goodbye, and wait until the server has said it too."""
        with suppress(OSError, websocket.WebSocketException):  # It has ended already.
            self._socket.send_close()
        self._reader.join()

    def _read(self) -> None:
        try:
            while True:
                opcode, data = self._socket.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    self.close_code = int.from_bytes(data[:2], "big")
                    break
                self._frames.put(json.loads(data))
        except (OSError, websocket.WebSocketException) as error:
            print("the connection broke:", error)
        finally:
            self._ended.set()
            self._frames.put(None)
            self._socket.shutdown()

    def _ping(self) -> None:
        with suppress(OSError, websocket.WebSocketException):  # It ended in this moment.
            while not self._ended.wait(PING_EVERY):
                self.send(type="ping")


def buy(connection: Connection, user_id: str, token: str, order: Frame) -> None:
    """Sign in, subscribe, order, and tell what comes until the order is finished."""
    finished = False
    connection.send(type="auth", user_id=user_id, token=token)
    for frame in connection:
        match frame["type"]:
            case "auth_response":
                if not frame["success"]:
                    raise SystemExit(f"not signed in: {frame['message']}")
                connection.send(type="subscribe", channels=["orderbook"], instruments=[order["instrument_id"]])
            case "subscribe_response":
                connection.send(type="submit_order", **order)
            case "order_response":
                if not frame["success"]:
                    raise SystemExit(f"refused: {frame['error_code']} {frame['error_message']}")
                print("accepted:", frame["order_id"])
            case "trade":
                print("fill:", frame["direction"], frame["volume"], "at", frame["price"])
            case "order_status":
                print("order:", frame["status"], frame["filled_volume"], "filled")
                finished = frame["status"] in ("Filled", "Cancelled")
            case "account_update":  # The last push that an order causes.
                print("account:", frame["balance"], "of which available", frame["available"])
                if finished:
                    return
            case "orderbook":
                best = [side[0]["price"] if side else None for side in (frame["bids"], frame["asks"])]
                print("book:", *best)
            case "error":
                raise SystemExit(f"error {frame['code']}: {frame['message']}")
    raise SystemExit(f"the server closed the connection: {connection.close_code}")


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("token")
    words.add_argument("--user", default="user001")
    words.add_argument("--url", default="ws://localhost:8081/ws")
    words.add_argument("--price", type=float, help="without it: a MARKET order")
    given = words.parse_args()
    order = {
        "instrument_id": "IX2301",
        "direction": "BUY",
        "offset": "OPEN",
        "volume": 1,
        "client_order_id": uuid.uuid4().hex,  # Whoever sends an order again with its id never gets a second one.
        **({"order_type": "LIMIT", "price": given.price} if given.price else {"order_type": "MARKET"}),
    }
    try:
        connection = Connection(given.url, given.user)
    except (OSError, ValueError, websocket.WebSocketException) as error:
        raise SystemExit(f"no exchange answers at {given.url}: {error}") from None
    try:
        buy(connection, given.user, given.token, order)
    finally:
        connection.close()
    print("closed:", connection.close_code)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # The order stays in the market.
        raise SystemExit(130) from None
