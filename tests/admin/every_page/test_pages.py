"""Every page opens, and shows money as decimals, ids as the protocol writes them, and times that people read."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.test import Client
from knox.models import get_token_model

from tests.admin.conftest import money_on_its_way
from tests.admin.pages import YES, page, text_of
from tests.builders import Books, Founded, make_users
from trading import protocol
from trading.admin.columns import local_time
from trading.admin.office.standing import figures_of
from trading.core.commands import Deposit, OpenAccount
from trading.models import (
    Account,
    Instrument,
    LedgerEntry,
    OperatorCommand,
    Order,
    Position,
    Statement,
    Trade,
    User,
)
from trading.reads import holdings

MODELS = [
    "accesstoken",
    "account",
    "holiday",
    "instrument",
    "ledgerentry",
    "market",
    "operatorcommand",
    "order",
    "position",
    "riskevent",
    "settlementprice",
    "statement",
    "trade",
    "tradingsession",
    "transfer",
    "user",
]


def test_all_models_but_the_engines_notebook_have_pages() -> None:
    registered = {model._meta.model_name for model in admin.site._registry if model._meta.app_label == "trading"}
    assert registered == {*MODELS, "desk"}


def test_only_our_token_model_is_in_the_admin() -> None:
    knox = [model for model in admin.site._registry if model._meta.app_label == "knox"]
    assert knox == []
    assert get_token_model() in admin.site._registry


@pytest.fixture
def audited(traded: Founded, root: Client) -> Founded:
    root.post(page("instrument", "halt", "IF2301"), YES)
    root.post(page("instrument", "halt", "IF2301"), YES)
    money_on_its_way()
    return traded


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_all_their_rows_open(audited: Founded, root: Client, model: str) -> None:
    listed = root.get(page(model))
    assert listed.status_code == 200
    rows = list(listed.context["cl"].queryset)
    assert rows, f"the market has no {model}"
    for row in rows:
        response = root.get(page(model, "change", row.pk))
        assert response.status_code == 200
        assert "None" not in text_of(response)


@pytest.mark.parametrize("model", ["user", "accesstoken", "account", "holiday", "instrument", "tradingsession"])
def test_forms_for_new_ones_open(market: Founded, root: Client, model: str) -> None:
    assert root.get(page(model, "add")).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_any_column_sorts_and_any_search_answers(traded: Founded, root: Client, model: str) -> None:
    columns = len(admin.site.get_model_admin(apps.get_model("trading", model)).get_list_display(HttpRequest()))
    for column in range(1, columns + 1):
        assert root.get(page(model), {"o": str(column)}).status_code == 200
    for words in ("O" + "9" * 20, "T" + "0" * 20, "'\"%中" + "x" * 1000):
        assert root.get(page(model), {"q": words}).status_code == 200


def test_an_unknown_row_is_not_a_failure(market: Founded, root: Client) -> None:
    for model in MODELS:
        assert root.get(page(model, "change", "999999")).status_code in {302, 404}
    for name in ("deposit", "withdraw", "rules"):
        for number in ("999999", "nobody", "1/2"):
            assert root.get(page("account", name, number)).status_code == 404
    assert root.post(page("instrument", "halt", "NONE"), YES).status_code == 404
    assert root.post(page("instrument", "phase", "NONE", "closed"), YES).status_code == 404
    assert root.post(page("account", "freeze", "999999")).status_code == 404
    assert root.post(page("order", "cancel", "999999")).status_code == 404
    for name in ("settle", "fee_group", "time_zone"):
        assert root.get(page("market", name, "NONE")).status_code == 404
    assert root.post(page("user", "open_account", "999999")).status_code == 404


def rows_found(client: Client, model: str, **query: Any) -> list[Any]:
    response = client.get(page(model), query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


# --- orders, trades, ledger


def test_an_order_is_shown_as_the_protocol_writes_it(traded: Founded, root: Client) -> None:
    order = Order.objects.get(client_order_id="mine")
    for said in (text_of(root.get(page("order"))), text_of(root.get(page("order", "change", order.pk)))):
        assert protocol.order_id_text(order.pk) in said
        assert "120.50" in said
        assert "2023-11-14 22:13:20.000" in said
        assert str(order.pk) not in said.replace(protocol.order_id_text(order.pk), "")
        assert "PartiallyFilled" in said


def test_orders_are_found_by_id_by_user_and_by_own_id(traded: Founded, root: Client) -> None:
    order = Order.objects.get(client_order_id="mine")
    for words in (protocol.order_id_text(order.pk), f" {protocol.order_id_text(order.pk)} ", "user001", "mine"):
        assert rows_found(root, "order", q=words) == [order]
    assert rows_found(root, "order", q="user00") == list(Order.objects.all())
    assert rows_found(root, "order", q="nobody") == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"status__exact": "Cancelled"}, 1),
        ({"direction__exact": "SELL"}, 1),
        ({"instrument__instrument_id__exact": "IX2301"}, 3),
        ({"instrument__instrument_id__exact": "IF2301"}, 0),
        ({"account__id__exact": "1"}, 1),
    ],
)
def test_orders_are_filtered(traded: Founded, root: Client, query: dict[str, str], count: int) -> None:
    assert len(rows_found(root, "order", **query)) == count


def test_trades_are_found_by_both_ids(traded: Founded, root: Client) -> None:
    trade = Trade.objects.get(direction="BUY")
    assert len(rows_found(root, "trade", q=protocol.trade_id_text(trade.trade_id))) == 2
    assert rows_found(root, "trade", q=protocol.order_id_text(trade.order_id)) == [trade]


def test_the_ledger_shows_signed_amounts(traded: Founded, root: Client) -> None:
    said = text_of(root.get(page("ledgerentry"), {"q": "user001"}))
    assert "1,000,000.00" in said
    assert "-6.00" in said
    trade = Trade.objects.first()
    assert trade is not None
    found = rows_found(root, "ledgerentry", q=protocol.trade_id_text(trade.trade_id))
    assert {row.kind for row in found} == {LedgerEntry.Kind.COMMISSION}


def test_a_statement_shows_its_balance_and_its_positions(traded: Founded, root: Client) -> None:
    row = Statement.objects.get()
    said = text_of(root.get(page("statement", "change", row.pk)))
    for shown in ("user001 2023-11-13", "1,000,000.00", "-0.50", "999,999.50", "121.50", "3,645.00", "IX2301 3 0"):
        assert shown in said
    assert rows_found(root, "statement", q="user001") == [row]
    assert rows_found(root, "statement", q="user002") == []


def test_settlement_prices_and_risk_events_are_listed(traded: Founded, root: Client) -> None:
    assert "2023-11-13 IX2301 121.50" in text_of(root.get(page("settlementprice")))
    assert "user001 Warned 800.00 1,000.00" in text_of(root.get(page("riskevent")))


def test_positions_can_be_told_from_flat_ones(traded: Founded, root: Client) -> None:
    assert {row.account_id for row in rows_found(root, "position", holding="open")} == {1, 2}
    assert rows_found(root, "position", holding="flat") == list(Position.objects.filter(account=3))


def test_operators_commands_are_found_by_whom_they_are_about(market: Founded, root: Client) -> None:
    root.post(page("instrument", "halt", "IX2301"), YES)
    halt = OperatorCommand.objects.get(kind="HaltInstrument")
    assert rows_found(root, "operatorcommand", q="IX2301") == [halt]
    assert rows_found(root, "operatorcommand", q="root") == [halt]
    assert rows_found(root, "operatorcommand", q="IX23") == []


def test_a_command_that_makes_no_sense_is_shown_all_the_same(market: Founded, root: Client) -> None:
    payloads: list[Any] = [{}, [], "text", {"amount": "much", "contract": 1}]
    for payload in payloads:
        OperatorCommand.objects.create(market_id="MAIN", kind="Odd", payload=payload, key=repr(payload))
    assert root.get(page("operatorcommand")).status_code == 200


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (1_700_000_000_007, "2023-11-14 22:13:20.007"),
        (1_700_000_000_999, "2023-11-14 22:13:20.999"),
        (0, "-"),
    ],
)
def test_milliseconds_are_kept(milliseconds: int, shown: str) -> None:
    assert local_time(milliseconds) == shown


# --- accounts


def test_figures_are_those_that_the_user_sees(traded: Founded, root: Client) -> None:
    Instrument.objects.update(mark_price=1_230_000)
    for account in rows_found(root, "account"):
        view = holdings.account_view(user_id=account.user_id, market="MAIN")
        assert view is not None
        assert figures_of(account) == view.figures
    assert figures_of(Account.objects.get(user_id="user001")).position_profit == 3 * 100 * 25_000


def test_a_list_of_accounts_takes_no_more_queries_when_it_is_longer(
    traded: Founded, root: Client, django_assert_max_num_queries: Any
) -> None:
    names = [f"many{number}" for number in range(60)]
    make_users(names)
    books = Books()
    for name in names:
        books.commit(OpenAccount(name), Deposit(name, 10_000))
    root.get("/admin/")  # the first look of a session is written down
    with django_assert_max_num_queries(10):
        assert len(rows_found(root, "account")) == 50
    for model in ("order", "trade", "position", "ledgerentry", "operatorcommand", "statement", "user", "accesstoken"):
        with django_assert_max_num_queries(14):
            rows_found(root, model)


def test_times_are_local(traded: Founded, root: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    assert "2023-11-15 06:13:20.000" in text_of(root.get(page("order")))


def test_a_page_about_a_user_leads_to_his_account_and_tokens(market: Founded, root: Client) -> None:
    user = User.objects.get(username="user001")
    body = root.get(page("user", "change", user.pk)).content.decode()
    assert page("account", "change", 1) in body
    assert f"{page('accesstoken')}?user__id__exact={user.pk}" in body
    assert f"{page('accesstoken', 'add')}?user=user001" in body
    assert len(rows_found(root, "accesstoken", user__id__exact=user.pk)) == 1
