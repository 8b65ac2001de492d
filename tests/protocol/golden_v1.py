"""The contract of v1.0 as plain text: what its clients send and read, and nothing that came later.

A frame of a later server may have further fields, after these; a client of v1.0 never notices. No name of the product
stands here, so that nothing that is renamed inside can change what is promised.
"""

CLIENT: dict[str, list[str]] = {
    "auth": ['{"type":"auth","user_id":"user007","token":"d41d8cd9"}'],
    "subscribe": [
        '{"type":"subscribe","channels":["orderbook","ticker","trade"],"instruments":["IX2301"]}',
        '{"type":"subscribe","channels":["account_update"],"instruments":["IX2301","IF2301"]}',
    ],
    "unsubscribe": ['{"type":"unsubscribe","channels":["ticker"],"instruments":["IX2301"]}'],
    "submit_order": [
        '{"type":"submit_order","instrument_id":"IX2301","direction":"BUY","offset":"OPEN","volume":3,"price":119.5,'
        '"order_type":"LIMIT"}',
        '{"type":"submit_order","instrument_id":"IX2301","direction":"SELL","offset":"CLOSE","volume":2.0,"price":121,'
        '"order_type":"LIMIT"}',
    ],
    "cancel_order": ['{"type":"cancel_order","order_id":"O17600000000000000042"}'],
    "query_order": ['{"type":"query_order","order_id":"O17600000000000000042"}'],
    "query_account": ['{"type":"query_account"}'],
    "query_position": ['{"type":"query_position"}', '{"type":"query_position","instrument_id":"IX2301"}'],
    "ping": ['{"type":"ping"}'],
}

SERVER: dict[str, list[str]] = {
    "auth_response": [
        '{"type":"auth_response","success":true,"user_id":"user007","message":"Authentication successful"}',
        '{"type":"auth_response","success":false,"user_id":"","message":"Invalid credentials"}',
    ],
    "subscribe_response": [
        '{"type":"subscribe_response","success":true,"channels":["orderbook","ticker"],"instruments":["IX2301"],'
        '"message":"Subscribed successfully"}',
        '{"type":"subscribe_response","success":false,"channels":["order"],"instruments":["IX2301"],'
        '"message":"Unknown channel order"}',
    ],
    "order_response": [
        '{"type":"order_response","success":true,"order_id":"O17600000000000000042","error_code":null,'
        '"error_message":null}',
        '{"type":"order_response","success":false,"order_id":null,"error_code":1002,"error_message":"Order not found"}',
    ],
    "trade": [
        '{"type":"trade","trade_id":"T17600000000000000007","order_id":"O17600000000000000042",'
        '"instrument_id":"IX2301","direction":"SELL","offset":"CLOSE","price":121.0,"volume":2.0,'
        '"timestamp":1760000000123}'
    ],
    "order_status": [
        '{"type":"order_status","order_id":"O17600000000000000042","status":"Submitted","filled_volume":0.0,'
        '"remaining_volume":3.0,"timestamp":1760000000000}',
        '{"type":"order_status","order_id":"O17600000000000000042","status":"PartiallyFilled","filled_volume":1.0,'
        '"remaining_volume":2.0,"timestamp":1760000000100}',
        '{"type":"order_status","order_id":"O17600000000000000042","status":"Filled","filled_volume":3.0,'
        '"remaining_volume":0.0,"timestamp":1760000000200}',
        '{"type":"order_status","order_id":"O17600000000000000043","status":"Cancelled","filled_volume":0.0,'
        '"remaining_volume":2.0,"timestamp":1760000000300}',
    ],
    "account_update": [
        '{"type":"account_update","balance":250000.0,"available":213850.0,"frozen":36150.0,"margin":36150.0,'
        '"profit":-150.5,"risk_ratio":0.1446,"timestamp":1760000000200}'
    ],
    "orderbook": [
        '{"type":"orderbook","instrument_id":"IX2301","bids":[{"price":119.5,"volume":3.0,"order_count":1}],'
        '"asks":[{"price":120.5,"volume":7.0,"order_count":2},{"price":121.0,"volume":40.0,"order_count":9}],'
        '"timestamp":1760000000050}',
        '{"type":"orderbook","instrument_id":"IF2301","bids":[],"asks":[],"timestamp":1760000000050}',
    ],
    "ticker": [
        '{"type":"ticker","instrument_id":"IX2301","last_price":120.5,"volume":2.0,"timestamp":1760000000123}',
    ],
    "query_response": [
        '{"type":"query_response","request_type":"query_account","data":{"account":{"user_id":"user007",'
        '"balance":250000.0,"available":213850.0}}}',
    ],
    "error": ['{"type":"error","code":400,"message":"Malformed message"}'],
    "pong": ['{"type":"pong"}'],
    "ping": ['{"type":"ping"}'],
}

CODES = {400: "malformed", 401: "not authenticated", 1001: "funds", 1002: "order not found", 1003: "account not found"}
"""Every code of v1.0, and words of what it means."""

STATUSES = ["Submitted", "PartiallyFilled", "Filled", "Cancelled"]

PING_SECONDS, IDLE_SECONDS = 5, 10
"""The server pings every five seconds, and closes a connection from which nothing has come for ten."""

LATER_CLIENT = {
    *("amend_order", "cancel_all", "cancel_after", "submit_orders", "cancel_orders", "resume", "set_session", "logout"),
    *("query_orders", "query_trades", "query_instruments", "query_statements", "query_bars", "query_public_trades"),
    *("query_statistics", "pong"),
}
LATER_SERVER = {
    *("orders_response", "cancel_all_response", "cancel_after_response", "resume_response", "set_session_response"),
    *("logout_response", "snapshot", "risk_warning", "liquidation", "position_expired", "statement"),
    *("portfolio", "trade_broken"),
    *("instrument_status", "instrument_state", "orderbook_delta", "kline", "announcement", "announcements"),
}
"""Messages that came after v1.0: a client of v1.0 sends none of these, and passes over those it does not know."""
