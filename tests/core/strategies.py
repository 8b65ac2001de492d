"""Random histories that are crowded: three funded traders, five prices, every kind of command, most of it tradable.

Kinds are weighted with `sampled_from([...]).flatmap`, since Hypothesis' `one_of` drops repeated branches. What the
weights achieve is measured by `test_the_histories_are_worth_playing`.
"""

from collections.abc import Iterator

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.core.making import NOW, contract, do, exchange, order, overnight, terms, trade, units
from trading.core.commands import (
    CancelOrder,
    ChangeTerms,
    Command,
    Deposit,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ResumeInstrument,
    SubmitOrder,
    Withdraw,
)
from trading.core.engine import Engine
from trading.core.events import Event, OrderAccepted, Traded
from trading.core.types import Direction, Offset, OrderType, TimeCondition

PRICES = ("120.0", "120.2", "119.8", "120.4", "119.6")
TRADERS = (1, 2, 3)
POOR = 4
TERMS = (
    terms(margin="10%", short_margin="12%", open_fee="0.0003+0.013%", close_fee="0.50", today_fee="0.0701%"),
    terms(margin="15%", short_margin="9.37%", open_fee="1.00", close_fee="0.0211%", today_fee="0.25", largest="8"),
)


class Step(msgspec.Struct, frozen=True):
    """A command, and how many milliseconds after the one before. Clocks can go back.

    In a CancelOrder `order_id` counts back from the newest order, and account 0 is the order's owner. `resends`: the
    last order that had a client_order_id is sent instead, if there was one.
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
    """Two instruments and four accounts; nobody holds anything."""
    engine = exchange(contract(multiplier="10"), TERMS[0], "30000", "30000", "30000", "300")
    do(engine, ListInstrument(contract("AU", tick="0.1", multiplier="3"), TERMS[1]))
    return engine


def second_day() -> Engine:
    """The traders hold yesterday's lots, long and short, and orders rest in the book."""
    engine = first_day()
    trade(engine, "120.2", buyer=1, seller=2, lots=5)
    trade(engine, "119.8", buyer=3, seller=1, lots=4)
    do(engine, order(2, "SELL OPEN 1 AU @ 120.3"))
    do(engine, order(3, "BUY OPEN 1 AU @ 120.3"))
    engine = overnight(engine, {"IF": units("120.4"), "AU": units("119.9")})
    for trader, words in enumerate(("BUY OPEN 4 @ 119.8", "BUY CLOSE 4 @ 119.6", "SELL OPEN 3 @ 120.2"), start=1):
        do(engine, order(trader, words))
    return engine


MORNINGS = (first_day().snapshot(), second_day().snapshot())
"""What a history can begin with."""


def morning(of_day: int) -> Engine:
    return Engine.restore(MORNINGS[of_day])


# --- what is asked


def orders() -> SearchStrategy[SubmitOrder]:
    """Orders that may well be taken, at prices that meet."""
    return st.builds(
        SubmitOrder,
        account_id=st.sampled_from(TRADERS),
        instrument_id=st.sampled_from(["IF"] * 4 + ["AU"] * 2),
        direction=st.sampled_from(Direction),
        offset=st.sampled_from([Offset.OPEN] * 8 + [Offset.CLOSE] * 2 + [Offset.CLOSETODAY, Offset.CLOSEYESTERDAY]),
        order_type=st.sampled_from([OrderType.LIMIT] * 7 + [OrderType.MARKET]),
        volume=st.sampled_from([1, 2, 3, 1, 2, 4, 6]),
        price=st.sampled_from([units(price) for price in PRICES]),
        time_condition=st.sampled_from([TimeCondition.GFD] * 6 + [TimeCondition.IOC]),
        client_order_id=st.sampled_from([None] * 16 + ["x1", "x2", "x3", "x4"]),
    )


