"""Accounts are frozen and given rules, and those that need a look are found; anybody's order can be cancelled."""

from typing import Any

import pytest
from django.test import Client

from tests.admin.pages import YES, asked, choose, content_of, fresh, page, send, text_of
from tests.builders import Books, Founded, make_users, order
from trading.admin.accounts import in_debt
from trading.admin.office.standing import figures_of
from trading.core.commands import CheckRisk, Deposit, OpenAccount
from trading.core.money import UNIT
from trading.models import Account, Instrument, Order

RULES = page("account", "rules", 1)


@pytest.fixture(autouse=True)
def _market(traded: Founded) -> None:
    pass


def accounts(client: Client, standing: str) -> list[str]:
    rows = client.get(page("account"), {"standing": standing}).context["cl"].result_list
    return sorted(row.user_id for row in rows)


# --- frozen


def test_freeze_and_unfreeze(root: Client) -> None:
    frozen = root.post(page("account", "freeze", 1), {"post": "yes"}, follow=True)
    assert "Frozen: user001. No new orders, no withdrawals." in text_of(frozen)
    assert "Unfreeze" in text_of(frozen)
    assert "takes no withdrawals now (code 1012)" in text_of(send(root, page("account", "withdraw", 1), amount="1"))
    thawed = root.post(page("account", "unfreeze", 1), {"post": "yes"}, follow=True)
    assert "Unfrozen: user001. It may trade again." in text_of(thawed)
    assert not Account.objects.get(pk=1).frozen
    assert asked()[0] == ("FreezeAccount", "DONE", "root")


def test_freezing_twice_is_told(root: Client) -> None:
    root.post(page("account", "freeze", 1), {"post": "yes"})
    again = root.post(page("account", "freeze", 1), {"post": "yes"}, follow=True)
    assert "Refused: user001 is frozen already (code 409)." in text_of(again)


def test_many_are_frozen_at_once(root: Client) -> None:
    root.post(page("account", "freeze", 1), {"post": "yes"})
    said = text_of(choose(root, "account", "freeze_selected", 1, 2))
    assert "Accounts frozen: 1." in said and "user001 is frozen already" in said
    assert accounts(root, "frozen") == ["user001", "user002"]
    assert "Accounts that may trade again: 2." in text_of(choose(root, "account", "unfreeze_selected", 1, 2))


@pytest.mark.parametrize("name", ["freeze", "unfreeze"])
def test_nothing_happens_on_a_get(root: Client, name: str) -> None:
    assert root.get(page("account", name, 1)).status_code == 405
    assert asked() == []


# --- rules


def test_rules_are_set_and_read_again(root: Client) -> None:
    assert "as the instrument says" in text_of(root.get(page("account", "change", 1)))
    values = {"stp": "CANCEL_TAKER", "max_volume": "5", "max_position": "0", "max_orders": "7"}
    assert "The rules of user001 are set." in text_of(send(root, RULES, **values))
    row = Account.objects.get(pk=1)
    assert row.rules == {"stp": "CANCEL_TAKER", "max_volume": 5, "max_position": 0, "max_orders": 7}
    content = content_of(root, RULES)
    assert (content["stp"], content["max_volume"], content["max_position"]) == ("CANCEL_TAKER", 5, 0)
    said = text_of(root.get(page("account", "change", 1)))
    assert "Self-trade prevention: CANCEL_TAKER" in said and "as the instrument says" not in said
    send(root, RULES, stp="CANCEL_MAKER", max_volume="", max_position="", max_orders="")
    row.refresh_from_db()
    assert row.rules == {}


@pytest.mark.parametrize(
    "wrong",
    [{"stp": "NOBODY"}, {"stp": ""}, {"fee_group": "none"}, {"max_volume": "-1"}, {"max_orders": "many"}],
    ids=str,
)
def test_rules_that_cannot_be(root: Client, wrong: dict[str, str]) -> None:
    response = root.post(RULES, fresh(**{"stp": "CANCEL_MAKER", **wrong}))
    assert response.context["adminform"].form.errors
    assert asked() == []


def test_rules_that_the_engine_refuses(root: Client) -> None:
    assert "(code 400)" in text_of(send(root, RULES, max_volume="1000001"))
    assert Account.objects.get(pk=1).rules == {}


# --- who needs a look


def poor_man() -> Books:
    """user010 buys all he can, and the price falls below what he can pay."""
    make_users(["user010"])
    books = Books()
    books.commit(OpenAccount("user010"), Deposit("user010", 1_300 * UNIT))
    books.commit(order(4, "BUY OPEN 1 @ 120.5"), order(2, "SELL OPEN 3 @ 120.5"))
    books.commit(order(3, "BUY OPEN 1 @ 108"), order(2, "SELL OPEN 2 @ 108"))
    return books


def test_a_debt_is_shown_and_found(root: Client) -> None:
    """Who cannot pay his margin any more has no debt yet."""
    books = poor_man()
    Instrument.objects.update(mark_price=119 * UNIT)
    assert figures_of(Account.objects.get(user_id="user010")).available < 0
    assert in_debt() == []
    Instrument.objects.update(mark_price=107 * UNIT)
    assert accounts(root, "debt") == ["user010"]
    assert in_debt() == [books.engine.state.by_user["user010"].account_id]
    said = text_of(root.get(page("account"), {"standing": "debt"}))
    assert "-52.00" in said and "debt 52.00" in said
    assert "debt 52.00" in text_of(root.get(page("account", "change", 4)))


def test_who_has_paid_his_debt_is_not_in_debt(root: Client) -> None:
    assert accounts(root, "debt") == []
    assert in_debt() == []


def test_those_at_risk_are_found(root: Client) -> None:
    books = poor_man()
    assert accounts(root, "risk") == []
    books.commit(CheckRisk(warn_at=10**8 * 8 // 10, limit=10**10))
    assert accounts(root, "risk") == ["user010"]
    assert "warned" in text_of(root.get(page("account"), {"standing": "risk"}))
    Account.objects.filter(user_id="user010").update(liquidating=True)
    assert "liquidating" in text_of(root.get(page("account"), {"standing": "risk"}))
    assert accounts(root, "nonsense") == []


# --- orders


def mine() -> Order:
    return Order.objects.get(client_order_id="mine")


def test_an_operator_cancels_an_order(root: Client) -> None:
    url = page("order", "cancel", mine().pk)
    assert "Cancel this order" in text_of(root.get(page("order", "change", mine().pk)))
    assert "1 live order of 1 account with 2 lots left." in text_of(root.post(url))
    assert asked() == []
    response = root.post(url, YES, follow=True)
    assert "Cancelled O" in text_of(response)
    assert (mine().status, mine().cancel_reason) == ("Cancelled", "OPERATOR")
    assert "Cancel this order" not in text_of(response)
    assert "Order not found (code 1002)" in text_of(root.post(url, YES, follow=True))
    assert root.get(url).status_code == 405


def test_many_orders_are_cancelled_at_once(root: Client) -> None:
    keys = Order.objects.order_by("pk").values_list("pk", flat=True)
    said = text_of(choose(root, "order", "cancel_selected", *keys))
    assert "Orders cancelled: 1." in said
    assert said.count("Refused: Order not found (code 1002).") == 2
    assert sorted(asked())[0] == ("CancelAnyOrder", "DONE", "root")


def test_why_an_order_is_gone_can_be_read(root: Client, traded: Any) -> None:
    books = Books()
    books.commit(order(1, "SELL OPEN 1 @ 120.5"))
    assert "SELF_TRADE: Self-trade prevented" in text_of(root.get(page("order", "change", mine().pk)))
