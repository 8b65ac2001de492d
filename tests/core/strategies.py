"""Random histories that are crowded: funded traders, a few prices, every kind of command, most of it tradable.

Hypothesis draws one number a history; dice that start from it make the steps, since lists that Hypothesis draws repeat
themselves. A history that fails loses its needless steps here, before it is told. What the weights achieve is measured
by `test_the_histories_are_worth_playing`.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec
from hypothesis import Phase as Stage
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.making import NOW, contract, do, exchange, order, overnight, rate, terms, trade, trading_day, units
from trading.core.commands import (
    AmendOrder,
    CancelAfter,
    CancelAll,
    CancelOrder,
    ChangeTerms,
    CheckRisk,
    Command,
    Deposit,
    ExpireDue,
    ForceCancelOrder,
    FreezeAccount,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ReceiveTransfer,
    ResumeInstrument,
    ReturnTransfer,
    SendTransfer,
    SetAccountRules,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketPhase,
    Settle,
    SubmitOrder,
    Withdraw,
)
from trading.core.engine import Engine
from trading.core.events import DaySettled, Event, OrderAccepted, OrderWaiting, Traded
from trading.core.types import (
    PLAIN,
    AccountRules,
    CancelReason,
    Direction,
    Offset,
    OrderOptions,
    OrderType,
    Phase,
    SelfTrade,
    StopKind,
    TimeCondition,
    Transfer,
    Trigger,
)

PRICES = tuple(units(price) for price in ("120.0", "120.2", "119.8", "120.4", "119.6"))
FAR_PRICES = tuple(units(price) for price in ("121.2", "118.8", "121.0", "119.0"))
BIDS = (*PRICES, *PRICES, *[PRICES[0]] * 7, *[PRICES[1]] * 4, PRICES[3], *FAR_PRICES[:2], FAR_PRICES[3])
"""What buyers bid, rather more than less; sellers ask the mirrored prices."""

TRADERS = (1, 2, 3)
POOR = 4
STRANGER = 99
INSTRUMENTS = ("IF", "IF", "IF", "AU")
TERMS = (
    terms(margin="10%", short_margin="12%", open_fee="0.0003+0.013%", close_fee="0.50", today_fee="0.0701%"),
    terms(margin="15%", short_margin="9.37%", open_fee="1.00", close_fee="0.0211%", today_fee="0.25", largest="8"),
    terms(margin="8%", larger_side="yes", open_fee="0.0003+0.013%", positions="30", orders="8"),
)
LOOK = CheckRisk(rate("10%"), rate("20%"))
"""Levels that traders reach."""

NO_PRICE = {"price": None, "order_type": OrderType.MARKET}


class Step(msgspec.Struct, frozen=True):
    """A command, and how many milliseconds after the one before. Clocks can go back.

    Moments in a command count from the step's own. An `order_id` counts back from the youngest live order, from 100 on
    from the youngest that ever was; account 0 is the order's owner. The days of a Settle are found when it is played.
    `resends`: the last order that had a client_order_id is sent instead, if there was one.
    """

    command: Command
    after: int
    resends: bool


class Played(msgspec.Struct, frozen=True):
    """A command as it was given, when, and what happened."""

    command: Command
    now: int
    events: list[Event]


# --- how days begin


def first_day() -> Engine:
    """Two instruments that have traded, and four accounts; nobody holds much."""
    engine = exchange(contract(multiplier="10", product="P"), TERMS[0], "30000", "30000", "3000", "300")
    do(engine, ListInstrument(contract("AU", tick="0.1", multiplier="3", limits="1%", product="P"), TERMS[1]))
    trade(engine, "120.0", buyer=1, seller=2)
    do(engine, order(2, "SELL OPEN 1 AU @ 120.0"))
    do(engine, order(1, "BUY OPEN 1 AU @ 120.0"))
    for trader, price in zip((1, 2, 3, 1, 2, 3), ("119.8", "119.6", "119.6", "120.2", "120.2", "120.4"), strict=True):
        side = "BUY" if price < "120" else "SELL"
        do(engine, order(trader, f"{side} OPEN 3 IF @ {price} GTC"))
        do(engine, order(trader, f"{side} OPEN 2 AU @ {price} GTC"))
    do(engine, LOOK)
    return engine


def second_day() -> Engine:
    """The traders hold yesterday's lots, long and short, orders rest in the book, and it is the last day of AU."""
    engine = first_day()
    last_day = msgspec.structs.replace(TERMS[2], last_day=trading_day(2))
    do(engine, ChangeTerms("IF", TERMS[2]))
    do(engine, ChangeTerms("AU", last_day))
    do(engine, SetFeeGroup("vip", rate("37%")))
    do(engine, SetAccountRules("user1", AccountRules(fee_group="vip")))
    trade(engine, "120.0", buyer=1, seller=2, lots=5)
    trade(engine, "120.0", buyer=3, seller=1, lots=4)
    do(engine, order(2, "SELL OPEN 1 AU @ 120.0"))
    do(engine, order(3, "BUY OPEN 1 AU @ 120.0"))
    overnight(engine, {"IF": units("120.4"), "AU": units("119.9")})
    for trader, words in enumerate(("BUY OPEN 4 @ 119.8", "BUY CLOSE 4 @ 119.6", "SELL OPEN 3 @ 120.2"), start=1):
        do(engine, order(trader, words))
    do(engine, LOOK)
    return engine


