"""Money between markets: wherever it stops, nothing is lost, nothing is doubled, and what is on its way can be seen."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.builders import FUNDS, Founded
from tests.operators.test_shell import shell
from trading.core.commands import Deposit, FreezeAccount, OpenAccount, ReceiveTransfer, SendTransfer, Withdraw
from trading.core.money import MAX_MONEY, UNIT
from trading.core.numbers import ACCOUNTS_OF_MARKET
from trading.core.types import Transfer
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder
from trading.models import Account, LedgerEntry, Market, OperatorCommand
from trading.models import Transfer as TransferRow
from trading.observability.counters import Counters
from trading.operators import inline_engine, requests
from trading.operators.between_markets import transfers
from trading.operators.scheduler import Scheduler
from trading.storage.reconciliation import check_all_books, replay_journal
from trading.storage.store import Store
from trading.transport.in_process import InProcessQueue
from trading.worker.worker import Worker

AMOUNT = 250 * UNIT


@pytest.fixture
def markets(market: Founded) -> tuple[str, str]:
    """The founded one and another, where user002 has an account already."""
    Market.objects.create(code="OTHER")
    inline_engine.carry_out(OpenAccount("user002"), market="OTHER")
    inline_engine.carry_out(Deposit("user002", FUNDS), market="OTHER")
    return "MAIN", "OTHER"


def run(market: str) -> None:
    """An engine of this market begins with what is in the tables, does what was asked, and is gone."""
    inline_engine.run_engine_inline(market)


def ask(user_id: str = "user001", amount: int = AMOUNT) -> OperatorCommand:
    return transfers.ask(user_id, amount, source="MAIN", target="OTHER", transfer_id="t1")


def balance(user_id: str, market: str) -> int:
    row = Account.objects.filter(user_id=user_id, market=market).first()
    return 0 if row is None else row.deposits - row.withdrawals


def status() -> str | None:
    row = TransferRow.objects.filter(pk="t1").first()
    return None if row is None else row.status


def check(there: int, gone: bool) -> None:
    """All money is somewhere, to the last unit, and every replay gives what is stored."""
    assert check_all_books() == []
    assert balance("user001", "OTHER") == there
    assert balance("user001", "MAIN") == FUNDS - (AMOUNT if gone else 0)
    for market in ("MAIN", "OTHER"):
        assert replay_journal(market).difference is None


STEPS: list[tuple[Callable[[], object], str | None, int, bool]] = [
    (ask, None, 0, False),
    (lambda: run("MAIN"), "IN_TRANSIT", 0, True),
    (transfers.look, "IN_TRANSIT", 0, True),
    (lambda: run("OTHER"), "ARRIVED", AMOUNT, True),
]
"""What is done, and what is so afterwards: the state of the transfer, the money there, whether it has left."""


@pytest.mark.slow
@pytest.mark.parametrize("last", range(len(STEPS)))
@pytest.mark.parametrize("times", [1, 2])
def test_a_transfer_that_stops_anywhere_is_carried_on(markets: Any, last: int, times: int) -> None:
    for step, told, there, gone in STEPS[: last + 1]:
        for _ in range(times):
            step()
        assert status() == told
        check(there, gone)
    for _ in range(3):
        run("MAIN")
        transfers.look()
        run("OTHER")
    assert status() == "ARRIVED"
    check(AMOUNT, gone=True)


class Killed(BaseException):
    """The process is gone."""


class Dying(Store):
    """Is killed in a commit: `before` it is durable, with everything written, or just `after`."""

    when = "before"

    def _answer_operators(self, batch: Any) -> None:
        super()._answer_operators(batch)
        if self.when == "before" and batch.operator_answers:
            raise Killed

    def _stored(self, connection: Any, batch: Any, seqs: dict[int, int], seconds: float) -> None:
        if self.when == "after" and batch.operator_answers:
            raise Killed
        super()._stored(connection, batch, seqs, seconds)


async def die(market: str, when: str) -> None:
    store = Dying(market)
    store.when = when
    worker = Worker(
        queue=InProcessQueue(1), store=store, pushes=PushEncoder(InProcessLayer()), listeners=[], clock=lambda: 0,
        counters=Counters(),
    )  # fmt: skip
    await worker.start()
    try:
        with pytest.raises(Killed):
            await worker.drain_operators()
    finally:
        await worker.close()


@pytest.mark.parametrize("at", ["MAIN", "OTHER"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_engine_that_is_killed_in_the_commit_loses_and_doubles_nothing(markets: Any, at: str, when: str) -> None:
    ask()
    if at == "OTHER":
        run("MAIN")
        transfers.look()
    asyncio.run(die(at, when))
    left, arrived = at == "OTHER" or when == "after", at == "OTHER" and when == "after"
    assert status() == ("ARRIVED" if arrived else "IN_TRANSIT" if left else None)
    check(AMOUNT if arrived else 0, left)
    for _ in range(2):
        run("MAIN")
        transfers.look()
        run("OTHER")
    assert status() == "ARRIVED"
    check(AMOUNT, gone=True)


def test_what_was_received_is_not_received_again_whoever_asks(markets: Any) -> None:
    ask()
    run("MAIN")
    transfers.look()
    run("OTHER")
    again = requests.ask(ReceiveTransfer(Transfer("t1", "user001", "MAIN", "OTHER", AMOUNT)), market="OTHER")
    forged = requests.ask(ReceiveTransfer(Transfer("t2", "user001", "MAIN", "OTHER", AMOUNT)), market="OTHER")
    twice = requests.ask(SendTransfer(Transfer("t1", "user001", "MAIN", "OTHER", AMOUNT)), market="MAIN")
    run("OTHER")
    run("MAIN")
    for row in (again, forged, twice):
        row.refresh_from_db()
        assert row.status == "REFUSED", row.result
    check(AMOUNT, gone=True)


def test_what_is_received_is_what_was_sent(markets: Any) -> None:
    ask()
    run("MAIN")
    more = requests.ask(ReceiveTransfer(Transfer("t1", "user002", "MAIN", "OTHER", AMOUNT)), market="OTHER")
    run("OTHER")
    more.refresh_from_db()
    assert more.status == "REFUSED" and status() == "IN_TRANSIT"
    check(0, gone=True)


@pytest.mark.slow
@pytest.mark.parametrize("last", range(5))
def test_what_the_target_refuses_comes_back(markets: Any, last: int) -> None:
    requests.ask(OpenAccount("user001"), market="OTHER")
    requests.ask(Deposit("user001", MAX_MONEY), market="OTHER")
    run("OTHER")
    steps: list[Callable[[], object]] = [
        lambda: run("MAIN"),
        transfers.look,
        lambda: run("OTHER"),
        transfers.look,
        lambda: run("MAIN"),
    ]
    ask()
    for step in steps[:last]:
        step()
        assert check_all_books() == []
    for _ in range(2):
        for step in steps:
            step()
    assert status() == "RETURNED"
    check(MAX_MONEY, gone=False)
    kinds = LedgerEntry.objects.filter(kind="TRANSFER").order_by("id").values_list("amount", flat=True)
    assert list(kinds) == [-AMOUNT, AMOUNT]


@pytest.mark.parametrize("comes", ["back", "there"])
def test_what_both_ends_refuse_is_tried_again_until_one_takes_it(
    markets: Any, comes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The target has no room, and at the source the command is lost: the engine has refused it as one that broke it.
    One step is asked for at a time, and it ends once."""
    requests.ask(OpenAccount("user001"), market="OTHER")
    requests.ask(Deposit("user001", MAX_MONEY), market="OTHER")
    run("OTHER")
    ask()
    run("MAIN")
    now = 4_000_000_000_000
    go_round(now, lost=True)
    assert status() == "IN_TRANSIT" and asked() == ["receive", "return"]
    for _ in range(3):
        go_round(now + transfers.AGAIN_MS - 1, lost=True)
    assert asked() == ["receive", "return"]
    for attempt in range(2, 5):
        now += transfers.AGAIN_MS << attempt - 2
        go_round(now, lost=True)
        assert len(asked()) == 2 * attempt
    call_command("check_books")
    told = capsys.readouterr().out
    assert "In transit: transfer t1 of user001, MAIN to OTHER: refused at both ends (MAIN said" in told
    if comes == "there":
        requests.ask(Withdraw("user001", MAX_MONEY), market="OTHER")
        run("OTHER")
    now += transfers.AGAIN_MS << 3
    go_round(now)
    assert status() == ("ARRIVED" if comes == "there" else "RETURNED")
    kinds = LedgerEntry.objects.filter(kind="TRANSFER").order_by("id").values_list("amount", flat=True)
    assert list(kinds) == [-AMOUNT, AMOUNT] and check_all_books() == []
    before = asked()
    go_round(now + (transfers.AGAIN_MS << 9))
    assert asked() == before and transfers.in_transit() == []


