"""Random histories for the store: crowded books, every kind of command, and commands that are refused left out."""

import random
from collections import Counter
from typing import Any

from tests.builders import INSTRUMENTS, TRADERS, Books, cancel, founding, order, terms
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
    ResumeInstrument,
    SetAccountRules,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketPhase,
    Settle,
    SubmitOrder,
    Withdraw,
)
from trading.core.events import Event, OrderCancelled, Refused, Traded
from trading.core.money import RATE, UNIT
from trading.core.types import (
    AccountRules,
    CancelReason,
    Direction,
    OrderOptions,
    OrderStatus,
    Phase,
    SelfTrade,
    StopKind,
    Trigger,
)
from trading.storage.store import QUICK

PRICES = ("119", "119.5", "120", "120.5", "121")
OFFSETS = ["OPEN"] * 6 + ["CLOSE", "CLOSE", "CLOSETODAY", "CLOSEYESTERDAY"]
CONDITIONS = [""] * 4 + [" IOC", " FOK", " GTC", " GTC", " GTC"]
PHASES = [Phase.CONTINUOUS, Phase.AUCTION, Phase.AUCTION, Phase.CLOSED]
KINDS = {
    "order": 40,
    "cancel": 3,
    "amend": 6,
    "cancel_all": 1,
    "cancel_any": 1,
    "switch": 2,
    "deposit": 1,
    "withdraw": 1,
    "terms": 1,
    "halt": 1,
    "phase": 2,
    "freeze": 1,
    "rules": 2,
    "fees": 1,
    "settle": 1,
}


