"""The door of several markets: each command to its own, and 503 of one is not that of another."""

from __future__ import annotations

from trading.core.codes import Code
from trading.core.commands import CancelAll, CheckRisk
from trading.core.events import Event, Refused
from trading.core.numbers import ACCOUNTS_OF_MARKET
from trading.observability.counters import Counters
from trading.transport.gateway import Envelope, Gateway
from trading.transport.market_gateways import NOT_THERE, MarketGateways

HERE, THERE = 7, ACCOUNTS_OF_MARKET + 7


class Line:
    def __init__(self) -> None:
        self.sent: list[Envelope] = []

    def put(self, envelope: Envelope) -> bool:
        self.sent.append(envelope)
        return True


class Door:
    def __init__(self) -> None:
        self.here, self.there = Line(), Line()
        self.answers: list[Event] = []
        self.first = MarketGateways(self.here, Counters())
        self.other = Gateway(self.there, Counters())
        self.first.add("OTHER", self.other)

    def send(self, account_id: int) -> None:
        self.first.submit(CancelAll(account_id), self.answers.append)


def test_a_command_goes_to_the_market_of_its_account() -> None:
    door = Door()
    door.first.learn("MAIN", 0)
    door.first.learn("OTHER", 1)
    for account in (HERE, THERE, THERE):
        door.send(account)
    door.first.submit(CheckRisk(1, 1), door.answers.append)
    assert (len(door.here.sent), len(door.there.sent), door.answers) == (2, 2, [])


def test_one_that_was_not_heard_of_is_not_there_and_the_others_are() -> None:
    door = Door()
    door.first.learn("MAIN", 0)
    door.send(THERE)
    assert door.answers == [NOT_THERE]
    door.send(HERE)
    assert len(door.here.sent) == 1


def test_the_others_are_there_before_the_first_one_is() -> None:
    door = Door()
    door.first.close("none is heard")
    door.first.learn("OTHER", 0)  # whatever share of the numbers it has
    door.send(HERE)
    assert len(door.there.sent) == 1
    door.send(THERE)
    assert door.answers == [Refused(Code.UNAVAILABLE, "none is heard")]


def test_each_says_why_it_is_closed() -> None:
    door = Door()
    door.other.close("away")
    assert [door.first.closed_at(code) for code in ("MAIN", "OTHER")] == [None, "away"]
    door.first.close("gone")
    door.other.open()
    assert [door.first.closed_at(code) for code in ("MAIN", "OTHER")] == ["gone", None]
