"""A strategy as its author would write it: it knows tqsdk, and where it runs is in its environment. Two accounts trade
with each other; what it has seen is printed as JSON.

Usage: trade.py SYMBOL USER TOKEN USER TOKEN
"""

import json
import sys
import time
from collections.abc import Callable

from tqsdk import TqAccount, TqApi, TqAuth, TqMultiAccount

SECONDS = 60.0
symbol, maker_name, maker_token, taker_name, taker_token = sys.argv[1:6]
maker, taker = TqAccount("bourse", maker_name, maker_token), TqAccount("bourse", taker_name, taker_token)
api = TqApi(TqMultiAccount([maker, taker]), auth=TqAuth("anybody", "anything"))


def until(what: Callable[[], bool]) -> None:
    deadline = time.time() + SECONDS
    while not what():
        assert api.wait_update(deadline=deadline), "it did not come"


quote = api.get_quote(symbol)
position, account = api.get_position(symbol, account=taker), api.get_account(account=taker)
price = quote.pre_settlement
seen = {"symbols": api.query_quotes(ins_class="FUTURE", expired=False), "tick": quote.price_tick, "price": price}
before = position.pos_long

# a bid that rests is seen in the book, and goes
resting = api.insert_order(symbol, "BUY", "OPEN", 3, limit_price=quote.lower_limit, account=maker)
until(lambda: quote.bid_price1 == quote.lower_limit and quote.bid_volume1 == 3)
api.cancel_order(resting, account=maker)
until(lambda: resting.status == "FINISHED" and quote.bid_volume1 == 0)
seen["cancelled"] = [resting.volume_left, resting.is_error]

# an offer is taken: order, trade, position and money are seen to change together
offer = api.insert_order(symbol, "SELL", "OPEN", 5, limit_price=price, order_id="offer", account=maker)
until(lambda: quote.ask_volume1 == 5)
order = api.insert_order(symbol, "BUY", "OPEN", 2, limit_price=price, advanced="FAK", account=taker)
until(lambda: order.status == "FINISHED")
seen["taken"] = [
    order.volume_left,
    [[each.price, each.volume] for each in order.trade_records.values()],
    order.trade_price,
]
seen["position"] = [position.pos_long - before, account.margin > 0]
until(lambda: quote.last_price == price and quote.ask_volume1 == 3 and offer.volume_left == 3)
seen["offer"] = [offer.volume_left, offer.status]

# more than there is, or nothing at all
greedy = api.insert_order(symbol, "BUY", "OPEN", 50, limit_price=price, advanced="FOK", account=taker)
until(lambda: greedy.status == "FINISHED")
seen["greedy"] = greedy.volume_left

# what is refused says why, and is no order
wrong = api.insert_order(symbol, "BUY", "OPEN", 1, limit_price=quote.upper_limit * 2, account=taker)
until(lambda: wrong.status == "FINISHED")
seen["refused"] = [wrong.is_error, wrong.last_msg]

# the same id again is the same order
again = api.insert_order(symbol, "SELL", "OPEN", 5, limit_price=price, order_id="offer", account=maker)
api.cancel_order(again, account=maker)
until(lambda: offer.status == "FINISHED")
seen["again"] = len([each for each in api.get_order(account=maker).values() if each.order_id == "offer"])

# market orders of CFFEX: the best price, then the best five
offers = [
    api.insert_order(symbol, "SELL", "OPEN", 1, limit_price=price + place * quote.price_tick, account=maker)
    for place in range(7)
]
until(lambda: all(each.exchange_order_id for each in offers))
seen["best"] = []
for kind in ("BEST", "FIVELEVEL"):
    order = api.insert_order(symbol, "BUY", "OPEN", 9, limit_price=kind, account=taker)
    until(lambda: order.status == "FINISHED")
    prices = sorted(round((each.price - price) / quote.price_tick) for each in order.trade_records.values())
    seen["best"].append([order.price_type, prices, order.volume_left])
api.close()
print(json.dumps(seen))
