"""A program that leaves its orders to TargetPosTask, and is opened twice; what it has seen is printed as JSON.

Usage: target.py SYMBOL USER TOKEN USER TOKEN
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial

from tqsdk import TargetPosTask, TqAccount, TqApi, TqAuth, TqMultiAccount

SECONDS = 60.0
symbol, maker_name, maker_token, taker_name, taker_token = sys.argv[1:6]


def until(api: TqApi, what: Callable[[], bool]) -> None:
    deadline = time.time() + SECONDS
    while not what():
        assert api.wait_update(deadline=deadline), "it did not come"


maker, taker = TqAccount("bourse", maker_name, maker_token), TqAccount("bourse", taker_name, taker_token)
with TqApi(TqMultiAccount([maker, taker]), auth=TqAuth("anybody", "anything")) as api:
    quote = api.get_quote(symbol)
    step = quote.price_tick
    ask = api.insert_order(symbol, "SELL", "OPEN", 50, limit_price=quote.pre_settlement + step, account=maker)
    bid = api.insert_order(symbol, "BUY", "OPEN", 50, limit_price=quote.pre_settlement - step, account=maker)
    until(api, lambda: quote.ask_volume1 == quote.bid_volume1 == 50)
    position = api.get_position(symbol, account=taker)
    begun = position.pos
    task = TargetPosTask(api, symbol, account=taker)
    seen = []

    def is_there(target: int) -> bool:
        return bool(position.pos == target)

    for target in (3, -2):
        task.set_target_volume(target)
        until(api, partial(is_there, target))
        seen.append([position.pos_long, position.pos_short])
    made = sorted(api.get_order(account=taker))

with TqApi(TqAccount("bourse", taker_name, taker_token), auth=TqAuth("anybody", "anything")) as api:
    found = api.get_order()
    again = [
        api.get_position(symbol).pos,
        sorted(found) == made,
        {order.status for order in found.values()} == {"FINISHED"},
    ]
    trades = sum(trade.volume for trade in api.get_trade().values())
print(json.dumps({"begun": begun, "seen": seen, "again": again, "trades": trades}))
