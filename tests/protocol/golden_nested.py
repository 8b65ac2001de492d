"""Golden frames of what queries and snapshots carry: every field of every part, to the byte."""

from tests.protocol.golden import ORDER_ID, SERVER, TRADE_ID
from trading import protocol

_POSITION = (
    '{"user_id":"user001","instrument_id":"IX2301","volume_long":7.0,"volume_long_today":5.0,"volume_long_his":2.0,'
    '"volume_long_frozen_today":1.0,"volume_long_frozen_his":2.0,"volume_short":0.0,"volume_short_today":0.0,'
    '"volume_short_his":0.0,"volume_short_frozen_today":0.0,"volume_short_frozen_his":0.0,"open_price_long":119.0,'
    '"open_price_short":null,"open_cost_long":83300.0,"open_cost_short":0.0,"position_price_long":119.5,'
    '"position_price_short":null,"position_cost_long":83650.0,"position_cost_short":0.0,"float_profit_long":700.0,'
    '"float_profit_short":0.0,"float_profit":700.0,"position_profit_long":350.0,"position_profit_short":0.0,'
    '"position_profit":350.0,"margin_long":8400.0,"margin_short":0.0,"margin":8400.0,"last_price":120.0}'
)
_LOT = '{"direction":"BUY","volume":2.0,"open_price":118.5,"open_time":1696320001000,"today":false}'
_ORDER = (
    f'{{"user_id":"user001","order_id":"{ORDER_ID}","instrument_id":"IX2301","direction":"SELL","offset":"CLOSE",'
    '"volume":5.0,"price":119.5,"order_type":"LIMIT","time_condition":"GTD","status":"Cancelled","filled_volume":2.0,'
    '"remaining_volume":3.0,"timestamp":1696320001000,"client_order_id":"mine-1","average_price":119.75,'
    '"expires_at":1696406400000,'
    '"valid_until":1696320002000,"post_only":true,"reduce_only":true,"display_volume":2.0,"stop_price":120.5,'
    '"stop_kind":"STOP","trigger":"BID","trail":1.5,"current_stop":121.0,"oco_group":"exit","stp":"CANCEL_BOTH",'
    '"price_levels":5,"forced":true,"reason":"REFUSED","error_code":1005}'
)
_TRADE = (
    f'{{"trade_id":"{TRADE_ID}","order_id":"{ORDER_ID}","instrument_id":"IX2301","direction":"BUY","offset":"OPEN",'
    '"price":120.0,"volume":10.0,"timestamp":1696320001000,"is_maker":false,"commission":20.0,"close_profit":-5.5}'
)
_INSTRUMENT = (
    '{"instrument_id":"IX2301","name":"Index future","product_id":"IX","tick":0.5,"multiplier":100,"limit_up":132.0,'
    '"limit_down":null,"margin_rate_long":0.1,"margin_rate_short":0.12,"fee_open":{"per_lot":2.0,"rate":0.0},'
    '"fee_close":{"per_lot":3.0,"rate":0.0001},"fee_close_today":{"per_lot":5.0,"rate":0.0},"min_volume":1,'
    '"max_volume":500,"max_position":1000,"max_orders":null,"larger_side":true,"last_day":20231215,'
    '"phase":"continuous","settlement_price":120.0,"last_price":null,"market":"CFFEX",'
    '"trading_hours":{"time_zone":"Asia/Shanghai","sessions":[{"weekdays":"12345","begins":"21:00:00",'
    '"ends":"26:30:00"}]}}'
)


def _answer(request_type: str, data: str) -> str:
    return f'{{"type":"query_response","request_type":"{request_type}","data":{data}}}'


NESTED: list[tuple[type[protocol.ServerMessage], str]] = [
    (protocol.QueryResponse, _answer("query_position", f'{{"positions":[{_POSITION}]}}')),
    (protocol.QueryResponse, _answer("query_position", f'{{"positions":[{_POSITION[:-1]},"lots":[{_LOT}]}}]}}')),
    (protocol.QueryResponse, _answer("query_order", f'{{"order":{_ORDER}}}')),
    (protocol.QueryResponse, _answer("query_trades", f'{{"trades":[{_TRADE}],"next":null}}')),
    (protocol.QueryResponse, _answer("query_instruments", f'{{"instruments":[{_INSTRUMENT}]}}')),
    (
        protocol.Trade,
        f'{{"type":"trade","trade_id":"{TRADE_ID}","order_id":"{ORDER_ID}","instrument_id":"IX2301","direction":"BUY",'
        '"offset":"OPEN","price":120.0,"volume":10.0,"timestamp":1696320001000,"seq":16}',
    ),
    (
        protocol.AccountUpdate,
        '{"type":"account_update","balance":1005000.0,"available":955000.0,"frozen":50000.0,"margin":50000.0,'
        '"profit":5000.0,"risk_ratio":0.05,"timestamp":1696320001000,"seq":17}',
    ),
    (
        protocol.Statement,
        '{"type":"statement","day":20231003,"opening":100000.0,"deposits":0.0,"withdrawals":0.0,"close_profit":500.0,'
        '"position_profit":-120.0,"commission":12.5,"closing":100367.5,"margin":0.0,"positions":[],'
        '"timestamp":1696320001000,"seq":34}',
    ),
    (protocol.OrdersResponse, '{"type":"orders_response","results":[],"retry_after":0.25}'),
    (
        protocol.CancelAllResponse,
        '{"type":"cancel_all_response","success":false,"cancelled":0,"error_code":429,'
        '"error_message":"Too many requests","retry_after":0.25}',
    ),
]
"""A kind of message, and a frame of it. They add what the frames of `golden.SERVER` leave out."""

_PUSHES = {type(message): text for message, text in SERVER if isinstance(message, protocol.NumberedPush)}
NESTED += [(kind, f'{text[:-1]},"market":"CFFEX","market_seq":8}}') for kind, text in _PUSHES.items()]

FRAMES = [(type(message), text) for message, text in SERVER] + NESTED
"""Every golden frame of the server."""
