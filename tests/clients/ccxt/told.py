"""Answers of the exchange as REST gives them, and an exchange class that is given them."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ccxt_bourse import bourse

Fields = dict[str, Any]

INSTRUMENT: Fields = {
    "instrument_id": "IX2301",
    "name": "Index future",
    "product_id": "IX",
    "tick": 0.5,
    "multiplier": 100,
    "limit_up": 132.0,
    "limit_down": 108.0,
    "margin_rate_long": 0.1,
    "margin_rate_short": 0.1,
    "fee_open": {"per_lot": 2.4, "rate": 0.0001},
    "fee_close": {"per_lot": 3.0, "rate": 0.0001},
    "fee_close_today": {"per_lot": 5.0, "rate": 0.0},
    "min_volume": 1,
    "max_volume": 500,
    "max_position": None,
    "max_orders": None,
    "larger_side": False,
    "last_day": 20231215,
    "phase": "continuous",
    "settlement_price": 120.0,
    "last_price": 119.5,
}
ENDLESS: Fields = INSTRUMENT | {"instrument_id": "rb", "last_day": None, "phase": "delisted"}
SYMBOL = "IX2301/CNY:CNY-231215"
ORDER: Fields = {
    "user_id": "user001",
    "order_id": "O16963200010000000001",
    "instrument_id": "IX2301",
    "direction": "BUY",
    "offset": "OPEN",
    "volume": 5.0,
    "price": 120.0,
    "order_type": "LIMIT",
    "time_condition": "GTC",
    "status": "PartiallyFilled",
    "filled_volume": 3.0,
    "remaining_volume": 2.0,
    "timestamp": 1696320009000,
    "client_order_id": "mine-1",
}
TRADE: Fields = {
    "trade_id": "T16963200090000000001",
    "order_id": ORDER["order_id"],
    "instrument_id": "IX2301",
    "direction": "BUY",
    "offset": "OPEN",
    "price": 119.5,
    "volume": 1.0,
    "timestamp": 1696320008000,
    "is_maker": False,
    "commission": 2.1,
    "close_profit": 0.0,
}
LATER: Fields = TRADE | {
    "trade_id": "T16963200090000000002",
    "price": 120.0,
    "volume": 2.0,
    "timestamp": 1696320009000,
    "is_maker": True,
    "commission": 4.2,
}
POSITION: Fields = {
    "user_id": "user001",
    "instrument_id": "IX2301",
    "volume_long": 3.0,
    "volume_short": 2.0,
    "open_price_long": 119.5,
    "open_price_short": 119.0,
    "float_profit_long": 300.0,
    "float_profit_short": -300.0,
    "margin_long": 3600.0,
    "margin_short": 2400.0,
    "last_price": 120.5,
    "lots": [
        {"direction": "BUY", "volume": 1.0, "open_price": 119.0, "open_time": 1696320008000, "today": True},
        {"direction": "BUY", "volume": 2.0, "open_price": 120.0, "open_time": 1696320002000, "today": True},
        {"direction": "SELL", "volume": 2.0, "open_price": 119.0, "open_time": 1696320004000, "today": True},
    ],
}


class Told(bourse):
    """Asks nobody: `answers` come one after the other, and `asked` is what they were asked for."""

    def __init__(self, *answers: Fields, **config: Any) -> None:
        super().__init__({"apiKey": "user001", "secret": "TOKEN", "enableRateLimit": False, **config})
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Fields]] = []
        self.headers_sent: Fields = {}
        self.set_markets([self.parse_market(each) for each in (INSTRUMENT, ENDLESS)])

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        parts = urlsplit(url)
        query: Fields = {}
        for name, value in parse_qsl(parts.query):
            query[name] = [*query[name], value] if name in query else [value]
        flat = {name: values[0] if len(values) == 1 else values for name, values in query.items()}
        self.asked.append((method, parts.path.removeprefix("/api/v1"), json.loads(body) if body else flat))
        self.headers_sent = headers
        return copy.deepcopy(self.answers.pop(0))


def placed(order: Fields, *trades: Fields, further: str | None = None) -> Fields:
    return {"order": order, "trades": list(trades), "next": further}
