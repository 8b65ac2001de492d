"""Deposits, withdrawals and new accounts: once, through the engine, and in words when they are refused."""

from typing import Any

import pytest
from django.test import Client

from tests.admin.pages import YES, asked, content_of, deposits, fresh, logged_in, page, send, text_of
from tests.builders import Founded
from tests.engine_beside import EngineBeside, engine_beside
from trading.core.commands import Deposit
from trading.models import Account, LedgerEntry, Market, OperatorCommand, User
from trading.operators import requests

DEPOSIT, WITHDRAW = page("account", "deposit", 1), page("account", "withdraw", 1)


@pytest.fixture(autouse=True)
def _market(market: Founded) -> None:
    pass


def test_a_deposit_arrives_and_is_audited(root: Client) -> None:
    response = send(root, DEPOSIT, amount="0.5")
    assert "Deposited 0.50 to user001." in text_of(response)
    assert deposits("user001") == "1000000.50"
    assert asked() == [("Deposit", "DONE", "root")]


def test_a_withdrawal_leaves(root: Client) -> None:
    response = send(root, WITHDRAW, amount="400000.1234")
    said = text_of(response)
    assert "Withdrew 400,000.1234 from user001." in said
    assert "599,999.8766" in said
    assert asked() == [("Withdraw", "DONE", "root")]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            DEPOSIT,
            "400,000.00 goes into the account of user001: its balance, with unrealised profit, goes from "
            "1,000,000.00 to 1,400,000.00.",
        ),
        (
            WITHDRAW,
            "400,000.00 leaves the account of user001: its balance, with unrealised profit, goes from "
            "1,000,000.00 to 600,000.00.",
        ),
    ],
)
def test_money_is_asked_about_in_numbers(root: Client, url: str, said: str) -> None:
    assert said in text_of(root.post(url, {**content_of(root, url), "amount": "400000"}))
    assert asked() == []


@pytest.mark.parametrize(
    ("url", "amount", "reason"),
    [(DEPOSIT, "99999999999.99", "No account may be given more than"), (WITHDRAW, "1000000.01", "Insufficient funds")],
)
def test_what_the_engine_would_refuse_is_not_asked_about(root: Client, url: str, amount: str, reason: str) -> None:
    response = root.post(url, {**content_of(root, url), "amount": amount})
    assert reason in text_of(response) and "adminform" in response.context
    assert asked() == []


def test_a_refusal_is_told_in_the_engines_words_and_can_be_corrected(root: Client) -> None:
    values = {**content_of(root, WITHDRAW), "amount": "1000000.01", **YES}
    response = root.post(WITHDRAW, values)
    assert "Insufficient funds: 1000000.01 asked, 1000000.00 can be withdrawn (code 1001)" in text_of(response)
    fresh = response.context["adminform"].form["key"].value()
    assert fresh != values["key"]
    again = root.post(WITHDRAW, {"key": fresh, "amount": "1000000", **YES}, follow=True)
    assert "Withdrew 1,000,000.00" in text_of(again)


def test_too_much_money_is_refused(root: Client) -> None:
    assert "No account may be given more than" in text_of(send(root, DEPOSIT, amount="99999999999.99"))
    assert deposits("user001") == "1000000.00"


BAD_AMOUNTS = [
    "",
    " ",
    "0",
    "-1",
    "0.00001",
    "abc",
    "1e30",
    "1e999999999",
    "NaN",
    "sNaN",
    "Infinity",
    "9" * 5000,
    "1,000",
    "\0",
]


@pytest.mark.parametrize("url", [DEPOSIT, WITHDRAW])
def test_bad_amounts_are_errors_of_the_form(root: Client, url: str, subtests: pytest.Subtests) -> None:
    before = Account.objects.values().get(pk=1)
    for amount in BAD_AMOUNTS:
        with subtests.test(amount=amount[:20]):
            response = root.post(url, fresh(amount=amount))
            assert response.status_code == 200
            assert "correct the error" in text_of(response)
    assert Account.objects.values().get(pk=1) == before
    assert asked() == []


def test_a_form_sent_twice_deposits_once(root: Client) -> None:
    values = {**content_of(root, DEPOSIT), "amount": "10", **YES}
    for _ in range(3):
        assert "Deposited 10.00" in text_of(root.post(DEPOSIT, values, follow=True))
    assert deposits("user001") == "1000010.00"
    assert LedgerEntry.objects.filter(account=1).count() == 2
    assert len(asked()) == 1


def test_two_forms_deposit_twice(root: Client) -> None:
    send(root, DEPOSIT, amount="10")
    send(root, DEPOSIT, amount="10")
    assert deposits("user001") == "1000020.00"


