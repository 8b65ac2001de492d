"""What fields mean on the socket where REST has none of that name, or another meaning; and whole messages."""

from typing import Any

from trading.schemas import glossary
from trading.schemas.glossary import DAY, LOTS, MS, PRICE, Word

WORDS: dict[str, Word] = {
    "type": Word("The kind of the message.", None),
    "request_id": Word(
        "The client's own number or name of a request, at most 64 characters: it comes back in the answer, as it came.",
        7,
    ),
    "retry_after": Word("Seconds until the next may come.", 0.25),
    "message": Word("A sentence for people.", "Unknown instrument XX9999"),
    "token": Word("A token of the user.", "3b7c0e5a9d2f"),
    "seq": Word("The number of this private message of the account: each is one more than the one before.", 12),
    # --- sessions
    "last_seq": Word("The number of the last private message.", 28),
    "cancel_on_disconnect": Word("Whether own orders are cancelled when this connection ends.", True),
    "grace_ms": Word(
        "How long after the end of the connection, in milliseconds: who is back by then keeps them.", 5000
    ),
    "channels": Word(
        "Names of channels: trade, order_status, account_update, portfolio, orderbook, orderbook_delta, ticker, kline,"
        " instruments, announcements.",
        ["orderbook", "ticker"],
    ),
    "instruments": Word("Ids of instruments; none: all, where a channel speaks of all.", ["IX2301"]),
    # --- queries
    "request_type": Word("The type of the query.", "query_account"),
    "data": Word("What was asked for.", None),
    "archived_until": Word(
        f"What was over before may be in the archive, {MS}; left out where all is here.", 1690000000000
    ),
    "trading_day": Word(f"The present trading day, {DAY}.", 20231004),
    # --- the market
    "prev_seq": Word("The `seq` of the frame to which these changes belong; null: this is the whole book.", 6),
    "state": Word("What has become of the instrument.", "settled"),
}

OF_ONE: dict[tuple[str, str], Word] = {
    ("Auth", "user_id"): Word("Who wants to sign in.", "user001"),
    ("AuthResponse", "user_id"): Word("Who has signed in; empty without success.", "user001"),
    ("AuthResponse", "message"): Word("A sentence for people.", "Authentication successful"),
    ("SubscribeResponse", "message"): Word(
        "A sentence for people; what is unknown is named.", "Subscribed successfully"
    ),
    ("Announcement", "message"): Word("The sentence.", "The exchange stops; connect again in a moment"),
    ("TradeBroken", "commission"): Word("What was given back, in the currency.", 6.0),
    ("TradeBroken", "close_profit"): Word("What was taken back, in the currency.", 0.0),
    ("Ticker", "day"): Word(
        "The trading day in figures after this trade; of trades that come together, the last.", None
    ),
    ("Ticker", "volume"): Word(f"What was traded, {LOTS}.", 2.0),
    ("BookLevel", "volume"): Word(f"What may be traded at this price, {LOTS}; 0 in changes: the level is gone.", 5.0),
    ("Liquidation", "status"): Word("STARTED or ENDED.", "STARTED"),
    ("OrderStatusFrame", "price"): Word(f"Of a new order, or after an amendment, {PRICE}.", 120.0),
    ("OrderStatusFrame", "volume"): Word(f"Of a new order, or after an amendment: all its lots, {LOTS}.", 10.0),
    ("OrderStatusFrame", "status"): Word("State of the order.", "Submitted"),
    ("OrderData", "status"): Word("State of the order.", "Submitted"),
    ("OrderResult", "status"): Word("What an order is that was finished before.", "Filled"),
    ("OrderResponse", "status"): Word("What an order is that was finished before.", "Filled"),
    ("OrderBookDelta", "seq"): Word("The number of this state of the book: to be compared, not to be counted.", 7),
    ("Statement", "seq"): Word("The number of this private message; left out in answers to queries.", 34),
    ("Snapshot", "seq"): Word("How everything is after the private message of this number.", 34),
    ("QueryData", "instruments"): Word("Instruments.", None),
    ("QueryData", "next"): Word(
        "Where the following page begins: what to ask for as `before`; null: this was the last.",
        "O17000000000010000001",
    ),
    ("CancelOrders", "order_ids"): Word("Ids of orders.", ["O17000000000010000001"]),
    ("QueryStatements", "to_day"): Word(f"Not after this trading day, {DAY}.", 20991231),
    ("SubmitOrders", "orders"): Word(
        "Orders, each with the fields of `submit_order` but `type` and `request_id`.", None
    ),
    ("OrdersResponse", "results"): Word("What became of each item, in their order.", None),
    ("Kline", "trades"): Word("How many trades.", 12),
}
"""Where a name means something else in one message."""

