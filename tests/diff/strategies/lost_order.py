"""A program that leaves its orders to TargetPosTask and loses one of them: it is under way when the exchange is killed.
The task waits for that order; when it is cancelled the order is over, and the next task reaches the target.

It says when all is ready and when the order is under way, and is told when the exchange hears no more and when it is
back. What it has seen it prints as JSON.

Usage: lost_order.py SYMBOL USER TOKEN USER TOKEN CONNECTIONS_THAT_ARE_LOST
"""

import json
import sys
import threading
import time
from collections.abc import Callable

from tqsdk import TargetPosTask, TqAccount, TqApi, TqAuth, TqMultiAccount, TqNotify

SECONDS = 120.0
CUT = 2019112911
symbol, maker_name, maker_token, taker_name, taker_token, lost = sys.argv[1:7]


def until(what: Callable[[], bool]) -> None:
    deadline = time.time() + SECONDS
    while not what():
        api.wait_update(deadline=time.time() + 1)
        assert time.time() < deadline, f"it did not come: {api.get_order(account=taker)}"


def say_and_wait(word: str) -> None:
    """And stay alive until there is an answer."""
    told = threading.Thread(target=sys.stdin.readline)
    told.start()
    print(word, flush=True)
    until(lambda: not told.is_alive())


def is_cut() -> bool:
    codes.extend(note["code"] for note in notes.get_notifies())
    return codes.count(CUT) >= int(lost)


maker, taker = TqAccount("bourse", maker_name, maker_token), TqAccount("bourse", taker_name, taker_token)
api = TqApi(TqMultiAccount([maker, taker]), auth=TqAuth("anybody", "anything"))
quote = api.get_quote(symbol)
api.insert_order(symbol, "SELL", "OPEN", 50, limit_price=quote.pre_settlement, account=maker)
position = api.get_position(symbol, account=taker)
orders = api.get_order(account=taker)
until(lambda: bool(quote.ask_volume1 == 50))
notes = TqNotify(api)
codes: list[int] = []
say_and_wait("ready")
task = TargetPosTask(api, symbol, account=taker)
task.set_target_volume(3)
until(lambda: len(orders) == 1)
(order,) = orders.values()
say_and_wait("under way")
until(is_cut)
before = [order.status, order.exchange_order_id, position.pos]
task.cancel()
until(task.is_finished)
after = [order.status, order.exchange_order_id, position.pos]
again = TargetPosTask(api, symbol, account=taker)
again.set_target_volume(3)
until(lambda: bool(position.pos == 3))
api.close()
print(json.dumps({"before": before, "after": after, "orders": sorted(orders)}))
