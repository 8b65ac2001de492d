"""The shell: a market in one command, safe to repeat, and every error one sentence."""

import os
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.builders import Founded
from trading.core.money import UNIT
from trading.management.commands import seed_demo
from trading.models import AccessToken, Account, Instrument, LedgerEntry, Market, OperatorCommand, User
from trading.operators import demo_market
from trading.reads import identities
from trading.storage.engine_lock import engine_lock


def shell(*words: str) -> str:
    """What a command prints."""
    out = StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


# --- open_account


def test_open_account_makes_a_user_who_can_trade(market: Founded) -> None:
    said = shell("open_account", "zoe", "--deposit", "10000.5")
    assert said == "zoe has an account; 10000.50 deposited\n"
    assert Account.objects.get(user_id="zoe").deposits == 100_005_000
    assert not User.objects.get(username="zoe").has_usable_password()


def test_open_account_typed_again_moves_no_money_again(market: Founded) -> None:
    shell("open_account", "zoe", "--deposit", "5")
    (deposit,) = OperatorCommand.objects.filter(kind="Deposit")
    said = shell("open_account", "zoe", "--deposit", "5.0")
    assert f"5.00 was deposited before, by command #{deposit.pk}: nothing was deposited now" in said
    assert Account.objects.get(user_id="zoe").deposits == 5 * UNIT
    assert User.objects.filter(username="zoe").count() == 1


def test_open_account_deposits_another_amount_and_with_a_key_the_same_again(market: Founded) -> None:
    for words in (["5"], ["7"], ["5", "--key", "prize"], ["5", "--key", "prize"]):
        shell("open_account", "zoe", "--deposit", *words)
    assert Account.objects.get(user_id="zoe").deposits == 17 * UNIT


def test_a_refused_deposit_can_be_asked_for_again(market: Founded) -> None:
    for _ in range(2):
        with pytest.raises(CommandError, match="Deposit was refused: 400"):
            shell("open_account", "zoe", "--deposit", "9" * 12)
    assert OperatorCommand.objects.filter(kind="Deposit", status="REFUSED").count() == 2


def test_open_account_without_a_deposit_opens_an_empty_one(market: Founded) -> None:
    assert shell("open_account", "zoe") == "zoe has an account; 0.00 deposited\n"
    assert not LedgerEntry.objects.filter(account__user_id="zoe").exists()


