"""What happens by chance once in a thousand histories, made to happen: each is a few commands that need each other."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from tests.core.model.books import Order
from tests.core.model.duel import Duel
from trading.core.commands import (
    AmendOrder,
    CancelAfter,
    Command,
    Deposit,
    ForceCancelAll,
    HaltInstrument,
    ResumeInstrument,
    SetAccountRules,
    SetInstrumentPhase,
    SetMarketLimits,
    SetMarketPhase,
    Settle,
    SubmitOrder,
    Withdraw,
)
from trading.core.types import (
    AccountRules,
    CancelReason,
    Direction,
    MarketLimits,
    Offset,
    OrderType,
    Phase,
    SelfTrade,
    TimeCondition,
)

T = TypeVar("T")
BUY, SELL, OPEN = Direction.BUY, Direction.SELL, Offset.OPEN


class Asks(Protocol):
    """A history, as far as it is needed here."""

    duel: Duel
    now: int
    middle: dict[str, int]

    def ask(self, *commands: Command) -> None: ...
    def order(self, account: int, name: str, direction: Direction, offset: Offset, **more: object) -> SubmitOrder: ...
    def handled(self, order: SubmitOrder, **how: object) -> SubmitOrder: ...
    def price(self, name: str, spread: tuple[int, ...] = ...) -> int: ...
    def pick(self, *what: T) -> T: ...
    def look_at_risk(self) -> None: ...


def a_switch_that_is_set_anew(asks: Asks) -> None:
    """What it was set to before must do nothing when its moment comes."""
    account, *_ = richest(asks)
    reason = asks.pick(CancelReason.COUNTDOWN, CancelReason.DISCONNECT)
    asks.now = max(asks.now, asks.duel.model.now)
    begun = asks.now
    asks.ask(CancelAfter(account, begun + 3, reason), resting(asks, account))
    later = begun + 900 if asks.pick(True, False) else None
    asks.ask(CancelAfter(account, later, reason))
    asks.now = begun + 5
    asks.ask(resting(asks, account))


def one_more_trailing_stop(asks: Asks) -> None:
    """Than an account may have, by its own rules or by the market's."""
    account, *_ = richest(asks)
    user = asks.duel.model.accounts[account].user
    if asks.pick(True, False):
        asks.ask(SetAccountRules(user, AccountRules(trailing_stops=1)))
    else:
        asks.ask(SetAccountRules(user, AccountRules()), SetMarketLimits(MarketLimits(trailing_stops=1)))
    tick = asks.duel.model.instruments["AG"].contract.tick
    for distance in (9, 8):
        order = asks.order(account, "AG", SELL, OPEN, volume=1)
        asks.ask(asks.handled(order, stop_price=order.price, trail=distance * tick))
    asks.ask(SetMarketLimits(MarketLimits()))


def a_break_of_what_is_closed_in_part(asks: Asks) -> None:
    """There are lots enough, but not of that trade."""
    one, other, _ = richest(asks)
    name, price = "AG", asks.price("AG", (0,))
    asks.ask(ForceCancelAll(None, name))
    trades = asks.duel.model.trades
    before = len(trades)
    for at in (price, price + asks.duel.model.instruments[name].contract.tick):
        asks.ask(
            asks.order(other, name, SELL, OPEN, volume=2, price=at),
            asks.order(one, name, BUY, OPEN, volume=2, price=at),
        )
    asks.ask(
        asks.order(other, name, BUY, OPEN, volume=1, price=price),
        asks.order(one, name, SELL, Offset.CLOSETODAY, volume=1, price=price),
    )
    if before + 1 in trades:
        asks.ask(trades[before + 1])


