"""Orders and queries over HTTP, with the methods, values and exceptions of the client that has a socket."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Self, Unpack

import msgspec

from bourse_client.asking.orders import Orders, named, order_fields
from bourse_client.blocking import Waiting
from bourse_client.errors import Lost, OrderFinished, TooFast, Unavailable
from bourse_client.messages import Day, Frame, Order, OrderOptions
from bourse_client.rest.routes import call_of
from bourse_client.rest.transport import Transport
from bourse_client.wire.pauses import SOON, Pauses


class RestClient(Orders):
    """A user of the exchange, or without a token whoever looks on. Connections are kept for the next request, until
    `close`.

    Where the exchange says 429 or 503, the request waits as long as it was told and is sent again. Where no answer
    came it is sent again too, for `patience` seconds, and then Lost is raised: every order has a `client_order_id`, so
    it is done once.

    `user_id`: whose token it shall be. NotAuthenticated where it is somebody else's, before anything is done.
    """

    def __init__(
        self, url: str, token: str | None = None, *, user_id: str | None = None, patience: float = 30.0
    ) -> None:
        self._transport = Transport(url, token, user_id)
        self._patience = patience

    async def __aenter__(self) -> Self:
        return self

    async def close(self) -> None:
        """End the connections. Orders stay in the market."""
        self._transport.close()

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Any request of the protocol that HTTP takes; its answer. Refused where it is refused, Lost where none came in
        time."""
        return await self._carry(kind, fields, [])

    async def place(
        self,
        instrument_id: str,
        direction: str,
        volume: float,
        price: float | None = None,
        *,
        offset: str = "OPEN",
        client_order_id: str | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Place an order and return it as it is then, with its first fills in it: MARKET without a price. After Lost,
        place it again under the same `client_order_id` to learn whether the exchange has it."""
        fields = order_fields(instrument_id, direction, volume, price, offset, client_order_id, options)
        return msgspec.convert((await self.ask("submit_order", **fields))["order"], Order)

    async def amend(self, order_id: str, *, price: float | None = None, volume: float | None = None) -> None:
        try:
            await super().amend(order_id, price=price, volume=volume)
        except OrderFinished as finished:
            await self._complete(finished, order_id)
            raise

    async def cancel(self, order_id: str) -> None:
        """Cancel an order. OrderFinished where it is too late."""
        lost: list[Lost] = []
        try:
            await self._carry("cancel_order", {"order_id": order_id}, lost)
        except OrderFinished as finished:
            await self._complete(finished, order_id)
            if not lost or finished.status != "Cancelled":
                raise

    async def cancel_all(self, instrument_id: str | None = None, direction: str | None = None) -> int | None:
        """Cancel all orders, or those of an instrument or a side; how many there were. Null where an answer was lost:
        all are cancelled then, and nobody can tell how many there were."""
        lost: list[Lost] = []
        answer = await self._carry("cancel_all", {"instrument_id": instrument_id, "direction": direction}, lost)
        return None if lost else int(answer["cancelled"])

    async def days(self) -> list[Day]:
        """The trading day of each instrument so far."""
        found = []
        for instrument in await self.instruments():
            answer = await self.ask("query_statistics", instrument_id=instrument.instrument_id)
            found += msgspec.convert(answer["data"]["statistics"], list[Day])
        return found

    async def _complete(self, finished: OrderFinished, order_id: str) -> None:
        """What the order is, which HTTP tells in words only."""
        order = await self.query_order(order_id)
        finished.status, finished.filled_volume = order.status, order.filled_volume

    async def _carry(self, kind: str, fields: Frame, lost: list[Lost]) -> Frame:
        """The answer, in the shape that it has on the socket. `lost`: the attempts without an answer are added."""
        call = call_of(kind, named(kind, fields))
        loop, pauses = asyncio.get_running_loop(), Pauses(random.Random())  # noqa: S311 -- pauses, not locks
        latest = loop.time() + self._patience
        while True:
            try:
                answer = await asyncio.to_thread(self._transport.send, call)
                return {"data": answer} if kind.startswith("query_") else answer
            except (TooFast, Unavailable) as busy:
                pause = busy.retry_after or SOON
            except Lost as error:
                lost.append(error)
                pause = pauses.next()
                if loop.time() + pause > latest:
                    raise
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SyncRestClient(Waiting):
    """`RestClient` with calls that wait. Its methods and exceptions are those of `RestClient`."""

    def __init__(
        self, url: str, token: str | None = None, *, user_id: str | None = None, patience: float = 30.0
    ) -> None:
        super().__init__(RestClient(url, token, user_id=user_id, patience=patience))
