"""A client with asyncio (package `websockets`): one task keeps the connection alive, another trades.

    .venv/bin/python examples/python_asyncio.py TOKEN                buys one lot of what is offered
    .venv/bin/python examples/python_asyncio.py TOKEN --price 120    bids for one lot and waits until somebody sells

It ends when the order is finished. Answers and pushes come in one stream: what a frame is, its `type` says.
"""

import argparse
import asyncio
import json
import uuid
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

PING_EVERY = 5.0
"""Seconds. The server closes a connection (code 4408) from which nothing has come for ten."""
Frame = dict[str, Any]


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def keep_alive(socket: ClientConnection) -> None:
    """The pings that the library itself sends do not count: the exchange wants to hear the client, not its library."""
    with suppress(ConnectionClosed):
        while True:
            await asyncio.sleep(PING_EVERY)
            await send(socket, type="ping")


async def buy(socket: ClientConnection, user_id: str, token: str, order: Frame) -> None:
    """Sign in, subscribe, order, and tell what comes until the order is finished."""
    finished = False
    await send(socket, type="auth", user_id=user_id, token=token)
    while True:
        frame = json.loads(await socket.recv())
        match frame["type"]:
            case "auth_response":
                if not frame["success"]:
                    raise SystemExit(f"not signed in: {frame['message']}")
                await send(socket, type="subscribe", channels=["orderbook"], instruments=[order["instrument_id"]])
            case "subscribe_response":
                await send(socket, type="submit_order", **order)
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


async def main() -> None:
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
    # With the user's id in the address, the user's trades come without a subscription, once `auth` has succeeded.
    try:
        socket = await connect(f"{given.url}?user_id={given.user}")
    except (OSError, WebSocketException) as error:
        raise SystemExit(f"no exchange answers at {given.url}: {error}") from None
    async with socket:  # Leaving the block closes it, code 1000.
        heart = asyncio.create_task(keep_alive(socket))
        try:
            await buy(socket, given.user, given.token, order)
        except ConnectionClosed:
            raise SystemExit(f"the server closed the connection: {socket.close_code}") from None
        finally:
            heart.cancel()
    print("closed:", socket.close_code)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:  # The order stays in the market.
        raise SystemExit(130) from None
