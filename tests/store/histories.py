"""Random histories for the store: crowded books, every kind of command, and commands that are refused left out."""

import random
from collections import Counter

from tests.builders import INSTRUMENTS, TRADERS, Books, cancel, founding, order, terms
from trading.core.commands import (
    CancelOrder,
    ChangeTerms,
    Command,
    Deposit,
    HaltInstrument,
    ResumeInstrument,
    SubmitOrder,
    Withdraw,
)
from trading.core.events import Event, OrderCancelled, Refused, Traded
from trading.core.money import RATE
from trading.core.types import OrderStatus
from trading.models import Position

PRICES = ("119", "119.5", "120", "120.5", "121")
OFFSETS = ["OPEN"] * 6 + ["CLOSE", "CLOSE", "CLOSETODAY", "CLOSEYESTERDAY"]
KINDS = ["order"] * 16 + ["cancel"] * 3 + ["deposit", "withdraw", "terms", "halt"]


class History:
    """Plays random commands on books, in batches of random size, and counts what happened."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self.dice = random.Random(seed)
        self.seen: Counter[str] = Counter()

    def play(self, batches: int) -> None:
        for _ in range(batches):
            self._play_batch()

    def _play_batch(self) -> None:
        commands: list[Command] = []
        events: list[Event] = []
        for _ in range(self.dice.randint(1, 8)):
            command = self._command()
            happened = self.books.engine.apply(command, self.books.now)
            if not isinstance(happened[0], Refused):
                commands.append(command)
                events += happened
                self._count(command, happened)
        batch = self.books.batch_of(commands, events)
        self.books.store.commit(batch)
        self.books.number = batch.number
        self.books.now += self.dice.randint(0, 3)

    def _command(self) -> Command:
        dice, instrument = self.dice, self.dice.choice(INSTRUMENTS)
        match dice.choice(KINDS):
            case "cancel" if self.books.engine.state.orders:
                live = dice.choice(sorted(self.books.engine.state.orders))
                return cancel(self.books.engine.state.orders[live].account.account_id, live)
            case "deposit":
                return Deposit(dice.choice(TRADERS), dice.randint(1, 10**9))
            case "withdraw":
                return Withdraw(dice.choice(TRADERS), dice.randint(1, 10**8))
            case "terms":
                return ChangeTerms(instrument, terms(name=f"no. {dice.random()}", margin=RATE // dice.choice([8, 10])))
            case "halt":
                halted = [i for i in INSTRUMENTS if self.books.engine.state.instruments[i].phase == "halted"]
                return ResumeInstrument(halted[0]) if halted else HaltInstrument(instrument)
            case _:
                return self._order(instrument)

    def _order(self, instrument: str) -> SubmitOrder:
        dice = self.dice
        price = dice.choice([*PRICES * 2, "MARKET"])
        words = f"{dice.choice(['BUY', 'SELL'])} {dice.choice(OFFSETS)} {dice.randint(1, 6)} @ {price}"
        own_id = f"id{dice.randint(1, 10**6)}" if dice.random() < 0.3 else None
        condition = dice.choice(["", "", "", " IOC"])
        return order(dice.choice([1, 2, 3]), words + condition, instrument, own_id)

    def _count(self, command: Command, events: list[Event]) -> None:
        self.seen[type(command).__name__] += 1
        for event in events:
            if isinstance(event, Traded):
                self.seen["trades"] += 1
                self.seen["partial fills"] += event.maker.status is OrderStatus.PARTIALLY_FILLED
                self.seen["closes"] += event.taker.close_profit != 0
            self.seen["cancelled rests"] += isinstance(event, OrderCancelled) and not isinstance(command, CancelOrder)


def new_books() -> Books:
    """Books with the founding commands in them; the users must be there."""
    books = Books()
    books.commit(*founding())
    return books


def age_positions() -> None:
    """Make today's lots yesterday's, as a night does, by hand: only the store's view of his lots matters here."""
    for row in Position.objects.all():
        for side in ("long", "short"):
            today, cost = getattr(row, f"{side}_today"), getattr(row, f"{side}_today_cost")
            setattr(row, f"{side}_his", today)
            setattr(row, f"{side}_his_cost", cost)
            setattr(row, f"{side}_his_open_cost", cost + 7 * today)
            setattr(row, f"{side}_today", 0)
            setattr(row, f"{side}_today_cost", 0)
        row.save()
