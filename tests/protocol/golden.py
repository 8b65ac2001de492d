"""Golden frames: what each message looks like on the wire, to the byte. The contract in one table."""

from typing import Any

from trading import protocol
from trading.core.codes import Code
from trading.core.events import InstrumentSettled, TermsChanged, TradeBroken
from trading.core.types import (
    Announcement,
    CancelReason,
    Direction,
    Offset,
    OrderStatus,
    OrderType,
    Phase,
    SelfTrade,
    StopKind,
    TimeCondition,
    TradeSide,
    Trigger,
)

ORDER_ID = "O17251234567890000001"
TRADE_ID = "T17251234567890000001"

CLIENT: list[tuple[str, protocol.ClientMessage]] = [
    ('{"type":"auth","user_id":"user001","token":"your_token"}', protocol.Auth(user_id="user001", token="your_token")),
    (
        '{"type":"subscribe","channels":["trade","orderbook","ticker"],"instruments":["IX2301","IF2301"]}',
        protocol.Subscribe(channels=["trade", "orderbook", "ticker"], instruments=["IX2301", "IF2301"]),
    ),
    ('{"type":"subscribe","channels":["account_update"]}', protocol.Subscribe(channels=["account_update"])),
    (
        '{"type":"unsubscribe","channels":["trade"],"instruments":["IX2301"]}',
        protocol.Unsubscribe(channels=["trade"], instruments=["IX2301"]),
    ),
    (
        '{"type":"submit_order","instrument_id":"IX2301","direction":"BUY","offset":"OPEN","volume":10,"price":120.0,'
        '"order_type":"LIMIT"}',
        protocol.SubmitOrder(
            instrument_id="IX2301",
            direction=Direction.BUY,
            offset=Offset.OPEN,
            volume=10,
            price=120.0,
            order_type=OrderType.LIMIT,
        ),
    ),
    (
        '{"type":"submit_order","instrument_id":"IX2301","direction":"SELL","offset":"CLOSETODAY","volume":10.0,'
        '"order_type":"MARKET"}',
        protocol.SubmitOrder(
            instrument_id="IX2301",
            direction=Direction.SELL,
            offset=Offset.CLOSETODAY,
            volume=10,
            order_type=OrderType.MARKET,
        ),
    ),
    (
        '{"type":"submit_order","instrument_id":"IX2301","direction":"SELL","offset":"CLOSEYESTERDAY","volume":1,'
        '"price":null,"order_type":"MARKET","time_condition":"IOC","client_order_id":"mine-1","request_id":"r1"}',
        protocol.SubmitOrder(
            instrument_id="IX2301",
            direction=Direction.SELL,
            offset=Offset.CLOSEYESTERDAY,
            volume=1,
            price=None,
            order_type=OrderType.MARKET,
            time_condition=TimeCondition.IOC,
            client_order_id="mine-1",
            request_id="r1",
        ),
    ),
    (
        '{"type":"submit_order","instrument_id":"IX2301","direction":"BUY","offset":"OPEN","volume":2,'
        '"order_type":"MARKET","time_condition":"IOC","price_levels":5}',
        protocol.SubmitOrder(
            instrument_id="IX2301",
            direction=Direction.BUY,
            offset=Offset.OPEN,
            volume=2,
            order_type=OrderType.MARKET,
            time_condition=TimeCondition.IOC,
            price_levels=5,
        ),
    ),
    (
        '{"type":"submit_order","instrument_id":"IX2301","direction":"SELL","offset":"CLOSE","volume":5,"price":119.5,'
        '"order_type":"LIMIT","time_condition":"GTD","expires_at":1696406400000,"valid_until":1696320001000,'
        '"post_only":true,"reduce_only":true,"display_volume":2,"stop_price":120.5,"stop_kind":"TAKE_PROFIT",'
        '"trigger":"BID","oco_group":"exit","stp":"CANCEL_BOTH"}',
        protocol.SubmitOrder(
            instrument_id="IX2301",
            direction=Direction.SELL,
            offset=Offset.CLOSE,
            volume=5,
            price=119.5,
            order_type=OrderType.LIMIT,
            time_condition=TimeCondition.GTD,
            expires_at=1696406400000,
            valid_until=1696320001000,
            post_only=True,
            reduce_only=True,
            display_volume=2,
            stop_price=120.5,
            stop_kind=StopKind.TAKE_PROFIT,
            trigger=Trigger.BID,
            oco_group="exit",
            stp=SelfTrade.CANCEL_BOTH,
        ),
    ),
    (
        f'{{"type":"amend_order","order_id":"{ORDER_ID}","price":120.5,"volume":8,"valid_until":1696320001000}}',
        protocol.AmendOrder(order_id=ORDER_ID, price=120.5, volume=8, valid_until=1696320001000),
    ),
    (f'{{"type":"cancel_order","order_id":"{ORDER_ID}"}}', protocol.CancelOrder(order_id=ORDER_ID)),
    ('{"type":"cancel_all"}', protocol.CancelAll()),
    (
        '{"type":"cancel_all","instrument_id":"IX2301","direction":"BUY","request_id":1}',
        protocol.CancelAll(instrument_id="IX2301", direction=Direction.BUY, request_id=1),
    ),
    ('{"type":"cancel_after","timeout_ms":30000}', protocol.CancelAfter(timeout_ms=30_000)),
    (
        '{"type":"submit_orders","orders":[{"instrument_id":"IX2301","direction":"BUY","offset":"OPEN","volume":1,'
        '"price":120.0,"order_type":"LIMIT","client_order_id":"a"},{"instrument_id":"IX2301","direction":"SELL",'
        '"offset":"OPEN","volume":2,"order_type":"MARKET","trail":1.5}],"request_id":"r1"}',
        protocol.SubmitOrders(
            orders=[
                protocol.OrderFields(
                    instrument_id="IX2301",
                    direction=Direction.BUY,
                    offset=Offset.OPEN,
                    volume=1,
                    price=120.0,
                    order_type=OrderType.LIMIT,
                    client_order_id="a",
                ),
                protocol.OrderFields(
                    instrument_id="IX2301",
                    direction=Direction.SELL,
                    offset=Offset.OPEN,
                    volume=2,
                    order_type=OrderType.MARKET,
                    trail=1.5,
                ),
            ],
            request_id="r1",
        ),
    ),
    (f'{{"type":"cancel_orders","order_ids":["{ORDER_ID}","x"]}}', protocol.CancelOrders(order_ids=[ORDER_ID, "x"])),
    ('{"type":"resume"}', protocol.Resume()),
    ('{"type":"resume","last_seq":41,"request_id":7}', protocol.Resume(last_seq=41, request_id=7)),
    ('{"type":"resume","last_seq":41,"market":"CFFEX"}', protocol.Resume(last_seq=41, market="CFFEX")),
    ('{"type":"set_session","cancel_on_disconnect":true}', protocol.SetSession(cancel_on_disconnect=True)),
    (
        '{"type":"set_session","cancel_on_disconnect":false,"grace_ms":600000}',
        protocol.SetSession(cancel_on_disconnect=False, grace_ms=600_000),
    ),
    ('{"type":"logout"}', protocol.Logout()),
    (f'{{"type":"query_order","order_id":"{ORDER_ID}"}}', protocol.QueryOrder(order_id=ORDER_ID)),
    ('{"type":"query_account"}', protocol.QueryAccount()),
    ('{"type":"query_account","request_id":7}', protocol.QueryAccount(request_id=7)),
    ('{"type":"query_account","market":"CFFEX"}', protocol.QueryAccount(market="CFFEX")),
    ('{"type":"query_position"}', protocol.QueryPosition()),
    ('{"type":"query_position","instrument_id":"IX2301"}', protocol.QueryPosition(instrument_id="IX2301")),
    ('{"type":"query_position","lots":true}', protocol.QueryPosition(lots=True)),
    ('{"type":"query_orders"}', protocol.QueryOrders()),
    (
        '{"type":"query_orders","instrument_id":"IX2301","status":"LIVE","from_time":1,"to_time":2,'
        f'"before":"{ORDER_ID}","limit":200}}',
        protocol.QueryOrders(instrument_id="IX2301", status="LIVE", from_time=1, to_time=2, before=ORDER_ID, limit=200),
    ),
    (
        f'{{"type":"query_trades","instrument_id":"IX2301","order_id":"{ORDER_ID}","from_time":1,"to_time":2,'
        f'"before":"{TRADE_ID}","limit":1}}',
        protocol.QueryTrades(
            instrument_id="IX2301", order_id=ORDER_ID, from_time=1, to_time=2, before=TRADE_ID, limit=1
        ),
    ),
    ('{"type":"query_instruments"}', protocol.QueryInstruments()),
    ('{"type":"query_instruments","instrument_id":"IX2301"}', protocol.QueryInstruments(instrument_id="IX2301")),
    (
        '{"type":"query_statements","from_day":20231001,"to_day":20231031,"limit":31}',
        protocol.QueryStatements(from_day=20231001, to_day=20231031, limit=31),
    ),
    ('{"type":"query_statements","market":"CFFEX"}', protocol.QueryStatements(market="CFFEX")),
    (
        '{"type":"query_bars","instrument_id":"IX2301"}',
        protocol.QueryBars(instrument_id="IX2301", period="1m", limit=200),
    ),
    (
        '{"type":"query_bars","instrument_id":"IX2301","period":"1h","before":1696320000000,"limit":1000,"request_id":3}',
        protocol.QueryBars(instrument_id="IX2301", period="1h", before=1_696_320_000_000, limit=1_000, request_id=3),
    ),
    (
        '{"type":"query_public_trades","instrument_id":"IX2301","limit":10}',
        protocol.QueryPublicTrades(instrument_id="IX2301", limit=10),
    ),
    ('{"type":"query_statistics"}', protocol.QueryStatistics()),
    ('{"type":"query_statistics","instrument_id":"IX2301"}', protocol.QueryStatistics(instrument_id="IX2301")),
    (
        '{"type":"subscribe","channels":["kline","orderbook_delta"],"instruments":["IX2301"],"period":"15m"}',
        protocol.Subscribe(channels=["kline", "orderbook_delta"], instruments=["IX2301"], period="15m"),
    ),
    (
        '{"type":"unsubscribe","channels":["kline"],"period":"1d"}',
        protocol.Unsubscribe(channels=["kline"], period="1d"),
    ),
    ('{"type":"ping"}', protocol.Ping()),
    ('{"type":"pong"}', protocol.Pong()),
]

