"""The operators' door: a command is asked once, done once, and somebody does it whether or not an engine runs."""

import asyncio
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import connections

from tests.builders import FUNDS, Founded
from trading.core.commands import Deposit, HaltInstrument, OpenAccount, Withdraw
from trading.models import Account, Market, OperatorCommand, User
from trading.operators import inline_engine, requests
from trading.storage import pulses
from trading.storage.engine_lock import engine_lock

DEPOSIT = Deposit("user001", 50_000)


def deposits(user_id: str = "user001") -> int:
    return Account.objects.get(user_id=user_id).deposits - FUNDS


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """TimeoutError when the work in this block takes longer, even if it is a loop that never ends."""

    def too_late(number: int, frame: object) -> None:
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- asking


def test_asking_puts_a_row_before_the_engine(market: Founded) -> None:
    boss = User.objects.create(username="boss")
    row = requests.ask(DEPOSIT, market="MAIN", asked_by=boss, key="k1")
    row.refresh_from_db()
    assert (row.kind, row.market_id, row.key, row.asked_by, row.status) == ("Deposit", "MAIN", "k1", boss, "PENDING")
    assert row.payload == {"type": "Deposit", "user_id": "user001", "amount": 50_000}
    assert (row.code, row.result, row.finished_at) == (None, "", None)


def test_the_same_key_is_the_same_command_whatever_it_says(market: Founded) -> None:
    first = requests.ask(DEPOSIT, market="MAIN", key="k1")
    again = requests.ask(Withdraw("user002", 1), market="MAIN", key="k1")
    assert again.pk == first.pk and again.kind == "Deposit"
    assert OperatorCommand.objects.count() == 1


def test_without_a_key_every_command_is_its_own(market: Founded) -> None:
    rows = {requests.ask(DEPOSIT, market="MAIN").pk for _ in range(3)}
    assert len(rows) == 3


def test_asking_makes_the_market_if_it_is_new(transactional_db: None) -> None:
    requests.ask(DEPOSIT, market="NEW")
    assert Market.objects.filter(code="NEW").exists()


def test_waiting_ends_with_the_time_allowed(market: Founded) -> None:
    row = requests.wait(requests.ask(DEPOSIT, market="MAIN"), timeout=0)
    assert row.status == "PENDING"


# --- where no engine runs


def test_without_an_engine_the_shell_is_the_engine(market: Founded) -> None:
    row = inline_engine.carry_out(DEPOSIT, market="MAIN")
    assert (row.status, row.result, row.code) == ("DONE", "Deposited", None)
    assert row.finished_at is not None
    assert deposits() == 50_000


@pytest.mark.postgres_only
def test_an_engine_that_was_there_just_now_is_waited_for(market: Founded) -> None:
    """Its lock has gone with its session, and it connects again."""
    row, now = requests.ask(OpenAccount("user001"), market="AWAY"), time.time_ns() // 1_000_000
    pulses.note("AWAY", pulses.Beat(now, orders=0, trades=0, usual_answer=None, late_answer=None, present={}))
    assert inline_engine.wait(row, timeout=requests.BACK_SECONDS / 4).status == "PENDING"
    assert Market.objects.get(pk="AWAY").epoch == 0, "the shell was the engine"
    assert inline_engine.wait(row, timeout=60).status == "DONE"


def test_a_refusal_is_told_with_its_code(market: Founded) -> None:
    row = inline_engine.carry_out(Deposit("nobody", 5), market="MAIN")
    assert (row.status, row.code, row.result) == ("REFUSED", 1003, "nobody has no account")


def test_the_same_key_is_carried_out_once(market: Founded) -> None:
    for _ in range(3):
        assert inline_engine.carry_out(DEPOSIT, market="MAIN", key="k1").status == "DONE"
    assert deposits() == 50_000


def test_all_that_waits_is_done_and_the_lock_is_given_back(market: Founded) -> None:
    rows = [requests.ask(DEPOSIT, market="MAIN") for _ in range(5)]
    assert inline_engine.run_engine_inline("MAIN")
    assert {requests.wait(row).status for row in rows} == {"DONE"}
    assert deposits() == 5 * 50_000
    assert inline_engine.run_engine_inline("MAIN")


def test_a_command_for_another_market_is_left_alone(market: Founded) -> None:
    row = requests.ask(DEPOSIT, market="OTHER")
    inline_engine.run_engine_inline("MAIN")
    assert requests.wait(row, timeout=0).status == "PENDING"


def test_while_another_engine_has_the_lock_nothing_is_done_here(market: Founded) -> None:
    lock = engine_lock("MAIN")
    assert lock.acquire()
    row = requests.ask(DEPOSIT, market="MAIN")
    assert not inline_engine.run_engine_inline("MAIN")
    assert requests.wait(row, timeout=0).status == "PENDING"
    lock.release()
    assert inline_engine.run_engine_inline("MAIN")
    assert requests.wait(row).status == "DONE"


