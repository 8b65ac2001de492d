"""Plays the stories in `scenarios/`: trading days told line by line, as a trader would tell them.

A story begins with `== title`; what stands above the first title happens at the beginning of each story of its file.

    alice has 1000.00                                     opens an account and pays in
    a1: alice BUY OPEN 10 @ 120.0 -> accepted             an order, named a1; behind the arrow stands all that happens
    bob SELL OPEN 4 @ MARKET -> accepted, trade 4 @ 120.0 with alice
    alice amends a1 to 8 @ 120.2 -> amended
    alice cancels a1 -> cancelled 4
    a2: alice SELL CLOSE 4 @ MARKET stop 118.0 -> waiting
    later 100 -> nothing                                  100 ms pass, and what is due by then is done
    | account | available | ...                           a table says how things stand by now

Of the order that a line speaks of it is said "trade 4 @ 120.0 with alice" or "cancelled 4 (unfilled)"; what happens to
others is said with their names: "a2 fires", "b1 cancelled 2 (self-trade)", "bob buys 4 @ 118.0 from alice". A time such
as +100 is 100 ms after the beginning of the story. A line without an arrow succeeds. Risk is looked at when a story
says `watch`; the first look after a restart is at everyone. After every line the engine's invariants hold, an engine
that is restored from its records is the same, and a refusal has changed nothing.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest

from tests.core import making
from tests.core.making import NOW, SELF_TRADES, moment, rate, trading_day, units
from trading.core.codes import Code
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
    ResumeInstrument,
    SetAccountRules,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketPhase,
    Settle,
    Withdraw,
)
from trading.core.engine import Engine
from trading.core.events import (
    AllCancelled,
    AuctionUncrossed,
    CountdownSet,
    DaySettled,
    Event,
    InstrumentSettled,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFired,
    OrderRepeated,
    OrderWaiting,
    PhaseChanged,
    PhasesChanged,
    PositionExpired,
    Refused,
    RiskEased,
    RiskWarned,
    RiskWatched,
    Statement,
    TimePassed,
    Traded,
)
from trading.core.types import AccountRules, CancelReason, Direction, Phase, SelfTrade

SCENARIOS = Path(__file__).parent / "scenarios"
LINE = re.compile(r"(?:(?P<name>\w+): )?(?P<said>.*?)(?: -> (?P<happens>.*))?")
CONTRACT_WORDS = {"tick", "multiplier", "reference", "limits", "product"}
LOTS = {"today", "his", "today frozen", "his frozen"}
"""What a table of positions counts; its other columns are money."""

NOBODY = NO_ORDER = 99

WHY = {
    CancelReason.ASKED: "",
    CancelReason.UNFILLED: " (unfilled)",
    CancelReason.SELF_TRADE: " (self-trade)",
    CancelReason.OCO: " (group)",
    CancelReason.EXPIRED: " (expired)",
    CancelReason.COUNTDOWN: " (countdown)",
    CancelReason.DISCONNECT: " (connection lost)",
    CancelReason.REFUSED: " (refused)",
    CancelReason.SETTLEMENT: " (settlement)",
    CancelReason.AUCTION: " (auction)",
    CancelReason.LIQUIDATION: " (liquidation)",
    CancelReason.OPERATOR: " (operator)",
}
"""Why what was left of an order is gone, in a story's words."""

QUIET = TimePassed | RiskWatched | DaySettled | Statement
"""What is not told: it only says that something else follows, or is told by a table."""

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
    assert len(STORIES) >= 200


