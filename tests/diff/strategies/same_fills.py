"""The same orders to an account here and to one of TqSim, the simulator inside tqsdk, which fills them at our quotes
and computes on its own. After each it waits until both accounts have the same figures; they are printed as JSON.

Usage: same_fills.py SYMBOL USER TOKEN USER TOKEN
"""

import json
import sys
import time
from collections.abc import Callable

from tqsdk import TqAccount, TqApi, TqAuth, TqMultiAccount, TqSim

SECONDS = 60.0
symbol, maker_name, maker_token, taker_name, taker_token = sys.argv[1:6]
maker, ours = TqAccount("bourse", maker_name, maker_token), TqAccount("bourse", taker_name, taker_token)
theirs = TqSim()
api = TqApi(TqMultiAccount([maker, ours, theirs]), auth=TqAuth("anybody", "anything"))
quote = api.get_quote(symbol)


def until(what: Callable[[], bool]) -> None:
    deadline = time.time() + SECONDS
    while not what():
        assert api.wait_update(deadline=deadline), f"it did not come: {[figures(each) for each in (ours, theirs)]}"


def figures(account: TqAccount | TqSim) -> dict[str, float]:
    """The balance is counted from that of the beginning, for they have not the same funds. Margin is told where the
    rules are alike: here it is taken of both sides, at the price of the trade for today's lots; by TqSim of the larger
    side alone, at the last settlement."""
    found, position = api.get_account(account=account), api.get_position(symbol, account=account)
    return {
        "balance": round(found.balance - begun[account], 2),
        "margin": round(found.margin, 2) if position.pos_short == 0 else -1,
        "held": round(found.balance - found.available - found.margin, 2),
        "commission": round(found.commission, 2),
        "close_profit": round(found.close_profit, 2),
        "position_profit": round(found.position_profit, 2),
        "float_profit": round(found.float_profit, 2),
        "long": position.pos_long,
        "short": position.pos_short,
    }


begun = {account: api.get_account(account=account).balance for account in (ours, theirs)}
start, step = quote.pre_settlement, quote.price_tick


def trade(direction: str, offset: str, volume: int, steps: int) -> dict[str, float]:
    """At so many ticks from the start, on a side of the book that the maker opens; what both accounts have then."""
    price = start + steps * step
    side, other = ("ask", "SELL") if direction == "BUY" else ("bid", "BUY")
    waiting = api.insert_order(symbol, other, "OPEN", 20, limit_price=price, account=maker)
    until(lambda: quote[f"{side}_price1"] == price)
    orders = [
        api.insert_order(symbol, direction, offset, volume, limit_price=price, account=each) for each in (theirs, ours)
    ]
    until(lambda: {order.status for order in orders} == {"FINISHED"})
    assert [order.volume_left for order in orders] == [0, 0], orders
    api.cancel_order(waiting, account=maker)
    until(lambda: quote[f"{side}_volume1"] == 0)
    until(lambda: figures(ours) == figures(theirs))
    return figures(ours)


seen = [
    trade("BUY", "OPEN", 5, 0),
    trade("SELL", "CLOSE", 2, 3),
    trade("SELL", "OPEN", 4, 3),
    trade("BUY", "CLOSE", 1, -2),
    trade("SELL", "CLOSE", 3, -2),
]
api.close()
print(json.dumps(seen))
