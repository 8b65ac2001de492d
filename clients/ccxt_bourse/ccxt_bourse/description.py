"""What the exchange has, as ccxt asks for it: its addresses, its methods, what orders can say."""

from __future__ import annotations

from typing import Any

from ccxt.base.decimal_to_precision import TICK_SIZE
from ccxt.base.types import Entry

MOST = 200
"""Orders, trades or entries in one answer."""
MOST_BARS = 1000
MOST_IN_BATCH = 50
TIMEFRAMES = {period: period for period in ("1m", "5m", "15m", "1h", "1d")}

ENDPOINTS: dict[str, tuple[str, str, str]] = {
    "public_get_time": ("public", "GET", "time/"),
    "public_get_limits": ("public", "GET", "limits/"),
    "public_get_announcements": ("public", "GET", "announcements/"),
    "public_get_instruments": ("public", "GET", "instruments/"),
    "public_get_book": ("public", "GET", "instruments/{instrument_id}/book/"),
    "public_get_trades": ("public", "GET", "instruments/{instrument_id}/trades/"),
    "public_get_bars": ("public", "GET", "instruments/{instrument_id}/bars/"),
    "public_get_statistics": ("public", "GET", "instruments/{instrument_id}/statistics/"),
    "private_get_account": ("private", "GET", "account/"),
    "private_get_positions": ("private", "GET", "positions/"),
    "private_get_trades": ("private", "GET", "trades/"),
    "private_get_statements": ("private", "GET", "statements/"),
    "private_get_ledger": ("private", "GET", "ledger/"),
    "private_get_transfers": ("private", "GET", "transfers/"),
    "private_get_orders": ("private", "GET", "orders/"),
    "private_get_order": ("private", "GET", "orders/{order_id}/"),
    "private_get_order_by_client_id": ("private", "GET", "orders/by-client-id/{client_order_id}/"),
    "private_post_orders": ("private", "POST", "orders/"),
    "private_post_orders_batch": ("private", "POST", "orders/batch/"),
    "private_post_cancel_all": ("private", "POST", "orders/cancel-all/"),
    "private_post_cancel_after": ("private", "POST", "cancel-after/"),
    "private_patch_order": ("private", "PATCH", "orders/{order_id}/"),
    "private_delete_order": ("private", "DELETE", "orders/{order_id}/"),
    "private_delete_orders_batch": ("private", "DELETE", "orders/batch/"),
}
"""By the name of ccxt's implicit method: whether it needs a token, the verb, and the path under `/api/v1/`."""

ORDERS_COST = 0.1
"""Of what another request costs: the exchange takes more of them."""


def endpoints() -> dict[str, Any]:
    """The implicit methods, as attributes of a class."""
    return {
        name: Entry(path, api, verb, {"cost": ORDERS_COST if verb != "GET" else 1})
        for name, (api, verb, path) in ENDPOINTS.items()
    }


ADDRESSES = {"rest": "{address}/api/v1/", "ws": "{address}/ws"}
"""Those of `set_sandbox_mode` are the same: an exchange of one's own has nothing behind it."""

HAS = {
    "CORS": None,
    "spot": False,
    "margin": False,
    "swap": True,
    "future": True,
    "option": False,
    "cancelAllOrders": True,
    "cancelAllOrdersAfter": True,
    "cancelOrder": True,
    "cancelOrders": True,
    "createMarketBuyOrderWithCost": False,
    "createOrder": True,
    "createOrders": True,
    "createPostOnlyOrder": True,
    "createReduceOnlyOrder": True,
    "createStopLimitOrder": True,
    "createStopLossOrder": True,
    "createStopMarketOrder": True,
    "createStopOrder": True,
    "createTakeProfitOrder": True,
    "createTrailingAmountOrder": True,
    "createTriggerOrder": True,
    "editOrder": True,
    "fetchBalance": True,
    "fetchCanceledOrders": True,
    "fetchClosedOrders": True,
    "fetchCurrencies": False,
    "fetchDeposits": True,
    "fetchLedger": True,
    "fetchMarkets": True,
    "fetchMyTrades": True,
    "fetchOHLCV": True,
    "fetchOpenOrders": True,
    "fetchOrder": True,
    "fetchOrderBook": True,
    "fetchOrders": True,
    "fetchOrderTrades": True,
    "fetchPosition": True,
    "fetchPositions": True,
    "fetchPositionsForSymbol": True,
    "fetchStatus": True,
    "fetchTicker": True,
    "fetchTickers": True,
    "fetchTime": True,
    "fetchTrades": True,
    "fetchTradingFee": True,
    "fetchTradingFees": True,
    "fetchWithdrawals": True,
    "withdraw": False,
}


def _features() -> dict[str, Any]:
    history = {"marginMode": False, "daysBack": None, "untilDays": None, "limit": MOST, "symbolRequired": False}
    waiting = {"trigger": True, "trailing": True}
    linear = {
        "sandbox": False,
        "createOrder": {
            "marginMode": False,
            "triggerPrice": True,
            "triggerPriceType": {"last": True, "mark": False, "index": False},
            "triggerDirection": True,
            "stopLossPrice": True,
            "takeProfitPrice": True,
            "attachedStopLossTakeProfit": None,
            "timeInForce": {"GTC": True, "IOC": True, "FOK": True, "PO": True, "GTD": True},
            "hedged": True,
            "trailing": True,
            "leverage": False,
            "selfTradePrevention": True,
            "iceberg": True,
        },
        "createOrders": {"max": MOST_IN_BATCH},
        "fetchMyTrades": history,
        "fetchOrder": {"marginMode": False, "symbolRequired": False, **waiting},
        "fetchOpenOrders": {"marginMode": False, "limit": MOST, "symbolRequired": False, **waiting},
        "fetchOrders": {**history, **waiting},
        "fetchClosedOrders": {**history, **waiting, "daysBackCanceled": None},
        "fetchOHLCV": {"limit": MOST_BARS},
    }
    return {kind: {"linear": linear, "inverse": None} for kind in ("swap", "future")}


def description() -> dict[str, Any]:
    """Beyond what ccxt says of any exchange."""
    return {
        "id": "bourse",
        "name": "Bourse",
        "countries": [],
        "version": "v1",
        "certified": False,
        "pro": False,
        "rateLimit": 10,
        "hostname": "localhost:8081",
        "urls": {"api": dict(ADDRESSES), "test": dict(ADDRESSES)},
        "timeframes": dict(TIMEFRAMES),
        "precisionMode": TICK_SIZE,
        "requiredCredentials": {"apiKey": True, "secret": True},
        "has": dict(HAS),
        "features": _features(),
        "fees": {"trading": {"tierBased": False, "percentage": True}},
        "options": {"defaultType": "swap", "currency": "CNY", "createMarketBuyOrderRequiresPrice": False},
    }
