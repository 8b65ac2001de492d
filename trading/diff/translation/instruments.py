"""Instruments as the client names and describes them, and answers to its questions about them.

Symbols are EXCHANGE.instrument, and the client takes six exchanges only. An id with a dot is a symbol as it is; any
other gets the code of its market in front, if that is one of the six, else CFFEX.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from trading.diff.translation.hours import trading_time
from trading.diff.translation.words import BEIJING, UNKNOWN, Patch, number
from trading.protocol import InstrumentData

EXCHANGES = ("CFFEX", "SHFE", "DCE", "CZCE", "INE", "GFEX")
NO_LAST_DAY = datetime(2099, 12, 31, 15, tzinfo=BEIJING)
INDEX = {
    "class": "INDEX",
    "instrument_id": "CSI.000300",
    "exchange_id": "CSI",
    "price_tick": 0.01,
    "price_decs": 2,
    "volume_multiple": 1,
    "expired": False,
}
"""The file of symbols must have it: the client looks for it before it looks for anything else."""


class Instruments:
    """Those of all markets of the exchange; `first`: the code of the market that instruments do not name."""

    def __init__(self, first: str) -> None:
        self._first = first
        self._now = 0
        self._by_symbol: dict[str, InstrumentData] = {}
        self._symbols: dict[str, str] = {}

    def learn(self, found: Iterable[InstrumentData], now: int) -> None:
        """These are all that there are, at Unix ms `now`."""
        self._now = now
        self._by_symbol = {self._symbol(each): each for each in found}
        self._symbols = {each.instrument_id: symbol for symbol, each in self._by_symbol.items()}

    def _symbol(self, instrument: InstrumentData) -> str:
        name = instrument.instrument_id
        if "." in name:
            return name
        market = instrument.market if isinstance(instrument.market, str) else self._first
        return f"{market if market in EXCHANGES else 'CFFEX'}.{name}"

    def market(self, name: str) -> str | None:
        """Where an instrument is listed; None: at the first market."""
        found = self.named(name)
        return found.market if found is not None and isinstance(found.market, str) else None

    def symbol(self, name: str) -> str:
        """The symbol of an instrument, be it delisted since."""
        return self._symbols.get(name) or (name if "." in name else f"CFFEX.{name}")

    def name(self, symbol: str) -> str | None:
        """The instrument that a symbol means."""
        found = self._by_symbol.get(symbol)
        return None if found is None else found.instrument_id

    def named(self, name: str) -> InstrumentData | None:
        return self._by_symbol.get(self.symbol(name))

    def ids(self, name: str) -> Patch:
        """By which orders, trades and positions say what they are of."""
        exchange, _, rest = self.symbol(name).partition(".")
        return {"exchange_id": exchange, "instrument_id": rest}

    # -- what is said of them

    def file(self) -> dict[str, Patch]:
        """The file of symbols: times are seconds."""
        symbols = {}
        for symbol, each in self._by_symbol.items():
            described = self._describe(symbol, each)
            symbols[symbol] = {**described, "expire_datetime": described["expire_datetime"] / 1e9}
        return {**symbols, "CSI.000300": INDEX}

    def answer(self, query: str, variables: dict[str, Any] | None) -> Patch:
        """The answer to a question about instruments: all that is known of those that are asked for."""
        wanted = wanted_by(query, variables or {})
        found = [self._describe(symbol, each) for symbol, each in self._by_symbol.items()]
        return {"multi_symbol_info": [each for each in found if _fits(each, wanted)]}

    def missing(self, query: str, variables: dict[str, Any] | None) -> list[str]:
        """Symbols that a question names, of instruments that there are not."""
        named = wanted_by(query, variables or {}).get("instrument_id", [])
        return [
            symbol for symbol in map(str, named) if symbol not in self._by_symbol and symbol != INDEX["instrument_id"]
        ]

    def _describe(self, symbol: str, instrument: InstrumentData) -> Patch:
        tick, price = instrument.tick, instrument.settlement_price
        last = _last_moment(instrument.last_day)
        exchange = symbol.partition(".")[0]
        fee = instrument.fee_open
        return {
            "class": "FUTURE",
            "instrument_id": symbol,
            "instrument_name": instrument.name,
            "exchange_id": exchange,
            "price_tick": tick,
            "price_decs": _decimals(tick),
            "volume_multiple": instrument.multiplier,
            "max_limit_order_volume": instrument.max_volume,
            "max_market_order_volume": instrument.max_volume,
            "min_limit_order_volume": instrument.min_volume,
            "min_market_order_volume": instrument.min_volume,
            "expired": False,
            "trading_time": trading_time(instrument.trading_hours, self._now),
            "expire_datetime": int(last.timestamp()) * 10**9,
            "delivery_year": last.year,
            "delivery_month": last.month,
            "product_id": instrument.product_id,
            "product_short_name": instrument.product_id,
            "margin": round(price * instrument.multiplier * instrument.margin_rate_long, 4),
            "commission": round(fee.per_lot + price * instrument.multiplier * fee.rate, 4),
            "pre_open_interest": 0,
            "upper_limit": number(instrument.limit_up),
            "lower_limit": number(instrument.limit_down),
            "settlement_price": price,
        }

    def quote(self, name: str) -> Patch:
        """What a quote has from its instrument."""
        found = self.named(name)
        if found is None:
            return {}
        return {
            "instrument_id": self.symbol(name),
            "last_price": number(found.last_price),
            "upper_limit": number(found.limit_up),
            "lower_limit": number(found.limit_down),
            "pre_settlement": found.settlement_price,
            "settlement": UNKNOWN,
            "close": UNKNOWN,
        }


def _decimals(tick: float) -> int:
    return len(f"{tick:.4f}".rstrip("0").partition(".")[2])


def _last_moment(day: int | None) -> datetime:
    if day is None:
        return NO_LAST_DAY
    try:
        return datetime(day // 10_000, day // 100 % 100, day % 100, 15, tzinfo=BEIJING)
    except ValueError:
        return NO_LAST_DAY


# --- questions

_ARGUMENTS = re.compile(r"multi_symbol_info\s*\(([^)]*)\)")
_ARGUMENT = re.compile(r'(\w+)\s*:\s*(\[[^\]]*\]|"[^"]*"|\$?[\w.-]+)')
_WORD = re.compile(r'"([^"]*)"|(\$?[\w.-]+)')


def wanted_by(query: str, variables: dict[str, Any]) -> dict[str, list[Any]]:
    """What a GraphQL question asks for: the values that each field may have. Of the language there is as much as the
    client uses: arguments of `multi_symbol_info`, written out or as variables."""
    found = _ARGUMENTS.search(query)
    wanted = {}
    for name, text in _ARGUMENT.findall(found[1] if found else ""):
        values: list[Any] = []
        for quoted, word in _WORD.findall(text):
            if word.startswith("$"):
                given = variables.get(word[1:])
                values += given if isinstance(given, list) else [given]
            else:
                values.append({"true": True, "false": False}.get(word, word) if word else quoted)
        wanted["class" if name == "class_" else name] = values
    return wanted


def _fits(described: Patch, wanted: dict[str, list[Any]]) -> bool:
    for name, values in wanted.items():
        if name == "has_night":
            if bool(described["trading_time"]["night"]) not in values:
                return False
        elif name in described and described[name] not in values:
            return False
    return True