def hopeless(good: SubmitOrder) -> SearchStrategy[SubmitOrder]:
    """The same order with something wrong with it."""
    wrongs: list[dict[str, object]] = [
        {"account_id": 99},
        {"account_id": POOR, "offset": Offset.OPEN},
        {"account_id": POOR, "offset": Offset.CLOSE},
        {"instrument_id": "NONE"},
        {"volume": 0},
        {"volume": 1_000},
        {"volume": 100, "offset": Offset.OPEN, "order_type": OrderType.LIMIT},
        {"price": units("120.05")},
        {"price": units("90")},
    ]
    return st.sampled_from(wrongs).map(lambda wrong: msgspec.structs.replace(good, **wrong))


def cancels() -> SearchStrategy[CancelOrder]:
    return st.builds(CancelOrder, account_id=st.sampled_from([0, 0, 0, *TRADERS]), order_id=st.integers(0, 5))


def operations() -> SearchStrategy[Command]:
    users = st.sampled_from(["user1", "user2", "user3", "user5"])
    amounts = st.sampled_from([1, 99_999, units("1000"), units("25000"), 0, 10**16])
    names = st.sampled_from(["IF", "AU", "NONE"])
    change = st.builds(ChangeTerms, names, st.sampled_from(TERMS))
    resume = st.builds(ResumeInstrument, names)
    contracts = st.sampled_from([contract("CU"), contract("IF"), contract("CU", tick="0")])
    kinds: list[SearchStrategy[Command]] = [
        st.builds(OpenAccount, users),
        st.builds(HaltInstrument, st.sampled_from(["IF", "AU", "AU", "NONE"])),
        st.builds(ListInstrument, contracts, st.just(TERMS[0])),
    ]
    kinds += [change] * 2
    kinds += [resume] * 3
    kinds += [st.builds(Deposit, users, amounts)] * 2
    kinds += [st.builds(Withdraw, users, amounts)] * 2
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


def commands() -> SearchStrategy[Command]:
    kinds: list[SearchStrategy[Command]] = [orders()] * 14 + [cancels()] * 2
    kinds += [orders().flatmap(hopeless)] + [operations()] * 2
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


def histories() -> SearchStrategy[tuple[int, list[Step]]]:
    """(which morning, 20 to 40 steps)."""
    steps = st.builds(
        Step, commands(), st.sampled_from([0, 0, 1, 7, 1_000, -50]), st.sampled_from([False] * 15 + [True])
    )
    return st.tuples(st.sampled_from(range(len(MORNINGS))), st.lists(steps, min_size=20, max_size=40).map(in_turns))


def in_turns(steps: list[Step]) -> list[Step]:
    """Traders and sides take turns, whatever is drawn: so the simplest histories, which Hypothesis loves, trade."""
    return [msgspec.structs.replace(step, command=turned(step.command, turn)) for turn, step in enumerate(steps)]


def turned(command: Command, turn: int) -> Command:
    if not isinstance(command, SubmitOrder) or command.account_id not in TRADERS:
        return command
    trader = TRADERS[(command.account_id + turn // 2) % len(TRADERS)]
    side = list(Direction)[(turn + (command.direction is Direction.SELL)) % 2]
    return msgspec.structs.replace(command, account_id=trader, direction=side)


# --- playing them


def play(engine: Engine, steps: list[Step]) -> Iterator[Played]:
    """Do one step after the other; whoever iterates can look at the engine in between."""
    placed: list[OrderAccepted] = []
    named: SubmitOrder | None = None
    now = NOW
    for step in steps:
        now += step.after
        command = named if step.resends and named else meant(step.command, placed)
        if isinstance(command, SubmitOrder) and command.client_order_id:
            named = command
        events = engine.apply(command, now)
        placed += [event for event in events if isinstance(event, OrderAccepted)]
        yield Played(command, now, events)


def meant(command: Command, placed: list[OrderAccepted]) -> Command:
    """A cancel with the number and the owner of the order that it means."""
    if not isinstance(command, CancelOrder) or not placed:
        return command
    accepted = placed[-1 - command.order_id % len(placed)]
    return CancelOrder(command.account_id or accepted.account_id, accepted.order_id)


def trades(events: list[Event]) -> list[Traded]:
    return [event for event in events if isinstance(event, Traded)]
