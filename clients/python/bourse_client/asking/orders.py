"""Orders as one gives them. Whoever inherits them carries them to the exchange."""

from __future__ import annotations

import secrets
from types import TracebackType
from typing import Self, Unpack

from bourse_client.asking.queries import Queries
from bourse_client.messages import Frame, Order, OrderOptions


class Orders(Queries):
    """Those that need no more than `ask`, and the short ways to `place`. Who gives orders asks, too."""

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        raise NotImplementedError

    async def cancel(self, order_id: str) -> None:
        """Cancel an order. OrderFinished where it is too late."""
        raise NotImplementedError

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
        """Place an order and return it as it is then: MARKET without a price."""
        raise NotImplementedError

    async def buy(
        self,
        instrument_id: str,
        volume: float,
        price: float | None = None,
        *,
        client_order_id: str | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Buy to open."""
        return await self.place(instrument_id, "BUY", volume, price, client_order_id=client_order_id, **options)

    async def sell(
        self,
        instrument_id: str,
        volume: float,
        price: float | None = None,
        *,
        client_order_id: str | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Sell to open."""
        return await self.place(instrument_id, "SELL", volume, price, client_order_id=client_order_id, **options)

    async def amend(self, order_id: str, *, price: float | None = None, volume: float | None = None) -> None:
        """Change an order: `volume` is all its lots, filled ones too. Where the answer was lost it is said again,
        which does no more."""
        wanted = {"price": price, "volume": volume}
        await self.ask("amend_order", order_id=order_id, **{k: v for k, v in wanted.items() if v is not None})

    async def cancel_all(self, instrument_id: str | None = None, direction: str | None = None) -> int | None:
        """Cancel all orders, or those of an instrument or a side; how many there were. Where no answer came it is said
        again; null where nobody can tell then how many the first attempt has cancelled."""
        raise NotImplementedError

    async def cancel_after(self, seconds: float) -> None:
        """The dead man's switch: all orders are cancelled so long from now, unless this is said again. 0 disarms."""
        await self.ask("cancel_after", timeout_ms=round(1000 * seconds))


def own_id() -> str:
    """An id that no other order has."""
    return secrets.token_hex(12)


def named(kind: str, fields: Frame) -> Frame:
    """The fields of a request, in which every new order has an own id: said twice, it is still one order."""
    if kind == "submit_order":
        return _named(fields)
    if kind == "submit_orders" and isinstance(fields.get("orders"), list):
        return fields | {"orders": [_named(each) if isinstance(each, dict) else each for each in fields["orders"]]}
    return fields


def _named(order: Frame) -> Frame:
    return order if order.get("client_order_id") is not None else order | {"client_order_id": own_id()}


def order_fields(
    instrument_id: str,
    direction: str,
    volume: float,
    price: float | None,
    offset: str,
    client_order_id: str | None,
    options: OrderOptions,
) -> Frame:
    """The fields of an order, which gets an own id where it has none: so it can be sent again."""
    return {
        "instrument_id": instrument_id,
        "direction": direction,
        "offset": offset,
        "volume": volume,
        "price": price,
        "order_type": "MARKET" if price is None else "LIMIT",
        "client_order_id": own_id() if client_order_id is None else client_order_id,
        **options,
    }
