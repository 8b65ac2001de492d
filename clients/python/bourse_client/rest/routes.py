"""Where each request of the protocol goes over HTTP. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from bourse_client.messages import Frame, check, encoded

ROUTES = {
    "submit_order": ("POST", "orders/"),
    "submit_orders": ("POST", "orders/batch/"),
    "amend_order": ("PATCH", "orders/{order_id}/"),
    "cancel_order": ("DELETE", "orders/{order_id}/"),
    "cancel_orders": ("DELETE", "orders/batch/"),
    "cancel_all": ("POST", "orders/cancel-all/"),
    "cancel_after": ("POST", "cancel-after/"),
    "query_order": ("GET", "orders/{order_id}/"),
    "query_orders": ("GET", "orders/"),
    "query_trades": ("GET", "trades/"),
    "query_account": ("GET", "account/"),
    "query_position": ("GET", "positions/"),
    "query_statements": ("GET", "statements/"),
    "query_instruments": ("GET", "instruments/"),
    "query_bars": ("GET", "instruments/{instrument_id}/bars/"),
    "query_statistics": ("GET", "instruments/{instrument_id}/statistics/"),
    "query_public_trades": ("GET", "instruments/{instrument_id}/trades/"),
}


@dataclass(frozen=True)
class Call:
    """An HTTP request; `target` is what follows the address of the API."""

    method: str
    target: str
    body: bytes | None = None


def call_of(kind: str, fields: Frame) -> Call:
    """ValueError for what there is none over HTTP, KeyError where a field is missing that says what it is about,
    Malformed for a number that is none and a text that is none."""
    if kind not in ROUTES:
        raise ValueError(f"{kind} is not asked over HTTP")
    method, path = ROUTES[kind]
    check(fields, "")
    rest = {name: value for name, value in fields.items() if value is not None}
    target = re.sub(r"\{(\w+)\}", lambda field: quote(str(rest.pop(field[1])), safe=""), path)
    if method in ("POST", "PATCH"):
        return Call(method, target, encoded(rest))
    query = urlencode({name: _text(value) for name, value in rest.items()}, doseq=True)
    return Call(method, f"{target}?{query}" if query else target)


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
