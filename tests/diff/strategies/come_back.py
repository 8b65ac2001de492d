"""A program whose exchange goes away under it and comes back. It says when, is told when it is back, waits for its own
connections, and prints what it has seen as JSON.

Usage: come_back.py SYMBOL USER TOKEN CONNECTIONS_THAT_ARE_LOST
"""

import json
import sys
import threading
import time
from collections.abc import Callable

from tqsdk import TqAccount, TqApi, TqAuth, TqNotify

SECONDS = 60.0
RECONNECTED = 2019112902
symbol, user, token, lost = sys.argv[1:5]


def until(what: Callable[[], bool]) -> None:
    deadline = time.time() + SECONDS
    while not what():
        api.wait_update(deadline=time.time() + 1)  # notes are looked at beside it
        assert time.time() < deadline, "it did not come"


api = TqApi(TqAccount("bourse", user, token), auth=TqAuth("anybody", "anything"))
quote, bars = api.get_quote(symbol), api.get_kline_serial(symbol, 60, 20)
price = quote.lower_limit
first = api.insert_order(symbol, "BUY", "OPEN", 3, limit_price=price, order_id="first")
until(lambda: quote.bid_volume1 == 3)
notes = TqNotify(api)
codes: list[int] = []
told = threading.Thread(target=sys.stdin.readline)
told.start()
print("now", flush=True)


def is_back() -> bool:
    codes.extend(note["code"] for note in notes.get_notifies())
    return not told.is_alive() and codes.count(RECONNECTED) == int(lost)


until(is_back)
again = api.insert_order(symbol, "BUY", "OPEN", 3, limit_price=price, order_id="first")
more = api.insert_order(symbol, "BUY", "OPEN", 1, limit_price=price, order_id="more")
until(lambda: quote.bid_volume1 == 4)
seller = api.insert_order(symbol, "SELL", "OPEN", 2, limit_price=quote.upper_limit)
until(lambda: quote.ask_volume1 == 2)
for order in (again, more, seller):
    api.cancel_order(order)
until(lambda: {each.status for each in api.get_order().values()} == {"FINISHED"})
ids = [int(step) for step in bars.id.diff().dropna().unique()]
print(json.dumps({"orders": sorted(order.volume_left for order in api.get_order().values()), "ids": ids}))
api.close()