_ACCOUNT = protocol.AccountData(
    user_id="user001",
    balance=1005000.0,
    available=955000.0,
    frozen=50000.0,
    margin=50000.0,
    profit=5000.0,
    risk_ratio=0.05,
    static_balance=1000000.0,
    pre_balance=1000000.0,
    deposit=0.0,
    withdraw=0.0,
    close_profit=0.0,
    position_profit=5000.0,
    float_profit=5000.0,
    commission=0.0,
    frozen_orders=0.0,
    withdrawable=950000.0,
)
_ORDER = protocol.OrderData(
    user_id="user001",
    order_id=ORDER_ID,
    instrument_id="IX2301",
    direction=Direction.BUY,
    offset=Offset.OPEN,
    volume=10.0,
    price=120.0,
    order_type=OrderType.LIMIT,
    time_condition=TimeCondition.GFD,
    status=OrderStatus.PARTIALLY_FILLED,
    filled_volume=4.0,
    remaining_volume=6.0,
    timestamp=1696320001000,
    client_order_id=None,
)
_STATEMENT = protocol.Statement(
    day=20231003,
    opening=100000.0,
    deposits=0.0,
    withdrawals=0.0,
    close_profit=500.0,
    position_profit=-120.0,
    commission=12.5,
    closing=100367.5,
    margin=3630.0,
    positions=[protocol.StatementPosition("IX2301", 3.0, 0.0, 121.0, 3630.0)],
    timestamp=1696320001000,
)
_STATEMENT_FIELDS = (
    '"day":20231003,"opening":100000.0,"deposits":0.0,"withdrawals":0.0,"close_profit":500.0,'
    '"position_profit":-120.0,"commission":12.5,"closing":100367.5,"margin":3630.0,"positions":[{"instrument_id":'
    '"IX2301","volume_long":3.0,"volume_short":0.0,"price":121.0,"margin":3630.0}],"timestamp":1696320001000'
)

