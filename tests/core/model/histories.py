"""Histories that are crowded: a few funded accounts, prices that meet, every kind of command, and shocks.

Dice that start from a seed look at the model, never at the engine, so that the same seed asks the same of every engine.
"""

from collections.abc import Callable
from random import Random
from typing import TypeVar

import msgspec

from tests.core.model.books import Order
from tests.core.model.duel import Duel
from tests.core.model.rare import AT_FIRST, AT_THE_END, RARE
from tests.core.model.rules import FIRST
from trading.core.commands import (
    AdoptRules,
    AmendOrder,
    Announce,
    CancelAfter,
    CancelAll,
    CancelOrder,
    ChangeTerms,
    CheckRisk,
    Command,
    Deposit,
    ExpireDue,
    FireStops,
    ForceCancelAll,
    ForceCancelOrder,
    ForceClose,
    FreezeAccount,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ReceiveTransfer,
    RefuseConnections,
    ResumeInstrument,
    ReturnTransfer,
    SendTransfer,
    SetAccountRules,
    SetCloseOnly,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketLimits,
    SetMarketPhase,
    Settle,
    StopLiquidation,
    SubmitOrder,
    Withdraw,
    WithdrawAnnouncement,
)
from trading.core.types import (
    PLAIN,
    PRESENT_RULES,
    AccountRules,
    CancelReason,
    Contract,
    Direction,
    Fee,
    MarketLimits,
    Offset,
    OrderOptions,
    OrderType,
    Phase,
    SelfTrade,
    StopKind,
    Terms,
    TimeCondition,
    Transfer,
    Trigger,
)

T = TypeVar("T")
UNIT = 10_000
PERCENT = 1_000_000
NOON = 1_700_000_000_000
FIRST_DAY = 20240101
REFERENCE = 100 * UNIT
FUNDS = (200_000, 50_000, 6_000, 1_900, 1_150, 700)
RISK = CheckRisk(80 * PERCENT, 100 * PERCENT)

CONTRACTS = (
    Contract(
        instrument_id="AG", product_id="AG", tick=2_000, multiplier=10, reference_price=REFERENCE,
        limit_rate=10 * PERCENT,
    ),
    Contract(
        instrument_id="IX1", product_id="IX", tick=1_000, multiplier=7, reference_price=REFERENCE,
        limit_rate=8 * PERCENT,
    ),
    Contract(
        instrument_id="IX2", product_id="IX", tick=3_000, multiplier=10, reference_price=999_000,
        limit_rate=12 * PERCENT,
    ),
    Contract(instrument_id="NO", product_id="NO", tick=1, multiplier=3, reference_price=10_000),
)  # fmt: skip
"""The last one has no price limits, and prices of 1 that move by 0.0001: fees are small there, and rounding shows."""


def terms(number: int) -> Terms:
    """Some terms of trade; those of the IX contracts share a margin of the larger side."""
    return (
        Terms(
            name="a", margin_long=10 * PERCENT, margin_short=12 * PERCENT, fee_open=Fee(3, 13_000),
            fee_close=Fee(5_000), fee_close_today=Fee(0, 70_100), max_volume=40,
        ),
        Terms(
            name="b", margin_long=10 * PERCENT, margin_short=10 * PERCENT, larger_side=True,
            fee_open=Fee(10_000), fee_close=Fee(0, 21_100), fee_close_today=Fee(2_500), max_volume=40,
        ),
        Terms(
            name="c", margin_long=12_500_000, margin_short=9_370_000, fee_open=Fee(1, 2_347),
            fee_close=Fee(0, 2_533), fee_close_today=Fee(0, 5_077), min_volume=1, max_volume=40, max_position=60,
            max_orders=12,
        ),
        Terms(name="d", margin_long=8 * PERCENT, margin_short=8 * PERCENT, min_volume=2, max_volume=20),
    )[number]  # fmt: skip


PRESENT_TERMS = {"AG": 0, "IX1": 1, "IX2": 1, "NO": 2}
NAMES = ("AG", "AG", "AG", "IX1", "IX1", "IX2", "NO")