def go_round(now: int, lost: bool = False) -> None:
    """Look and let both engines run, twice; with `lost` what comes back is refused."""
    for _ in range(2):
        transfers.look(now)
        run("OTHER")
        transfers.look(now)
        if lost:
            waiting = OperatorCommand.objects.filter(kind="ReturnTransfer", status="PENDING")
            waiting.update(status="REFUSED", code=500, result="it broke the engine", finished_at=now)
        run("MAIN")


def asked() -> list[str]:
    keys = OperatorCommand.objects.filter(key__startswith="transfer:t1:re").order_by("id").values_list("key", flat=True)
    return [key.removeprefix("transfer:t1:") for key in keys]


@pytest.mark.parametrize(
    ("steps", "words"), [(2, "no server of any market runs"), (3, "waits for the engine of market OTHER")]
)
def test_what_a_transfer_waits_for_is_told(markets: Any, steps: int, words: str) -> None:
    for step, *_ in STEPS[:steps]:
        step()
    (told,) = transfers.in_transit()
    assert words in told


def test_frozen_money_is_not_sent_and_a_frozen_account_still_receives(markets: Any) -> None:
    requests.ask(FreezeAccount("user001", frozen=True), market="MAIN")
    row = ask()
    run("MAIN")
    row.refresh_from_db()
    assert (row.status, row.code, status()) == ("REFUSED", 1012, None)
    requests.ask(FreezeAccount("user002", frozen=True), market="OTHER")
    sent = transfers.ask("user002", AMOUNT, source="MAIN", target="OTHER")
    run("MAIN")
    transfers.look()
    run("OTHER")
    assert TransferRow.objects.get(pk=sent.payload["transfer"]["transfer_id"]).status == "ARRIVED"
    assert balance("user002", "OTHER") == FUNDS + AMOUNT


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"target": "NOWHERE"}, "There is no market NOWHERE"),
        ({"target": "MAIN"}, "at that market already"),
        ({"transfer_id": "a b"}, "letters, digits"),
        ({"amount": 1}, "used for another transfer"),
    ],
)
def test_what_is_no_transfer_is_not_asked_for(markets: Any, fields: dict[str, Any], words: str) -> None:
    ask()
    asked = {"amount": AMOUNT, "source": "MAIN", "target": "OTHER", "transfer_id": "t1", **fields}
    with pytest.raises(transfers.CannotTransfer, match=words):
        transfers.ask("user001", **asked)
    assert OperatorCommand.objects.filter(kind="SendTransfer").count() == 1


