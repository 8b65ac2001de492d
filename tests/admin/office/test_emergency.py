"""The emergency control: asked once with numbers and a reason, done through the engine, undone beside it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.admin.conftest import Staff
from tests.admin.pages import asked, page, text_of
from tests.builders import Books, Founded, order
from tests.engine_beside import EngineBeside
from trading.models import Instrument, Market, OperatorCommand, Order

EMERGENCY = reverse("admin:emergency")


def press(client: Client, action: str, *, reason: str | None = "a test", **about: str) -> Any:
    """Press a button; with a reason, say yes too."""
    yes = {} if reason is None else {"confirmed": "yes", "reason": reason}
    return client.post(EMERGENCY, {"action": action, **about, **yes}, follow=True)


@pytest.mark.parametrize(
    ("action", "about", "words"),
    [
        ("halt", {}, "2 instruments: 1 live order of 1 account."),
        ("halt", {"instrument": "IF2301"}, "1 instrument: 0 live orders of 0 accounts."),
        ("cancel", {}, "1 live order of 1 account."),
        ("cancel", {"user": "user002"}, "0 live orders of 0 accounts."),
        ("close_only", {}, "live ones are cancelled: 1 live order of 1 account."),
        ("refuse", {}, "0 connections are open."),
    ],
)
def test_it_asks_first_with_numbers(
    traded: Founded, root: Client, action: str, about: dict[str, str], words: str
) -> None:
    before = asked()
    question = text_of(press(root, action, reason=None, **about))
    assert words in question and "Do nothing" in question
    assert asked() == before


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_without_a_reason_nothing_is_done(traded: Founded, root: Client, reason: str) -> None:
    before = asked()
    assert "Say why" in text_of(press(root, "cancel", reason=reason))
    assert asked() == before


def test_all_is_halted_and_resumed(traded: Founded, root: Client) -> None:
    said = text_of(press(root, "halt", reason="a bad price"))
    assert "Halted: IF2301, IX2301" in said
    assert set(Instrument.objects.values_list("phase", flat=True)) == {"halted"}
    assert asked() == [("HaltInstrument", "DONE", "root")] * 2
    assert set(OperatorCommand.objects.values_list("reason", flat=True)) == {"a bad price"}
    press(root, "resume", instrument="IF2301")
    assert Instrument.objects.get(pk="IF2301").phase == "continuous"
    press(root, "resume")
    assert set(Instrument.objects.values_list("phase", flat=True)) == {"continuous"}


def test_all_orders_are_cancelled_by_one_command(traded: Founded, root: Client) -> None:
    press(root, "cancel")
    assert not Order.objects.filter(status__in=["Submitted", "PartiallyFilled"]).exists()
    assert Order.objects.get(client_order_id="mine").cancel_reason == "OPERATOR"
    assert asked() == [("CancelOrders", "DONE", "root")]


def test_only_those_of_an_account_or_an_instrument_are_cancelled(traded: Founded, root: Client) -> None:
    press(root, "cancel", user="user002")
    press(root, "cancel", instrument="IF2301")
    assert Order.objects.get(client_order_id="mine").status == "PartiallyFilled"
    press(root, "cancel", user="user001", instrument="IX2301")
    assert Order.objects.get(client_order_id="mine").status == "Cancelled"


def test_an_account_may_only_close_until_it_is_let_open(traded: Founded, root: Client) -> None:
    said = text_of(press(root, "close_only", user="user001"))
    assert "Close only: user001" in said
    assert Order.objects.get(client_order_id="mine").status == "Cancelled"
    assert Market.objects.get().restrictions == {"closing": [1]}
    assert "may only close already" in text_of(press(root, "close_only", user="user001"))
    assert 'class="alarm"' not in press(root, "open_again", user="user001").content.decode()
    assert Market.objects.get().restrictions == {}


def test_the_market_and_the_connections(traded: Founded, root: Client) -> None:
    assert "Close only: the whole market." in text_of(press(root, "close_only"))
    assert "New connections are refused." in text_of(press(root, "refuse"))
    assert Market.objects.get().restrictions == {"close_only": True, "no_connections": True}
    press(root, "open_again")
    press(root, "admit")
    assert Market.objects.get().restrictions == {}


def test_it_outlives_a_restart(traded: Founded, root: Client) -> None:
    press(root, "close_only", user="user003")
    books = Books()
    assert books.engine.state.accounts[3].close_only
    books.engine.apply(order(3, "BUY OPEN 1 @ 119"), books.now)
    assert not books.engine.state.accounts[3].orders


@pytest.mark.parametrize(
    "content",
    [
        {"action": "explode"},
        {},
        {"action": "halt", "instrument": "NONE"},
        {"action": "cancel", "user": "nobody' OR 1=1"},
        {"action": "close_only", "user": "x" * 5_000},
    ],
)
def test_odd_input_is_told(traded: Founded, root: Client, content: dict[str, str]) -> None:
    response = root.post(EMERGENCY, {**content, "confirmed": "yes", "reason": "why not"})
    assert response.status_code == 200 and "errornote" in response.content.decode()
    assert asked() == []


def test_a_second_press_finds_nothing_to_do(traded: Founded, root: Client) -> None:
    press(root, "halt")
    assert "There was nothing to do." in text_of(press(root, "halt"))


def test_only_who_may_use_it_may(traded: Founded, staff: Staff) -> None:
    other = staff("view_market", "change_market", "change_instrument", name="other")
    assert other.get(EMERGENCY).status_code == 403 and press(other, "halt").status_code == 403
    assert "Emergency" not in text_of(other.get(reverse("admin:index")))
    assert asked() == []
    one = staff("use_emergency", name="one")
    assert one.get(EMERGENCY).status_code == 200
    press(one, "halt")
    assert asked() == [("HaltInstrument", "DONE", "one")] * 2


def test_the_audit_says_why(traded: Founded, root: Client) -> None:
    press(root, "cancel", reason="somebody typed a wrong price", instrument="IX2301")
    row = OperatorCommand.objects.get()
    said = text_of(root.get(page("operatorcommand", "change", row.pk)))
    assert "somebody typed a wrong price" in said and "IX2301" in said


@pytest.mark.slow
def test_where_no_engine_answers_it_is_said(traded: Founded, root: Client, engine: EngineBeside) -> None:
    engine.busy = True
    rows = OperatorCommand.objects.count()
    said = text_of(press(root, "cancel"))
    engine.busy = False
    assert "has not answered yet" in said and OperatorCommand.objects.count() == rows + 1