def a_deep_hedge(asks: Asks) -> None:
    """Of the larger side of a product more would have to be closed than helps, and nobody offers the other side."""
    one, other, poor = richest(asks)
    name = "IX2"
    of = asks.duel.model.instruments[name]
    if of.phase is not Phase.CONTINUOUS or of.high is None:
        return
    high, low, tick = of.high, of.low, of.contract.tick
    asks.ask(ForceCancelAll(None, None))
    for buyer, seller, lots in ((poor, one, 4), (one, poor, 2)):
        asks.ask(
            asks.order(seller, name, SELL, OPEN, volume=lots, price=high - tick),
            asks.order(buyer, name, BUY, OPEN, volume=lots, price=high - tick),
        )
    most = asks.duel.model.withdrawable(poor)
    if most > 0:
        asks.ask(Withdraw(asks.duel.model.accounts[poor].user, most))
    asks.ask(
        ForceCancelAll(None, None),
        asks.order(other, name, BUY, OPEN, volume=9, price=low + tick),
        asks.order(one, name, SELL, OPEN, volume=1, price=low + tick),
    )
    asks.look_at_risk()
    asks.middle[name] = (high + low) // 2 // tick


def money_for_what_is_before_an_own_order(asks: Asks) -> None:
    """It is exactly there, or 0.0001 less, and the rest of the order is never opened."""
    one, other, _ = richest(asks)
    name, model = "AG", asks.duel.model
    price = asks.price(name, (0,))
    asks.ask(
        ForceCancelAll(None, name),
        asks.order(other, name, SELL, OPEN, volume=1, price=price),
        asks.order(one, name, SELL, OPEN, volume=1, price=price),
    )
    order = asks.order(one, name, BUY, OPEN, volume=6, price=price)
    order = asks.handled(order, stp=asks.pick(SelfTrade.CANCEL_TAKER, SelfTrade.CANCEL_BOTH))
    missing = model.needed(Order.asked(order)) - model.available(one) - asks.pick(0, 0, 1)
    user = model.accounts[one].user
    if missing:
        asks.ask(Deposit(user, missing) if missing > 0 else Withdraw(user, -missing))
    asks.ask(order)


def what_cannot_be_made_larger_in_an_auction(asks: Asks) -> None:
    """An iceberg or a post-only order that was there before; a smaller one it may be."""
    one, *_ = richest(asks)
    name = "AG"
    tick = asks.duel.model.instruments[name].contract.tick
    order = msgspec.structs.replace(resting(asks, one), volume=5)
    how: dict[str, object] = asks.pick({"post_only": True}, {"display_volume": 2})
    asks.ask(ForceCancelAll(None, name), asks.handled(order, **how))
    number, price = asks.duel.model.numbers, order.price or 0
    asks.ask(SetInstrumentPhase(name, Phase.AUCTION))
    asks.ask(*(AmendOrder(one, number, *change) for change in ((None, 6), (price + tick, None), (None, 4))))
    asks.ask(SetInstrumentPhase(name, Phase.CONTINUOUS))


def an_order_up_to_the_position_limit(asks: Asks) -> None:
    """Exactly so many lots it may be, and not one more."""
    account, *_ = richest(asks)
    model = asks.duel.model
    asks.ask(ForceCancelAll(None, "AG"))
    lots = model.leg(account, "AG", True).lots
    asks.ask(SetAccountRules(model.accounts[account].user, AccountRules(max_position=lots + 2)))
    for volume in (2, 1):
        asks.ask(msgspec.structs.replace(resting(asks, account), volume=volume))
    asks.ask(SetAccountRules(model.accounts[account].user, AccountRules()))


def a_market_order_at_its_collar(asks: Asks) -> None:
    """There is an offer, but a tick beyond."""
    one, other, _ = richest(asks)
    name = "NO"
    of = asks.duel.model.instruments[name]
    low, high = asks.duel.model.band(name)
    if of.high is not None or high is None:
        return
    asks.ask(ForceCancelAll(None, name))
    tick = of.contract.tick
    for direction, price in ((SELL, high + tick), (BUY, low - tick)):
        if price > 0:
            asks.ask(
                asks.order(other, name, direction, OPEN, volume=1, price=price),
                asks.order(one, name, BUY if direction is SELL else SELL, OPEN, volume=1, order_type=OrderType.MARKET),
            )


