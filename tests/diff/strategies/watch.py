"""A program that looks at bars and ticks while another account trades; what it has seen is printed as JSON.

Usage: watch.py SYMBOL OTHER USER TOKEN USER TOKEN
"""

import json
import sys
import time
from collections.abc import Callable

from tqsdk import TqAccount, TqApi, TqAuth, TqMultiAccount

SECONDS = 60.0
symbol, other, maker_name, maker_token, taker_name, taker_token = sys.argv[1:7]
maker, taker = TqAccount("bourse", maker_name, maker_token), TqAccount("bourse", taker_name, taker_token)
api = TqApi(TqMultiAccount([maker, taker]), auth=TqAuth("anybody", "anything"))


def until(what: Callable[[], bool]) -> None:
    deadline = time.time() + SECONDS
    while not what():
        assert api.wait_update(deadline=deadline), "it did not come"


def trade(name: str, price: float, volume: int) -> None:
    """Both accounts meet."""
    api.insert_order(name, "SELL", "OPEN", volume, limit_price=price, account=maker)
    order = api.insert_order(name, "BUY", "OPEN", volume, limit_price=price, account=taker)
    until(lambda: order.status == "FINISHED" and order.volume_left == 0)


quote = api.get_quote(symbol)
price = quote.pre_settlement
for name in (symbol, other):
    trade(name, api.get_quote(name).pre_settlement, 1)
seen = {"price": price, "charts": {}}
LENGTHS = {"second": 1, "five": 5, "minute": 60, "three": 180, "quarter": 900, "two hours": 7200, "day": 86400}
charts = {word: api.get_kline_serial(symbol, seconds, 20) for word, seconds in LENGTHS.items()}
ticks = api.get_tick_serial(symbol, 20)
both = api.get_kline_serial([symbol, other], 60, 10)
before = {word: [chart.id.iloc[-1], chart.volume.iloc[-1]] for word, chart in charts.items()}
tick = ticks.id.iloc[-1]
trade(symbol, price + quote.price_tick, 3)
until(lambda: all(chart.close.iloc[-1] == price + quote.price_tick for chart in charts.values()))
until(lambda: ticks.id.iloc[-1] > tick and ticks.last_price.iloc[-1] == price + quote.price_tick)
for word, chart in charts.items():
    last, first = chart.iloc[-1], before[word]
    steps = [int(step) for step in chart.id.diff().dropna().unique()]
    volume = last.volume - (first[1] if last.id == first[0] else 0)
    seen["charts"][word] = [steps, volume, bool(last.high >= last.close >= last.low), int(last.datetime)]
trade(other, api.get_quote(other).pre_settlement, 1)
until(lambda: both.close.iloc[-1] == price + quote.price_tick)
seen["both"] = bool(both.close1.iloc[-1] == api.get_quote(other).last_price)
api.close()
print(json.dumps(seen))
