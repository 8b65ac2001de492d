"""Golden frames: what each message looks like on the wire, to the byte. The contract in one table."""

from trading import protocol
from trading.core.codes import Code
from trading.core.types import Direction, Offset, OrderStatus, OrderType, TimeCondition

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
    (f'{{"type":"cancel_order","order_id":"{ORDER_ID}"}}', protocol.CancelOrder(order_id=ORDER_ID)),
    (f'{{"type":"query_order","order_id":"{ORDER_ID}"}}', protocol.QueryOrder(order_id=ORDER_ID)),
    ('{"type":"query_account"}', protocol.QueryAccount()),
    ('{"type":"query_account","request_id":7}', protocol.QueryAccount(request_id=7)),
    ('{"type":"query_position"}', protocol.QueryPosition()),
    ('{"type":"query_position","instrument_id":"IX2301"}', protocol.QueryPosition(instrument_id="IX2301")),
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
