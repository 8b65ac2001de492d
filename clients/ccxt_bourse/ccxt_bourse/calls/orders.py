"""Orders, and what is asked of them and of their trades."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ccxt.base.errors import ArgumentsRequired, InvalidOrder

from ccxt_bourse.arguments import LARGEST, check_range
from ccxt_bourse.calls.asking import NOTHING, Asking, Questions
from ccxt_bourse.parsing import Fields
from ccxt_bourse.wanted import WAITS_FOR, wanted


class Orders(Questions):
    """Mixed into an exchange class of ccxt."""

    def _wanted(
        self, symbol: str, kind: str, side: str, amount: float, price: float | None, params: Fields
    ) -> tuple[Fields, Fields]:
        market = self.market(symbol)
        volume = self._number(self.amount_to_precision, symbol, amount)
        told = self._number(self.price_to_precision, symbol, price) if price is not None and kind == "limit" else None
        waits_for = {
            name: self._number(self.price_to_precision, symbol, params[name])
            for name in WAITS_FOR
            if params.get(name) is not None
        }
        return market, wanted(market["id"], kind, side, volume, told, {**params, **waits_for})

    def _number(self, precise: Callable[[str, Any], str], symbol: str, value: Any) -> Any:
        """`precise`: to the steps of a contract. What is no number ends in an error of Python there; nor is what is
        larger than the exchange takes."""
        with suppress(ArithmeticError):
            number = self.parse_to_numeric(precise(symbol, value))
            if abs(number) <= LARGEST:
                return number
        raise InvalidOrder(f"bourse: {value} is no number of an order")

    def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: float,
        price: float | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """`amount` in contracts. Of a market order a price is not looked at."""
        yield ("load_markets",)
        market, order = self._wanted(symbol, type, side, amount, price, params)
        return (yield from self._placed("private_post_orders", order, market))

    def _placed(self, name: str, request: Fields, market: Fields | None = None) -> Asking:
        """One order, with all of its fills."""
        placed = yield name, request
        trades = placed["trades"]
        if placed["next"] is not None:
            asked = {"order_id": placed["order"]["order_id"], "before": placed["next"]}
            trades = trades + (yield from self._pages("private_get_trades", "trades", asked, None))
        return self.parse_placed({**placed, "trades": trades}, market)

    def create_orders(self, orders: list[Fields], params: Fields = NOTHING) -> Asking:
        """Up to 50, with nothing in between. One that is refused is `rejected`, and does not stop the others."""
        yield ("load_markets",)
        items = [
            self._wanted(
                each["symbol"],
                each["type"],
                each["side"],
                each["amount"],
                each.get("price"),
                {**each.get("params", {}), **params},
            )[1]
            for each in orders
        ]
        answer = yield "private_post_orders_batch", {"orders": items}
        return [self.parse_result(result) for result in answer["results"]]

    def edit_order(
        self,
        id: str,
        symbol: str,
        type: str,
        side: str,
        amount: float | None = None,
        price: float | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """The order keeps its id; `amount` is all of it, filled lots included. Type and side stay what they are."""
        yield ("load_markets",)
        if amount is None and price is None:
            raise ArgumentsRequired("bourse: edit_order needs an amount or a price")
        change: Fields = {}
        if amount is not None:
            change["volume"] = self._number(self.amount_to_precision, symbol, amount)
        if price is not None:
            change["price"] = self._number(self.price_to_precision, symbol, price)
        return (yield from self._placed("private_patch_order", {"order_id": id, **change, **params}))

    def _id(self, id: str | None, params: Fields) -> Asking:
        """The exchange's id of an order that may be named by one's own, and what else was said."""
        own = params.get("clientOrderId")
        rest = self.omit(params, ["clientOrderId", "trigger", "stop"])
        if own is not None:
            found = yield "private_get_order_by_client_id", {"client_order_id": own}
            return found["order"]["order_id"], rest
        if id is None:
            raise ArgumentsRequired("bourse: an order is named by its id, or by clientOrderId in params")
        return id, rest

    def cancel_order(self, id: str | None, symbol: str | None = None, params: Fields = NOTHING) -> Asking:
        """`params`: `clientOrderId` names the order instead of `id`."""
        yield ("load_markets",)
        order_id, rest = yield from self._id(id, params)
        return (yield from self._placed("private_delete_order", {"order_id": order_id, **rest}))

    def cancel_orders(self, ids: list[str], symbol: str | None = None, params: Fields = NOTHING) -> Asking:
        """Up to 50."""
        yield ("load_markets",)
        answer = yield "private_delete_orders_batch", {"order_ids": ids, **params}
        return [
            self.parse_result(result) | ({"id": id, "status": "canceled"} if result["success"] else {"id": id})
            for id, result in zip(ids, answer["results"], strict=True)
        ]

    def cancel_all_orders(self, symbol: str | None = None, params: Fields = NOTHING) -> Asking:
        """Those of one market or all. The answer says how many, and not which."""
        yield ("load_markets",)
        instrument_id = None if symbol is None else self.market(symbol)["id"]
        answer = yield "private_post_cancel_all", {"instrument_id": instrument_id, **params}
        return [self.safe_order({"info": answer})]

    def cancel_all_orders_after(self, timeout: int, params: Fields = NOTHING) -> Asking:
        """In ms from now; 0: not any more. Call it again and again."""
        return (yield "private_post_cancel_after", {"timeout_ms": timeout, **params})

    def fetch_order(self, id: str | None, symbol: str | None = None, params: Fields = NOTHING) -> Asking:
        """`params`: `clientOrderId`, of this trading day, names the order instead of `id`."""
        yield ("load_markets",)
        order_id, rest = yield from self._id(id, params)
        return (yield from self._placed("private_get_order", {"order_id": order_id, **rest}))

    def fetch_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        check_range(since, limit)
        yield ("load_markets",)
        market = None if symbol is None else self.market(symbol)
        found = yield from self._history("private_get_orders", "orders", market, since, limit, params)
        return self.parse_orders(found, market, since, limit)

    def fetch_open_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """Those that wait for a price too."""
        return (yield "fetch_orders", symbol, since, limit, {**params, "status": "LIVE"})

    def fetch_closed_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield "fetch_orders", symbol, since, limit, {**params, "status": "Filled"})

    def fetch_canceled_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield "fetch_orders", symbol, since, limit, {**params, "status": "Cancelled"})

    def fetch_my_trades(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """Without those that an operator has taken back."""
        check_range(since, limit)
        yield ("load_markets",)
        market = None if symbol is None else self.market(symbol)
        found = yield from self._history("private_get_trades", "trades", market, since, limit, params)
        return self.parse_trades([trade for trade in found if not trade.get("broken")], market, since, limit)

    def fetch_order_trades(
        self,
        id: str,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield "fetch_my_trades", symbol, since, limit, {**params, "order_id": id})
