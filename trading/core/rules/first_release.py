"""What the rules of the first release did otherwise, so that its journals replay to the state that they led to.

Nothing here holds in a market that has adopted later rules (`AdoptRules`); it goes when no such journal is left.
"""

from collections.abc import Iterable

from trading.core.accounts import Leg
from trading.core.matching.book import BookSide, Entry
from trading.core.money import RATE, share
from trading.core.orders import Account, Order
from trading.core.rules.foresight import own_orders
from trading.core.types import OrderType, SelfTrade


def preview(half: BookSide[Order], limit_key: int, volume: int, own: Iterable[Order]) -> list[tuple[int, int]]:
    """What would trade past the orders in `own`, as (price, lots) a level. Groups of orders were not looked at."""
    mine: dict[int, int] = {}
    for entry in own:
        key = half.key(entry.price)
        mine[key] = mine.get(key, 0) + entry.left
    found: list[tuple[int, int]] = []
    for key in reversed(half.keys):
        if not volume or key < limit_key:
            break
        level = half.levels[key]
        lots = min(volume, level.volume + level.hidden - mine.get(key, 0))
        if lots:
            found.append((level.price, lots))
            volume -= lots
    return found


def fills_wholly(order: Order, limit: int, rule: SelfTrade) -> bool:
    """Whether all of an order could trade at once. Groups of orders were not looked at."""
    half = order.instrument.book.other(order.is_buy)
    limit_key = half.key(limit)
    if rule is SelfTrade.CANCEL_MAKER:
        return sum(lots for _, lots in preview(half, limit_key, order.left, own_orders(order))) >= order.left
    lots = 0
    for key in reversed(half.keys):
        if key < limit_key:
            break
        level = half.levels[key]
        shown = 0
        entry: Entry | None = level.head
        while entry is not None:
            if entry.owner == order.owner:
                return lots + shown >= order.left
            shown += entry.remaining
            entry = entry.behind
        lots += level.volume + level.hidden
    return lots >= order.left


def funds_needed(order: Order, limit: int) -> int:
    """What an opening had to be able to pay."""
    instrument, hold, left = order.instrument, order.hold_per_lot, order.left
    best_bid = instrument.book.bids.best
    market = order.order_type is OrderType.MARKET
    if not market and (order.is_buy or best_bid is None or best_bid <= order.price):
        return hold * left
    needed = 0
    half = instrument.book.other(order.is_buy)
    for price, lots in preview(half, half.key(limit), left, own_orders(order)):
        needed += lots * max(hold, instrument.hold_per_lot(order.is_buy, price, order.account.fee_factor))
        left -= lots
    return needed + left * hold


def commission(charges: Iterable[tuple[int, int]], factor: int) -> int:
    """Rounded for each kind of lots, and again for the account's share of it."""
    total = sum(fixed + share(value, 1) for fixed, value in charges)
    return total if factor == RATE else share(total, factor)


def lots_to_close(account: Account, leg: Leg, limit: int, balance: int) -> int:
    """Of a forced closing: by the average margin of a lot."""
    too_much = account.margin - max(0, limit * balance) // RATE
    each = max(1, leg.margin // leg.lots)
    return max(1, min(leg.lots, too_much // each + 1))