REFUSED: dict[str, Any] = {
    "success": False,
    "order_id": None,
    "error_code": 1001,
    "error_message": "Insufficient funds",
}
DONE: dict[str, Any] = {"error_code": None, "error_message": None}
SUBSCRIBED = {"channels": ["orderbook", "ticker"], "instruments": ["IX2301"]}
LEVELS: dict[str, Any] = {
    "bids": [{"price": 119.5, "volume": 12.0, "order_count": 2}],
    "asks": [{"price": 120.0, "volume": 5.0, "order_count": 1}],
    "timestamp": 1700000000000,
}
BAR = {
    "start": 1699999980000,
    "open": 120.0,
    "high": 121.0,
    "low": 119.5,
    "close": 120.5,
    "volume": 230.0,
    "turnover": 2767450.0,
    "trades": 41,
    "open_interest": 1210.0,
}
DAY_SO_FAR = {
    "instrument_id": "IX2301",
    "open": 120.0,
    "high": 121.0,
    "low": 119.5,
    "last_price": 120.5,
    "change": 0.5,
    "volume": 230.0,
    "turnover": 2767450.0,
    "trades": 41,
    "open_interest": 1210.0,
    "settlement_price": 120.0,
    "limit_up": 132.0,
    "limit_down": 108.0,
}
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "Subscribe": [SUBSCRIBED],
    "Unsubscribe": [SUBSCRIBED],
    "SubmitOrder": [
        {**glossary.LIMIT_ORDER, "client_order_id": "mine-1", "request_id": 7},
        {
            "instrument_id": "IX2301",
            "direction": "SELL",
            "offset": "CLOSE",
            "volume": 5,
            "order_type": "MARKET",
            "reduce_only": True,
            "trail": 2.5,
        },
    ],
    "AmendOrder": [{"order_id": "O17000000000010000001", "price": 119.0, "volume": 2}],
    "Resume": [{"last_seq": 28}, {}],
    "SubmitOrders": [{"orders": [glossary.LIMIT_ORDER, {**glossary.LIMIT_ORDER, "price": 119.0}]}],
    "OrderResponse": [
        {"success": True, "order_id": "O17000000000010000001", **DONE, "client_order_id": "mine-1", "request_id": 7},
        REFUSED,
    ],
    "OrdersResponse": [{"results": [{"success": True, "order_id": "O17000000000010000001", **DONE}, REFUSED]}],
    "CancelAllResponse": [{"success": True, "cancelled": 3, **DONE}],
    "CancelAfterResponse": [{"success": True, "deadline": 1893456000000, **DONE}],
    "OrderStatusFrame": [
        {
            "order_id": "O17000000000010000001",
            "status": "Submitted",
            "filled_volume": 0.0,
            "remaining_volume": 10.0,
            "timestamp": 1700000000000,
            "seq": 29,
            "price": 120.0,
            "volume": 10.0,
            "instrument_id": "IX2301",
            "direction": "BUY",
            "offset": "OPEN",
            "order_type": "LIMIT",
            "client_order_id": "mine-1",
        },
        {
            "order_id": "O17000000000010000001",
            "status": "Cancelled",
            "filled_volume": 0.0,
            "remaining_volume": 5.0,
            "timestamp": 1700000000000,
            "seq": 32,
            "reason": "EXPIRED",
        },
    ],
    "Error": [
        {"code": 400, "message": "Malformed message: type is missing"},
        {"code": 429, "message": "Too many requests: at most 100 requests a second", "retry_after": 0.25},
    ],
    "PongFrame": [{"request_id": 7}],
    "OrderBook": [{"instrument_id": "IX2301", **LEVELS}],
    "OrderBookDelta": [
        {"instrument_id": "IX2301", "seq": 6, "prev_seq": None, **LEVELS},
        {
            "instrument_id": "IX2301",
            "seq": 7,
            "prev_seq": 6,
            "bids": [],
            "asks": [{"price": 120.0, "volume": 0.0, "order_count": 0}],
            "timestamp": 1700000000050,
        },
    ],
    "Ticker": [
        {
            "instrument_id": "IX2301",
            "last_price": 120.5,
            "volume": 2.0,
            "timestamp": 1700000000000,
            "direction": "BUY",
            "day": DAY_SO_FAR,
        }
    ],
    "Kline": [{**BAR, "instrument_id": "IX2301", "period": "1m"}],
    "QueryBarsResponse": [{"request_type": "query_bars", "data": {"bars": [BAR]}}],
    "QueryStatisticsResponse": [{"request_type": "query_statistics", "data": {"statistics": [DAY_SO_FAR]}}],
}
"""What could be sent, where it is more, or less, than an example of each field. Without the type."""


def word(message: str, field: str) -> Word:
    """The socket's own word first, then the one that it shares with REST. What an id looks like is REST's: here it is
    any text, and one that the exchange has not given is refused."""
    for words in (OF_ONE, glossary.OF_ONE):
        if (found := words.get((message, field))) is not None:
            return found._replace(pattern=None)
    return WORDS.get(field) or glossary.WORDS[field]