RISK = CheckRisk(warn_at=RATE * 3 // 100, limit=RATE * 4 // 100)
"""So strict that traders meet it."""


class History:
    """Plays random commands on books as the worker does, in batches of random size, and counts what happened."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self.dice = random.Random(seed)
        self.seen: Counter[str] = Counter()

    def play(self, batches: int) -> None:
        for _ in range(batches):
            self._play_batch()

    def _play_batch(self) -> None:
        self.commands: list[Command] = []
        self.events: list[Event] = []
        if self.books.engine.due(self.books.now):
            self._apply(ExpireDue())
        for _ in range(self.dice.randint(1, 8)):
            self._apply(self._command())
        if self.books.engine.moved:
            self._apply(RISK)
        batch = self.books.batch_of(self.commands, self.events)
        self.books.store.commit(batch)
        self.books.number = batch.number
        self.books.now += self.dice.randint(0, 3)

    def _apply(self, command: Command) -> None:
        happened = self.books.engine.apply(command, self.books.now)
        if not isinstance(happened[0], Refused):
            self.commands.append(command)
            self.events += happened
            self._count(command, happened)

    # -- what is asked

    def _command(self) -> Command:
        dice, instrument, account = self.dice, self.dice.choice(INSTRUMENTS), self.dice.choice([1, 2, 3])
        user, state = TRADERS[account - 1], self.books.engine.state
        if dice.random() < 0.2:
            if state.by_user[user].frozen:
                return FreezeAccount(user, False)
            if state.instruments[instrument].phase is Phase.HALTED:
                return ResumeInstrument(instrument)
            if state.instruments[instrument].phase is not Phase.CONTINUOUS:
                return SetInstrumentPhase(instrument, Phase.CONTINUOUS)
        match dice.choices(list(KINDS), list(KINDS.values()))[0]:
            case "cancel" | "amend" | "cancel_any" as kind if state.orders:
                return self._about_an_order(kind)
            case "cancel_all":
                return CancelAll(account, dice.choice([None, instrument]), dice.choice([None, *Direction]))
            case "switch":
                deadline = dice.choice([None, self.books.now + dice.randint(0, 40)])
                return CancelAfter(account, deadline, dice.choice([CancelReason.COUNTDOWN, CancelReason.DISCONNECT]))
            case "deposit":
                return Deposit(user, dice.randint(1, 10**9))
            case "withdraw":
                return Withdraw(user, dice.randint(1, 10**8))
            case "terms":
                return ChangeTerms(instrument, self._terms())
            case "halt":
                return HaltInstrument(instrument)
            case "phase":
                phase = dice.choice(PHASES)
                either: list[Command] = [SetMarketPhase(phase), SetInstrumentPhase(instrument, phase)]
                return dice.choice(either)
            case "freeze":
                return FreezeAccount(user, True)
            case "rules":
                return SetAccountRules(user, self._rules())
            case "fees":
                return SetFeeGroup(dice.choice(["friends", "staff"]), RATE * dice.randint(0, 4) // 4)
            case "settle":
                day = self.books.engine.state.day.trading_day or 20240101
                prices = {name: dice.randint(235, 245) * UNIT // 2 for name in INSTRUMENTS if dice.random() < 0.5}
                return Settle(day, day + 1, prices)
            case _:
                return self._order(account, instrument)

    def _about_an_order(self, kind: str) -> Command:
        dice, live = self.dice, self.books.engine.state.orders
        found = live[dice.choice(sorted(live))]
        account_id = found.account.account_id
        if kind == "amend":
            price = None if dice.random() < 0.5 else round(float(dice.choice(PRICES)) * UNIT)
            return AmendOrder(account_id, found.order_id, price, dice.choice([None, dice.randint(1, 8)]))
        return cancel(account_id, found.order_id) if kind == "cancel" else ForceCancelOrder(found.order_id)

    def _terms(self) -> Any:
        dice = self.dice
        return terms(
            name=f"no. {dice.random()}",
            margin=RATE // dice.choice([8, 10]),
            max_position=dice.choice([0, 0, 40]),
            max_orders=dice.choice([0, 0, 12]),
            larger_side=dice.random() < 0.5,
            last_day=dice.choice([0, 20991231]),
        )

    def _rules(self) -> AccountRules:
        dice, groups = self.dice, self.books.engine.state.day.fee_groups
        return AccountRules(
            stp=dice.choice(list(SelfTrade)),
            fee_group=dice.choice(["", *groups]),
            max_volume=dice.choice([None, 50]),
            max_position=dice.choice([None, 60]),
            max_orders=dice.choice([None, 20]),
        )

    def _order(self, account: int, instrument: str) -> SubmitOrder:
        dice = self.dice
        price = dice.choice([*PRICES * 2, "MARKET"])
        words = f"{dice.choice(['BUY', 'SELL'])} {dice.choice(OFFSETS)} {dice.randint(1, 6)} @ "
        own_id = f"id{dice.randint(1, 10**6)}" if dice.random() < 0.3 else None
        condition, options = dice.choice(CONDITIONS), None
        if dice.random() < 0.5:
            condition, options = self._options(condition)
        if options is not None and options.price_levels is not None:
            price = "MARKET"
        return order(account, f"{words}{price}{condition}", instrument, own_id, options)

    def _options(self, condition: str) -> tuple[str, OrderOptions]:
        """Mostly such as the order may have; the others are refused."""
        dice = self.dice
        price = round(float(dice.choice(PRICES)) * UNIT)
        stop = {"stop_kind": dice.choice(list(StopKind)), "trigger": dice.choice(list(Trigger))}
        until: dict[str, Any] = {"valid_until": self.books.now + 5} if dice.random() < 0.2 else {}
        choices: list[tuple[str, dict[str, Any]]] = [
            (condition, {"stop_price": price, **stop}),
            (condition, {"stop_price": price, **stop, "oco_group": dice.choice("ab")}),
            (" GTC", {"trail": UNIT * dice.randint(1, 2), **stop, "stop_kind": StopKind.STOP}),
            (" GTD", {"expires_at": self.books.now + dice.randint(1, 20)}),
            (" GTC", {"display_volume": dice.randint(1, 2)}),
            (" GTC", {"display_volume": 1, "oco_group": dice.choice("ab")}),
            (condition, {"post_only": True}),
            (condition, {"reduce_only": True}),
            (condition, {"stp": dice.choice(list(SelfTrade))}),
            (condition, {"price_levels": dice.choice((1, 1, 2, 5))}),
            (condition, {}),
        ]
        condition, chosen = dice.choice(choices)
        return condition, OrderOptions(**chosen, **until)

    # -- what happened

    def _count(self, command: Command, events: list[Event]) -> None:
        self.seen[type(command).__name__] += 1
        for event in events:
            self.seen[type(event).__name__] += 1
            if isinstance(event, Traded):
                self.seen["partial fills"] += event.maker.status is OrderStatus.PARTIALLY_FILLED
                self.seen["closes"] += event.taker.close_profit != 0
            if isinstance(event, OrderCancelled):
                self.seen["cancelled rests"] += not isinstance(command, CancelOrder)
                self.seen[event.reason.value] += 1


def new_books(quick: float = QUICK) -> Books:
    """Books with the founding commands in them; the users must be there."""
    books = Books(quick=quick)
    books.commit(*founding())
    return books
