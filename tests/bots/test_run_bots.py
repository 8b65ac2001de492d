"""`manage.py run_bots`: users, accounts and tokens through the doors that are there; nothing that cannot be meant."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from bots.management.commands import run_bots
from tests.builders import Founded
from tests.e2e.server import PATIENCE, ROOT, environment_of
from trading.core import commands
from trading.core.money import UNIT
from trading.management.commands.open_account import make_user
from trading.models import AccessToken, Account, LedgerEntry, Market, OperatorCommand, User
from trading.operators import inline_engine
from trading.reads import holdings, identities

IDS = ["bot-maker-1", "bot-taker-1"]


@pytest.fixture
def bots(market: Founded) -> list[User]:
    users = [make_user(user_id) for user_id in IDS]
    run_bots.open_accounts(IDS, "MAIN")
    return users


def balance(user_id: str) -> int:
    view = holdings.account_view(user_id=user_id, market="MAIN")
    assert view is not None
    return view.figures.balance


def test_bots_have_funds_and_pay_no_commission(bots: list[User]) -> None:
    for user_id in IDS:
        account = Account.objects.get(user_id=user_id)
        assert (balance(user_id), account.rules) == (run_bots.FUNDS, {"fee_group": "bots"})
    assert Market.objects.get().fee_groups == {"bots": 0}
    assert not any(user.has_usable_password() for user in bots)


def test_a_second_run_changes_nothing(bots: list[User]) -> None:
    tables = (Account, OperatorCommand, LedgerEntry)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    run_bots.open_accounts(IDS, "MAIN")
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


def test_a_bot_that_has_lost_half_of_its_funds_gets_them_back(bots: list[User]) -> None:
    for user_id, lost in zip(IDS, (run_bots.FUNDS // 2, run_bots.FUNDS // 2 + UNIT), strict=True):
        inline_engine.carry_out(commands.Withdraw(user_id, lost), market="MAIN")
    run_bots.open_accounts(IDS, "MAIN")
    assert [balance(user_id) for user_id in IDS] == [run_bots.FUNDS // 2, run_bots.FUNDS]


def test_each_run_has_fresh_tokens_and_takes_back_the_earlier_ones(bots: list[User]) -> None:
    AccessToken.objects.create(bots[0], name="of somebody else")
    first, second = run_bots.identity(bots[0]), run_bots.identity(bots[0])
    assert first.user_id == "bot-maker-1"
    assert identities.identity_of_token(user_id=first.user_id, token=first.token, market="MAIN") is None
    assert identities.identity_of_token(user_id=second.user_id, token=second.token, market="MAIN") is not None
    assert AccessToken.objects.filter(user=bots[0]).count() == 2


WRONG = [
    (["--makers", "0", "--takers", "0"], "--makers, --takers: there must be at least one bot"),
    (["--makers", "-1"], "--makers, --takers: there must be at least one bot"),
    (["--speed", "0"], "--speed must be above 0 and at most 100"),
    (["--speed", "nan"], "--speed must be above 0 and at most 100"),
    (["--instruments", "IX2301", "XX"], "--instruments: there is no instrument XX"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG)
def test_what_cannot_be_meant_is_said(market: Founded, words: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=re.escape(sentence)):
        call_command("run_bots", *words)


@pytest.mark.slow
def test_bots_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """They hold the pipe open as long as they live."""
    words = f"{sys.executable} manage.py run_bots --url ws://127.0.0.1:9/ws --parent $$ & echo here; exec sleep 600"
    with subprocess.Popen(
        ["sh", "-c", words], cwd=ROOT, env=environment_of(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"here\n"
        parent.kill()
        said, _ = parent.communicate(timeout=PATIENCE)
    assert said == b""
