"""Orders that are sent again and again under the same names, by clients whose lines are cut: each is done once.
`python -m tests.e2e.rest.repeats --orders 1000 --seed 7`."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.server import Market, Server

AT_ONCE = 16
CUT = 0.2
"""How many of the requests get no answer, because their client has hung up."""
PATIENCE = 60.0
ORDERS = "/api/v1/orders/"


class Repeats:
    """`orders` different orders, each sent one to four times, in any order and many at once."""

    def __init__(self, server: Server, orders: int, seed: int) -> None:
        self._server = server
        self._dice = random.Random(seed)
        self._names = [f"order {number}" for number in range(orders)]
        self._authorization = {"Authorization": f"Bearer {server.market.tokens['user001']}"}
        self._room = asyncio.Semaphore(AT_ONCE)
        self.ids: dict[str, set[str]] = {name: set() for name in self._names}
        """By name: the ids that the answers had."""
        self.made = dict.fromkeys(self._names, 0)
        """By name: how often an answer said that the order is new."""

    async def run(self) -> None:
        sendings = [name for name in self._names for _ in range(self._dice.randint(1, 4))]
        self._dice.shuffle(sendings)
        timeout = httpx.Timeout(PATIENCE)
        async with httpx.AsyncClient(
            base_url=self._server.http, headers=self._authorization, timeout=timeout
        ) as client:
            await asyncio.gather(*(self._send(client, name, self._dice.random()) for name in sendings))
            await asyncio.gather(*(self._send(client, name, 1.0) for name in self._names))  # nobody was told of some

    async def _send(self, client: httpx.AsyncClient, name: str, luck: float) -> None:
        body, headers = self._request(name, luck)
        async with self._room:
            if luck < CUT:
                await self._cut(body, headers)
                return
            reply = await client.post(ORDERS, json=body, headers=headers)
        assert reply.status_code in (200, 201), reply.text
        self.ids[name].add(reply.json()["order"]["order_id"])
        self.made[name] += reply.status_code == 201

    def _request(self, name: str, luck: float) -> tuple[dict[str, Any], dict[str, str]]:
        """Under a key, or with an own id: it is the same."""
        body = {"instrument_id": "IX2301", "direction": "BUY", "offset": "OPEN", "order_type": "LIMIT"}
        order = {**body, "volume": 1, "price": 115.0, "valid_for_ms": 60_000}
        return (order, {"Idempotency-Key": name}) if luck * 10 % 1 < 0.5 else ({**order, "client_order_id": name}, {})

    async def _cut(self, body: dict[str, Any], headers: dict[str, str]) -> None:
        """Say it, and hang up."""
        content = json.dumps(body)
        every = {
            "Host": "127.0.0.1",
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **self._authorization,
            **headers,
        }
        lines = [f"POST {ORDERS} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items()), "", content]
        _, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        writer.write("\r\n".join(lines).encode())
        await writer.drain()
        writer.close()

    async def stored(self) -> list[str]:
        """The ids of all orders of the user, page by page."""
        found: list[str] = []
        query: dict[str, Any] | None = {"limit": 200}
        async with httpx.AsyncClient(base_url=self._server.http, headers=self._authorization) as client:
            while query is not None:
                page = (await client.get(ORDERS, params=query, timeout=PATIENCE)).json()
                found += [order["order_id"] for order in page["orders"]]
                query = {"limit": 200, "before": page["next"]} if page["next"] else None
        return found


async def check(server: Server, orders: int, seed: int) -> Repeats:
    """AssertionError unless each order was done once, and everybody was told so."""
    repeats = Repeats(server, orders, seed)
    await repeats.run()
    stored = await repeats.stored()
    assert len(stored) == len(set(stored)) == orders, f"{orders} orders became {len(stored)}"
    assert all(len(ids) == 1 for ids in repeats.ids.values()), "an order was told under two ids"
    assert {next(iter(ids)) for ids in repeats.ids.values()} == set(stored)
    assert all(times <= 1 for times in repeats.made.values()), "an order was made twice"
    return repeats


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bourse-rest-") as name:
        server = Server(Market.seeded(Path(name) / "market"))
        server.start()
        try:
            repeats = asyncio.run(check(server, arguments.orders, arguments.seed))
        finally:
            server.stop()
    told = sum(repeats.made.values())
    print(f"{arguments.orders} orders, each done once; {told} were told as new, the answers of the others were lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
