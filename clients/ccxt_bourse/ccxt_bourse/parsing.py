"""The exchange's answers and frames in ccxt's words. Knows no transport: a number comes in as it was read, is worked on
as text, and goes out as ccxt's `number`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ccxt.base.precise import Precise

Fields = dict[str, Any]

STATUSES = {
    "Submitted": "open",
    "PartiallyFilled": "open",
    "Waiting": "open",
    "Filled": "closed",
    "Cancelled": "canceled",
}
LEDGER = {
    "DEPOSIT": "transaction",
    "WITHDRAWAL": "transaction",
    "COMMISSION": "fee",
    "CLOSE_PROFIT": "trade",
    "SETTLEMENT": "trade",
    "CORRECTION": "transfer",
    "EXPIRY": "trade",
    "TRANSFER": "transfer",
}
SHARE_DIGITS = 18


def expiry_of(last_day: int) -> int:
    """Unix ms of the end of the last trading day, in UTC. The exchange settles it some time on that day."""
    day = datetime.strptime(str(last_day), "%Y%m%d").replace(tzinfo=UTC)
    return round((day + timedelta(days=1)).timestamp() * 1000) - 1


def symbol_of(instrument_id: str, currency: str, last_day: int | None) -> str:
    """ccxt's unified symbol. The base is the instrument itself, for two of a product may end on one day, or never."""
    end = "" if last_day is None else f"-{str(last_day)[2:]}"
    return f"{instrument_id}/{currency}:{currency}{end}"


def accepted_at(order_id: str) -> int:
    """Unix ms. An id is `O`, 13 digits of ms and 7 of a sequence; `timestamp` of an order is its last change."""
    return int(order_id[1:14])


def whole_ticks(average: str, lots: str, market: Fields) -> str:
    """What lots have cost, of their rounded average price: what was traded is whole ticks."""
    tick, size = (Decimal(str(each)) for each in (market["precision"]["price"], market["contractSize"]))
    return str((Decimal(average) * Decimal(lots) / tick).to_integral_value() * tick * size)


