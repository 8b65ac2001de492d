"""An order in ccxt's words, said in those of the exchange. Pure."""

from __future__ import annotations

from typing import Any

from ccxt.base.errors import ArgumentsRequired, BadRequest, InvalidOrder, NotSupported

Params = dict[str, Any]

SIDES = {"buy": "BUY", "sell": "SELL"}
TRIGGERS = ("triggerPrice", "stopPrice", "stopLossPrice", "takeProfitPrice")
"""ccxt's names of a price that an order waits for."""
WAITS_FOR = (*TRIGGERS, "trailingAmount")
"""Those, and of a distance from the price: what is said in steps of the tick, as a price is."""
UPWARDS = {"ascending": True, "up": True, "above": True, "descending": False, "down": False, "below": False}
NOT_THERE = ("stopLoss", "takeProfit", "trailingPercent", "leverage", "marginMode", "cost")
"""What ccxt knows and the exchange does not, so that nobody believes it was heard."""
OURS = frozenset(
    {
        "offset",
        "display_volume",
        "expires_at",
        "oco_group",
        "price_levels",
        "stop_kind",
        "stp",
        "time_condition",
        "trigger",
        "valid_for_ms",
        "valid_until",
    }
)
"""Fields of the exchange that are taken as they are."""
SAID = frozenset(
    {
        *WAITS_FOR,
        "clientOrderId",
        "hedged",
        "postOnly",
        "reduceOnly",
        "timeInForce",
        "triggerDirection",
    }
)
"""`hedged` says what is so anyway."""


def wanted(instrument_id: str, kind: str, side: str, volume: float, price: float | None, params: Params) -> Params:
    """The body of a new order. Prices and volumes are those to send. InvalidOrder, NotSupported or BadRequest where the
    exchange has no such order, and for a word that nobody knows: a mistyped option must not become another order."""
    _look(params)
    order: Params = {
        "instrument_id": instrument_id,
        "direction": _one_of(SIDES, side, "side"),
        "volume": volume,
        "order_type": _one_of({"limit": "LIMIT", "market": "MARKET"}, kind, "type"),
        **(waits := _waits(side, params)),
        **_rests(kind == "limit" or bool(waits), params),
        **_offset(params),
        **{name: value for name, value in params.items() if name in OURS},
    }
    if kind == "limit":
        if price is None:
            raise ArgumentsRequired("bourse: a limit order needs a price")
        order["price"] = price
    if (own_id := params.get("clientOrderId")) is not None:
        order["client_order_id"] = str(own_id)
    return order


def _look(params: Params) -> None:
    missing = [name for name in NOT_THERE if params.get(name) not in (None, False)]
    if missing:
        raise NotSupported(f"bourse has no {', '.join(missing)}")
    unknown = sorted(set(params) - SAID - OURS - set(NOT_THERE))
    if unknown:
        raise BadRequest(f"bourse does not know {', '.join(unknown)}")


def _one_of(words: dict[str, str], word: str, what: str) -> str:
    if word not in words:
        raise InvalidOrder(f"bourse: {what} is one of {', '.join(words)}, not {word}")
    return words[word]


def _waits(side: str, params: Params) -> Params:
    """The price that the order waits for. Without a direction it is a stop."""
    given = [name for name in TRIGGERS if params.get(name) is not None]
    trail = params.get("trailingAmount")
    if len(given) + (trail is not None) > 1:
        raise InvalidOrder(f"bourse: one price to wait for, not {', '.join(given)} and more")
    if trail is not None:
        return {"trail": float(trail)}
    if not given:
        return {}
    kind = "TAKE_PROFIT" if given == ["takeProfitPrice"] else "STOP"
    direction = params.get("triggerDirection")
    if direction is not None:
        if direction not in UPWARDS:
            raise InvalidOrder(f"bourse: triggerDirection is one of {', '.join(UPWARDS)}, not {direction}")
        kind = "STOP" if UPWARDS[direction] == (side == "buy") else "TAKE_PROFIT"
    return {"stop_price": float(params[given[0]]), "stop_kind": kind}


def _rests(may_rest: bool, params: Params) -> Params:
    """How long it lives. An order of ccxt that may rest does so until it is cancelled, unless it says otherwise."""
    said = params.get("timeInForce")
    post_only = bool(params.get("postOnly")) or said == "PO"
    if post_only and said in ("IOC", "FOK"):
        raise InvalidOrder(f"bourse: an order is postOnly or {said}, not both")
    if said == "PO" or (said is None and may_rest):
        said = "GTC"
    rests: Params = {"post_only": True} if post_only else {}
    return rests if said is None else rests | {"time_condition": said}


def _offset(params: Params) -> Params:
    """Long and short are held side by side: what is not said to close opens."""
    closes = params.get("reduceOnly")
    if closes is None:
        closes = any(params.get(name) is not None for name in ("stopLossPrice", "takeProfitPrice"))
    offset = params.get("offset") or ("CLOSE" if closes else "OPEN")
    if closes and offset == "OPEN":
        raise InvalidOrder("bourse: an order that opens is not reduceOnly")
    return {"offset": offset, "reduce_only": True} if closes else {"offset": offset}
