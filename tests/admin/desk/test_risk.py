"""Risk as it is and as it would be, with the core's own rules; positions of others are closed."""

from typing import Any

import msgspec
import pytest
from django.test import Client

from tests.admin.desk.conftest import Officer
from tests.admin.pages import page, text_of
from tests.builders import NOW, Books, Founded, order
from trading.admin.columns import amount_text, ratio_text
from trading.admin.desk import risk
from trading.admin.desk.page import address
from trading.core.codes import Code
from trading.core.commands import CheckRisk, ForceCancelOrder, Settle, StopLiquidation, Withdraw
from trading.core.events import LiquidationStarted, RiskWarned
from trading.core.money import RATE, UNIT
from trading.models import Account, Market, OperatorCommand, Position
from trading.operators import what_if
from trading.reads import holdings
from trading.storage.reconciliation import check_books

KEY = "0123456789abcdef0123456789abcdef"
RISK = CheckRisk(RATE * 8 // 10, RATE)


@pytest.fixture
def books(market: Founded) -> Books:
    """user001 is long 40 lots of IX2301 and 1 of IF2301, user002 short; user001 has little more than the margin."""
    made = Books()
    made.commit(order(2, "SELL OPEN 40 @ 120"), order(1, "BUY OPEN 40 @ 120"))
    made.commit(order(2, "SELL OPEN 1 @ 120", "IF2301"), order(1, "BUY OPEN 1 @ 120", "IF2301"))
    made.commit(Withdraw("user001", 925_000 * UNIT))
    made.commit(order(3, "BUY OPEN 10 @ 108.5"))
    return made


@pytest.fixture
def officer_client(books: Books, officer: Officer) -> Client:
    return officer("Risk officer")


@pytest.mark.parametrize(
    ("margin", "balance", "told"),
    [
        (84, 100, "84.00%"),
        (0, 0, "0.00%"),
        (0, 100, "0.00%"),
        (84, 0, "no balance left"),
        (84, -1, "no balance left"),
        (0, -1, "no balance left"),
    ],
)
def test_a_risk_ratio_is_a_share_of_what_there_is(margin: int, balance: int, told: str) -> None:
    assert ratio_text(margin * UNIT, balance * UNIT) == told


def test_every_page_says_the_same_of_an_account_without_a_balance(books: Books, root: Client) -> None:
    """As it is, as it would be, and before its liquidation is stopped."""
    books.commit(order(2, "SELL OPEN 1 @ 108.5"))
    number = Account.objects.get(user__username="user001").pk
    Account.objects.filter(pk=number).update(withdrawals=955_000 * UNIT, warned=True)
    (row,) = [each for each in risk.riskiest() if each.user_id == "user001"]
    assert holdings.account_figures(accounts=[row])[number].balance < 0
    told = "no balance left"
    for where in (
        address("risk"),
        address("what_if") + "?instrument=IX2301&percent=-1",
        address("stop_liquidation", number),
        address("view_as", number),
        page("account"),
        page("account", "change", number),
        "/admin/",
    ):
        said = text_of(root.get(where))
        assert told in said and "999900" not in said, where


# --- what if


@pytest.mark.parametrize("price", [118, 116, 114, 112, 109, 100])
def test_what_if_says_what_then_happens(books: Books, price: int) -> None:
    """The same fall, made by the engine: those whom the copy named, and nobody else."""
    told = what_if.if_prices_were("MAIN", {"IX2301": price * UNIT}, RISK)
    instrument = books.engine.state.instruments["IX2301"]
    for order_id in [each.order_id for each in instrument.book.entries() if each.price > 2 * price]:
        books.engine.apply(ForceCancelOrder(order_id), NOW + 10**6)
    instrument.mark_at(price * UNIT // instrument.contract.tick)
    books.engine.state.moved["IX2301"] = instrument
    in_debt = [a.user_id for a in books.engine.state.accounts.values() if a.figures().balance < 0]
    events = books.engine.apply(RISK, NOW + 10**6)
    users = {number: account.user_id for number, account in books.engine.state.accounts.items()}
    for kind, named in ((RiskWarned, told.warned), (LiquidationStarted, told.liquidated)):
        assert [users[event.account_id] for event in events if isinstance(event, kind)] == [
            one.user_id for one in named
        ]
    assert [one.user_id for one in told.in_debt] == in_debt


def test_the_falls_that_are_tried_tell_apart(books: Books) -> None:
    """Or the test above would prove nothing."""
    found = [what_if.if_prices_were("MAIN", {"IX2301": price * UNIT}, RISK) for price in (119, 114, 100)]
    assert [bool(one.warned or one.liquidated) for one in found] == [False, True, True]
    assert found[2].in_debt


def test_asking_changes_nothing(books: Books, officer_client: Client) -> None:
    before = list(Account.objects.values()), list(Position.objects.values())
    said = text_of(officer_client.get(address("what_if"), {"instrument": "IX2301", "percent": "-20"}))
    assert "IX2301 at 96.00" in said
    assert "In debt: 1" in said
    assert (list(Account.objects.values()), list(Position.objects.values())) == before
    assert not OperatorCommand.objects.exists()


@pytest.mark.parametrize("query", [{"percent": "x"}, {"percent": "-100"}, {"instrument": "NONE", "percent": "1"}])
def test_a_question_that_makes_no_sense(officer_client: Client, query: dict[str, str]) -> None:
    answer = officer_client.get(address("what_if"), query)
    assert answer.status_code == 200
    assert "Warned" not in text_of(answer)


def test_what_a_settlement_would_do_is_what_it_does(books: Books) -> None:
    command = Settle(20231114, 20231115, {"IX2301": 114 * UNIT})
    told = what_if.if_settled("MAIN", command, RISK)
    assert told.refused is None
    books.commit(Settle(20231114, 20231115, {"IX2301": 114 * UNIT}, confirmed=True))
    assert told.cancelled == 1
    events = books.engine.apply(CheckRisk(RISK.warn_at, RISK.limit, everyone=True), NOW + 10**6)
    started = [event for event in events if isinstance(event, LiquidationStarted)]
    assert [one.user_id for one in told.outcome.liquidated] == [f"user00{event.account_id}" for event in started]
    refused = what_if.if_settled("MAIN", command, RISK).refused
    assert refused is not None and "settled already" in refused.detail


def test_of_an_unlikely_price_it_is_told_that_it_needs_a_word_and_what_it_would_do(books: Books) -> None:
    command = Settle(20231114, 20231115, {"IX2301": 1_200 * UNIT})
    told, meant = (
        what_if.if_settled("MAIN", msgspec.structs.replace(command, confirmed=confirmed), RISK)
        for confirmed in (False, True)
    )
    assert told.unlikely is not None and told.unlikely.code is Code.PRICE_LIMIT
    assert told.refused is meant.refused is meant.unlikely is None
    assert (told.cancelled, told.outcome) == (meant.cancelled, meant.outcome)


# --- as it is


def test_the_riskiest_come_first_and_the_figures_are_the_cores(books: Books) -> None:
    rows = risk.riskiest()
    figures = holdings.account_figures(accounts=rows)
    ratios = [figures[row.pk].risk_ratio for row in rows]
    assert [row.user_id for row in rows] == ["user001", "user002"]
    assert ratios == sorted(ratios, reverse=True)
    balances = Account.objects.in_bulk([row.pk for row in rows])
    for row in rows:
        assert vars(row)["balance"] == holdings.account_figures(accounts=[balances[row.pk]])[row.pk].balance


def test_exposure_and_concentration(books: Books, officer_client: Client, django_assert_max_num_queries: Any) -> None:
    assert [(line["instrument"], line["lots"], line["holders"], line["long"]) for line in risk.exposure()] == [
        ("IF2301", 1, 2, "100%"),
        ("IX2301", 40, 2, "100%"),
    ]
    officer_client.get(address("sessions"))
    with django_assert_max_num_queries(14):
        said = text_of(officer_client.get(address("risk")))
    assert "IX2301 40 480,000.00 2 100% 100%" in said


# --- closing


def test_a_position_is_closed_after_a_question(books: Books, officer_client: Client) -> None:
    values = {"key": KEY, "instrument": "IX2301", "reason": "as agreed"}
    asked = text_of(officer_client.post(address("close_position", 1), values))
    assert "IX2301: 40 long, 0 short" in asked
    assert "cannot be undone" in asked
    assert not OperatorCommand.objects.exists()
    for _ in range(2):
        officer_client.post(address("close_position", 1), {**values, "post": "yes"})
    row = OperatorCommand.objects.get()
    assert (row.kind, row.status, row.reason) == ("ForceClose", "DONE", "as agreed")
    held = Position.objects.get(account=1, instrument="IX2301")
    assert held.long_today + held.long_his == 30
    assert check_books("MAIN") == []
    assert text_of(officer_client.get("/admin/trading/operatorcommand/")).count("ForceClose") >= 1


def test_what_is_refused_is_told(books: Books, officer_client: Client) -> None:
    values = {"key": KEY, "reason": "x", "post": "yes"}
    said = text_of(officer_client.post(address("close_position", 3), values, follow=True))
    assert "user003 holds nothing to be closed (code 404)" in said
    said = text_of(officer_client.post(address("close_position", 1), {**values, "instrument": "NONE"}))
    assert "There is no instrument NONE." in said


# --- a liquidation is stopped


def test_a_liquidation_is_stopped_after_a_question_and_goes_on(books: Books, officer_client: Client) -> None:
    stop, go_on = address("stop_liquidation", 1), address("let_liquidate", 1)
    assert "Stop the liquidation" in text_of(officer_client.get(address("risk")))
    figures = holdings.account_figures(accounts=list(Account.objects.filter(pk=1)))[1]
    asked = text_of(officer_client.post(stop, {"key": KEY, "reason": "money comes"}))
    assert f"Equity {amount_text(figures.balance)}, margin 49,200.00, risk ratio {figures.risk_ratio:.2%}" in asked
    assert "forced orders alive: 0" in asked and "Cancelled now: 0 live orders" in asked
    assert not OperatorCommand.objects.exists()
    for _ in range(2):
        answer = officer_client.post(stop, {"key": KEY, "reason": "money comes", "post": "yes"})
        assert answer.headers["Location"] == go_on, "the opposite is one click away"
    row = OperatorCommand.objects.get()
    assert (row.kind, row.status, row.reason) == ("StopLiquidation", "DONE", "money comes")
    assert Market.objects.get().restrictions == {"spared": [1]}
    for where in (address("risk"), "/admin/trading/account/1/change/", "/admin/trading/account/"):
        assert "iquidation stopped" in text_of(officer_client.get(where))
    Account.objects.filter(pk=1).update(warned=True, frozen=True)
    words = "liquidation stopped, warned, frozen"
    for where in (address("risk"), "/admin/trading/account/1/change/", "/admin/trading/account/", "/admin/"):
        assert words in text_of(officer_client.get(where)), where
    assert "Liquidation stopped: 1 account." in text_of(officer_client.get("/admin/"))
    assert go_on in officer_client.get(address("risk")).content.decode()
    assert go_on in officer_client.get("/admin/trading/account/1/change/").content.decode()
    officer_client.post(go_on, {"key": KEY[::-1], "reason": "it came", "post": "yes"})
    assert Market.objects.get().restrictions == {}
    assert "iquidation stopped" not in text_of(officer_client.get(address("risk")))


def test_it_is_stopped_once_and_a_reason_is_asked_for(books: Books, officer_client: Client) -> None:
    stop = address("stop_liquidation", 1)
    officer_client.post(stop, {"key": KEY, "reason": "", "post": "yes"})
    assert not OperatorCommand.objects.exists()
    officer_client.post(stop, {"key": KEY, "reason": "one", "post": "yes"})
    said = text_of(officer_client.post(stop, {"key": KEY[::-1], "reason": "two", "post": "yes"}, follow=True))
    assert "The liquidation of user001 is stopped already" in said


def test_a_restart_remembers_it(books: Books) -> None:
    books.commit(StopLiquidation("user001", stopped=True))
    name = books.engine.state_hash()
    books.load()
    assert books.engine.state_hash() == name
    assert books.engine.state.day.restrictions.spared == (1,)
    books.commit(StopLiquidation("user001", stopped=False))
    assert check_books("MAIN") == []


def test_what_if_knows_who_is_not_liquidated(books: Books) -> None:
    before = what_if.if_prices_were("MAIN", {"IX2301": 100 * UNIT}, RISK)
    books.commit(StopLiquidation("user001", stopped=True))
    after = what_if.if_prices_were("MAIN", {"IX2301": 100 * UNIT}, RISK)
    assert [one.user_id for one in before.liquidated] == ["user001"]
    assert after.liquidated == []


@pytest.mark.parametrize("role", ["Viewer", "Support", "Treasurer", "Settlement officer"])
def test_others_may_not_stop_one(books: Books, officer: Officer, role: str) -> None:
    client = officer(role)
    for name in ("stop_liquidation", "let_liquidate"):
        assert client.get(address(name, 1)).status_code == 403
        assert client.post(address(name, 1), {"key": KEY, "reason": "x", "post": "yes"}).status_code == 403
    assert not OperatorCommand.objects.exists()


def test_two_can_be_asked_for(books: Books, officer_client: Client, settings: Any) -> None:
    settings.FOUR_EYES_KINDS = ["StopLiquidation"]
    stop = address("stop_liquidation", 1)
    answer = officer_client.post(stop, {"key": KEY, "reason": "x", "post": "yes"})
    assert answer.headers["Location"] == stop, "nothing was stopped yet"
    assert OperatorCommand.objects.get().status == "HELD"