def market_orders_of_few_levels(asks: Asks) -> None:
    """They meet several prices, the last beyond the collar; icebergs, a group and an own order are at them."""
    name = "NO"
    of = asks.duel.model.instruments[name]
    for resting, coming in ((SELL, BUY), (BUY, SELL)):
        one, other, third = richest(asks)
        sign = 1 if resting is SELL else -1
        present = of.settlement if of.mark is None else of.mark
        low, high = asks.duel.model.band(name)
        edge = (high or present) if resting is SELL else low
        prices = [present + sign * away * of.contract.tick for away in (0, 1, 2)] + [edge + sign * of.contract.tick]
        asks.ask(ForceCancelAll(None, name))
        for account, price in zip((other, third, asks.pick(one, other), third), prices, strict=True):
            order = asks.order(account, name, resting, OPEN, volume=2, price=max(price, of.contract.tick))
            how: dict[str, object] = asks.pick({}, {"display_volume": 1}, {"oco_group": "g"})
            asks.ask(asks.handled(order, **how) if how else order)
        order = asks.order(one, name, coming, OPEN, volume=asks.pick(1, 2, 4, 9), order_type=OrderType.MARKET)
        stays = asks.pick(TimeCondition.GFD, TimeCondition.IOC, TimeCondition.FOK)
        more: dict[str, object] = asks.pick({}, {"stp": SelfTrade.CANCEL_TAKER}, {"stop_price": present})
        order = msgspec.structs.replace(order, time_condition=stays)
        asks.ask(asks.handled(order, price_levels=asks.pick(1, 2, 3, 4, 5), **more))
        asks.ask(asks.order(third, name, coming, OPEN, volume=1, price=present))


def a_limit_order_of_few_levels(asks: Asks) -> None:
    """There is none: a price says enough."""
    one, *_ = richest(asks)
    asks.ask(asks.handled(resting(asks, one), price_levels=asks.pick(1, 5)))


def a_stop_that_is_the_last_order_allowed(asks: Asks) -> None:
    """It fires all the same: it was counted when it began to wait."""
    one, other, third = richest(asks)
    user = asks.duel.model.accounts[one].user
    low, high = asks.price("AG", (0,)), asks.price("AG", (2,))
    asks.ask(
        ForceCancelAll(None, None),
        SetAccountRules(user, AccountRules(max_orders=1, live_orders=1)),
        asks.order(other, "AG", SELL, OPEN, volume=1, price=low),
        asks.order(third, "AG", BUY, OPEN, volume=1, price=low),
        asks.handled(asks.order(one, "AG", BUY, OPEN, volume=1, price=low), stop_price=high),
        asks.order(other, "AG", SELL, OPEN, volume=1, price=high),
        asks.order(third, "AG", BUY, OPEN, volume=1, price=high),
        SetAccountRules(user, AccountRules()),
    )


def an_auction_of_who_has_lost_their_place(asks: Asks) -> None:
    """Who came first and was amended is the younger of the two."""
    one, other, _ = richest(asks)
    price = asks.price("AG", (0,))
    asks.ask(
        ForceCancelAll(None, "AG"),
        SetInstrumentPhase("AG", Phase.AUCTION),
        asks.order(one, "AG", BUY, OPEN, volume=2, price=price),
    )
    number = asks.duel.model.numbers
    asks.ask(
        asks.order(other, "AG", SELL, OPEN, volume=2, price=price),
        AmendOrder(one, number, None, 3),
        SetInstrumentPhase("AG", Phase.CONTINUOUS),
    )


def an_offer_in_an_auction_over_a_settlement(asks: Asks) -> None:
    """In an auction it may trade as high as the limit, which is another one the next day."""
    one, *_ = richest(asks)
    model = asks.duel.model
    stays = TimeCondition.GTC
    asks.ask(
        ForceCancelAll(None, "AG"),
        SetInstrumentPhase("AG", Phase.AUCTION),
        asks.order(one, "AG", SELL, OPEN, volume=2, price=asks.price("AG", (1,)), time_condition=stays),
        Settle(model.day, model.day + 1, {"AG": asks.price("AG", (-7,))}, confirmed=True),
        SetInstrumentPhase("AG", Phase.CONTINUOUS),
    )


