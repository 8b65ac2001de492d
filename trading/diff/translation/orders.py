"""Orders and trades, in both directions."""

from typing import Any

from trading import protocol
from trading.core.codes import Code
from trading.core.types import Direction, Offset, OrderStatus, OrderType, TimeCondition
from trading.diff.translation.words import NANOSECONDS, InsertOrder, Patch, number
from trading.protocol import OrderData, ProtocolError

FINISHED = (OrderStatus.FILLED, OrderStatus.CANCELLED)
YESTERDAY_FIRST = ("SHFE", "INE")
"""Exchanges where CLOSE means yesterday's lots alone."""
MESSAGES = {
    OrderStatus.WAITING: "等待触发",
    OrderStatus.SUBMITTED: "未成交",
    OrderStatus.PARTIALLY_FILLED: "部分成交",
    OrderStatus.FILLED: "全部成交",
    OrderStatus.CANCELLED: "已撤单",
}
CONDITIONS = {
    ("GFD", "ANY"): TimeCondition.GFD,
    ("IOC", "ANY"): TimeCondition.IOC,
    ("IOC", "ALL"): TimeCondition.FOK,
}
MARKET_LEVELS = {"ANY": None, "BEST": 1, "FIVELEVEL": 5}
"""Market orders, and at how many of the best prices each trades. tqsdk sends BEST and FIVELEVEL with IOC alone, CFFEX's
即时成交剩余撤销; what is left of ours never rests."""


def submission(said: InsertOrder, name: str) -> dict[str, Any]:
    """The order as our protocol has it; the client's id is its `client_order_id`, so that it is the same order however
    often it comes. Raises ProtocolError for what does not exist here."""
    condition = CONDITIONS.get((said.time_condition, said.volume_condition))
    if condition is None:
        raise ProtocolError(Code.MALFORMED, f"{Code.MALFORMED.text}: volume_condition ALL needs time_condition IOC")
    levels = MARKET_LEVELS.get(said.price_type)
    if levels is not None and said.time_condition != "IOC":
        raise ProtocolError(Code.MALFORMED, f"{Code.MALFORMED.text}: {said.price_type} needs time_condition IOC")
    if (said.limit_price is None) == (said.price_type == "LIMIT"):
        raise ProtocolError(Code.MALFORMED, f"{Code.MALFORMED.text}: limit_price is for LIMIT orders, which need it")
    offset = Offset(said.offset)
    if said.exchange_id in YESTERDAY_FIRST and offset is Offset.CLOSE:
        offset = Offset.CLOSEYESTERDAY
    market = said.price_type in MARKET_LEVELS
    return {
        "instrument_id": name,
        "direction": said.direction,
        "offset": offset,
        "volume": said.volume,
        "order_type": OrderType.MARKET if market else OrderType.LIMIT,
        "price": None if market else said.limit_price,
        "time_condition": TimeCondition.IOC if market and condition is TimeCondition.GFD else condition,
        "client_order_id": said.order_id,
        "price_levels": levels,
    }


def said_order(said: InsertOrder, user_id: str, now: int) -> Patch:
    """An order as its client has given it."""
    return {
        "user_id": user_id,
        "order_id": said.order_id,
        "exchange_id": said.exchange_id,
        "instrument_id": said.instrument_id,
        "direction": said.direction,
        "offset": said.offset,
        "volume_orign": said.volume,
        "price_type": said.price_type,
        "limit_price": number(said.limit_price),
        "time_condition": said.time_condition,
        "volume_condition": said.volume_condition,
        "insert_date_time": now * NANOSECONDS,
    }


def kept_order(data: OrderData, key: str, ids: Patch) -> Patch:
    """An order as the exchange has kept it. `key`: the client's id of it."""
    time_condition, volume_condition = said_conditions(data.time_condition)
    return {
        "user_id": data.user_id,
        "order_id": key,
        "exchange_order_id": data.order_id,
        **ids,
        "direction": data.direction,
        "offset": offset_word(data.offset),
        "volume_orign": round(data.volume),
        "volume_left": round(data.volume - data.filled_volume),
        "price_type": price_type(data.order_type, data.price_levels),
        "limit_price": number(data.price),
        "time_condition": time_condition,
        "volume_condition": volume_condition,
        "insert_date_time": data.timestamp * NANOSECONDS,
        "status": status_word(data.status),
        "last_msg": _message(data.status, data.reason),
    }


def new_order(frame: protocol.OrderStatusFrame, key: str, user_id: str, ids: Patch) -> Patch:
    """An order that was not placed here, from the first that is told of it."""
    time_condition, volume_condition = said_conditions(frame.time_condition)
    return {
        "user_id": user_id,
        "order_id": key,
        **ids,
        "direction": frame.direction or Direction.BUY,
        "offset": offset_word(frame.offset or Offset.OPEN),
        "price_type": price_type(frame.order_type or OrderType.LIMIT, frame.price_levels),
        "time_condition": time_condition,
        "volume_condition": volume_condition,
        "insert_date_time": frame.timestamp * NANOSECONDS,
    }


def said_conditions(condition: TimeCondition | None) -> tuple[str, str]:
    """How the client says how long an order stays and how much of it must be filled; GFD where it has no word."""
    words = {said_as: words for words, said_as in CONDITIONS.items()}
    return words.get(condition or TimeCondition.GFD, ("GFD", "ANY"))


def progress(frame: protocol.OrderStatusFrame, volume: int) -> Patch:
    """What has become of an order of so many lots."""
    price = {} if frame.price is None else {"limit_price": frame.price}
    return {
        **price,
        "exchange_order_id": frame.order_id,
        "volume_orign": volume,
        "volume_left": volume - round(frame.filled_volume),
        "status": status_word(frame.status),
        "last_msg": frame.error_message or _message(frame.status, frame.reason),
    }


def _message(status: OrderStatus, reason: str | None) -> str:
    return MESSAGES[status] if reason is None else f"{MESSAGES[status]} ({reason})"


def trade(told: protocol.Trade | protocol.TradeData, order_key: str, user_id: str, ids: Patch) -> Patch:
    """A trade. Both orders of it may be the client's own: the order is part of its name."""
    fee = {} if told.commission is None else {"commission": told.commission}
    return {
        "user_id": user_id,
        "order_id": order_key,
        "trade_id": trade_key(told.trade_id, order_key),
        **ids,
        "exchange_trade_id": told.trade_id,
        "direction": told.direction,
        "offset": offset_word(told.offset),
        "price": told.price,
        "volume": round(told.volume),
        "trade_date_time": told.timestamp * NANOSECONDS,
        **fee,
    }


def trade_key(trade_id: str, order_key: str) -> str:
    return f"{order_key}|{trade_id}"


def offset_word(offset: Offset) -> str:
    return "CLOSE" if offset is Offset.CLOSEYESTERDAY else offset


def price_type(order_type: OrderType, price_levels: int | None = None) -> str:
    """ANY for numbers of levels that the client has no word for."""
    if order_type is not OrderType.MARKET:
        return "LIMIT"
    return next((word for word, levels in MARKET_LEVELS.items() if levels == price_levels), "ANY")


def status_word(status: OrderStatus) -> str:
    return "FINISHED" if status in FINISHED else "ALIVE"
