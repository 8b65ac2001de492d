"""One honest message of every type that clients may send."""

from tests.websocket.client import Frame, order_message
from trading import protocol

ITEM = {name: value for name, value in order_message("BUY OPEN 1 @ 110").items() if name != "type"}


def tags(union: object) -> list[str]:
    """The types of all messages of a union."""
    return [kind.__struct_config__.tag for kind in union.__args__]  # type: ignore[attr-defined]


ALL = tags(protocol.ClientMessage)
TO_THE_ENGINE = tags(protocol.EngineMessage)


def messages(order_id: str, *, user_id: str, token: str) -> dict[str, Frame]:
    """By type: what names an order names this one, what names a user this one."""
    contents: dict[str, Frame] = {
        "auth": {"user_id": user_id, "token": token},
        "logout": {},
        "resume": {"last_seq": 0},
        "set_session": {"cancel_on_disconnect": True},
        "subscribe": {"channels": ["orderbook", "ticker"], "instruments": ["IX2301"]},
        "unsubscribe": {"channels": ["orderbook", "ticker"], "instruments": ["IX2301"]},
        "ping": {},
        "pong": {},
        "submit_order": ITEM,
        "amend_order": {"order_id": order_id, "volume": 2},
        "cancel_order": {"order_id": order_id},
        "cancel_all": {},
        "cancel_after": {"timeout_ms": 60_000},
        "submit_orders": {"orders": [ITEM, ITEM]},
        "cancel_orders": {"order_ids": [order_id]},
        "query_order": {"order_id": order_id},
        "query_account": {},
        "query_position": {},
        "query_orders": {},
        "query_trades": {"order_id": order_id},
        "query_instruments": {},
        "query_statements": {},
        "query_bars": {"instrument_id": "IX2301"},
        "query_public_trades": {"instrument_id": "IX2301"},
        "query_statistics": {},
    }
    return {kind: {"type": kind, **content} for kind, content in contents.items()}


def code_in(answer: Frame) -> int | None:
    """The code with which an answer refuses; None where it does not."""
    codes = [answer.get("code"), answer.get("error_code"), *(each["error_code"] for each in answer.get("results", ()))]
    return next((int(code) for code in codes if code is not None), None)
