"""Queries: what is asked, and the values that come of it. Whoever inherits them carries the question."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from bourse_client.messages import Bar, Day, Frame, Instrument, Order, Trade

T = TypeVar("T")
PAGE = 200


class Queries:
    """Questions that change nothing."""

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Any request of the protocol that may be said twice; its answer. Refused where it is refused."""
        raise NotImplementedError

    async def query_order(self, order_id: str) -> Order:
        answer = await self.ask("query_order", order_id=order_id)
        return msgspec.convert(answer["data"]["order"], Order)

    async def query_orders(self, *, most: int | None = None, **filters: Any) -> list[Order]:
        """Own orders, the newest first; `filters` are those of the protocol. At most `most`, or all."""
        return await self._pages("query_orders", "orders", Order, most, filters)

    async def query_trades(self, *, most: int | None = None, **filters: Any) -> list[Trade]:
        """Own trades, the newest first."""
        return await self._pages("query_trades", "trades", Trade, most, filters)

    async def query_account(self, market: str | None = None) -> Frame:
        """All that is known of the account now, at another market than the first if one is named; positions are worth
        their last price."""
        asked = {} if market is None else {"market": market}
        return dict((await self.ask("query_account", **asked))["data"]["account"])

    async def query_positions(self) -> list[Frame]:
        """Positions with lots of today and before, their cost and profit."""
        return list((await self.ask("query_position"))["data"]["positions"])

    async def instruments(self) -> list[Instrument]:
        answer = await self.ask("query_instruments")
        return msgspec.convert(answer["data"]["instruments"], list[Instrument])

    async def days(self) -> list[Day]:
        """The trading day of each instrument so far."""
        return msgspec.convert((await self.ask("query_statistics"))["data"]["statistics"], list[Day])

    async def past_bars(
        self, instrument_id: str, period: str = "1m", most: int = 200, before: int | None = None
    ) -> list[Bar]:
        """Bars, the newest first; at most 1,000. `before`: those that start earlier than this moment (Unix ms)."""
        answer = await self.ask("query_bars", instrument_id=instrument_id, period=period, limit=most, before=before)
        return msgspec.convert(answer["data"]["bars"], list[Bar])

    async def _pages(self, kind: str, name: str, entry: type[T], most: int | None, filters: Frame) -> list[T]:
        found: list[T] = []
        page: Frame = {}
        while most is None or len(found) < most:
            data = (await self.ask(kind, **{"limit": PAGE, **filters, **page}))["data"]
            found += msgspec.convert(data[name], list[entry])  # type: ignore[valid-type]
            if data.get("next") is None:
                break
            page = {"before": data["next"]}
        return found[:most]