@pytest.mark.parametrize("amount", [0, -1, FUNDS + 1])
def test_more_than_may_be_withdrawn_is_not_sent(markets: Any, amount: int) -> None:
    row = ask(amount=amount)
    run("MAIN")
    row.refresh_from_db()
    assert row.status == "REFUSED" and status() is None
    assert check_all_books() == []


def test_the_schedule_carries_on_what_is_in_transit(markets: Any) -> None:
    ask()
    run("MAIN")
    Scheduler("MAIN", lambda: 1_700_000_000_000).look()
    run("OTHER")
    assert status() == "ARRIVED"


def test_numbers_of_accounts_are_those_of_their_market(markets: Any) -> None:
    assert [market.shard for market in Market.objects.order_by("code")] == [0, 1]
    assert Account.objects.get(user_id="user002", market="OTHER").pk == ACCOUNTS_OF_MARKET + 1
    assert list(Account.objects.filter(market="MAIN").order_by("pk").values_list("pk", flat=True)) == [1, 2, 3]


# --- the checks


FAULTS: list[Callable[[], object]] = [
    lambda: TransferRow.objects.update(amount=AMOUNT + 1),
    lambda: TransferRow.objects.all().delete(),
    lambda: TransferRow.objects.update(status="ARRIVED", ended_at=1),
    lambda: TransferRow.objects.update(status="RETURNED", ended_at=1),
    lambda: LedgerEntry.objects.filter(kind="TRANSFER").delete(),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_money_that_is_lost_between_markets_is_found(
    markets: Any, fault: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    ask()
    run("MAIN")
    call_command("check_books")
    assert "The books of all markets agree." in capsys.readouterr().out
    fault()
    with pytest.raises(CommandError, match="contradict"):
        call_command("check_books")
    assert "transfers of user001" in capsys.readouterr().out


def test_the_sum_over_all_markets_is_checked(markets: Any) -> None:
    ask()
    run("MAIN")
    TransferRow.objects.update(status="ARRIVED", ended_at=1)
    assert any(finding.startswith("all markets") for finding in check_all_books())


# --- the shell


def test_the_shell_transfers(markets: Any) -> None:
    for _ in range(2):
        said = shell("transfer", "user001", "250", "--to", "OTHER", "--id", "t1")
        assert said == "Transfer t1: 250.00 of user001 from MAIN to OTHER, arrived.\n"
    check(AMOUNT, gone=True)


def test_the_shell_says_that_it_came_back(markets: Any) -> None:
    shell("open_account", "user001", "--deposit", str(MAX_MONEY // UNIT), "--market", "OTHER")
    assert shell("transfer", "user001", "250", "--to", "OTHER").endswith(", returned.\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["user001", "five", "--to", "OTHER"], "'five' is not a number."),
        (["user001", "5", "--to", "NOWHERE"], "There is no market NOWHERE."),
        (["user001", "2000000", "--to", "OTHER"], "Insufficient funds: .* Nothing was sent."),
        (["nobody", "5", "--to", "OTHER"], "nobody has no account. Nothing was sent."),
    ],
)
def test_the_shell_says_what_is_wrong(markets: Any, words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        shell("transfer", *words)
    assert check_all_books() == []