class Parsing:
    """Mixed into an exchange class of ccxt, whose `safe_*` it works with."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What ccxt's classes have, of which it tells no types."""

    # -- the market

    @property
    def money(self) -> str:
        """The exchange has one currency, and does not name it."""
        return str(self.options["currency"])

    def parse_market(self, instrument: Fields) -> Fields:
        name, currency, last_day = instrument["instrument_id"], self.money, instrument["last_day"]
        expiry = None if last_day is None else expiry_of(last_day)
        fee = self.parse_number(self.fee_rate(instrument))
        rate = self.safe_string(instrument, "margin_rate_long")
        return dict(
            self.safe_market_structure(
                {
                    "id": name,
                    "symbol": symbol_of(name, currency, last_day),
                    "base": name,
                    "quote": currency,
                    "settle": currency,
                    "baseId": name,
                    "quoteId": currency,
                    "settleId": currency,
                    "type": "swap" if last_day is None else "future",
                    "spot": False,
                    "margin": False,
                    "swap": last_day is None,
                    "future": last_day is not None,
                    "option": False,
                    "active": instrument["phase"] != "delisted",
                    "contract": True,
                    "linear": True,
                    "inverse": False,
                    "subType": "linear",
                    "taker": fee,
                    "maker": fee,
                    "contractSize": self.safe_number(instrument, "multiplier"),
                    "expiry": expiry,
                    "expiryDatetime": self.iso8601(expiry),
                    "precision": {"amount": 1, "price": self.safe_number(instrument, "tick")},
                    "limits": {
                        "leverage": {"min": 1, "max": self.parse_number(Precise.string_div("1", rate))},
                        "amount": {
                            "min": self.safe_number(instrument, "min_volume"),
                            "max": self.safe_number(instrument, "max_volume"),
                        },
                        "price": {
                            "min": self.safe_number(instrument, "limit_down"),
                            "max": self.safe_number(instrument, "limit_up"),
                        },
                        "cost": {"min": None, "max": None},
                    },
                    "marginModes": {"cross": True, "isolated": False},
                    "info": instrument,
                }
            )
        )

    def fee_rate(self, instrument: Fields) -> str:
        """What opening costs, as a share of the contract's value: what is asked per lot at the settlement price."""
        fee = instrument["fee_open"]
        value = Precise.string_mul(
            self.safe_string(instrument, "settlement_price"), self.safe_string(instrument, "multiplier")
        )
        per_lot = self.safe_string(fee, "per_lot")
        share = "0" if Precise.string_eq(value, "0") else Precise.string_div(per_lot, value, SHARE_DIGITS)
        return str(Precise.string_add(self.safe_string(fee, "rate"), share))

    def parse_trading_fee(self, market: Fields) -> Fields:
        return {
            "info": market["info"],
            "symbol": market["symbol"],
            "maker": market["maker"],
            "taker": market["taker"],
            "percentage": True,
            "tierBased": False,
        }

    def parse_ticker(self, day: Fields, market: Fields | None = None, book: Fields | None = None) -> Fields:
        """The trading day so far. With a book: the best of both sides, and its time."""
        market = self.safe_market(day["instrument_id"], market)
        book = book or {}
        bid, ask = ((book.get(side) or [{}])[0] for side in ("bids", "asks"))
        timestamp = self.safe_integer(book, "timestamp")
        size = self.safe_string(market, "contractSize")
        volume, turnover = self.safe_string(day, "volume"), self.safe_string(day, "turnover")
        before = self.safe_string(day, "settlement_price")
        change = self.safe_string(day, "change")
        has_change = change is not None and before is not None and not Precise.string_eq(before, "0")
        vwap = None
        if not Precise.string_eq(volume, "0"):
            vwap = Precise.string_div(turnover, Precise.string_mul(volume, size))
        ticker = {
            "symbol": market["symbol"],
            "timestamp": timestamp,
            "datetime": self.iso8601(timestamp),
            "high": self.safe_string(day, "high"),
            "low": self.safe_string(day, "low"),
            "bid": self.safe_string(bid, "price"),
            "bidVolume": self.safe_string(bid, "volume"),
            "ask": self.safe_string(ask, "price"),
            "askVolume": self.safe_string(ask, "volume"),
            "vwap": vwap,
            "open": self.safe_string(day, "open"),
            "close": self.safe_string(day, "last_price"),
            "last": self.safe_string(day, "last_price"),
            "previousClose": before,
            "change": change,
            "percentage": Precise.string_mul(Precise.string_div(change, before), "100") if has_change else None,
            "baseVolume": Precise.string_mul(volume, size),
            "quoteVolume": turnover,
            "info": day,
        }
        return dict(self.safe_ticker(ticker, market))

    def parse_book(self, book: Fields, symbol: str, limit: int | None = None) -> Fields:
        parsed = self.parse_order_book(book, symbol, book["timestamp"], "bids", "asks", "price", "volume")
        return dict(parsed) | {side: parsed[side][:limit] for side in ("bids", "asks")}

    def parse_ohlcv(self, bar: Fields, market: Fields | None = None) -> list[Any]:
        return [bar["start"], *(self.safe_number(bar, key) for key in ("open", "high", "low", "close", "volume"))]

    # -- trades and orders

    def parse_trade(self, trade: Fields, market: Fields | None = None) -> Fields:
        """A trade of the market, which has neither ids nor a fee, or one of one's own."""
        market = self.safe_market(self.safe_string(trade, "instrument_id"), market)
        timestamp = self.safe_integer(trade, "timestamp")
        is_maker = trade.get("is_maker")
        role = None if is_maker is None else ("maker" if is_maker else "taker")
        if "trade_id" not in trade:
            role = "taker" if trade.get("direction") is not None else None
        fee = None
        if "commission" in trade:
            fee = {"cost": self.safe_string(trade, "commission"), "currency": self.money}
        parsed = {
            "id": self.safe_string(trade, "trade_id"),
            "timestamp": timestamp,
            "datetime": self.iso8601(timestamp),
            "symbol": market["symbol"],
            "order": self.safe_string(trade, "order_id"),
            "type": None,
            "side": self.safe_string_lower(trade, "direction"),
            "takerOrMaker": role,
            "price": self.safe_string(trade, "price"),
            "amount": self.safe_string(trade, "volume"),
            "fee": fee,
            "info": trade,
        }
        return dict(self.safe_trade(parsed, market))

    def parse_order(self, order: Fields, market: Fields | None = None) -> Fields:
        """`trades` of it, where they came with it, are its fills, and have its fee. Where not even its average price is
        told nobody knows what a filled order has cost, and ccxt is kept from taking its price for it."""
        market = self.safe_market(order["instrument_id"], market)
        fills = order.get("trades")
        kind = order["order_type"].lower()
        stop = self.safe_string(order, "stop_price") or self.safe_string(order, "current_stop")
        said = self.safe_string(order, "time_condition")
        post_only = bool(order.get("post_only"))
        accepted = accepted_at(order["order_id"])
        average = self.safe_string(order, "average_price")
        filled = self.safe_string(order, "filled_volume")
        parsed = self.safe_order(
            {
                "id": order["order_id"],
                "clientOrderId": self.safe_string(order, "client_order_id"),
                "timestamp": accepted,
                "datetime": self.iso8601(accepted),
                "lastUpdateTimestamp": order["timestamp"],
                "lastTradeTimestamp": max((fill["timestamp"] for fill in fills or []), default=None),
                "symbol": market["symbol"],
                "type": kind,
                "timeInForce": "PO" if post_only else "IOC" if kind == "market" and stop is None else said,
                "postOnly": post_only,
                "reduceOnly": bool(order.get("reduce_only")) or order["offset"] != "OPEN",
                "side": order["direction"].lower(),
                "price": self.safe_string(order, "price"),
                "triggerPrice": stop,
                "amount": self.safe_string(order, "volume"),
                "filled": filled,
                "remaining": self.safe_string(order, "remaining_volume"),
                "average": average,
                "cost": None if average is None else whole_ticks(average, filled, market),
                "status": STATUSES[order["status"]],
                "trades": fills or [],
                "info": self.omit(order, "trades"),
            },
            market,
        )
        if not fills and parsed["filled"]:
            parsed |= {"trades": None} if average else {"trades": None, "cost": None, "average": None}
        return dict(parsed)

    def parse_placed(self, placed: Fields, market: Fields | None = None) -> Fields:
        """The answer of REST to whatever is about one order."""
        return self.parse_order({**placed["order"], "trades": placed["trades"]}, market)

    def parse_result(self, result: Fields) -> Fields:
        """One item of a batch. What was refused is rejected, and `info` says why."""
        fields = {"id": result["order_id"], "clientOrderId": result.get("client_order_id"), "info": result}
        return dict(self.safe_order(fields | {"status": "open" if result["success"] else "rejected"}))

    # -- the account

    def parse_balance(self, account: Fields) -> Fields:
        """Of an account or of a push about it."""
        timestamp = self.safe_integer(account, "timestamp")
        money = {"total": self.safe_string(account, "balance"), "free": self.safe_string(account, "available")}
        balance = {"info": account, "timestamp": timestamp, "datetime": self.iso8601(timestamp), self.money: money}
        return dict(self.safe_balance(balance))

    def parse_sides(self, position: Fields) -> list[Fields]:
        """Long and short of an instrument, those that are held."""
        return [
            self.parse_side(position, side)
            for side in ("long", "short")
            if not Precise.string_eq(self.safe_string(position, f"volume_{side}"), "0")
        ]

    def no_position(self, market: Fields) -> Fields:
        none = dict.fromkeys(("volume_long", "margin_long", "float_profit_long"), "0")
        return self.parse_side({"instrument_id": market["id"], **none}, "long") | {"info": {}, "side": None}

    def parse_side(self, position: Fields, side: str) -> Fields:
        market = self.safe_market(position["instrument_id"])
        said = {"long": "BUY", "short": "SELL"}[side]
        opened = min((lot["open_time"] for lot in position.get("lots") or [] if lot["direction"] == said), default=None)
        size, lots = self.safe_string(market, "contractSize"), self.safe_string(position, f"volume_{side}")
        margin = self.safe_string(position, f"margin_{side}")
        price = self.safe_string(position, "last_price")
        profit = self.safe_string(position, f"float_profit_{side}")
        value = None if price is None else Precise.string_mul(price, Precise.string_mul(size, lots))
        has_margin = not Precise.string_eq(margin, "0")
        leverage = Precise.string_div(value, margin) if value is not None and has_margin else None
        rate = None if value is None or Precise.string_eq(value, "0") else Precise.string_div(margin, value)
        gain = Precise.string_mul(Precise.string_div(profit, margin), "100") if has_margin else None
        parsed = {
            "info": position,
            "id": None,
            "symbol": market["symbol"],
            "timestamp": opened,
            "datetime": self.iso8601(opened),
            "side": side,
            "hedged": True,
            "marginMode": "cross",
            "contracts": self.parse_number(lots),
            "contractSize": self.parse_number(size),
            "entryPrice": self.safe_number(position, f"open_price_{side}"),
            "markPrice": self.parse_number(price),
            "notional": self.parse_number(value),
            "unrealizedPnl": self.parse_number(profit),
            "initialMargin": self.parse_number(margin),
            "initialMarginPercentage": self.parse_number(rate),
            "maintenanceMargin": self.parse_number(margin),
            "maintenanceMarginPercentage": self.parse_number(rate),
            "positionMargin": self.parse_number(margin),
            "leverage": self.parse_number(leverage),
            "percentage": self.parse_number(gain),
            "liquidationPrice": None,
            "marginRatio": None,
        }
        return dict(self.safe_position(parsed))

    def parse_ledger_entry(self, entry: Fields, currency: Any = None) -> Fields:
        amount = self.safe_string(entry, "amount")
        parsed = {
            "id": self.safe_string(entry, "entry_id"),
            "direction": "out" if Precise.string_lt(amount, "0") else "in",
            "account": self.apiKey,
            "referenceId": self.safe_string(entry, "trade_id"),
            "type": LEDGER[entry["kind"]],
            "amount": Precise.string_abs(amount),
            "timestamp": entry["timestamp"],
            "status": "ok",
            "info": entry,
        }
        return dict(self.safe_ledger_entry(parsed, currency or {"id": self.money, "code": self.money}))

    def parse_transaction(self, entry: Fields, currency: Any = None) -> Fields:
        """A deposit or a withdrawal, which an operator has booked: there are no addresses and no networks."""
        nothing = dict.fromkeys(
            ("txid", "network", "address", "addressTo", "addressFrom", "tag", "tagTo", "tagFrom", "comment", "updated")
        )
        return nothing | {
            "info": entry,
            "id": self.safe_string(entry, "entry_id"),
            "currency": self.money,
            "amount": self.parse_number(Precise.string_abs(self.safe_string(entry, "amount"))),
            "timestamp": entry["timestamp"],
            "datetime": self.iso8601(entry["timestamp"]),
            "type": entry["kind"].lower(),
            "status": "ok",
            "internal": True,
            "fee": None,
        }
