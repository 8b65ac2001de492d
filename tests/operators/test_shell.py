"""The shell: a market in one command, safe to repeat, and every error one sentence."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.builders import Founded
from trading import demo, selectors
from trading.core.money import UNIT
from trading.lock import engine_lock
from trading.models import AccessToken, Account, Instrument, LedgerEntry, OperatorCommand, User


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


def test_open_account_again_only_deposits(market: Founded) -> None:
    for _ in range(2):
        shell("open_account", "zoe", "--deposit", "5")
    assert Account.objects.get(user_id="zoe").deposits == 10 * UNIT
    assert User.objects.filter(username="zoe").count() == 1


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
    wait = "trading.operators.wait"
    monkeypatch.setattr(wait, lambda row: row)
    lock = engine_lock("MAIN")
    assert lock.acquire()
    with pytest.raises(CommandError, match="OpenAccount waits: an engine runs but has not taken it yet"):
        shell("open_account", "zoe")
    lock.release()


# --- issue_token


def test_issue_token_prints_a_token_that_works_and_nothing_else(market: Founded) -> None:
    token = shell("issue_token", "user001").rstrip("\n")
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    identity = selectors.identity_of_token(user_id="user001", token=token)
    assert identity is not None and identity.user_id == "user001"


def test_issue_token_leaves_earlier_tokens_alone(market: Founded) -> None:
    shell("issue_token", "user001", "--name", "robot")
    assert selectors.identity_of_token(user_id="user001", token=market.tokens["user001"])
    assert AccessToken.objects.filter(user__username="user001", name="robot").count() == 1


def test_tokens_are_not_stored(market: Founded) -> None:
    token = shell("issue_token", "user001").strip()
    for row in AccessToken.objects.values():
        assert token not in str(row)


def test_issue_token_for_nobody_says_so(market: Founded) -> None:
    with pytest.raises(CommandError, match=r"There is no user nobody; open_account makes one\."):
        shell("issue_token", "nobody")


# --- seed_demo


@pytest.fixture
def seeded(transactional_db: None) -> str:
    return shell("seed_demo")


def test_seed_demo_makes_the_demo_market(seeded: str) -> None:
    assert "The demo market is there: 3 instruments, 10 traders." in seeded
    assert set(Instrument.objects.values_list("pk", flat=True)) == {"IX2301", "IF2301", "IC2301"}
    funds = dict(Account.objects.values_list("user_id", "deposits"))
    assert funds == {f"user{number:03}": demo.DEPOSIT for number in range(1, 11)}
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
    assert not any(user.has_usable_password() for user in User.objects.filter(username__in=demo.USERS))


def test_tokens_are_printed_when_asked_for_and_replaced(seeded: str) -> None:
    assert not AccessToken.objects.exists()
    sheets = [shell("seed_demo", "--tokens", "--port", "9000") for _ in range(2)]
    assert "ws://localhost:9000/ws" in sheets[0]
    first, second = (dict(re.findall(r"(user\d{3})\s+([0-9a-f]{64})", sheet)) for sheet in sheets)
    assert set(first) == set(second) == set(demo.USERS)
    for user_id in ("user001", "user010"):
        assert selectors.identity_of_token(user_id=user_id, token=first[user_id]) is None
        assert selectors.identity_of_token(user_id=user_id, token=second[user_id])


def test_seed_demo_completes_a_market_that_is_there_in_part(market: Founded) -> None:
    shell("seed_demo")
    assert Instrument.objects.count() == 3
    assert Account.objects.count() == 10
    assert Account.objects.get(user_id="user009").deposits == demo.DEPOSIT