_DAY = protocol.StatisticsData(
    instrument_id="IX2301",
    open=119.5,
    high=121.0,
    low=119.0,
    last_price=120.0,
    change=-0.5,
    volume=230.0,
    turnover=2767450.0,
    trades=41,
    open_interest=1210.0,
    settlement_price=120.5,
    limit_up=132.0,
    limit_down=None,
)
_DAY_FIELDS = (
    '{"instrument_id":"IX2301","open":119.5,"high":121.0,"low":119.0,"last_price":120.0,"change":-0.5,"volume":230.0,'
    '"turnover":2767450.0,"trades":41,"open_interest":1210.0,"settlement_price":120.5,"limit_up":132.0,'
    '"limit_down":null}'
)
_BAR: dict[str, Any] = {
    "start": 1_696_320_000_000,
    "open": 120.0,
    "high": 121.0,
    "low": 119.5,
    "close": 120.5,
    "volume": 230.0,
    "turnover": 2767450.0,
    "trades": 41,
    "open_interest": 1210.0,
}
_BAR_FIELDS = (
    '"start":1696320000000,"open":120.0,"high":121.0,"low":119.5,"close":120.5,"volume":230.0,"turnover":2767450.0,'
    '"trades":41,"open_interest":1210.0'
)

SERVER: list[tuple[protocol.ServerMessage, str]] = [
    (
        protocol.AuthResponse(success=True, user_id="user001", message="Authentication successful"),
        '{"type":"auth_response","success":true,"user_id":"user001","message":"Authentication successful"}',
    ),
    (
        protocol.AuthResponse(success=False, user_id="", message="Invalid credentials", request_id=7),
        '{"type":"auth_response","success":false,"user_id":"","message":"Invalid credentials","request_id":7}',
    ),
    (
        protocol.SubscribeResponse(
            success=True, channels=["trade"], instruments=["IX2301"], message="Subscribed successfully"
        ),
        '{"type":"subscribe_response","success":true,"channels":["trade"],"instruments":["IX2301"],'
        '"message":"Subscribed successfully"}',
    ),
    (
        protocol.SubscribeResponse(
            success=False, channels=["order"], instruments=[], message="Unknown channel order", error_code=400
        ),
        '{"type":"subscribe_response","success":false,"channels":["order"],"instruments":[],'
        '"message":"Unknown channel order","error_code":400}',
    ),
    (
        protocol.OrderResponse(success=True, order_id=ORDER_ID, error_code=None, error_message=None),
        f'{{"type":"order_response","success":true,"order_id":"{ORDER_ID}","error_code":null,"error_message":null}}',
    ),
    (
        protocol.OrderResponse(
            success=False,
            order_id=None,
            error_code=Code.INSUFFICIENT_FUNDS,
            error_message="Insufficient funds",
            client_order_id="mine-1",
            retry_after=0.5,
            request_id="r1",
        ),
        '{"type":"order_response","success":false,"order_id":null,"error_code":1001,'
        '"error_message":"Insufficient funds","client_order_id":"mine-1","retry_after":0.5,"request_id":"r1"}',
    ),
    (
        protocol.Trade(
            trade_id=TRADE_ID,
            order_id=ORDER_ID,
            instrument_id="IX2301",
            direction=Direction.BUY,
            offset=Offset.OPEN,
            price=120.0,
            volume=10.0,
            timestamp=1696320001000,
        ),
        f'{{"type":"trade","trade_id":"{TRADE_ID}","order_id":"{ORDER_ID}","instrument_id":"IX2301","direction":"BUY",'
        '"offset":"OPEN","price":120.0,"volume":10.0,"timestamp":1696320001000}',
    ),
    (
        protocol.Snapshot(seq=8, account=_ACCOUNT, positions=[], orders=[], trading_day=20231003, market="CFFEX"),
        '{"type":"snapshot","seq":8,"account":{"user_id":"user001","balance":1005000.0,"available":955000.0,'
        '"frozen":50000.0,"margin":50000.0,"profit":5000.0,"risk_ratio":0.05,"static_balance":1000000.0,'
        '"pre_balance":1000000.0,"deposit":0.0,"withdraw":0.0,"close_profit":0.0,"position_profit":5000.0,'
        '"float_profit":5000.0,"commission":0.0,"frozen_orders":0.0,"withdrawable":950000.0},"positions":[],'
        '"orders":[],"trading_day":20231003,"market":"CFFEX"}',
    ),
    (
        protocol.OrderStatusFrame(
            order_id=ORDER_ID,
            status=OrderStatus.PARTIALLY_FILLED,
            filled_volume=5.0,
            remaining_volume=5.0,
            timestamp=1696320001000,
            seq=12,
        ),
        f'{{"type":"order_status","order_id":"{ORDER_ID}","status":"PartiallyFilled","filled_volume":5.0,'
        '"remaining_volume":5.0,"timestamp":1696320001000,"seq":12}',
    ),
    (
        protocol.OrderStatusFrame(
            order_id=ORDER_ID,
            status=OrderStatus.FILLED,
            filled_volume=10.0,
            remaining_volume=0.0,
            timestamp=1696320001000,
            seq=14,
            average_price=119.75,
        ),
        f'{{"type":"order_status","order_id":"{ORDER_ID}","status":"Filled","filled_volume":10.0,'
        '"remaining_volume":0.0,"timestamp":1696320001000,"seq":14,"average_price":119.75}',
    ),
    (
        protocol.Trade(
            trade_id=TRADE_ID,
            order_id=ORDER_ID,
            instrument_id="IX2301",
            direction=Direction.BUY,
            offset=Offset.OPEN,
            price=120.0,
            volume=10.0,
            timestamp=1696320001000,
            seq=13,
            commission=20.0,
            is_maker=False,
        ),
        f'{{"type":"trade","trade_id":"{TRADE_ID}","order_id":"{ORDER_ID}","instrument_id":"IX2301","direction":"BUY",'
        '"offset":"OPEN","price":120.0,"volume":10.0,"timestamp":1696320001000,"seq":13,"commission":20.0,'
        '"is_maker":false}',
    ),
    (
        protocol.AccountUpdate(
            balance=1005000.0,
            available=955000.0,
            frozen=50000.0,
            margin=50000.0,
            profit=5000.0,
            risk_ratio=0.05,
            timestamp=1696320001000,
        ),
        '{"type":"account_update","balance":1005000.0,"available":955000.0,"frozen":50000.0,"margin":50000.0,'
        '"profit":5000.0,"risk_ratio":0.05,"timestamp":1696320001000}',
    ),
    (
        protocol.Portfolio(
            balance=1005000.0,
            available=955000.0,
            frozen=50000.0,
            margin=50000.0,
            profit=5000.0,
            position_profit=4800.0,
            risk_ratio=0.049751,
            timestamp=1696320001000,
        ),
        '{"type":"portfolio","balance":1005000.0,"available":955000.0,"frozen":50000.0,"margin":50000.0,'
        '"profit":5000.0,"position_profit":4800.0,"risk_ratio":0.049751,"timestamp":1696320001000}',
    ),
    (
        protocol.orderbook("IX2301", [(1_195_000, 100, 5)], [(1_200_000, 150, 6), (1_205_000, 180, 7)], 1696320001000),
        '{"type":"orderbook","instrument_id":"IX2301","bids":[{"price":119.5,"volume":100.0,"order_count":5}],'
        '"asks":[{"price":120.0,"volume":150.0,"order_count":6},{"price":120.5,"volume":180.0,"order_count":7}],'
        '"timestamp":1696320001000}',
    ),
    (
        protocol.orderbook("IX2301", [], [], 1696320001000),
        '{"type":"orderbook","instrument_id":"IX2301","bids":[],"asks":[],"timestamp":1696320001000}',
    ),
    (
        protocol.ticker("IX2301", 1_200_000, 10, 1696320001000),
        '{"type":"ticker","instrument_id":"IX2301","last_price":120.0,"volume":10.0,"timestamp":1696320001000}',
    ),
    (
        protocol.ticker("IX2301", 1_200_000, 10, 1696320001000, Direction.SELL, _DAY),
        '{"type":"ticker","instrument_id":"IX2301","last_price":120.0,"volume":10.0,"timestamp":1696320001000,'
        f'"direction":"SELL","day":{_DAY_FIELDS}}}',
    ),
    (
        protocol.orderbook_delta(
            "IX2301", [(1_195_000, 12, 2)], [(1_200_000, 0, 0)], 1696320001000, 7, 6, Phase.CONTINUOUS
        ),
        '{"type":"orderbook_delta","instrument_id":"IX2301","seq":7,"prev_seq":6,"bids":[{"price":119.5,"volume":12.0,'
        '"order_count":2}],"asks":[{"price":120.0,"volume":0.0,"order_count":0}],"timestamp":1696320001000}',
    ),
    (
        protocol.orderbook_delta("IX2301", [], [], 1696320001000, 7, None, Phase.AUCTION, (1_210_000, 3)),
        '{"type":"orderbook_delta","instrument_id":"IX2301","seq":7,"prev_seq":null,"bids":[],"asks":[],'
        '"timestamp":1696320001000,"phase":"auction","indicative_price":121.0,"indicative_volume":3.0}',
    ),
    (
        protocol.Kline(instrument_id="IX2301", period="5m", **_BAR),
        f'{{"type":"kline",{_BAR_FIELDS},"instrument_id":"IX2301","period":"5m"}}',
    ),
    (
        protocol.QueryResponse(
            request_type="query_bars", data=protocol.QueryData(bars=[protocol.BarData(**_BAR)]), request_id=3
        ),
        f'{{"type":"query_response","request_type":"query_bars","data":{{"bars":[{{{_BAR_FIELDS}}}]}},"request_id":3}}',
    ),
    (
        protocol.QueryResponse(
            request_type="query_public_trades",
            data=protocol.QueryData(
                public_trades=[protocol.PublicTradeData(120.0, 10.0, 1696320001000, Direction.BUY)]
            ),
        ),
        '{"type":"query_response","request_type":"query_public_trades","data":{"public_trades":[{"price":120.0,'
        '"volume":10.0,"timestamp":1696320001000,"direction":"BUY"}]}}',
    ),
    (
        protocol.QueryResponse(request_type="query_statistics", data=protocol.QueryData(statistics=[_DAY])),
        f'{{"type":"query_response","request_type":"query_statistics","data":{{"statistics":[{_DAY_FIELDS}]}}}}',
    ),
    (
        protocol.QueryResponse(request_type="query_account", data=protocol.QueryData(account=_ACCOUNT)),
        '{"type":"query_response","request_type":"query_account","data":{"account":{"user_id":"user001",'
        '"balance":1005000.0,"available":955000.0,"frozen":50000.0,"margin":50000.0,"profit":5000.0,'
        '"risk_ratio":0.05,"static_balance":1000000.0,"pre_balance":1000000.0,"deposit":0.0,"withdraw":0.0,'
        '"close_profit":0.0,"position_profit":5000.0,"float_profit":5000.0,"commission":0.0,"frozen_orders":0.0,'
        '"withdrawable":950000.0}}}',
    ),
    (
        protocol.QueryResponse(request_type="query_position", data=protocol.QueryData(positions=[]), request_id=1),
        '{"type":"query_response","request_type":"query_position","data":{"positions":[]},"request_id":1}',
    ),
    (
        protocol.QueryResponse(request_type="query_order", data=protocol.QueryData(order=_ORDER)),
        '{"type":"query_response","request_type":"query_order","data":{"order":{"user_id":"user001",'
        f'"order_id":"{ORDER_ID}","instrument_id":"IX2301","direction":"BUY","offset":"OPEN","volume":10.0,'
        '"price":120.0,"order_type":"LIMIT","time_condition":"GFD","status":"PartiallyFilled","filled_volume":4.0,'
        '"remaining_volume":6.0,"timestamp":1696320001000,"client_order_id":null}}}',
    ),
    (
        protocol.OrdersResponse(
            results=[
                protocol.OrderResult(success=True, order_id=ORDER_ID, error_code=None, error_message=None),
                protocol.OrderResult(
                    success=False, order_id=None, error_code=1006, error_message="no", client_order_id="b"
                ),
                protocol.OrderResult(
                    success=False,
                    order_id=None,
                    error_code=1011,
                    error_message="late",
                    status=OrderStatus.FILLED,
                    filled_volume=5.0,
                ),
            ],
            request_id="r1",
        ),
        f'{{"type":"orders_response","results":[{{"success":true,"order_id":"{ORDER_ID}","error_code":null,'
        '"error_message":null},{"success":false,"order_id":null,"error_code":1006,"error_message":"no",'
        '"client_order_id":"b"},{"success":false,"order_id":null,"error_code":1011,"error_message":"late",'
        '"status":"Filled","filled_volume":5.0}],"request_id":"r1"}',
    ),
    (
        protocol.CancelAllResponse(success=True, cancelled=3, error_code=None, error_message=None),
        '{"type":"cancel_all_response","success":true,"cancelled":3,"error_code":null,"error_message":null}',
    ),
    (
        protocol.CancelAfterResponse(
            success=False, deadline=None, error_code=429, error_message="Too many requests", retry_after=0.25
        ),
        '{"type":"cancel_after_response","success":false,"deadline":null,"error_code":429,'
        '"error_message":"Too many requests","retry_after":0.25}',
    ),
    (
        protocol.ResumeResponse(success=True, last_seq=41, request_id="r"),
        '{"type":"resume_response","success":true,"last_seq":41,"request_id":"r"}',
    ),
    (
        protocol.Snapshot(seq=41, account=_ACCOUNT, positions=[], orders=[], trading_day=20231003),
        '{"type":"snapshot","seq":41,"account":{"user_id":"user001","balance":1005000.0,"available":955000.0,'
        '"frozen":50000.0,"margin":50000.0,"profit":5000.0,"risk_ratio":0.05,"static_balance":1000000.0,'
        '"pre_balance":1000000.0,"deposit":0.0,"withdraw":0.0,"close_profit":0.0,"position_profit":5000.0,'
        '"float_profit":5000.0,"commission":0.0,"frozen_orders":0.0,"withdrawable":950000.0},"positions":[],'
        '"orders":[],"trading_day":20231003}',
    ),
    (
        protocol.OrderStatusFrame(
            order_id=ORDER_ID,
            status=OrderStatus.SUBMITTED,
            filled_volume=0.0,
            remaining_volume=10.0,
            timestamp=1696320001000,
            seq=15,
            price=120.0,
            volume=10.0,
            instrument_id="IX2301",
            direction=Direction.BUY,
            offset=Offset.OPEN,
            order_type=OrderType.LIMIT,
            client_order_id="mine",
            time_condition=TimeCondition.GTC,
            post_only=True,
            reduce_only=True,
            stop_price=121.0,
            stop_kind=StopKind.STOP,
            trigger=Trigger.BID,
            trail=2.5,
            price_levels=5,
        ),
        f'{{"type":"order_status","order_id":"{ORDER_ID}","status":"Submitted","filled_volume":0.0,'
        '"remaining_volume":10.0,"timestamp":1696320001000,"seq":15,"price":120.0,"volume":10.0,'
        '"instrument_id":"IX2301","direction":"BUY","offset":"OPEN","order_type":"LIMIT","client_order_id":"mine",'
        '"time_condition":"GTC","post_only":true,"reduce_only":true,"stop_price":121.0,"stop_kind":"STOP",'
        '"trigger":"BID","trail":2.5,"price_levels":5}',
    ),
    (
        protocol.SetSessionResponse(success=True, cancel_on_disconnect=True, grace_ms=5000),
        '{"type":"set_session_response","success":true,"cancel_on_disconnect":true,"grace_ms":5000}',
    ),
    (protocol.LogoutResponse(success=True, request_id=1), '{"type":"logout_response","success":true,"request_id":1}'),
    (
        protocol.OrderStatusFrame(
            order_id=ORDER_ID,
            status=OrderStatus.CANCELLED,
            filled_volume=0.0,
            remaining_volume=5.0,
            timestamp=1696320001000,
            seq=15,
            reason=CancelReason.REFUSED,
            error_code=Code.INSUFFICIENT_FUNDS,
            error_message="Insufficient funds",
        ),
        f'{{"type":"order_status","order_id":"{ORDER_ID}","status":"Cancelled","filled_volume":0.0,'
        '"remaining_volume":5.0,"timestamp":1696320001000,"seq":15,"reason":"REFUSED","error_code":1001,'
        '"error_message":"Insufficient funds"}',
    ),
    (
        protocol.RiskWarning(risk_ratio=0.84, margin=84000.0, balance=100000.0, timestamp=1696320001000, seq=31),
        '{"type":"risk_warning","risk_ratio":0.84,"margin":84000.0,"balance":100000.0,"timestamp":1696320001000,'
        '"seq":31}',
    ),
    (
        protocol.Liquidation(status="ENDED", risk_ratio=0.5, margin=5.0, balance=10.0, timestamp=1696320001000, seq=32),
        '{"type":"liquidation","status":"ENDED","risk_ratio":0.5,"margin":5.0,"balance":10.0,'
        '"timestamp":1696320001000,"seq":32}',
    ),
    (
        protocol.PositionExpired(
            instrument_id="IX2301",
            volume_long=3.0,
            volume_short=0.0,
            price=121.0,
            close_profit=300.0,
            timestamp=1696320001000,
            seq=33,
        ),
        '{"type":"position_expired","instrument_id":"IX2301","volume_long":3.0,"volume_short":0.0,"price":121.0,'
        '"close_profit":300.0,"timestamp":1696320001000,"seq":33}',
    ),
    (_STATEMENT, f'{{"type":"statement",{_STATEMENT_FIELDS}}}'),
    (
        protocol.orderbook("IX2301", [], [], 1696320001000, Phase.AUCTION, (1_210_000, 3)),
        '{"type":"orderbook","instrument_id":"IX2301","bids":[],"asks":[],"timestamp":1696320001000,'
        '"phase":"auction","indicative_price":121.0,"indicative_volume":3.0}',
    ),
    (
        protocol.orderbook("IX2301", [], [], 1696320001000, Phase.CONTINUOUS),
        '{"type":"orderbook","instrument_id":"IX2301","bids":[],"asks":[],"timestamp":1696320001000}',
    ),
    *(
        (
            protocol.instrument_state(event, 1696320001000),
            f'{{"type":"instrument_state","instrument_id":"IX2301","state":"{state}","timestamp":1696320001000}}',
        )
        for event, state in (
            (TermsChanged("IX2301"), "changed"),
            (InstrumentSettled("IX2301", 20231003, 1_200_000, False), "settled"),
            (InstrumentSettled("IX2301", 20231003, 1_200_000, True), "delisted"),
        )
    ),
    (
        protocol.instrument_status("IX2301", Phase.HALTED, 1696320001000),
        '{"type":"instrument_status","instrument_id":"IX2301","phase":"halted","timestamp":1696320001000}',
    ),
    (
        protocol.Announcement(message="The exchange stops", timestamp=1696320001000),
        '{"type":"announcement","message":"The exchange stops","timestamp":1696320001000}',
    ),
    (
        protocol.QueryResponse(
            request_type="query_trades",
            data=protocol.QueryData(
                trades=[
                    protocol.TradeData(
                        trade_id=TRADE_ID,
                        order_id=ORDER_ID,
                        instrument_id="IX2301",
                        direction=Direction.BUY,
                        offset=Offset.OPEN,
                        price=120.0,
                        volume=3.0,
                        timestamp=1696320001000,
                        is_maker=True,
                        commission=6.0,
                        close_profit=0.0,
                        broken=True,
                    )
                ],
                next=None,
            ),
        ),
        f'{{"type":"query_response","request_type":"query_trades","data":{{"trades":[{{"trade_id":"{TRADE_ID}",'
        f'"order_id":"{ORDER_ID}","instrument_id":"IX2301","direction":"BUY","offset":"OPEN","price":120.0,'
        '"volume":3.0,"timestamp":1696320001000,"is_maker":true,"commission":6.0,"close_profit":0.0,"broken":true}],'
        '"next":null}}',
    ),
    (
        protocol.trade_broken(
            TradeBroken(
                1,
                "IX2301",
                1_200_000,
                3,
                1696320001000,
                TradeSide(1, 7, Offset.OPEN, 60_000, 0),
                TradeSide(2, 8, Offset.CLOSE, 0, -1_500_000),
            ),
            False,
            9,
        ),
        '{"type":"trade_broken","trade_id":"T15778368000000000001","order_id":"O15778368000000000008",'
        '"instrument_id":"IX2301","direction":"SELL","offset":"CLOSE","price":120.0,"volume":3.0,"commission":0.0,'
        '"close_profit":-150.0,"timestamp":1696320001000,"seq":9}',
    ),
    (
        protocol.Announcements(
            announcements=[
                protocol.announcement_data(
                    Announcement(1, "We stop at ten", 1696320001000, 1696330001000, "user001", 1696330000000)
                ),
                protocol.announcement_data(Announcement(2, "Welcome", 1696320002000, 1696330001000)),
            ],
            timestamp=1696320003000,
        ),
        '{"type":"announcements","announcements":[{"announcement_id":"A15778368000000000001","text":"We stop at ten",'
        '"timestamp":1696320001000,"until":1696330001000,"stop_at":1696330000000,"personal":true},'
        '{"announcement_id":"A15778368000000000002","text":"Welcome","timestamp":1696320002000,'
        '"until":1696330001000}],"timestamp":1696320003000}',
    ),
    (
        protocol.QueryResponse(request_type="query_orders", data=protocol.QueryData(orders=[], next=None)),
        '{"type":"query_response","request_type":"query_orders","data":{"orders":[],"next":null}}',
    ),
    (
        protocol.QueryResponse(request_type="query_trades", data=protocol.QueryData(trades=[], next=TRADE_ID)),
        f'{{"type":"query_response","request_type":"query_trades","data":{{"trades":[],"next":"{TRADE_ID}"}}}}',
    ),
    (
        protocol.QueryResponse(
            request_type="query_trades", data=protocol.QueryData(trades=[], next=None, archived_until=1696320001000)
        ),
        '{"type":"query_response","request_type":"query_trades","data":{"trades":[],"next":null,'
        '"archived_until":1696320001000}}',
    ),
    (
        protocol.QueryResponse(request_type="query_statements", data=protocol.QueryData(statements=[_STATEMENT])),
        '{"type":"query_response","request_type":"query_statements","data":{"statements":[{"type":"statement",'
        f"{_STATEMENT_FIELDS}}}]}}}}",
    ),
    (
        protocol.Error(code=Code.NOT_AUTHENTICATED, message="Not authenticated"),
        '{"type":"error","code":401,"message":"Not authenticated"}',
    ),
    (
        protocol.Error(code=Code.TOO_FAST, message="Too many requests", retry_after=0.25, request_id="r"),
        '{"type":"error","code":429,"message":"Too many requests","retry_after":0.25,"request_id":"r"}',
    ),
    (protocol.PongFrame(), '{"type":"pong"}'),
    (protocol.PongFrame(request_id=3), '{"type":"pong","request_id":3}'),
    (protocol.PingFrame(), '{"type":"ping"}'),
]