BAD = [
    (["zoe", "--deposit", "-5"], "--deposit: the amount must not be negative"),
    (["zoe", "--deposit", "five"], "--deposit: 'five' is not a number"),
    (["zoe", "--deposit", "1.00001"], "--deposit: 1.00001 has more than 4 decimals"),
    (["BTC/USD"], "BTC/USD: Use letters, digits, and _ . - only, at most 64."),
    (["x" * 65], "at most 64"),
    (["zoe", "--deposit", "9" * 12], "Deposit was refused: 400"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD)
def test_a_wrong_open_account_says_why(market: Founded, words: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=re.escape(sentence)):
        shell("open_account", *words)


@pytest.mark.parametrize("amount", ["", "NaN", "sNaN", "Infinity", "1e999999", "5,0", "٣"])
def test_a_deposit_of_no_number_says_so(market: Founded, amount: str) -> None:
    with pytest.raises(CommandError, match="--deposit"):
        shell("open_account", "zoe", "--deposit", amount)


def test_an_engine_that_does_not_answer_is_named(market: Founded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.operators.inline_engine.wait", lambda row: row)
    lock = engine_lock("MAIN")
    assert lock.acquire()
    with pytest.raises(CommandError, match="OpenAccount waits: an engine runs but has not taken it yet"):
        shell("open_account", "zoe")
    lock.release()


# --- issue_token


def test_issue_token_prints_a_token_that_works_and_nothing_else(market: Founded) -> None:
    token = shell("issue_token", "user001").rstrip("\n")
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    identity = identities.identity_of_token(user_id="user001", token=token, market="MAIN")
    assert identity is not None and identity.user_id == "user001"


def test_issue_token_leaves_earlier_tokens_alone(market: Founded) -> None:
    shell("issue_token", "user001", "--name", "robot")
    assert identities.identity_of_token(user_id="user001", token=market.tokens["user001"], market="MAIN")
    assert AccessToken.objects.filter(user__username="user001", name="robot").count() == 1


def test_tokens_are_not_stored(market: Founded) -> None:
    token = shell("issue_token", "user001").strip()
    for row in AccessToken.objects.values():
        assert token not in str(row)


def test_issue_token_for_nobody_says_so(market: Founded) -> None:
    with pytest.raises(CommandError, match=r"There is no user nobody; open_account makes one\."):
        shell("issue_token", "nobody")


@pytest.mark.parametrize(
    ("words", "may_trade"), [([], True), (["--scope", "trade"], True), (["--scope", "read"], False)]
)
def test_issue_token_with_a_scope(market: Founded, words: list[str], may_trade: bool) -> None:
    token = shell("issue_token", "user001", *words).strip()
    identity = identities.identity_of_token(user_id="user001", token=token, market="MAIN")
    assert identity is not None and identity.may_trade is may_trade


@pytest.mark.parametrize(("words", "days"), [([], 30), (["--days", "1"], 1), (["--days", "3650"], 3650)])
def test_issue_token_for_days(market: Founded, words: list[str], days: int) -> None:
    shell("issue_token", "user001", "--name", "robot", *words)
    left = AccessToken.objects.get(name="robot").expiry - timezone.now()
    assert timedelta(days=days) - timedelta(minutes=1) < left <= timedelta(days=days)


WRONG_TOKENS = [
    (["user001", "--days", "0"], "--days: from 1 to 3650, not 0"),
    (["user001", "--days", "9" * 12], "--days: from 1 to 3650, not 999999999999"),
    (["user001", "--days", "soon"], "argument --days: invalid int value: 'soon'"),
    (["user001", "--scope", "admin"], "argument --scope: invalid choice: 'admin'"),
    (["user001", "--name", "x" * 65], "--name: Ensure this value has at most 64 characters (it has 65)."),
    (["user002"], "user002 is not active."),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG_TOKENS)
def test_a_wrong_issue_token_says_why(market: Founded, words: list[str], sentence: str) -> None:
    User.objects.filter(username="user002").update(is_active=False)
    with pytest.raises(CommandError, match=re.escape(sentence)):
        shell("issue_token", *words)
    assert AccessToken.objects.count() == 4


# --- revoke_token


@pytest.fixture
def token(market: Founded) -> str:
    """A second token of user001."""
    return shell("issue_token", "user001", "--name", "robot").strip()


@pytest.mark.parametrize("said", [8, 15, 16, 64])
def test_revoke_token_by_its_beginning(token: str, said: int) -> None:
    assert shell("revoke_token", token[:said]) == f"Revoked {token[:15]}… of user001 (robot)\n"
    assert identities.identity_of_token(user_id="user001", token=token, market="MAIN") is None
    assert AccessToken.objects.count() == 4


def test_revoke_token_of_a_user(token: str, market: Founded) -> None:
    said = shell("revoke_token", "user001")
    assert re.fullmatch(
        r"Revoked [0-9a-f]{15}… of user001 \(tests\)\nRevoked [0-9a-f]{15}… of user001 \(robot\)\n", said
    )
    assert not AccessToken.objects.filter(user__username="user001").exists()
    assert identities.identity_of_token(user_id="user002", token=market.tokens["user002"], market="MAIN")


def test_a_revoke_token_that_is_not_certain_revokes_nothing(token: str) -> None:
    rows = AccessToken.objects.filter(user__username="user001")
    rows.update(token_key="abcdef012345678")
    User.objects.filter(username="user009").update(username="abcdef")
    AccessToken.objects.filter(user__username="user003").delete()
    both = r"abcdef012345678… of user001 \(\w+\), abcdef012345678… of user001 \(\w+\)"
    for which, sentence in (
        ("abcde", rf"Several tokens begin with abcde: {both}\. Say more of it\."),
        ("abcdef", rf"abcdef is a user, and a token begins so: {both}\. Say more of the token\."),
        ("abc", r"There is no user abc, and no token that begins so\."),
        ("", r"There is no user , and no token that begins so\."),
        ("nobody", r"There is no user nobody, and no token that begins so\."),
        ("user003", r"user003 has no token\."),
    ):
        with pytest.raises(CommandError, match=sentence):
            shell("revoke_token", which)
    assert AccessToken.objects.count() == 4


# --- seed_demo


@pytest.fixture
def seeded(transactional_db: None) -> str:
    return shell("seed_demo")


def test_seed_demo_makes_the_demo_market(seeded: str) -> None:
    assert "The demo market is there: 3 instruments, 10 traders." in seeded
    assert set(Instrument.objects.values_list("pk", flat=True)) == {"IX2301", "IF2301", "IC2301"}
    funds: dict[Any, int] = dict(Account.objects.values_list("user_id", "deposits"))
    assert funds == {f"user{number:03}": demo_market.DEPOSIT for number in range(1, 11)}
    assert set(OperatorCommand.objects.values_list("status", flat=True)) == {"DONE"}


def test_seed_demo_again_changes_nothing(seeded: str) -> None:
    tables = (Account, Instrument, User, OperatorCommand, LedgerEntry, AccessToken)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    shell("seed_demo")
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


def test_the_operators_password_is_shown_once_and_works(seeded: str) -> None:
    (password,) = re.findall(r"password (\S+) \(shown this once\)", seeded)
    boss = User.objects.get(username="operator")
    assert boss.check_password(password) and boss.is_superuser and boss.is_staff
    assert "password" not in shell("seed_demo")
    boss.refresh_from_db()
    assert boss.check_password(password)


def test_the_demo_traders_have_no_password(seeded: str) -> None:
    assert not any(user.has_usable_password() for user in User.objects.filter(username__in=demo_market.USERS))


def test_tokens_are_printed_when_asked_for_and_replaced(seeded: str) -> None:
    assert not AccessToken.objects.exists()
    sheets = [shell("seed_demo", "--tokens", "--port", "9000") for _ in range(2)]
    assert "ws://localhost:9000/ws" in sheets[0]
    first, second = (dict(re.findall(r"(user\d{3})\s+([0-9a-f]{64})", sheet)) for sheet in sheets)
    assert set(first) == set(second) == set(demo_market.USERS)
    for user_id in ("user001", "user010"):
        assert identities.identity_of_token(user_id=user_id, token=first[user_id], market="MAIN") is None
        assert identities.identity_of_token(user_id=user_id, token=second[user_id], market="MAIN")


def test_the_sheet_waits_for_those_who_are_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no server yet, then there is, then one signs in after the other."""
    seen = iter([-1, -1, 0, 3, 8])
    pauses: list[None] = []
    seed_demo.wait_for(8, lambda: next(seen), lambda: pauses.append(None))
    assert next(seen, None) is None and len(pauses) == 4
    monkeypatch.setattr(seed_demo, "PATIENCE", -1)
    seed_demo.wait_for(8, lambda: 7, lambda: pauses.append(None))
    assert len(pauses) == 4
    monkeypatch.undo()
    parents = iter([1, 1, 2])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    with pytest.raises(CommandError, match="has ended"):
        seed_demo.wait_for(8, lambda: -1, lambda: pauses.append(None))


def test_seed_demo_makes_a_further_market(seeded: str, settings: Any) -> None:
    """With a future of its own and money of the same traders, who keep what they have at the first."""
    settings.FURTHER_MARKETS = ["CFFEX"]
    before = {row.user_id: row.deposits for row in Account.objects.all()}
    for _ in range(2):
        assert shell("seed_demo", "--market", "CFFEX") == "A demo market CFFEX is there: 1 instrument, 10 traders.\n"
    assert Instrument.objects.get(market="CFFEX").pk == "CFFEX2301"
    for market in ("MAIN", "CFFEX"):
        assert {row.user_id: row.deposits for row in Account.objects.filter(market=market)} == before
    sheet = shell("seed_demo", "--tokens", "--port", "9000")
    assert "http://localhost:9000/admin/" in sheet and "http://localhost:9000/at/CFFEX/admin/" in sheet
    with pytest.raises(CommandError, match="ELSE is neither MARKET nor one of FURTHER_MARKETS"):
        shell("seed_demo", "--market", "ELSE")


def test_seed_demo_completes_a_market_that_is_there_in_part(market: Founded) -> None:
    shell("seed_demo")
    assert Instrument.objects.count() == 3
    assert Account.objects.count() == 10
    assert Account.objects.get(user_id="user009").deposits == demo_market.DEPOSIT


OF_A_MARKET = (
    "archive",
    "backup",
    "check_books",
    "hand_over",
    "open_account",
    "rebuild_bars",
    "replay_journal",
    "settle",
)


@pytest.mark.parametrize("command", OF_A_MARKET)
def test_a_mistyped_market_is_not_founded(market: Founded, command: str) -> None:
    """By no command that takes one: what was asked of it would be done there."""
    words = {"open_account": ["zoe"], "backup": ["copy.sqlite3"]}.get(command, [])
    with pytest.raises(CommandError, match="there is no market 'a/b'"):
        shell(command, *words, "--market", "a/b")
    assert list(Market.objects.values_list("code", flat=True)) == ["MAIN"]