def a_halt_that_outlasts_a_phase(asks: Asks) -> None:
    """Whatever the schedule has for the others meanwhile."""
    asks.ask(
        HaltInstrument("AG"),
        SetMarketPhase(asks.pick(Phase.AUCTION, Phase.CONTINUOUS, Phase.CLOSED)),
        ResumeInstrument("AG"),
    )


def a_close_that_outlives_its_day(asks: Asks) -> None:
    """It holds lots of today, which are yesterday's when it is cancelled."""
    one, other, _ = richest(asks)
    model, price = asks.duel.model, asks.price("AG", (0,))
    asks.ask(
        ForceCancelAll(None, "AG"),
        asks.order(other, "AG", SELL, OPEN, volume=2, price=price),
        asks.order(one, "AG", BUY, OPEN, volume=2, price=price),
    )
    lots, high = model.leg(one, "AG", True).lots, model.instruments["AG"].high
    stays = TimeCondition.GTC
    asks.ask(asks.order(one, "AG", SELL, Offset.CLOSE, volume=max(lots, 1), price=high, time_condition=stays))
    asks.ask(Settle(model.day, model.day + 1, {}, confirmed=True), ForceCancelAll(None, "AG"))


def a_share_of_a_commission(asks: Asks) -> None:
    """It is rounded, and so was the whole: at these prices that is another amount than rounding once."""
    one, other, _ = richest(asks)
    asks.ask(SetAccountRules(asks.duel.model.accounts[one].user, AccountRules(fee_group="vip")))
    for lots, away in ((2, -4), (2, -2), (3, -2)):
        price = asks.price("AG", (away,))
        asks.ask(
            asks.order(other, "AG", SELL, OPEN, volume=lots, price=price),
            asks.order(one, "AG", BUY, OPEN, volume=lots, price=price),
        )


def all_or_nothing_of_what_is_hidden(asks: Asks) -> None:
    """There is enough, though most of it is not shown."""
    one, other, _ = richest(asks)
    price = asks.price("AG", (0,))
    asks.ask(
        ForceCancelAll(None, "AG"),
        asks.handled(asks.order(other, "AG", SELL, OPEN, volume=6, price=price), display_volume=1),
    )
    order = asks.order(one, "AG", BUY, OPEN, volume=4, price=price, time_condition=TimeCondition.FOK)
    asks.ask(asks.handled(order, stp=SelfTrade.CANCEL_MAKER))


def richest(asks: Asks) -> list[int]:
    """Three accounts that can pay, in some order."""
    model = asks.duel.model
    found = sorted(model.accounts, key=model.available)[-3:]
    first = asks.pick(0, 1, 2)
    return [*found[first:], *found[:first]]


def resting(asks: Asks, account: int) -> SubmitOrder:
    """An order that trades with nobody now."""
    of = asks.duel.model.instruments["AG"]
    stays = asks.pick(TimeCondition.GFD, TimeCondition.GTC)
    return asks.order(account, "AG", BUY, OPEN, volume=1, price=of.low + of.contract.tick, time_condition=stays)


RARE: tuple[Callable[[Asks], None], ...] = (
    a_switch_that_is_set_anew,
    one_more_trailing_stop,
    a_break_of_what_is_closed_in_part,
    a_deep_hedge,
    money_for_what_is_before_an_own_order,
    what_cannot_be_made_larger_in_an_auction,
)

AT_THE_END: tuple[Callable[[Asks], None], ...] = (
    an_order_up_to_the_position_limit,
    a_market_order_at_its_collar,
    a_stop_that_is_the_last_order_allowed,
    an_auction_of_who_has_lost_their_place,
    a_close_that_outlives_its_day,
    an_offer_in_an_auction_over_a_settlement,
    a_halt_that_outlasts_a_phase,
    market_orders_of_few_levels,
    a_limit_order_of_few_levels,
)
"""Told when a history is over, so that what comes before stays as it was: a new one makes no other fault too rare."""

AT_FIRST: tuple[Callable[[Asks], None], ...] = (a_share_of_a_commission, all_or_nothing_of_what_is_hidden)
"""Told in markets that keep the rules of the first release."""