def test_an_account_for_nobody_is_refused_and_what_waits_behind_it_is_done(market: Founded) -> None:
    rows = [requests.ask(command, market="MAIN") for command in (OpenAccount("ghost"), DEPOSIT)]
    with within(20):
        inline_engine.run_engine_inline("MAIN")
    statuses = [requests.wait(row, timeout=0).status for row in rows]
    assert statuses == ["REFUSED", "DONE"]
    assert deposits() == 50_000


# --- where an engine runs


async def carry_out(command: Any, **options: Any) -> OperatorCommand:
    row: OperatorCommand = await database_sync_to_async(requests.carry_out, thread_sensitive=False)(
        command, market="MAIN", **options
    )
    return row


async def test_a_running_engine_does_it_and_pushes_follow(open_exchange: Any, market: Founded) -> None:
    exchange = await open_exchange(OPERATOR_POLL_SECONDS=0.01)
    row = await carry_out(DEPOSIT)
    assert (row.status, row.result) == ("DONE", "Deposited")
    assert exchange.worker.engine.state.by_user["user001"].deposits == FUNDS + 50_000


async def test_a_running_engine_does_each_key_once(open_exchange: Any, market: Founded) -> None:
    exchange = await open_exchange(OPERATOR_POLL_SECONDS=0.01)
    rows = await asyncio.gather(*[carry_out(DEPOSIT, key="k1") for _ in range(5)])
    assert {row.pk for row in rows} == {rows[0].pk}
    assert exchange.worker.engine.state.by_user["user001"].deposits == FUNDS + 50_000


async def test_what_was_asked_while_nothing_ran_is_done_at_the_start(open_exchange: Any, market: Founded) -> None:
    row = await database_sync_to_async(requests.ask)(HaltInstrument("IX2301"), market="MAIN")
    exchange = await open_exchange(OPERATOR_POLL_SECONDS=0.01)
    row = await database_sync_to_async(requests.wait, thread_sensitive=False)(row)
    assert row.status == "DONE"
    assert exchange.worker.engine.state.instruments["IX2301"].phase == "halted"


async def test_a_second_exchange_on_the_same_database_takes_no_orders(open_exchange: Any, market: Founded) -> None:
    from exchange_site.wiring.exchange import Exchange
    from trading.core.events import Event

    first = await open_exchange()
    second = Exchange.from_settings()
    await second.ensure_started()
    answers: list[Event] = []
    second.gateway.submit(DEPOSIT, answers.append)
    assert answers[0].code == 503 and "Another process runs the engine" in answers[0].detail
    await second.stop()
    assert first.started
    done: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
    first.gateway.submit(DEPOSIT, done.set_result)
    assert type(await asyncio.wait_for(done, 10)).__name__ == "Deposited"


async def test_an_exchange_that_is_stopped_takes_no_orders_and_frees_its_market(
    open_exchange: Any, market: Founded
) -> None:
    exchange = await open_exchange()
    gateway = exchange.gateway
    again = await open_exchange()
    answers: list[Any] = []
    gateway.submit(DEPOSIT, answers.append)
    assert answers[0].code == 503
    assert again.worker.engine.state.by_user.keys() == {"user001", "user002", "user003"}


async def test_whoever_waits_when_the_exchange_stops_is_answered(market: Founded) -> None:
    from exchange_site.wiring.exchange import Exchange

    exchange = Exchange.from_settings()
    await exchange.ensure_started()
    answers: list[Any] = []
    exchange.gateway.submit(DEPOSIT, answers.append)
    await exchange.stop()
    assert len(answers) == 1


async def test_starting_twice_at_once_is_starting_once(market: Founded) -> None:
    from exchange_site.wiring.exchange import Exchange

    exchange = Exchange.from_settings()
    await asyncio.gather(*[exchange.ensure_started() for _ in range(5)])
    assert (await Market.objects.aget(pk="MAIN")).epoch == 2
    await exchange.stop()


@pytest.mark.parametrize("count", [1, 3])
def test_every_start_is_a_new_epoch(market: Founded, count: int) -> None:
    before = Market.objects.get(pk="MAIN").epoch
    for _ in range(count):
        inline_engine.run_engine_inline("MAIN")
    assert Market.objects.get(pk="MAIN").epoch == before + count


async def test_a_server_waits_for_a_shell_command_that_is_the_engine_just_now(market: Founded) -> None:
    from exchange_site.wiring.exchange import Exchange

    lock, exchange, loop = engine_lock("MAIN"), Exchange.from_settings(), asyncio.get_running_loop()
    shell = ThreadPoolExecutor(1)
    assert await loop.run_in_executor(shell, lock.acquire)
    starting = asyncio.create_task(exchange.ensure_started())
    await asyncio.sleep(0.05)
    assert not starting.done()
    await loop.run_in_executor(shell, lock.release)
    await starting
    assert exchange.gateway.closed_because is None
    await exchange.stop()
    await loop.run_in_executor(shell, connections.close_all)
    shell.shutdown()
