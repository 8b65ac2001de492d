"""A program that leaves its orders to TargetPosTask, turn after turn, while its exchange goes away and comes back.
It says when it works, and is told when the exchange is back: it takes a few turns more, and prints what it has seen.

An order that is on its way when the connection breaks may be lost: tqsdk does not send it again. So where connections
are lost the program goes on when it has noticed.

Usage: work_on.py SYMBOL USER TOKEN USER TOKEN CONNECTIONS_THAT_ARE_LOST
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from tqsdk import TargetPosTask, TqAccount, TqApi, TqAuth, TqMultiAccount, TqNotify

SECONDS = 120.0
BEFORE, AFTER = 3, 3
CUT = 2019112911
symbol, maker_name, maker_token, taker_name, taker_token, lost = sys.argv[1:7]


def until(what: Callable[[], bool]) -> None:
    deadline = time.time() + SECONDS
    while not what():
        api.wait_update(deadline=time.time() + 1)
        assert time.time() < deadline, f"it did not come: {position.pos}, {api.get_order(account=taker)}"


def is_cut() -> bool:
    codes.extend(note["code"] for note in notes.get_notifies())
    return codes.count(CUT) >= int(lost)


def is_there(target: int) -> bool:
    return bool(position.pos == target)


maker, taker = TqAccount("bourse", maker_name, maker_token), TqAccount("bourse", taker_name, taker_token)
api = TqApi(TqMultiAccount([maker, taker]), auth=TqAuth("anybody", "anything"))
quote = api.get_quote(symbol)
step = quote.price_tick
api.insert_order(symbol, "SELL", "OPEN", 900, limit_price=quote.pre_settlement + step, account=maker)
api.insert_order(symbol, "BUY", "OPEN", 900, limit_price=quote.pre_settlement - step, account=maker)
position = api.get_position(symbol, account=taker)
until(lambda: quote.ask_volume1 == quote.bid_volume1 == 900)
task = TargetPosTask(api, symbol, account=taker)
told = threading.Thread(target=sys.stdin.readline)
told.start()
notes = TqNotify(api)
codes: list[int] = []
turns = more = 0
while more < AFTER:
    turns += 1
    more += not told.is_alive()
    target = (3, -2)[turns % 2]
    task.set_target_volume(target)
    until(partial(is_there, target))
    if turns == BEFORE:
        print("now", flush=True)
        until(is_cut)
orders = api.get_order(account=taker)
trades = api.get_trade(account=taker)
until(lambda: all(order.status == "FINISHED" for order in orders.values()))
seen = {
    "turns": turns,
    "position": position.pos,
    "orders": {key: [order.volume_orign, order.volume_left] for key, order in orders.items()},
    "trades": {trade.exchange_trade_id: [trade.order_id, trade.volume] for trade in trades.values()},
}
api.close()
print(json.dumps(seen))