MORNINGS = (first_day().snapshot(), second_day().snapshot())
"""What a history can begin with."""


def morning(of_day: int) -> Engine:
    return Engine.restore(MORNINGS[of_day])


# --- what is asked: orders


def an_order(dice: Random) -> SubmitOrder:
    """An order that may well be taken, at prices that meet."""
    market = dice.random() < 0.08
    direction = dice.choice(list(Direction))
    price = dice.choice(BIDS)
    return SubmitOrder(
        account_id=dice.choice((*TRADERS, *TRADERS, POOR)),
        instrument_id=dice.choice(INSTRUMENTS),
        direction=direction,
        offset=dice.choice([Offset.OPEN] * 14 + [Offset.CLOSE] * 3 + [Offset.CLOSETODAY, Offset.CLOSEYESTERDAY]),
        order_type=OrderType.MARKET if market else OrderType.LIMIT,
        volume=dice.choice((1, 2, 3, 1, 2, 4, 6)),
        price=None if market else price if direction is Direction.BUY else mirrored(price),
        time_condition=dice.choice([TimeCondition.GFD] * 5 + [TimeCondition.GTC] * 3 + [TimeCondition.IOC]),
        client_order_id=dice.choice([None] * 20 + ["x1", "x2", "x3", "x4"]),
    )


def mirrored(price: int) -> int:
    """What a buyer's price is to a seller."""
    return 2 * PRICES[0] - price


def a_plain_order(dice: Random) -> list[Command]:
    return [an_order(dice)]


def a_crowd(dice: Random) -> list[Command]:
    """Two traders rest on one side, a third comes with a larger order."""
    third = msgspec.structs.replace(an_order(dice), offset=Offset.OPEN, volume=dice.choice((4, 5, 6)))
    resting = Direction.SELL if third.direction is Direction.BUY else Direction.BUY
    makers = [
        msgspec.structs.replace(
            an_order(dice),
            account_id=(third.account_id + more) % 3 + 1,
            instrument_id=third.instrument_id,
            direction=resting,
            order_type=OrderType.LIMIT,
            price=PRICES[0],
            client_order_id=None,
        )
        for more in (0, 1)
    ]
    return [*makers, third]


def handled(order: SubmitOrder, **how: Any) -> SubmitOrder:
    """The order with some options more."""
    return msgspec.structs.replace(order, options=msgspec.structs.replace(order.options or PLAIN, **how))


def a_handled_order(dice: Random) -> list[Command]:
    """An order that wants something more: to expire, to be filled wholly, to hide, not to trade, ..."""
    found = an_order(dice)
    return [
        dice.choice(
            (
                lambda: handled(
                    msgspec.structs.replace(found, time_condition=TimeCondition.GTD),
                    expires_at=dice.choice((0, 1, 8, 1_000, 5_000)),
                ),
                lambda: msgspec.structs.replace(found, time_condition=TimeCondition.FOK),
                lambda: handled(found, post_only=True),
                lambda: handled(msgspec.structs.replace(found, offset=Offset.CLOSE, volume=6), reduce_only=True),
                lambda: handled(msgspec.structs.replace(found, volume=6), display_volume=dice.choice((1, 2))),
                lambda: handled(msgspec.structs.replace(found, volume=5), display_volume=2),
                lambda: handled(found, stp=dice.choice(list(SelfTrade))),
                lambda: handled(msgspec.structs.replace(found, **NO_PRICE), price_levels=dice.choice((1, 1, 2, 5))),
                lambda: handled(found, oco_group=dice.choice("gh")),
                lambda: handled(found, valid_until=dice.choice((-1, 0, 5))),
            )
        )()
    ]


