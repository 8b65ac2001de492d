"""What operators announce is kept until its time, and restored and replayed as all else."""

import msgspec
import pytest

from tests.core.making import NOW, contract, do, exchange, terms
from trading.core.codes import Code
from trading.core.commands import Announce, Command, WithdrawAnnouncement
from trading.core.engine import Engine
from trading.core.events import Announced, AnnouncementWithdrawn, Refused
from trading.core.rules.office.announcements import LONGEST_TEXT, MOST_AT_ONCE
from trading.core.snapshot.records import Snapshot

HOUR = 3_600_000
SOON = NOW + 100 * HOUR
"""Later than any of `do`."""


@pytest.fixture
def engine() -> Engine:
    return exchange(contract(), terms(), "1000")


def announced(engine: Engine, text: str = "Maintenance", until: int = SOON, user_id: str | None = None) -> int:
    (event,) = do(engine, Announce(text, until, user_id))
    assert isinstance(event, Announced)
    return event.number


def refused(engine: Engine, command: Command) -> Code:
    before = engine.state_hash()
    (event,) = engine.apply(command, NOW)
    assert isinstance(event, Refused) and engine.state_hash() == before
    return event.code


def texts(engine: Engine) -> list[str]:
    return [each.text for each in engine.state.day.announcements]


def test_it_is_kept_with_who_made_it_when(engine: Engine) -> None:
    do(engine, Announce("  We stop  ", SOON, "user1", SOON - HOUR))
    (told,) = engine.state.day.announcements
    assert (told.text, told.made_at, told.until) == ("We stop", engine.state.now, SOON)
    assert (told.user_id, told.stop_at) == ("user1", SOON - HOUR)


def test_a_restored_engine_has_it(engine: Engine) -> None:
    announced(engine)
    twin = Engine.restore(msgspec.convert(msgspec.to_builtins(engine.snapshot()), Snapshot))
    assert twin.state_hash() == engine.state_hash() and texts(twin) == ["Maintenance"]


def test_it_is_withdrawn_once(engine: Engine) -> None:
    first, _second = announced(engine, "one"), announced(engine, "two")
    assert do(engine, WithdrawAnnouncement(first)) == [AnnouncementWithdrawn(first)]
    assert texts(engine) == ["two"]
    assert refused(engine, WithdrawAnnouncement(first)) is Code.NOT_FOUND


def test_what_is_over_cannot_be_withdrawn_and_is_forgotten(engine: Engine) -> None:
    now = engine.state.now
    number = announced(engine, "short", now + HOUR)
    engine.state.now = now + HOUR
    assert refused(engine, WithdrawAnnouncement(number)) is Code.NOT_FOUND
    announced(engine, "next")
    assert texts(engine) == ["next"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (Announce("", SOON), Code.MALFORMED),
        (Announce(" \n ", SOON), Code.MALFORMED),
        (Announce("x" * (LONGEST_TEXT + 1), SOON), Code.MALFORMED),
        (Announce("late", NOW - HOUR), Code.MALFORMED),
        (Announce("for ever", 10**18), Code.MALFORMED),
        (Announce("stopped", SOON, stop_at=NOW - HOUR), Code.MALFORMED),
        (Announce("who", SOON, "nobody"), Code.ACCOUNT_NOT_FOUND),
        (WithdrawAnnouncement(7), Code.NOT_FOUND),
    ],
)
def test_what_makes_no_sense_is_refused(engine: Engine, command: Command, code: Code) -> None:
    assert refused(engine, command) is code


def test_there_are_only_so_many_at_once(engine: Engine) -> None:
    for number in range(MOST_AT_ONCE):
        announced(engine, str(number))
    assert refused(engine, Announce("one more", SOON)) is Code.LIMIT_REACHED
    do(engine, WithdrawAnnouncement(engine.state.day.announcements[0].number))
    announced(engine, "one more")


def test_a_market_without_any_has_the_name_it_had(engine: Engine) -> None:
    """Journals of earlier releases replay to the same state."""
    numbered = exchange(contract(), terms(), "1000")
    before = msgspec.to_builtins(numbered.snapshot().day)
    do(numbered, WithdrawAnnouncement(announced(numbered)))
    assert msgspec.to_builtins(numbered.snapshot().day) == before and "announcements" not in before