class History:
    """Plays one history on a duel, and remembers what it asked (None: a restart)."""

    def __init__(self, seed: int, duel: Duel) -> None:
        self.seed = seed
        self.dice = Random(seed)
        self.duel = duel
        self.now = NOON
        self.day = FIRST_DAY
        self.asked: list[tuple[Command | None, int]] = []
        self.crowded = seed % 20 == 3
        self.middle = {each.instrument_id: each.reference_price // each.tick for each in CONTRACTS}
        self.kinds: dict[Callable[[], None], int] = {
            self.an_order: 40,
            self.a_pair: 8,
            self.a_handled_order: 18,
            self.a_waiting_order: 12,
            self.a_group: 8,
            self.a_closing: 16,
            self.a_wrong_order: 3,
            self.an_amendment: 9,
            self.a_cancel: 4,
            self.a_countdown: 2,
            self.an_operation: 9,
            self.a_restraint: 3,
            self.a_hard_hand: 3,
            self.a_halt: 2,
            self.an_auction: 5,
            self.a_market_phase: 1,
            self.a_settlement: 3,
            self.a_shock: 4,
            self.a_squeeze: 9,
            self.a_last_coin: 6,
            self.an_iceberg: 5,
            self.a_restart: 6,
            self.a_look_at_risk: 8,
            self.a_break: 5,
            self.a_word: 1,
            self.an_own_order_in_the_way: 4,
            self.a_hedge: 3,
            self.a_rare_thing: 7,
        }

    def play(self, steps: int) -> None:
        """Where the first rules hold, the present ones are adopted in the middle."""
        self.begin()
        for number in range(steps):
            if self.crowded and number == steps // 3:
                self.a_crowd()
            if self.duel.model.rules == FIRST and number == steps // 2:
                self.ask(AdoptRules(PRESENT_RULES))
            self.now += self.dice.choice((0, 0, 1, 5, 700, -30))
            self.drift()
            self.dice.choices(list(self.kinds), list(self.kinds.values()))[0]()
        for told in AT_THE_END:
            told(self)

    def play_at_first(self) -> None:
        """A short history in which no later rules are adopted."""
        self.begin()
        for told in AT_FIRST:
            told(self)

    def ask(self, *commands: Command) -> None:
        for command in commands:
            model = self.duel.model
            due = model.deadlines()
            now = max(self.now, model.now)
            if model.behind() and self.dice.random() < 0.3:
                self.give(FireStops())
            if self.duel.engine.due(now) or (due and due[0][0] <= now):
                self.give(ExpireDue())
            self.give(command)

    def give(self, command: Command | None) -> None:
        self.asked.append((command, self.now))
        if command is None:
            self.duel.restore()
        else:
            self.duel.play(command, self.now)

    def begin(self) -> None:
        for contract in CONTRACTS:
            chosen = terms(PRESENT_TERMS[contract.instrument_id])
            if contract.instrument_id == "IX2" and self.dice.random() < 0.5:
                chosen = msgspec.structs.replace(chosen, last_day=FIRST_DAY + self.dice.choice((1, 2)))
            self.ask(ListInstrument(contract, chosen))
        self.ask(SetFeeGroup("vip", 37 * PERCENT))
        funds = self.dice.sample(FUNDS, len(FUNDS))
        for number, amount in enumerate(funds, start=1):
            self.ask(OpenAccount(f"user{number}"), Deposit(f"user{number}", amount * UNIT))

    # --- prices

    def drift(self) -> None:
        for name in self.middle:
            self.move(name, self.dice.choice((0, 0, 0, 0, 1, -1, 2, -2)))

    def move(self, name: str, ticks: int) -> None:
        of = self.duel.model.instruments[name]
        high = of.high or 2 * of.settlement
        lowest, highest = of.low // of.contract.tick + 4, high // of.contract.tick - 4
        self.middle[name] = max(lowest, min(highest, self.middle[name] + ticks))

    def price(self, name: str, spread: tuple[int, ...] = (-3, -2, -1, -1, 0, 0, 0, 1, 1, 2, 3)) -> int:
        of = self.duel.model.instruments[name]
        step = 1 if of.high else 20
        if not of.high and self.dice.random() < 0.1:
            return self.middle[name] * of.contract.tick * 5 // self.dice.choice((4, 6))
        return max(of.low, (self.middle[name] + step * self.dice.choice(spread)) * of.contract.tick)

    # --- orders

    def order(self, account: int, name: str, direction: Direction, offset: Offset, **more: object) -> SubmitOrder:
        asked: dict[str, object] = {
            "order_type": OrderType.LIMIT,
            "volume": self.dice.choice((1, 1, 2, 2, 3, 4, 6)),
            "price": self.price(name),
        }
        asked |= more
        if asked["order_type"] is OrderType.MARKET:
            asked["price"] = None
        return SubmitOrder(account, name, direction, offset, **asked)  # type: ignore[arg-type]

    def any_order(self, **more: object) -> SubmitOrder:
        dice = self.dice
        if dice.random() < 0.08:
            more.setdefault("order_type", OrderType.MARKET)
        more.setdefault("client_order_id", dice.choice((None,) * 15 + ("x", "y", "z")))
        more.setdefault("time_condition", dice.choice([TimeCondition.GFD] * 5 + [TimeCondition.GTC] * 4))
        name = str(more.pop("name", dice.choice(NAMES)))
        offset = dice.choice([Offset.OPEN] * 16 + [Offset.CLOSE] * 3 + [Offset.CLOSETODAY, Offset.CLOSEYESTERDAY])
        offset = more.pop("offset", offset)  # type: ignore[assignment]
        direction = more.pop("direction", dice.choice(list(Direction)))
        account = dice.randint(1, len(FUNDS))
        holders = [key for key, leg in self.duel.model.legs.items() if leg.lots and key[1] == name]
        if offset is not Offset.OPEN and holders and dice.random() < 0.85:
            account, _, long = dice.choice(holders)
            direction = Direction.SELL if long else Direction.BUY
        return self.order(account, name, direction, offset, **more)  # type: ignore[arg-type]

    def an_order(self) -> None:
        order = self.any_order()
        self.ask(order)
        if order.client_order_id and self.dice.random() < 0.3:
            self.ask(self.dice.choice((order, msgspec.structs.replace(order, volume=order.volume + 1))))

    def a_pair(self, name: str = "") -> None:
        """Two accounts trade; sometimes as many lots as one can pay."""
        name = name or self.dice.choice(NAMES)
        price = self.price(name)
        one, other = self.dice.sample(range(1, len(FUNDS) + 1), 2)
        of = self.duel.model.instruments[name]
        lots = self.dice.choice((1, 2, 4))
        if self.dice.random() < 0.5:
            each = of.value(price) // 9
            lots = max(1, min(36, max(0, self.duel.model.available(one)) // each))
        first = self.dice.choice(list(Direction))
        second = Direction.SELL if first is Direction.BUY else Direction.BUY
        self.ask(
            self.order(other, name, second, Offset.OPEN, price=price, volume=lots),
            self.order(one, name, first, Offset.OPEN, price=price, volume=lots),
        )

    def a_closing(self) -> None:
        """Somebody closes what they have, the kind of lots that they have or another."""
        legs = [(key, leg) for key, leg in self.duel.model.legs.items() if leg.lots]
        if not legs:
            return
        (account, name, long), leg = self.dice.choice(legs)
        kinds = [Offset.CLOSETODAY] * bool(leg.today) + [Offset.CLOSEYESTERDAY] * bool(leg.his)
        offset = self.dice.choice((Offset.CLOSE, Offset.CLOSE, Offset.CLOSE, *kinds, *kinds, Offset.CLOSETODAY))
        direction = Direction.SELL if long else Direction.BUY
        volume = self.dice.choice((1, 1, 2, max(1, leg.lots // 2), leg.lots, leg.lots + 1))
        more: dict[str, object] = {"volume": volume}
        if self.dice.random() < 0.2:
            more["options"] = OrderOptions(reduce_only=True)
        if self.dice.random() < 0.3:
            more["time_condition"] = TimeCondition.GTC
        self.ask(self.order(account, name, direction, offset, **more))
        number = self.duel.model.numbers
        resting = self.duel.model.find(number)
        if resting is not None and resting.left > 1 and self.dice.random() < 0.3:
            self.ask(
                AmendOrder(resting.account, number, volume=resting.filled + self.dice.randint(1, resting.left - 1))
            )

    def handled(self, order: SubmitOrder, **how: object) -> SubmitOrder:
        options = msgspec.structs.replace(order.options or PLAIN, **how)
        return msgspec.structs.replace(order, options=options)

    def a_handled_order(self) -> None:
        dice, order = self.dice, self.any_order()
        limit = {"order_type": OrderType.LIMIT, "price": order.price or self.price(order.instrument_id)}
        resting = msgspec.structs.replace(order, **limit)
        volume = dice.choice((3, 5, 8))
        larger = msgspec.structs.replace(resting, volume=volume)
        later = self.now_or_later() + dice.choice((1, 5, 700, 3_000, 0))
        self.ask(
            dice.choice(
                (
                    lambda: msgspec.structs.replace(larger, time_condition=TimeCondition.FOK),
                    lambda: self.handled(
                        msgspec.structs.replace(larger, time_condition=TimeCondition.FOK, offset=Offset.OPEN),
                        stp=dice.choice(list(SelfTrade)),
                    ),
                    lambda: msgspec.structs.replace(resting, time_condition=TimeCondition.IOC),
                    lambda: self.handled(
                        msgspec.structs.replace(resting, time_condition=TimeCondition.GTD), expires_at=later
                    ),
                    lambda: self.handled(resting, post_only=True),
                    lambda: self.handled(larger, display_volume=dice.choice((1, 2))),
                    lambda: self.handled(larger, display_volume=dice.choice((1, 2, 4))),
                    lambda: self.handled(order, stp=dice.choice(list(SelfTrade))),
                    lambda: self.handled(order, valid_until=self.now_or_later() + dice.choice((-1, 0, 5))),
                )
            )()
        )

    def now_or_later(self) -> int:
        return max(self.now, self.duel.model.now)

    def a_waiting_order(self) -> None:
        """Most are near enough to fire; some trail, some go in groups, some expire."""
        dice = self.dice
        trails = dice.random() < 0.3
        name = dice.choice(NAMES)
        tick = self.duel.model.instruments[name].contract.tick
        order = self.any_order(name=name, **({"order_type": OrderType.MARKET} if dice.random() < 0.3 else {}))
        order = self.handled(
            order,
            stop_price=None if trails and dice.random() < 0.7 else self.price(name),
            trail=tick * dice.choice((1, 2, 3)) if trails else None,
            stop_kind=StopKind.STOP if trails else dice.choice((StopKind.STOP, StopKind.STOP, StopKind.TAKE_PROFIT)),
            trigger=dice.choice((Trigger.LAST, Trigger.LAST, Trigger.LAST, Trigger.BID, Trigger.ASK)),
            oco_group=dice.choice((None, None, "g", "h")),
        )
        if dice.random() < 0.15:
            later = self.now_or_later() + dice.choice((3, 900))
            order = self.handled(msgspec.structs.replace(order, time_condition=TimeCondition.GTD), expires_at=later)
        self.ask(order)

    def a_group(self) -> None:
        """Orders of one group, on both sides of the price or behind each other."""
        order = self.any_order(order_type=OrderType.LIMIT, client_order_id=None)
        other = self.any_order(order_type=OrderType.LIMIT, client_order_id=None, name=order.instrument_id)
        other = msgspec.structs.replace(
            other,
            account_id=order.account_id,
            direction=self.dice.choice((order.direction, order.direction, *Direction)),
        )
        if self.dice.random() < 0.4:
            other = msgspec.structs.replace(other, price=order.price, direction=order.direction)
        self.ask(self.handled(order, oco_group="g"), self.handled(other, oco_group="g"))
        if self.dice.random() < 0.6:
            self.ask(self.through(order, other))

    def through(self, order: SubmitOrder, other: SubmitOrder) -> SubmitOrder:
        """Somebody else's order that would trade with both, if the first did not cancel the second."""
        dice, buys = self.dice, order.direction is Direction.SELL
        prices = [each.price or 0 for each in (order, other)]
        account = max((n for n in self.duel.model.accounts if n != order.account_id), key=self.duel.model.available)
        return self.order(
            account,
            order.instrument_id,
            Direction.BUY if buys else Direction.SELL,
            Offset.OPEN,
            volume=order.volume + other.volume + dice.choice((0, 0, 1, -1)),
            price=max(prices) if buys else min(prices),
            order_type=dice.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET)),
            time_condition=dice.choice((TimeCondition.GFD, TimeCondition.FOK, TimeCondition.FOK, TimeCondition.IOC)),
        )

    def an_own_order_in_the_way(self) -> None:
        """Somebody's order would trade with others, and with an own order that stands between them: that ends it, or
        goes with its group."""
        dice, model = self.dice, self.duel.model
        name, side = dice.choice(NAMES), dice.choice(list(Direction))
        against = Direction.SELL if side is Direction.BUY else Direction.BUY
        one, other = dice.sample(sorted(model.accounts, key=model.available)[-3:], 2)
        best = model.queue(name, side is Direction.BUY)
        price = best[0].price if best else self.price(name)
        group = dice.choice((None, "g"))
        for account, volume in ((other, 1), (one, 2), (other, 2)):
            order = self.order(account, name, side, Offset.OPEN, volume=volume, price=price)
            self.ask(self.handled(order, oco_group=group) if account == one else order)
        through = sum(each.left for each in model.queue(name, side is Direction.BUY) if each.price == price) - 2
        stays = dice.choice((TimeCondition.FOK, TimeCondition.FOK, TimeCondition.GFD))
        order = self.order(one, name, against, Offset.OPEN, volume=max(1, through), price=price, time_condition=stays)
        self.ask(self.handled(order, oco_group=group, stp=dice.choice(list(SelfTrade))))

    def a_wrong_order(self) -> None:
        good = self.any_order(client_order_id=None, order_type=OrderType.LIMIT)
        last = self.duel.model.instruments[good.instrument_id].last or 1_000
        self.ask(
            msgspec.structs.replace(
                good,
                **self.dice.choice(
                    (
                        {"account_id": 99},
                        {"instrument_id": "NONE"},
                        {"volume": 0},
                        {"volume": 1_000},
                        {"volume": 40, "offset": Offset.OPEN},
                        {"instrument_id": "AG", "price": (good.price or 0) // 2_000 * 2_000 + 500},
                        {"instrument_id": "AG", "price": 2_000},
                        {"options": OrderOptions(reduce_only=True), "offset": Offset.OPEN},
                        {"options": OrderOptions(display_volume=good.volume)},
                        {"options": OrderOptions(expires_at=self.now + 10)},
                        {"options": OrderOptions(trail=500), "instrument_id": "AG"},
                        {"options": OrderOptions(trail=2_000_000)},
                        {"options": OrderOptions(trail=last), "direction": Direction.SELL},
                        {"time_condition": TimeCondition.GTD},
                    )
                ),
            )
        )

    # --- changes

    def live(self) -> Order | None:
        orders = self.duel.model.orders
        return self.dice.choice(orders) if orders else None

    def an_amendment(self) -> None:
        dice, order = self.dice, self.live()
        icebergs = [each for each in self.duel.model.orders if each.shown < each.left and each.resting]
        if icebergs and dice.random() < 0.3:
            order = dice.choice(icebergs)
        if order is None:
            return
        price = dice.choice((None, None, order.price, self.price(order.name), self.price(order.name)))
        volume = dice.choice((None, None, order.volume, order.volume - 1, order.volume + 1, order.filled, 3))
        valid = self.now_or_later() + dice.choice((0, -1)) if dice.random() < 0.1 else None
        account = order.account if dice.random() < 0.95 else order.account % len(FUNDS) + 1
        self.ask(AmendOrder(account, order.number, price or None, volume, valid))

    def a_cancel(self) -> None:
        dice, order = self.dice, self.live()
        number = order.number if order and dice.random() < 0.9 else dice.randint(0, self.duel.model.numbers + 1)
        account = order.account if order and dice.random() < 0.9 else dice.choice((1, 2, 99))
        name = dice.choice((None, None, "AG", "IX1", "NONE"))
        self.ask(
            dice.choice(
                (
                    CancelOrder(account, number),
                    CancelOrder(account, number),
                    CancelAll(account, name, dice.choice((None, *Direction))),
                    ForceCancelOrder(number),
                )
            )
        )

    def a_countdown(self) -> None:
        deadline = self.dice.choice((None, self.now + 1, self.now + 6, self.now + 800))
        reason = self.dice.choice((CancelReason.COUNTDOWN, CancelReason.DISCONNECT))
        self.ask(CancelAfter(self.dice.choice((1, 2, 3, 4, 99)), deadline, reason))

    # --- operators, clocks, the machine

    def an_operation(self) -> None:
        dice = self.dice
        number = dice.randint(1, len(FUNDS) + 1)
        user = f"user{number}"
        account = self.duel.model.accounts.get(number)
        most = self.duel.model.withdrawable(number) if account else 1
        rules = AccountRules(
            stp=dice.choice(list(SelfTrade)),
            fee_group=dice.choice(("", "vip", "vip", "none")),
            max_volume=dice.choice((None, None, 5)),
            max_position=dice.choice((None, None, 25)),
            max_orders=dice.choice((None, 2, 5)),
        )
        name = dice.choice((*NAMES, "NONE"))
        given = terms(dice.choice((PRESENT_TERMS.get(name, 0), 0, 1, 2, 3)))
        if name in self.duel.model.instruments:
            given = msgspec.structs.replace(given, last_day=self.duel.model.instruments[name].terms.last_day)
        transfer = Transfer("t", user, "futures", "options", dice.choice((1, most, most + 1, most // 2, 0)))
        ways: tuple[tuple[Command, ...], ...] = (
            *((kind(transfer),) for kind in (SendTransfer, ReceiveTransfer, ReturnTransfer)),
            (Deposit(user, dice.choice((1, 99_999, 500 * UNIT, 0, 10**16))),),
            (Withdraw(user, dice.choice((1, most, most + 1, most // 2, 0))),),
            *((SetAccountRules(user, rules),) for _ in range(4)),
            (SetFeeGroup("vip", dice.choice((50 * PERCENT, 33_333_333, 0, 200 * PERCENT))),),
            (ChangeTerms(name, given),),
            (ListInstrument(CONTRACTS[0], given),),
            (OpenAccount("user1"),),
            (FreezeAccount(user, True), self.any_order(), FreezeAccount(user, dice.random() < 0.1)),
            (FreezeAccount(user, False),),
        )
        self.ask(*dice.choice(ways))

    def a_restraint(self) -> None:
        """Operators hold somebody back for a few orders, or everybody, and let go again."""
        dice = self.dice
        user = dice.choice((None, *(f"user{number}" for number in range(1, len(FUNDS) + 2))))
        closing, shut = dice.random() < 0.9, dice.random() < 0.7
        few, many = dice.choice((0, 1, 2, 4)), dice.choice((0, 3, 6))
        limits = MarketLimits(live_orders=many, waiting_orders=few, trailing_stops=dice.choice((0, 1)))
        own = AccountRules(
            live_orders=dice.choice((None, many)), waiting_orders=few, trailing_stops=dice.choice((None, 0, 2))
        )
        ways: tuple[tuple[tuple[Command, ...], tuple[Command, ...]], ...] = (
            ((SetCloseOnly(closing, user),), (SetCloseOnly(not closing, user),)),
            (
                (StopLiquidation(user or "user2", shut), Withdraw(user or "user2", 1)),
                (StopLiquidation(user or "user2", False),),
            ),
            ((RefuseConnections(shut),), (RefuseConnections(False),)),
            ((SetMarketLimits(limits),), (SetMarketLimits(MarketLimits()),)),
            ((SetMarketLimits(limits), SetAccountRules(user or "user2", own)), (SetMarketLimits(MarketLimits()),)),
        )
        begin, end = dice.choice(ways)
        self.ask(*begin)
        for _ in range(dice.randint(2, 6)):
            dice.choice((self.an_order, self.a_waiting_order, self.a_closing, self.a_handled_order))()
        if dice.random() < 0.3:
            self.a_restart()
        self.ask(*end)

    def a_break(self) -> None:
        """A trade is taken back: the last, one of the last, or one that perhaps cannot be; sometimes twice."""
        dice, trades = self.dice, self.duel.model.trades
        if not trades:
            return
        back = dice.choice((1, 1, 2, 3, 6, 20))
        trade = msgspec.structs.replace(trades[max(1, len(trades) + 1 - back)], give_back_fees=dice.random() < 0.5)
        wrong = dice.choice((*({},) * 9, {"day": trade.day + 1}, {"instrument_id": "NONE"}, {"seller": trade.buyer}))
        if dice.random() < 0.3:
            self.ask(ForceCancelAll(None, trade.instrument_id))
        self.ask(*[msgspec.structs.replace(trade, **wrong)] * dice.choice((1, 1, 1, 1, 2)))
        if dice.random() < 0.2:
            self.a_restart()
        if dice.random() < 0.3:
            self.a_closing()

    def a_word(self) -> None:
        """Operators tell everybody something, or one user, or take it back."""
        dice, now = self.dice, self.now_or_later()
        until, stop = now + dice.choice((0, 1, 700, 10_000)), dice.choice((None, None, None, now, now + 1))
        user = dice.choice((None, None, "user1", "user99"))
        self.ask(Announce(dice.choice((" Maintenance. ", "A break", "A stop", " ", "x" * 501)), until, user, stop))
        if dice.random() < 0.5:
            self.ask(WithdrawAnnouncement(self.duel.model.announcements - dice.choice((0, 0, 1))))

    def a_hard_hand(self) -> None:
        """Operators cancel many orders, or close somebody's positions."""
        dice = self.dice
        user = f"user{dice.randint(1, len(FUNDS) + 1)}"
        name = dice.choice((None, None, *NAMES, "NONE"))
        self.ask(dice.choice((ForceCancelAll(dice.choice((None, user)), name), ForceClose(user, name))))

    def a_halt(self) -> None:
        name = self.dice.choice(NAMES)
        self.ask(HaltInstrument(name))
        for _ in range(self.dice.choice((0, 0, 1, 2))):
            self.dice.choice((self.an_order, self.a_cancel, self.an_amendment, self.a_waiting_order))()
        self.ask(ResumeInstrument(name))

    def an_auction(self) -> None:
        """Orders gather in one instrument, and trade; sometimes it is interrupted."""
        dice, name = self.dice, self.dice.choice(NAMES)
        self.ask(SetInstrumentPhase(name, Phase.AUCTION))
        for _ in range(dice.choice((4, 6, 8, 10))):
            wide = self.price(name, (-6, -4, -3, -2, -1, 0, 0, 1, 2, 3, 4, 6))
            gathers = {"order_type": OrderType.LIMIT} if dice.random() < 0.93 else {}
            self.ask(self.any_order(name=name, price=wide, **gathers))
        dice.choice((self.an_amendment, self.a_cancel, self.a_waiting_order, self.a_handled_order, self.a_group))()
        if dice.random() < 0.15:
            self.ask(HaltInstrument(name), ResumeInstrument(name))
        if dice.random() < 0.15:
            self.ask(SetInstrumentPhase(name, Phase.CLOSED))
        if dice.random() < 0.15:
            self.a_restart()
        self.ask(SetInstrumentPhase(name, Phase.CONTINUOUS))

    def a_market_phase(self) -> None:
        phases = self.dice.choice(([Phase.CLOSED], [Phase.AUCTION], [Phase.CLOSED, Phase.AUCTION], [Phase.HALTED]))
        for phase in phases:
            self.ask(SetMarketPhase(phase))
            for _ in range(self.dice.choice((1, 2, 4))):
                self.dice.choice((self.an_order, self.an_order, self.a_cancel, self.a_halt))()
        self.ask(SetMarketPhase(Phase.CONTINUOUS))

    def a_settlement(self) -> None:
        prices: dict[str, int] = {}
        for name, of in self.duel.model.instruments.items():
            if self.dice.random() < 0.6:
                price = self.price(name)
                prices[name] = min(price, of.high or price)
        if self.dice.random() < 0.15:
            self.ask(
                Settle(*self.dice.choice(((self.day - 1, self.day), (self.day, self.day), (20_249_901, self.day))), {})
            )
        if self.dice.random() < 0.1:
            self.ask(Settle(self.day, self.day + 1, self.dice.choice(({"NONE": UNIT}, {"AG": 1}, {"AG": 0}))))
        if self.dice.random() < 0.15:
            prices["NO"] = self.duel.model.instruments["NO"].settlement * 3
            prices["AG"] = (self.duel.model.instruments["AG"].high or 0) + 2_000
            self.ask(Settle(self.day, self.day + 1, prices))
            self.ask(Settle(self.day, self.day + 1, {"NO": 4 * 10**11}, confirmed=True))
        self.ask(Settle(self.day, self.day + 1, prices, confirmed=self.dice.random() < 0.5))
        if self.duel.model.day == self.day + 1:
            self.day += 1
        if self.dice.random() < 0.7:
            self.ask(RISK)

    def a_shock(self) -> None:
        """The price jumps, somebody trades there, and risk is looked at."""
        dice, name = self.dice, self.dice.choice(NAMES)
        self.move(name, dice.choice((-1, 1)) * dice.choice((10, 20, 30)) * (1 if name != "NO" else 15))
        for _ in range(dice.choice((2, 3))):
            rich = self.duel.model.accounts
            number = max(dice.sample(sorted(rich), 4), key=self.duel.model.available)
            side = dice.choice(list(Direction))
            self.ask(self.order(number, name, side, Offset.OPEN, volume=dice.choice((2, 6, 9))))
        self.a_pair(name)
        self.ask(RISK)

    def an_iceberg(self) -> None:
        """It shows a slice after the other, with somebody else at its price; it is made smaller, or the engine ends."""
        dice, model = self.dice, self.duel.model
        name, side = dice.choice(NAMES), dice.choice(list(Direction))
        against = Direction.SELL if side is Direction.BUY else Direction.BUY
        one, other, third = sorted(model.accounts, key=model.available)[-3:]
        best = model.queue(name, side is Direction.BUY)
        price = best[0].price if best else self.price(name)
        hidden = self.order(one, name, side, Offset.OPEN, volume=dice.choice((5, 8)), price=price)
        self.ask(self.handled(hidden, display_volume=dice.choice((1, 2))))
        number = model.numbers
        self.ask(self.order(other, name, side, Offset.OPEN, volume=2, price=price))
        lots = dice.choice((1, 2, 3, 4))
        self.ask(self.order(third, name, against, Offset.OPEN, volume=lots, price=price))
        if dice.random() < 0.5:
            self.ask(AmendOrder(one, number, volume=dice.choice((3, 4, 5))))
        if dice.random() < 0.5:
            self.a_restart()

    def a_last_coin(self) -> None:
        """Somebody has exactly what their order needs, or 0.0001 less."""
        dice, model = self.dice, self.duel.model
        asked = self.any_order(offset=Offset.OPEN, client_order_id=None)
        if dice.random() < 0.4:
            other = dice.choice([number for number in model.accounts if number != asked.account_id])
            crossing = self.price(asked.instrument_id, (1, 2, 3) if asked.direction is Direction.SELL else (-3, -2, -1))
            against = Direction.BUY if asked.direction is Direction.SELL else Direction.SELL
            self.ask(self.order(other, asked.instrument_id, against, Offset.OPEN, price=crossing))
        missing = model.needed(Order.asked(asked)) - model.available(asked.account_id) - dice.choice((0, 0, 1))
        user = model.accounts[asked.account_id].user
        if missing:
            self.ask(Deposit(user, missing) if missing > 0 else Withdraw(user, -missing))
        self.ask(asked)

    def a_squeeze(self) -> None:
        """A small account opens what it can pay, the price goes against it, and the exchange closes what it must."""
        dice, model, name = self.dice, self.duel.model, self.dice.choice(("AG", "IX1", "IX1", "IX2", "NO"))
        ranked = sorted(model.accounts, key=model.available)
        poor, one, other = dice.choice(ranked[:3]), ranked[-1], ranked[-2]
        long = dice.random() < 0.6
        way_in, way_out = (Direction.BUY, Direction.SELL) if long else (Direction.SELL, Direction.BUY)
        price = self.price(name, (0,))
        each = model.instruments[name].value(price) // 9
        lots = max(1, min(30, max(0, model.available(poor)) // each))
        self.ask(
            self.order(one, name, way_out, Offset.OPEN, price=price, volume=lots),
            self.order(poor, name, way_in, Offset.OPEN, price=price, volume=lots),
        )
        if dice.random() < 0.3:
            self.a_settlement()
        user, stops = model.accounts[poor].user, dice.random() < 0.3
        if stops and dice.random() < 0.5:
            self.ask(StopLiquidation(user, True))
        self.move(name, dice.choice((6, 12, 20, 30)) * (-1 if long else 1) * (15 if name == "NO" else 1))
        worse = self.price(name, (0,))
        self.ask(
            self.order(other, name, way_in, Offset.OPEN, price=worse, volume=dice.choice((4, 9, 15, 30))),
            self.order(one, name, way_out, Offset.OPEN, price=worse, volume=dice.choice((1, 2, 8))),
            RISK,
        )
        if model.accounts[poor].liquidating and dice.random() < 0.3:
            self.ask(Deposit(user, dice.choice((1, max(1, -model.available(poor) + UNIT)))), Withdraw(user, 1))
        if stops:
            self.a_stopped_liquidation(user)

    def a_stopped_liquidation(self, user: str) -> None:
        """It is stopped, or was before it began; it goes on, or the day ends before that."""
        dice = self.dice
        self.ask(StopLiquidation(user, True), RISK)
        dice.choice((self.an_order, self.a_closing, self.a_restart, self.a_settlement))()
        self.ask(StopLiquidation(user, False), RISK)

    def a_hedge(self) -> None:
        """Somebody at risk holds both sides of a product, and one side only can be closed."""
        dice, model, name = self.dice, self.duel.model, self.dice.choice(("IX1", "IX1", "IX2"))
        ranked = sorted(model.accounts, key=model.available)
        poor, one, other = dice.choice(ranked[1:-2]), ranked[-1], ranked[-2]
        price = self.price(name, (0,))
        bought, sold = dice.choice(((4, 2), (2, 4), (3, 3)))
        self.ask(
            ForceCancelAll(None, name),
            self.order(one, name, Direction.SELL, Offset.OPEN, price=price, volume=bought),
            self.order(poor, name, Direction.BUY, Offset.OPEN, price=price, volume=bought),
            self.order(one, name, Direction.BUY, Offset.OPEN, price=price, volume=sold),
            self.order(poor, name, Direction.SELL, Offset.OPEN, price=price, volume=sold),
            ForceCancelAll(None, name),
            self.order(other, name, dice.choice(list(Direction)), Offset.OPEN, price=price, volume=dice.choice((1, 9))),
        )
        most = model.withdrawable(poor)
        if most > 0:
            self.ask(Withdraw(model.accounts[poor].user, most))
        self.ask(RISK)

    def a_rare_thing(self) -> None:
        self.pick(*RARE)(self)

    def pick(self, *what: T) -> T:
        return self.dice.choice(what)

    def look_at_risk(self) -> None:
        self.ask(RISK)

    def a_look_at_risk(self) -> None:
        self.ask(msgspec.structs.replace(RISK, everyone=self.dice.random() < 0.2))

    def a_crowd(self) -> None:
        """More waiting orders than fire after one command, and a price that they meet."""
        dice, model, tick = self.dice, self.duel.model, 2_000
        ranked = sorted(model.accounts, key=model.available)
        last = (model.instruments["AG"].last or REFERENCE) // tick
        self.ask(ChangeTerms("AG", terms(0)))
        self.ask(*(SetAccountRules(model.accounts[number].user, AccountRules()) for number in ranked))
        for _ in range(dice.randint(140, 160)):
            price, stop = (last + 4) * tick, (last + dice.choice((1, 2, 3))) * tick
            order = self.order(dice.choice(ranked), "AG", Direction.BUY, Offset.OPEN, volume=1, price=price)
            trigger = Trigger.LAST if dice.random() < 0.9 else Trigger.ASK
            self.ask(self.handled(order, stop_price=stop, trigger=trigger))
        lots = sum(order.left for order in model.queue("AG", False) if order.price < (last + 3) * tick) + 1
        one, other = ranked[-2:]
        self.ask(self.order(one, "AG", Direction.SELL, Offset.OPEN, volume=6, price=(last + 3) * tick))
        self.ask(self.order(other, "AG", Direction.BUY, Offset.OPEN, volume=min(40, lots), price=(last + 3) * tick))

    def a_restart(self) -> None:
        """Two things are in no record: the time, so it goes on from the latest, and whose risk has moved, so that the
        first look is at everyone."""
        self.now = self.now_or_later()
        self.give(None)
        self.ask(msgspec.structs.replace(RISK, everyone=True))