@pytest.mark.parametrize("title", STORIES, ids=str)
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
        self.statements: dict[int, Statement] = {}
        self.instrument = ""
        self.now = NOW
        self.days = 1
        self.restarted = False

    # --- what is done

    def tell(self, line: str) -> None:
        """Play one line and compare all that happens with what it says."""
        heard = LINE.fullmatch(line)
        assert heard, line
        before = self.engine.state_hash()
        events = self.play(heard["said"])
        self.engine.check()
        assert Engine.restore(self.engine.snapshot()).state_hash() == self.engine.state_hash(), f"{line}: restored"
        own = self.own_order(heard["name"], heard["said"], events)
        if events and isinstance(events[0], Refused | OrderRepeated):
            assert self.engine.state_hash() == before, f"{line}: something changed"
        told = [self.words(event, own) for event in events if not isinstance(event, QUIET)]
        happened = ", ".join(told) or "nothing"
        if heard["happens"] is None:
            assert "refused" not in happened, f"{line}: {events}"
        else:
            assert happened == heard["happens"], f"{line}: {events}"

    def play(self, said: str) -> list[Event]:
        match said.split():
            case ["restart"]:
                self.engine = Engine.restore(self.engine.snapshot())
                self.restarted = True
            case ["later", milliseconds]:
                self.now += int(milliseconds)
                return self.engine.apply(ExpireDue(), self.now) if self.engine.due(self.now) else []
            case ["overnight", *prices]:
                return self.overnight(prices)
            case [who, "has", amount]:
                self.people[who] = len(self.people) + 1
                return self.play(f"{who} opens an account") + self.play(f"{who} deposits {amount}")
            case _:
                return self.engine.apply(self.command(said), self.now)
        return []

    def overnight(self, words: list[str]) -> list[Event]:
        """Settle the day: `overnight`, `overnight at 125.0`, `overnight IF=125.0 AU=99.0`; with `confirmed` behind."""
        confirmed = words[-1:] == ["confirmed"]
        words = words[: len(words) - confirmed]
        prices = dict.fromkeys(self.engine.state.instruments, words[1]) if words[:1] == ["at"] else pairs(words)
        day = self.days
        events = self.engine.apply(
            Settle(
                trading_day(day),
                trading_day(day + 1),
                {name: units(price) for name, price in prices.items()},
                confirmed,
            ),
            self.now,
        )
        for event in events:
            if isinstance(event, Statement):
                self.statements[event.account_id] = event
        self.days += isinstance(events[0], DaySettled)
        return events

    def command(self, said: str) -> Command:
        match said.split(maxsplit=2):
            case [who, "BUY" | "SELL" as side, rest]:
                return making.order(self.person(who), f"{side} {rest}", self.instrument)
            case [who, "amends", rest]:
                return self.amendment(who, rest.split())
            case [who, "cancels", rest]:
                return self.cancel(who, rest.split())
            case [who, "arms", after]:
                return CancelAfter(self.person(who), self.now + int(after))
            case [who, "disarms"]:
                return CancelAfter(self.person(who), None)
            case [who, "is", "back"]:
                return CancelAfter(self.person(who), None, CancelReason.DISCONNECT)
            case [who, "is", away]:
                return CancelAfter(self.person(who), self.now + int(away.split()[-1]), CancelReason.DISCONNECT)
        return self.operation(said.split())

    def cancel(self, who: str, what: list[str]) -> Command:
        """One order by its name, or `all`, and then of which instrument or side."""
        match what:
            case ["all", *which]:
                side = next((Direction(word) for word in which if word in Direction.__members__), None)
                name = next((word for word in which if word not in Direction.__members__), None)
                return CancelAll(self.person(who), name, side)
            case [name] if who == "operator":
                return ForceCancelOrder(self.orders.get(name, NO_ORDER))
            case [name]:
                return CancelOrder(self.person(who), self.orders.get(name, NO_ORDER))
        raise AssertionError(f"cancels what? {what}")

    def amendment(self, who: str, words: list[str]) -> AmendOrder:
        """`a1 to 8 @ 120.2 valid +100`: volume, price, and until when, each if it is said."""
        name, *rest = words
        said = dict(zip(rest[::2], rest[1::2], strict=True))
        amended = AmendOrder(
            self.person(who),
            self.orders.get(name, NO_ORDER),
            price=units(said.pop("@")) if "@" in said else None,
            volume=int(said.pop("to")) if "to" in said else None,
            valid_until=moment(said.pop("valid")) if "valid" in said else None,
        )
        assert not said, f"amends how? {said}"
        return amended

    def operation(self, words: list[str]) -> Command:
        match words:
            case [who, "opens", "an", "account"]:
                return OpenAccount(who)
            case [who, "deposits", amount]:
                return Deposit(who, units(amount))
            case [who, "withdraws", amount]:
                return Withdraw(who, units(amount))
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
            case ["set", instrument, phase]:
                return SetInstrumentPhase(instrument, Phase(phase))
            case ["market", phase]:
                return SetMarketPhase(Phase(phase))
            case ["freeze" | "unfreeze" as what, who]:
                return FreezeAccount(who, what == "freeze")
            case ["rules", who, *rest]:
                return SetAccountRules(who, rules(**pairs(rest)))
            case ["fee", "group", name, "pays", factor]:
                return SetFeeGroup(name, rate(factor))
            case ["settle", "day", day]:
                return Settle(trading_day(int(day)), trading_day(int(day) + 1), {})
            case ["watch"]:
                everyone, self.restarted = self.restarted, False
                return CheckRisk(rate("80%"), rate("100%"), everyone)
        raise AssertionError(f"cannot play: {' '.join(words)}")

    def person(self, who: str) -> int:
        return self.people.get(who, NOBODY)

    def own_order(self, name: str | None, said: str, events: list[Event]) -> int | None:
        """The order that the line speaks of; a new one gets the name that stands before it."""
        match said.split(), events[:1]:
            case [_, "BUY" | "SELL", *_], [OrderAccepted(order_id=number) | OrderWaiting(order_id=number)]:
                if name:
                    self.orders[name] = number
                return number
            case [_, "cancels" | "amends", known, *_], _:
                return self.orders.get(known)
        return None

    # --- what happens

    def words(self, event: Event, own: int | None) -> str:
        match event:
            case Refused(code=code):
                return f"refused {code.value}"
            case OrderAccepted() | OrderWaiting() | OrderFired() | OrderAmended() | OrderCancelled():
                return self.words_of_order(event, own)
            case OrderRepeated(order_id=order_id):
                return f"repeated {name_of(order_id, self.orders)}"
            case AllCancelled(count=count):
                return f"{count} orders"
            case Traded():
                return self.words_of_trade(event, own)
            case RiskWarned() | RiskEased() | LiquidationStarted() | LiquidationEnded() | PositionExpired():
                return self.words_of_risk(event)
            case CountdownSet(account_id=number, deadline=deadline):
                return f"{name_of(number, self.people)} is {'disarmed' if deadline is None else 'armed'}"
            case PhasesChanged(count=count):
                return f"{count} move"
            case PhaseChanged(instrument_id=name, phase=phase):
                return f"{name} is {phase.value}"
            case AuctionUncrossed(price=price, volume=lots):
                return "uncrossed nothing" if price is None else f"uncrossed {lots} @ {in_words(price)}"
            case InstrumentSettled(instrument_id=name, price=price, delisted=delisted):
                return f"{name} settles @ {in_words(price)}" + " for good" * delisted
        return "done"

    def words_of_order(
        self, event: OrderAccepted | OrderWaiting | OrderFired | OrderAmended | OrderCancelled, own: int | None
    ) -> str:
        who = "" if event.order_id == own else self.name_of_order(event.order_id, event.account_id) + " "
        match event:
            case OrderAccepted() if who:
                return f"{name_of(event.account_id, self.people)} must trade {event.volume}"
            case OrderAccepted():
                return "accepted"
            case OrderWaiting():
                return f"{who}waiting"
            case OrderFired():
                return f"{who}fires"
            case OrderAmended():
                return f"{who}amended"
            case OrderCancelled(remaining=left, reason=CancelReason.REFUSED, code=code):
                assert code is not None, "refused without a code"
                return f"{who}cancelled {left} (refused {code.value})"
            case OrderCancelled(remaining=left, reason=CancelReason.UNFILLED, code=Code() as code):
                return f"{who}cancelled {left} (unfilled {code.value})"
            case OrderCancelled(remaining=left, reason=reason):
                return f"{who}cancelled {left}{WHY[reason]}"

    def name_of_order(self, order_id: int, account_id: int) -> str:
        """Its name, or whose it is when the story has not named it."""
        whose = name_of(account_id, self.people)
        return next((name for name, known in self.orders.items() if known == order_id), f"{whose}'s")

    def words_of_trade(self, trade: Traded, own: int | None) -> str:
        taker, maker = (name_of(fill.account_id, self.people) for fill in (trade.taker, trade.maker))
        what = f"{trade.volume} @ {in_words(trade.price)}"
        if trade.taker.order_id == own:
            return f"trade {what} with {maker}"
        buyer, seller = (taker, maker) if trade.taker.direction is Direction.BUY else (maker, taker)
        return f"{buyer} buys {what} from {seller}"

    def words_of_risk(
        self, event: RiskWarned | RiskEased | LiquidationStarted | LiquidationEnded | PositionExpired
    ) -> str:
        who = name_of(event.account_id, self.people)
        match event:
            case RiskWarned():
                return f"{who} is warned"
            case RiskEased():
                return f"{who} is below"
            case LiquidationStarted():
                return f"{who} is liquidated"
            case LiquidationEnded():
                return f"{who} is safe"
            case PositionExpired(long=long, short=short, price=price):
                return f"{who}'s {long} long and {short} short end @ {in_words(price)}"

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
            case "order":
                for row in rows:
                    self.order_stands(**row)
            case "statement":
                for row in rows:
                    self.statement_stands(**row)
            case "settled position":
                self.settled_positions_stand(rows)
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
            if what == "risk ratio":
                assert found == float(amount), f"{account}: {what} is {found}"
            else:
                assert found == units(amount), f"{account}: {what} is {found / 10_000}"

    def position_stands(self, position: str, **expected: str) -> None:
        who, _, instrument = position.partition(" ")
        found = self.engine.state.accounts[self.people[who]].positions[instrument or self.instrument]
        for column, amount in expected.items():
            side, _, what = column.partition(" ")
            number = getattr(found.leg(side == "long"), what.replace(" ", "_"))
            assert number == (int(amount) if what in LOTS else units(amount)), f"{position}: {column} is {number}"

    def order_stands(self, order: str, **expected: str) -> None:
        """A live order as it is recorded, or that it is none (`gone`)."""
        records = {record.order_id: record for record in self.engine.snapshot().orders}
        record = records.get(self.orders[order])
        if record is None:
            assert expected == {"status": "gone"}, f"{order} is gone"
            return
        found = {
            "status": record.status.value,
            "volume": str(record.volume),
            "filled": str(record.filled),
            "left": str(record.volume - record.filled),
            "shown": str(record.shown),
            "price": in_words(record.price),
            "stop": in_words(record.stop),
        }
        assert {column: found[column] for column in expected} == expected, order

    def statement_stands(self, statement: str, **expected: str) -> None:
        found = self.statements[self.people[statement]]
        for what, amount in expected.items():
            number = getattr(found, what.replace(" ", "_"))
            assert number == units(amount), f"{statement}: {what} is {number / 10_000}"

    def settled_positions_stand(self, rows: list[Row]) -> None:
        """All positions of the last statements, and no others."""
        found = [
            {
                "settled position": f"{name} {line.instrument_id}",
                "long": str(line.long),
                "short": str(line.short),
                "price": in_words(line.price),
                "margin": f"{Decimal(line.margin) / 10_000:.2f}",
            }
            for name, number in self.people.items()
            for line in (self.statements[number].positions if number in self.statements else [])
        ]
        assert found == rows


def pairs(words: list[str]) -> dict[str, str]:
    """ "tick=0.2 margin=10%" as word -> value."""
    return dict(word.split("=") for word in words)


def parameters(words: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The same as what a contract is made of and what terms are made of."""
    of_terms = pairs(words)
    of_contract = {word: of_terms.pop(word) for word in CONTRACT_WORDS & set(of_terms)}
    return of_contract, of_terms


def rules(stp: str = "cancel-maker", group: str = "", **limits: str) -> AccountRules:
    """ "stp=cancel-both group=vip volume=5 positions=3 orders=2"."""
    numbers = {f"max_{name.removesuffix('s')}": int(limit) for name, limit in limits.items()}
    if "max_order" in numbers:
        numbers["max_orders"] = numbers.pop("max_order")
    return AccountRules(stp=SelfTrade(SELF_TRADES[stp]), fee_group=group, **numbers)


def in_words(price: int) -> str:
    return f"{Decimal(price) / 10_000:.1f}"


def name_of(number: int, names: dict[str, int]) -> str:
    return next(name for name, known in names.items() if known == number)
