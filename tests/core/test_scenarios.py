"""Plays the stories in `scenarios/`: trading days told line by line, as a trader would tell them.

A story begins with `== title`; what stands above the first title happens at the beginning of each story of its file.

    alice has 1000.00                                     opens an account and pays in
    a1: alice BUY OPEN 10 @ 120.0 -> accepted             an order, named a1; behind the arrow stands all that happens
    bob SELL OPEN 4 @ MARKET -> accepted, trade 4 @ 120.0 with alice
    alice cancels a1 -> cancelled 6
    | account | available | ...                           a table says how things stand by then

A line without an arrow succeeds. After every line the engine's invariants hold, and a refusal has changed nothing.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest

from tests.core import making
from tests.core.making import NOW, units
from trading.core.commands import (
    CancelOrder,
    ChangeTerms,
    Command,
    Deposit,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ResumeInstrument,
    Withdraw,
)
from trading.core.engine import Engine
from trading.core.events import Event, OrderAccepted, OrderCancelled, OrderRepeated, Refused, Traded

SCENARIOS = Path(__file__).parent / "scenarios"
LINE = re.compile(r"(?:(?P<name>\w+): )?(?P<said>.*?)(?: -> (?P<happens>.*))?")
CONTRACT_WORDS = {"tick", "multiplier", "reference", "limits"}
LOTS = {"today", "his", "today frozen", "his frozen"}
"""What a table of positions counts; its other columns are money."""

NOBODY = NO_ORDER = 99

Row = dict[str, str]


def stories() -> Iterator[tuple[str, list[str]]]:
    """Every story as (file and title, lines)."""
    for path in sorted(SCENARIOS.glob("*.txt")):
        beginning, *told = path.read_text().split("\n== ")
        for story in told:
            title, *lines = story.splitlines()
            lines = [line.strip() for line in beginning.splitlines() + lines]
            yield f"{path.stem}: {title}", [line for line in lines if not line.startswith("#")]


def table(lines: list[str]) -> list[Row]:
    """Rows as column -> cell; a table without rows (an empty book) has one row of empty cells."""
    header, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(header, row, strict=True)) for row in rows or [[""] * len(header)]]


STORIES = dict(stories())


def test_the_stories_are_found() -> None:
    assert len(STORIES) >= 60


@pytest.mark.parametrize("title", STORIES)
def test_story(title: str) -> None:
    day = TradingDay()
    for is_table, lines in groupby(STORIES[title], key=lambda line: line.startswith("|")):
        if is_table:
            day.stands(table(list(lines)))
        else:
            for line in filter(None, lines):
                day.tell(line)


class TradingDay:
    """An engine, and the names that a story gives to people and orders."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.people: dict[str, int] = {}
        self.orders: dict[str, int] = {}
        self.instrument = ""

    # --- what is done

    def tell(self, line: str) -> None:
        """Play one line and compare all that happens with what it says."""
        heard = LINE.fullmatch(line)
        assert heard, line
        before = self.engine.state_hash()
        events = self.play(heard["said"])
        self.engine.check()
        self.name_order(heard["name"], events)
        if events and isinstance(events[0], Refused | OrderRepeated):
            assert self.engine.state_hash() == before, f"{line}: something changed"
        happened = ", ".join(self.words(event) for event in events)
        if heard["happens"] is None:
            assert "refused" not in happened, f"{line}: {events}"
        else:
            assert happened == heard["happens"], f"{line}: {events}"

    def play(self, said: str) -> list[Event]:
        match said.split():
            case ["restart"]:
                self.engine = Engine.restore(self.engine.snapshot())
            case ["overnight", "at", price]:
                prices = dict.fromkeys(self.engine.state.instruments, units(price))
                self.engine = making.overnight(self.engine, prices)
            case [who, "has", amount]:
                self.people[who] = len(self.people) + 1
                return self.play(f"{who} opens an account") + self.play(f"{who} deposits {amount}")
            case _:
                return self.engine.apply(self.command(said), NOW)
        return []

    def command(self, said: str) -> Command:
        match said.split(maxsplit=2):
            case [who, "opens", _]:
                return OpenAccount(who)
            case [who, "deposits", amount]:
                return Deposit(who, units(amount))
            case [who, "withdraws", amount]:
                return Withdraw(who, units(amount))
            case [who, "cancels", name]:
                return CancelOrder(self.people.get(who, NOBODY), self.orders.get(name, NO_ORDER))
            case [who, "BUY" | "SELL" as side, rest]:
                return making.order(self.people.get(who, NOBODY), f"{side} {rest}", self.instrument)
            case ["list", instrument, *rest]:
                self.instrument = self.instrument or instrument
                of_contract, of_terms = parameters(rest)
                return ListInstrument(making.contract(instrument, **of_contract), making.terms(**of_terms))
            case ["change", instrument, *rest]:
                return ChangeTerms(instrument, making.terms(**parameters(rest)[1]))
            case ["halt", instrument]:
                return HaltInstrument(instrument)
            case ["resume", instrument]:
                return ResumeInstrument(instrument)
        raise AssertionError(f"cannot play: {said}")

    def name_order(self, name: str | None, events: list[Event]) -> None:
        if name and events and isinstance(events[0], OrderAccepted):
            self.orders[name] = events[0].order_id

    # --- what happens

    def words(self, event: Event) -> str:
        match event:
            case Refused(code=code):
                return f"refused {code.value}"
            case OrderAccepted():
                return "accepted"
            case OrderRepeated(order_id=order_id):
                return f"repeated {name_of(order_id, self.orders)}"
            case OrderCancelled(remaining=left):
                return f"cancelled {left}"
            case Traded(price=price, volume=lots, maker=maker):
                return f"trade {lots} @ {in_words(price)} with {name_of(maker.account_id, self.people)}"
        return "done"

    # --- how things stand

    def stands(self, rows: list[Row]) -> None:
        match next(iter(rows[0])):
            case "bids":
                self.book_stands(rows)
            case "account":
                for row in rows:
                    self.account_stands(**row)
            case "position":
                for row in rows:
                    self.position_stands(**row)
            case what:
                raise AssertionError(f"a table of what? {what}")

    def book_stands(self, rows: list[Row]) -> None:
        instrument = self.engine.state.instruments[self.instrument]
        for side, half in (("bids", instrument.book.bids), ("asks", instrument.book.asks)):
            levels = [(volume, in_words(price * instrument.contract.tick)) for price, volume, _ in half.depth(99)]
            assert [f"{volume} @ {price}" for volume, price in levels] == [row[side] for row in rows if row[side]]

    def account_stands(self, account: str, **expected: str) -> None:
        figures = self.engine.state.accounts[self.people[account]].figures()
        for what, amount in expected.items():
            found = getattr(figures, what.replace(" ", "_"))
            assert found == units(amount), f"{account}: {what} is {found / 10_000}"

    def position_stands(self, position: str, **expected: str) -> None:
        who, _, instrument = position.partition(" ")
        found = self.engine.state.accounts[self.people[who]].positions[instrument or self.instrument]
        for column, amount in expected.items():
            side, _, what = column.partition(" ")
            number = getattr(found.leg(side == "long"), what.replace(" ", "_"))
            assert number == (int(amount) if what in LOTS else units(amount)), f"{position}: {column} is {number}"


def parameters(rest: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """ "tick=0.2 margin=10%" as what a contract is made of and what terms are made of."""
    pairs = dict(word.split("=") for words in rest for word in words.split())
    of_contract = {word: pairs.pop(word) for word in CONTRACT_WORDS & set(pairs)}
    return of_contract, pairs


def in_words(price: int) -> str:
    return f"{Decimal(price) / 10_000:.1f}"


def name_of(number: int, names: dict[str, int]) -> str:
    return next(name for name, known in names.items() if known == number)