def a_waiting_order(dice: Random) -> list[Command]:
    """An order that waits for a price, most near enough to fire."""
    found = an_order(dice)
    if dice.random() < 0.25:
        found = msgspec.structs.replace(found, **NO_PRICE)
    trigger = dice.choice((Trigger.LAST, Trigger.LAST, Trigger.LAST, Trigger.BID, Trigger.ASK))
    stop = dice.choice(PRICES[:4] + FAR_PRICES[:2])
    kind = dice.choice((StopKind.STOP, StopKind.STOP, StopKind.TAKE_PROFIT))
    found = handled(found, stop_price=stop, stop_kind=kind, trigger=trigger)
    if dice.random() < 0.25:
        found = handled(found, stop_price=None, stop_kind=StopKind.STOP, trail=units("0.2"))
    if dice.random() < 0.3:
        found = handled(found, oco_group=dice.choice("gh"))
    if dice.random() < 0.2:
        found = handled(
            msgspec.structs.replace(found, time_condition=TimeCondition.GTD), expires_at=dice.choice((5, 3_000))
        )
    return [found]


def a_pair(dice: Random) -> list[Command]:
    """A position with its way out on both sides: of the two closings the first to trade or fire cancels the other."""
    entry = msgspec.structs.replace(an_order(dice), offset=Offset.OPEN, volume=2)
    way_out = msgspec.structs.replace(
        entry,
        direction=Direction.SELL if entry.direction is Direction.BUY else Direction.BUY,
        offset=Offset.CLOSE,
        order_type=OrderType.LIMIT,
        price=dice.choice(PRICES),
        time_condition=dice.choice((TimeCondition.GFD, TimeCondition.GTC)),
        client_order_id=None,
    )
    stop = msgspec.structs.replace(way_out, order_type=OrderType.MARKET, price=None)
    return [
        msgspec.structs.replace(entry, order_type=OrderType.LIMIT, price=PRICES[0]),
        handled(way_out, oco_group="g"),
        handled(stop, oco_group="g", stop_price=dice.choice(PRICES)),
    ]


def a_hopeless_order(dice: Random) -> list[Command]:
    """An order with something wrong with it."""
    good = an_order(dice)
    wrongs: list[dict[str, object]] = [
        {"account_id": STRANGER},
        {"account_id": POOR, "offset": Offset.OPEN},
        {"account_id": POOR, "offset": Offset.CLOSE},
        {"instrument_id": "NONE"},
        {"volume": 0},
        {"volume": 1_000},
        {"volume": 100, "offset": Offset.OPEN, "order_type": OrderType.LIMIT, "price": PRICES[0]},
        {"price": units("120.05"), "order_type": OrderType.LIMIT},
        {"price": units("90"), "order_type": OrderType.LIMIT},
        {"options": OrderOptions(reduce_only=True), "offset": Offset.OPEN},
        {"options": OrderOptions(display_volume=good.volume)},
    ]
    return [msgspec.structs.replace(good, **dice.choice(wrongs))]


# --- what is asked: changes


def an_amendment(dice: Random) -> list[Command]:
    return [
        AmendOrder(
            account_id=dice.choice((0, 0, 0, 0, 0, *TRADERS)),
            order_id=dice.choice((0, 0, 1, 2, 3, 4, 5, 101)),
            price=dice.choice((None, *PRICES, *PRICES, *FAR_PRICES, units("120.05"))),
            volume=dice.choice((None, None, None, 1, 2, 3, 4, 7)),
            valid_until=dice.choice((None,) * 9 + (-1,)),
        )
    ]


def a_cancel(dice: Random) -> list[Command]:
    owner = dice.choice((0, 0, 0, 0, *TRADERS))
    return [CancelOrder(owner, dice.choice((0, 1, 2, 3, 4, 5, 100, 101)))]


def many_cancels(dice: Random) -> list[Command]:
    return [
        CancelAll(
            dice.choice((*TRADERS, STRANGER)),
            dice.choice((None, "IF", "AU", "NONE")),
            dice.choice((None, None, *Direction)),
        )
    ]


def a_switch(dice: Random) -> list[Command]:
    reason = dice.choice((CancelReason.COUNTDOWN, CancelReason.DISCONNECT))
    return [CancelAfter(dice.choice((*TRADERS, STRANGER)), dice.choice((None, 1, 8, 1_000, 5_000)), reason)]


# --- what is asked: operators and clocks


