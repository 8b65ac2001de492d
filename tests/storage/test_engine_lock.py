"""Two processes and one lock, on PostgreSQL: whoever is silent loses it, whoever is slow does not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
import pytest
from django.db import Error, connection, connections

from trading.models import Market
from trading.operators import requests
from trading.operators.hand_over import HandOver, NotHandedOver, hand_over
from trading.operators.inline_engine import run_engine_inline
from trading.storage.engine_lock import HELD, AdvisoryLock, engine_lock, lock_keys

T = TypeVar("T")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]
NEVER, AT_ONCE = 3600.0, 0.0


class Process:
    """A thread, which has a session of its own."""

    def __init__(self, patience: float) -> None:
        self._thread = ThreadPoolExecutor(1)
        self.lock = AdvisoryLock("default", "MAIN", patience)

    def do(self, function: Any, *arguments: object) -> Any:
        return self._thread.submit(function, *arguments).result(60)

    def begin(self, function: Any, *arguments: object, **named: object) -> Any:
        """What it will come to."""
        return self._thread.submit(function, *arguments, **named)

    def execute(self, statement: str) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute(statement)

    def is_taken(self, key: int) -> bool:
        """Whether anybody has an advisory lock."""
        with connections["default"].cursor() as cursor:
            cursor.execute(f"SELECT {HELD}", [key])
            return bool(cursor.fetchone() == (True,))

    def send_half(self) -> None:
        """Statements, and no word that this was all."""
        session: Any = connections["default"].connection
        session.pgconn.enter_pipeline_mode()
        session.pgconn.send_query_params(b"SELECT 1", None)
        session.pgconn.send_flush_request()
        session.pgconn.flush()

    def end(self) -> None:
        self.do(connections.close_all)
        self._thread.shutdown()


@pytest.fixture
def holder() -> Iterator[Process]:
    """It has the lock."""
    made = Process(NEVER)
    while not made.do(made.lock.acquire):
        pass  # the session of the test before has not ended yet
    yield made
    made.end()


@pytest.fixture
def other() -> Iterator[Process]:
    """It would wait for nothing."""
    made = Process(AT_ONCE)
    yield made
    made.end()


def wait_until_it_works(statement: str) -> None:
    wait_until("state = 'active' AND query", statement)


def wait_until(condition: str, value: str) -> None:
    """A session is so."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {condition} = %s", [value])
            if cursor.fetchone() == (1,):
                return


def test_who_has_said_that_it_lives_and_is_silent_loses_the_lock(holder: Process, other: Process) -> None:
    """Its session is ended, with what it had not committed."""
    holder.do(holder.lock.beat)
    holder.do(holder.execute, "BEGIN")
    assert other.do(other.lock.acquire)
    assert other.do(other.lock.held)
    with pytest.raises(Error, match="terminating connection"):
        holder.do(holder.execute, "SELECT 1")
    holder.do(connections.close_all)
    assert not holder.do(holder.lock.held)
    assert not holder.do(holder.lock.acquire), "the other one lives"


def test_who_is_silent_in_the_middle_of_what_it_sends_loses_the_lock(holder: Process, other: Process) -> None:
    """The database has begun, and waits for the rest: of a batch that was sent together half has arrived."""
    holder.do(holder.lock.beat)
    holder.do(holder.send_half)
    wait_until("state = 'active' AND wait_event_type = 'Client' AND application_name", "bourse engine MAIN")
    assert other.do(other.lock.acquire)
    holder.do(connections.close_all)


def test_who_never_said_so_is_let_be(holder: Process, other: Process) -> None:
    """A person at a shell, or an earlier release."""
    assert not other.do(other.lock.acquire)
    assert holder.do(holder.lock.held)


def test_who_is_patient_waits(holder: Process) -> None:
    patient = Process(NEVER)
    holder.do(holder.lock.beat)
    assert not patient.do(patient.lock.acquire)
    patient.end()


