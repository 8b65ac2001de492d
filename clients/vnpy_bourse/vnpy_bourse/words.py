"""The words of vnpy and those of the exchange, one for the other. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from bourse_client.messages import Account, Bar, Instrument, OrderOptions, Trade
from vnpy.trader.constant import Direction, Exchange, Interval, Offset, OrderType, Product, Status
from vnpy.trader.database import DB_TZ
from vnpy.trader.object import AccountData, BarData, ContractData, OrderRequest, TradeData

EXCHANGE = Exchange.LOCAL
"""vnpy's list of exchanges is closed, and ours is none of the real ones: under a real one's name, its rules would be
applied to us (of SHFE and INE, vnpy splits every close) and its data would be mixed with ours in the database."""

DIRECTIONS = {"BUY": Direction.LONG, "SELL": Direction.SHORT}
OFFSETS = {
    "OPEN": Offset.OPEN,
    "CLOSE": Offset.CLOSE,
    "CLOSETODAY": Offset.CLOSETODAY,
    "CLOSEYESTERDAY": Offset.CLOSEYESTERDAY,
}
PERIODS = {Interval.MINUTE: "1m", Interval.HOUR: "1h", Interval.DAILY: "1d"}
SAID_DIRECTIONS = {word: said for said, word in DIRECTIONS.items()}
SAID_OFFSETS = {word: said for said, word in OFFSETS.items()}
TIME_CONDITIONS = {OrderType.FAK: "IOC", OrderType.FOK: "FOK"}
ORDER_TYPES = frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.FAK, OrderType.FOK, OrderType.STOP})


class Wanted(NamedTuple):
    """An order as the client places it. `price` is null of one that takes any."""

    instrument_id: str
    direction: str
    volume: float
    price: float | None
    offset: str
    options: OrderOptions


def wanted(req: OrderRequest) -> Wanted:
    """ValueError, with a sentence, where the exchange has no such order."""
    if req.exchange is not EXCHANGE:
        raise ValueError(f"{req.vt_symbol} is not traded here; symbols end with .{EXCHANGE.value}")
    if req.type not in ORDER_TYPES:
        raise ValueError(f"there are no orders of the type {req.type.value}")
    if req.direction not in SAID_DIRECTIONS:
        raise ValueError("an order is LONG or SHORT")
    if req.offset not in SAID_OFFSETS:
        raise ValueError("an order needs an offset: OPEN, CLOSE, CLOSETODAY or CLOSEYESTERDAY")
    options: OrderOptions = {}
    if req.type in TIME_CONDITIONS:
        options["time_condition"] = TIME_CONDITIONS[req.type]
    if req.type is OrderType.STOP:
        options["stop_price"] = req.price
    price = None if req.type in (OrderType.MARKET, OrderType.STOP) else req.price
    direction, offset = SAID_DIRECTIONS[req.direction], SAID_OFFSETS[req.offset]
    return Wanted(req.symbol, direction, req.volume, price, offset, options)


def status(word: str, filled: float) -> Status:
    """`Waiting` is not traded either."""
    match word:
        case "Filled":
            return Status.ALLTRADED
        case "Cancelled":
            return Status.CANCELLED
    return Status.PARTTRADED if filled else Status.NOTTRADED


def moment(unix_ms: int) -> datetime:
    """In the time zone that vnpy keeps its data in."""
    return datetime.fromtimestamp(unix_ms / 1000, DB_TZ)


def contract(instrument: Instrument, gateway_name: str) -> ContractData:
    return ContractData(
        symbol=instrument.instrument_id,
        exchange=EXCHANGE,
        name=instrument.name,
        product=Product.FUTURES,
        size=instrument.multiplier,
        pricetick=instrument.tick,
        min_volume=instrument.min_volume,
        max_volume=instrument.max_volume,
        stop_supported=True,
        net_position=False,
        history_data=True,
        gateway_name=gateway_name,
    )


def account(told: Account, user_id: str, gateway_name: str) -> AccountData:
    """What is frozen is margin and what is held for orders, so that vnpy's difference is what is available."""
    return AccountData(accountid=user_id, balance=told.balance, frozen=told.frozen, gateway_name=gateway_name)


def trade(told: Trade, orderid: str, gateway_name: str) -> TradeData:
    return TradeData(
        symbol=told.instrument_id,
        exchange=EXCHANGE,
        orderid=orderid,
        tradeid=told.trade_id,
        direction=DIRECTIONS[told.direction],
        offset=OFFSETS[told.offset],
        price=told.price,
        volume=told.volume,
        datetime=moment(told.timestamp),
        gateway_name=gateway_name,
    )


def bars(found: Iterable[Bar], symbol: str, interval: Interval, gateway_name: str) -> list[BarData]:
    return [
        BarData(
            symbol=symbol,
            exchange=EXCHANGE,
            datetime=moment(bar.start),
            interval=interval,
            volume=bar.volume,
            turnover=bar.turnover,
            open_interest=bar.open_interest,
            open_price=bar.open,
            high_price=bar.high,
            low_price=bar.low,
            close_price=bar.close,
            gateway_name=gateway_name,
        )
        for bar in found
    ]