def an_operation(dice: Random) -> list[Command]:
    user = dice.choice(("user1", "user2", "user3", "user5"))
    amount = dice.choice((1, 99_999, units("1000"), units("25000"), 0, 10**16))
    name = dice.choice(("IF", "AU", "NONE"))
    rules = AccountRules(
        stp=dice.choice(list(SelfTrade)),
        fee_group=dice.choice(("", "vip", "vip")),
        max_volume=dice.choice((None, None, 5)),
        max_position=dice.choice((None, None, 25)),
        max_orders=dice.choice((None, None, 6)),
    )
    moved = Transfer("t", user, "A", "B", amount)
    came_in: dict[str, Command] = {
        "IF": Deposit(user, amount),
        "AU": ReceiveTransfer(moved),
        "NONE": ReturnTransfer(moved),
    }
    contracts = (contract("CU"), contract("IF"), contract("CU", tick="0"))
    makers: list[Callable[[], Command]] = [
        lambda: OpenAccount(user),
        lambda: ListInstrument(dice.choice(contracts), TERMS[0]),
        lambda: ChangeTerms(name, dice.choice(TERMS)),
        lambda: came_in[name],
        lambda: SendTransfer(moved) if name == "AU" else Withdraw(user, amount),
        lambda: SetAccountRules(user, rules),
        lambda: SetFeeGroup("vip", dice.choice((rate("50%"), rate("33.3%"), rate("0%")))),
        lambda: ForceCancelOrder(dice.choice((0, 1, 2, 3, 100))),
    ]
    return [dice.choice(makers)()]


def a_halt(dice: Random) -> list[Command]:
    name = dice.choice(("IF", "AU", "AU"))
    return [HaltInstrument(name), *(an_order(dice) for _ in range(dice.choice((0, 1)))), ResumeInstrument(name)]


def a_freeze(dice: Random) -> list[Command]:
    user = dice.choice(("user1", "user2", "user3", "user5"))
    return [FreezeAccount(user, True), an_order(dice), FreezeAccount(user, False)]


def a_night(dice: Random) -> list[Command]:
    """A settlement, at prices that are given or not; sometimes once more."""
    prices = {"IF": dice.choice(PRICES), "AU": dice.choice((*PRICES, *FAR_PRICES))}
    night = Settle(0, 0, {name: price for name, price in prices.items() if dice.random() < 0.8})
    return [night, Settle(-1, 0, {})] if dice.random() < 0.1 else [night]


def an_auction(dice: Random) -> list[Command]:
    """Orders gather and trade; sometimes it is interrupted."""
    gathered: list[Command] = []
    for _ in range(dice.choice((3, 4, 5, 6))):
        found = an_order(dice)
        plain = msgspec.structs.replace(found, order_type=OrderType.LIMIT, price=dice.choice(PRICES + FAR_PRICES))
        gathered.append(plain if dice.random() < 0.95 else found)
    gathered += dice.choice((an_amendment, a_cancel, a_waiting_order, a_handled_order))(dice)
    if dice.random() < 0.3:
        return [
            SetMarketPhase(Phase.CLOSED),
            SetMarketPhase(Phase.AUCTION),
            *gathered,
            SetMarketPhase(Phase.CONTINUOUS),
        ]
    name = dice.choice(("IF", "IF", "AU"))
    there = [msgspec.structs.replace(each, instrument_id=name) if is_order(each) else each for each in gathered]
    broken: list[Command] = [SetInstrumentPhase(name, Phase.CLOSED)] if dice.random() < 0.2 else []
    return [SetInstrumentPhase(name, Phase.AUCTION), *there, *broken, SetInstrumentPhase(name, Phase.CONTINUOUS)]


def is_order(command: Command) -> bool:
    return isinstance(command, SubmitOrder)


def a_look_at_risk(dice: Random) -> list[Command]:
    return [msgspec.structs.replace(LOOK, everyone=dice.random() < 0.1)]


KINDS: dict[Callable[[Random], list[Command]], int] = {
    a_plain_order: 54,
    a_crowd: 6,
    a_handled_order: 17,
    a_waiting_order: 14,
    a_pair: 7,
    a_hopeless_order: 3,
    an_amendment: 10,
    a_cancel: 5,
    many_cancels: 2,
    a_switch: 2,
    an_operation: 10,
    a_halt: 2,
    a_freeze: 1,
    a_night: 5,
    an_auction: 5,
    a_look_at_risk: 10,
}
"""How often each kind of step is drawn."""