def test_what_the_database_works_on_is_no_silence(holder: Process, other: Process) -> None:
    """As a COMMIT that waits for a slow disk."""
    holder.do(holder.lock.beat)
    statement = "SELECT pg_sleep(3600)"
    working = holder.begin(holder.execute, statement)
    wait_until_it_works(statement)
    assert not other.do(other.lock.acquire)
    other.do(other.execute, f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = '{statement}'")
    with pytest.raises(Error, match="canceling"):
        working.result(60)
    assert holder.do(holder.lock.held)


def test_nobody_is_asked_to_leave_but_by_who_waits_for_it(holder: Process, other: Process) -> None:
    _, _, wish = lock_keys("MAIN")
    assert holder.do(holder.lock.beat) is False
    other.do(other.lock.stand_by)
    other.do(other.execute, f"SELECT pg_advisory_lock({wish})")
    assert holder.do(holder.lock.beat) is True
    other.do(connections.close_all)
    while holder.do(holder.lock.beat):  # the database has not noticed yet
        pass


def lose_session() -> Any:
    """The connection, which lives on in the database."""
    lost, connections["default"].connection = connections["default"].connection, None
    return lost


def test_the_session_before_keeps_nobody_from_the_own_lock(holder: Process) -> None:
    """It was closed, or broke, and the database has not noticed."""
    lost = holder.do(lose_session)
    assert not holder.do(holder.lock.held)
    assert holder.do(holder.lock.acquire)
    with pytest.raises(psycopg.Error):
        lost.execute("SELECT 1")
    lost.close()


def test_another_keeps_the_lock_that_was_the_own_once(holder: Process, other: Process) -> None:
    holder.do(connections.close_all)
    while not other.do(other.lock.acquire):
        pass  # the database has not noticed yet
    assert not holder.do(holder.lock.acquire)
    other.do(other.execute, "SELECT 1")
    assert other.do(other.lock.held)


def test_a_lock_that_is_not_held_does_not_beat(other: Process) -> None:
    assert other.do(other.lock.beat) is False


def test_nothing_is_handed_over_without_an_engine_and_another_that_stands_by(holder: Process, other: Process) -> None:
    with pytest.raises(NotHandedOver, match="no engine runs market OTHER"):
        hand_over("OTHER")
    with pytest.raises(NotHandedOver, match="no other server stands by"):
        hand_over("MAIN", timeout=0.1)
    other.do(other.lock.stand_by)
    holder.do(holder.lock.release)
    assert other.do(other.lock.acquire)
    with pytest.raises(NotHandedOver, match="no other server stands by"):
        hand_over("MAIN", timeout=0.1)  # who is the engine does not stand by any more
    assert engine_lock("MAIN").taken()


def test_no_shell_is_the_engine_while_somebody_stands_by(other: Process) -> None:
    """It would load the books while warm ones wait, and everybody with them."""
    while not run_engine_inline("MAIN"):
        pass  # the session of the test before has not ended yet
    other.do(other.lock.stand_by)
    while engine_lock("MAIN").taken():
        pass  # nor that of the shell
    assert requests.engine_runs("MAIN")
    assert not run_engine_inline("MAIN")
    assert other.do(other.lock.acquire)
    assert requests.engine_runs("MAIN")
    other.do(other.lock.release)
    assert not requests.engine_runs("MAIN")


def test_who_is_cut_off_is_not_sure_for_longer_than_others_are_patient() -> None:
    one = Process(NEVER)
    assert not one.lock.sure
    while not one.do(one.lock.acquire):
        pass  # the session of the test before has not ended yet
    assert one.lock.sure
    one.do(connections.close_all)
    assert one.do(one.lock.beat) is False
    assert not one.lock.sure, "its session is gone"
    while not one.do(one.lock.acquire):
        pass
    one.do(one.lock.release)
    assert not one.lock.sure
    one.end()
    hasty = Process(0.05)
    while not hasty.do(hasty.lock.acquire):
        pass
    assert hasty.do(hasty.lock.beat) is False
    while hasty.lock.sure:
        pass
    assert hasty.do(hasty.lock.held), "nobody has taken it, and it cannot know that without asking"
    hasty.do(hasty.lock.beat)
    hasty.end()


def test_whoever_loads_the_books_is_waited_for(holder: Process, other: Process) -> None:
    """And only then the engine is asked: one of an earlier release would let go at once."""
    _, standby, wish = lock_keys("MAIN")
    Market.objects.create(code="MAIN")
    asker = Process(NEVER)
    asked = asker.begin(hand_over, "MAIN", timeout=60.0)
    wait_until(f"pid <> pg_backend_pid() AND query LIKE '%%{standby}%%' AND state", "idle")
    assert not holder.do(holder.is_taken, wish)
    other.do(other.lock.stand_by)
    while not holder.do(holder.lock.beat):
        assert not asked.done(), asked.result()
    holder.do(holder.lock.release)
    assert other.do(other.lock.acquire)
    Market.objects.filter(code="MAIN").update(epoch=1)
    assert asked.result(60) == HandOver(0, 1)
    asker.end()


def test_an_engine_is_not_asked_to_leave_while_nobody_stands_by(holder: Process, other: Process) -> None:
    """Whoever stood by when the wish was made may be gone."""
    asker = Process(NEVER)
    _, _, wish = lock_keys("MAIN")
    asker.do(asker.execute, f"SELECT pg_advisory_lock({wish})")
    assert holder.do(holder.lock.beat) is False
    other.do(other.lock.stand_by)
    assert holder.do(holder.lock.beat) is True
    asker.end()


def test_who_was_handed_the_market_is_not_asked_to_hand_it_back(holder: Process, other: Process) -> None:
    """Whoever asks looks for the new epoch now and then; until they have seen it their wish stands."""
    asker = Process(NEVER)
    _, _, wish = lock_keys("MAIN")
    asker.do(asker.execute, f"SELECT pg_advisory_lock({wish})")
    other.do(other.lock.stand_by)
    assert holder.do(holder.lock.beat) is True
    holder.do(holder.lock.release)
    assert other.do(other.lock.acquire)
    holder.do(holder.lock.stand_by)
    assert other.do(other.lock.beat) is False
    asker.do(asker.execute, f"SELECT pg_advisory_unlock({wish})")
    assert other.do(other.lock.beat) is False
    asker.do(asker.execute, f"SELECT pg_advisory_lock({wish})")
    assert other.do(other.lock.beat) is True, "this one is for the new engine"
    asker.end()