@pytest.mark.parametrize("url", [DEPOSIT, WITHDRAW, page("account", "deposit", 2)])
def test_a_used_form_with_other_values_does_nothing_and_says_so(root: Client, url: str) -> None:
    values = {**content_of(root, DEPOSIT), "amount": "10", **YES}
    root.post(DEPOSIT, values)
    response = root.post(url, {**values, "amount": "20", **YES})
    assert "sent before with other values; nothing was done" in text_of(response)
    assert len(asked()) == 1
    fresh = response.context["adminform"].form["key"].value()
    root.post(url, {"amount": "20", "key": fresh, **YES})
    assert [status for _, status, _ in asked()] == ["DONE", "DONE"]


def test_a_key_is_the_operators_own(root: Client, staff: Any) -> None:
    """Whoever learns a key cannot make another's command look like his, nor take its place."""
    values = {**content_of(root, DEPOSIT), "amount": "10", **YES}
    root.post(DEPOSIT, values)
    staff("deposit_funds").post(DEPOSIT, values)
    assert asked() == [("Deposit", "DONE", "root"), ("Deposit", "DONE", "clerk")]
    assert deposits("user001") == "1000020.00"


@pytest.mark.parametrize("key", [None, "", "demo:Deposit:user001", "x" * 500, "\0"])
def test_a_form_without_a_good_key_does_nothing(root: Client, key: str | None) -> None:
    response = root.post(DEPOSIT, {"amount": "10"} if key is None else {"amount": "10", "key": key})
    assert "lost its key" in text_of(response)
    assert asked() == []


def test_nobody_answering_is_told_and_the_command_is_kept(
    root: Client, engine: EngineBeside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the engine's lock, but is too busy to take anything."""
    monkeypatch.setattr(requests.wait, "__kwdefaults__", {"timeout": 0.1})
    engine.busy = True
    values = {**content_of(root, DEPOSIT), "amount": "10", **YES}
    said = text_of(root.post(DEPOSIT, values, follow=True))
    row = OperatorCommand.objects.get()
    assert row.status == OperatorCommand.Status.PENDING
    assert f"has not answered yet. Command #{row.pk} is kept" in said
    assert "Deposited" not in said
    engine.busy = False
    monkeypatch.undo()
    assert "Deposited 10.00" in text_of(root.post(DEPOSIT, values, follow=True))
    assert deposits("user001") == "1000010.00"


def test_where_no_engine_runs_the_admin_is_told_and_never_becomes_one(market: Founded) -> None:
    """The command waits for the next engine."""
    root = logged_in(User.objects.create_superuser("root"))
    epoch = Market.objects.get().epoch
    values = {**content_of(root, DEPOSIT), "amount": "10", **YES}
    for _ in range(2):
        said = text_of(root.post(DEPOSIT, values, follow=True))
        row = OperatorCommand.objects.get()
        assert f"No engine runs just now. Command #{row.pk} is kept and will be done when one starts" in said
        assert (row.status, Market.objects.get().epoch) == ("PENDING", epoch)
    with engine_beside():
        assert "Deposited 10.00" in text_of(root.post(DEPOSIT, values, follow=True))
    assert deposits("user001") == "1000010.00"


def test_the_engine_is_asked_in_the_markets_own_units(root: Client) -> None:
    send(root, DEPOSIT, amount="1.0001")
    payload = OperatorCommand.objects.get().payload
    assert payload == {"type": "Deposit", "user_id": "user001", "amount": 10_001}
    assert Deposit("user001", 10_001).amount == payload["amount"]


# --- accounts


def test_an_account_is_opened_by_name(root: Client) -> None:
    response = send(root, page("account", "add"), user="user009")
    assert "Opened an account for user009." in text_of(response)
    account = Account.objects.get(user_id="user009")
    assert response.redirect_chain[-1][0] == page("account", "change", account.pk)


CANNOT_OPEN = {
    "user001": "user001 has an account already (code 409)",
    "nobody": "There is no user nobody.",
    "": "This field is required.",
    "x" * 65: "at most 64 characters",
    "a\0b": "Null characters are not allowed.",
    "<b>": "There is no user <b>.",
}


def test_an_account_that_cannot_be_opened(root: Client, subtests: pytest.Subtests) -> None:
    for name, sentence in CANNOT_OPEN.items():
        with subtests.test(name=name):
            assert sentence in text_of(root.post(page("account", "add"), fresh(user=name)))
    assert Account.objects.count() == 3


def test_an_inactive_user_gets_no_account(root: Client) -> None:
    User.objects.filter(username="user009").update(is_active=False)
    assert "user009 is not active." in text_of(send(root, page("account", "add"), user="user009"))