def history_of(seed: int) -> list[Step]:
    """What the dice say that begin with `seed`."""
    dice = Random(seed)
    steps: list[Step] = []
    for kind in dice.choices(list(KINDS), list(KINDS.values()), k=dice.randint(14, 26)):
        for command in kind(dice):
            steps.append(Step(command, dice.choice((0, 0, 1, 7, 1_000, -50)), dice.random() < 0.03))
    return steps


Examine = Callable[[int, list[Step]], None]

TIMES = 3
"""Histories for each example that the profile asks for: they are cheap."""


def in_every_history(examine: Examine) -> Callable[[], None]:
    """Make a test of what is said of a history, and try it on many. Of one that fails the steps it needs are told."""

    @settings(phases=(Stage.explicit, Stage.reuse, Stage.generate), max_examples=TIMES * settings().max_examples)
    @given(st.sampled_from(range(len(MORNINGS))), st.integers(0, 2**48 - 1).map(history_of))
    def test(day: int, steps: list[Step]) -> None:
        try:
            examine(day, steps)
        except Exception as error:
            needed = "\n".join(str(step) for step in needed_steps(examine, day, steps, type(error)))
            error.add_note(f"On morning {day} it needs no more than\n{needed}")
            raise

    test.__doc__ = examine.__doc__
    test.__name__ = test.__qualname__ = examine.__name__
    test.__module__ = examine.__module__
    return test


def needed_steps(examine: Examine, day: int, steps: list[Step], error: type[Exception]) -> list[Step]:
    """The steps without those that can be left out and it still fails."""
    length = len(steps) // 2
    while length:
        for start in range(len(steps) - length, -1, -length):
            fewer = steps[:start] + steps[start + length :]
            if fails(examine, day, fewer, error):
                steps = fewer
        length //= 2
    return steps


def fails(examine: Examine, day: int, steps: list[Step], error: type[Exception]) -> bool:
    try:
        examine(day, steps)
    except error:
        return True
    return False


# --- playing them


def play(engine: Engine, steps: list[Step]) -> Iterator[Played]:
    """Do one step after the other, and what is due before it; whoever iterates can look at the engine in between."""
    placed: list[OrderAccepted | OrderWaiting] = []
    named: SubmitOrder | None = None
    now = NOW
    day = engine.snapshot().day.trading_day or trading_day(1)
    for step in steps:
        now += step.after
        if engine.due(now):
            yield Played(ExpireDue(), now, engine.apply(ExpireDue(), now))
        command = meant(step.command, engine, placed, now, day)
        if step.resends and named:
            command = named
        if isinstance(command, SubmitOrder) and command.client_order_id:
            named = command
        events = engine.apply(command, now)
        placed += [event for event in events if isinstance(event, OrderAccepted | OrderWaiting)]
        day += sum(isinstance(event, DaySettled) for event in events)
        yield Played(command, now, events)


def meant(command: Command, engine: Engine, placed: list[OrderAccepted | OrderWaiting], now: int, day: int) -> Command:
    """A command with the order, the account, the moment and the day that its step means."""
    now = max(now, engine.state.now)
    match command:
        case CancelOrder() | AmendOrder():
            number, owner = order_meant(command.order_id, engine, placed)
            named = msgspec.structs.replace(command, order_id=number, account_id=command.account_id or owner)
            if isinstance(named, AmendOrder) and named.valid_until is not None:
                return msgspec.structs.replace(named, valid_until=now + named.valid_until)
            return named
        case ForceCancelOrder(order_id=which):
            return ForceCancelOrder(order_meant(which, engine, placed)[0])
        case CancelAfter(deadline=int() as after):
            return msgspec.structs.replace(command, deadline=now + after)
        case SubmitOrder(options=OrderOptions(expires_at=expires, valid_until=valid)):
            moments = {
                name: at + now for name, at in (("expires_at", expires), ("valid_until", valid)) if at is not None
            }
            return handled(command, **moments)
        case Settle(day=before):
            return Settle(day + before, day + before + 1, command.prices)
    return command


def order_meant(which: int, engine: Engine, placed: list[OrderAccepted | OrderWaiting]) -> tuple[int, int]:
    """(order, its owner)."""
    live = sorted(engine.state.orders)
    if which >= 100 and placed:
        found = placed[-1 - (which - 100) % len(placed)]
        return found.order_id, found.account_id
    if live:
        number = live[-1 - which % len(live)]
        return number, engine.state.orders[number].account.account_id
    return which, TRADERS[0]


def trades(events: list[Event]) -> list[Traded]:
    return [event for event in events if isinstance(event, Traded)]
