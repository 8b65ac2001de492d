"""The trading day is settled on sight of its prices; fee groups, clocks and the schedule are set."""

from datetime import UTC, datetime, time
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.admin.pages import YES, asked, choose, fresh, page, send, text_of
from tests.builders import Books, Founded, order
from trading.core.money import RATE, UNIT
from trading.models import Account, Holiday, Market, OperatorCommand, SettlementPrice, Statement, TradingSession
from trading.operators import requests

SETTLE = page("desk", "settle")
FEE_GROUP, TIME_ZONE = (page("market", name, "MAIN") for name in ("fee_group", "time_zone"))


@pytest.fixture(autouse=True)
def _market(market: Founded, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is Friday, 5 January 2024."""
    monkeypatch.setattr("trading.admin.forms.market.timezone.now", lambda: datetime(2024, 1, 5, 15, 30, tzinfo=UTC))


def trade(price: float, lots: int = 1) -> None:
    Books().commit(order(1, f"BUY OPEN {lots} @ {price}"), order(2, f"SELL OPEN {lots} @ {price}"))


def settled_at() -> dict[str, float]:
    return {name: price / UNIT for name, price in SettlementPrice.objects.values_list("instrument", "price")}


# --- settlement


def proposed(client: Client) -> dict[str, Any]:
    """What the fields of the page hold, of those that hold something."""
    form = client.get(SETTLE).context["form"]
    content = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in content.items() if value is not None and value is not False}


def settle(client: Client, **values: str) -> str:
    """Send the form of the page with some other values, say yes, and read the page that tells what came of it."""
    answer = client.post(SETTLE, {**proposed(client), **YES, **values})
    row = OperatorCommand.objects.order_by("id").last()
    if answer.status_code != 302 or row is None:
        return text_of(answer)
    requests.wait(row)
    return text_of(client.get(answer["Location"]))


def test_the_page_that_there_was_leads_to_the_desks(root: Client, staff: Any) -> None:
    trade(121)
    old = page("market", "settle", "MAIN")
    assert root.get(old)["Location"] == SETTLE
    assert root.post(old, fresh(day="2024-01-05", next_day="2024-01-08"))["Location"] == SETTLE
    assert asked() == []
    assert SETTLE in root.get(page("market", "change", "MAIN")).content.decode()
    assert staff("view_market").get(old).status_code == 403


def test_the_page_shows_what_the_day_would_be_settled_at(root: Client) -> None:
    trade(121, 2)
    trade(122, 2)
    content = proposed(root)
    assert (str(content["day"]), str(content["next_day"])) == ("2024-01-05", "2024-01-08")
    assert content["price:IX2301"] == "121.50"
    assert "price:IF2301" not in content
    said = text_of(root.get(SETTLE))
    assert "The average of 4 lots in its last hour." in said
    assert "No trades. Empty: 120.00, as before." in said
    assert '<input type="date" name="day" value="2024-01-05"' in root.get(SETTLE).content.decode()


def test_the_day_is_settled_at_the_prices_that_were_shown(root: Client) -> None:
    trade(121)
    assert "Settled 2024-01-05; 2024-01-08 has begun." in settle(root)
    assert settled_at() == {"IX2301": 121.0, "IF2301": 120.0}
    assert Statement.objects.filter(day=20240105).count() == 3
    assert asked() == [("Settle", "DONE", "root")]
    assert "2024-01-08" in text_of(root.get(page("market")))


def test_prices_can_be_given(root: Client) -> None:
    trade(121)
    settle(root, **{"price:IX2301": "119.5", "price:IF2301": "125"})
    assert settled_at() == {"IX2301": 119.5, "IF2301": 125.0}


def test_a_price_outside_the_limits_must_be_meant(root: Client) -> None:
    said = settle(root, **{"price:IF2301": "1250"})
    assert "is not from 108.00 to 132.00; confirm it if it is meant (code 1008)" in said
    assert not Statement.objects.exists()
    settle(root, **{"price:IF2301": "1250", "confirmed": "on"})
    assert settled_at()["IF2301"] == 1250.0


def test_a_price_that_is_taken_away_is_the_engines(root: Client) -> None:
    trade(121)
    settle(root, **{"price:IX2301": ""})
    assert settled_at()["IX2301"] == 121.0


def test_a_day_is_settled_once(root: Client) -> None:
    settle(root)
    said = settle(root, day="2024-01-05", next_day="2024-01-09")
    done = OperatorCommand.objects.get()
    sentence = (
        f"Trading day 20240105 was asked to be settled before, by command #{done.pk} (Done); nothing was done now."
    )
    assert sentence in said
    assert Statement.objects.count() == 3


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"price:IX2301": "120.3"}, "must be a positive multiple of 0.50 (code 1007)"),
        ({"price:IX2301": "-1"}, "greater than or equal to 0.0001"),
        ({"price:IX2301": "much"}, "Enter a number."),
        ({"day": ""}, "This field is required."),
        ({"day": "2024-02-30"}, "Enter a valid date."),
        ({"next_day": "2024-01-05"}, "Days are written YYYYMMDD, the next after the settled one (code 400)"),
    ],
)
def test_what_cannot_be_settled(root: Client, values: dict[str, str], sentence: str) -> None:
    assert sentence in settle(root, **values)
    assert not Statement.objects.exists()


def test_who_may_settle_may_have_no_other_permission(staff: Any) -> None:
    clerk = staff("settle_market")
    settle(clerk)
    assert Statement.objects.count() == 3
    assert clerk.get(page("market")).status_code == 403


# --- fee groups


def test_a_fee_group_is_set_and_accounts_join_it(root: Client) -> None:
    assert "Fee group friends pays 0.5 of the commission." in text_of(
        send(root, FEE_GROUP, name="friends", factor="0.5")
    )
    assert Market.objects.get().fee_groups == {"friends": RATE // 2}
    assert "friends 0.50" in text_of(root.get(page("market", "change", "MAIN")))
    send(root, page("account", "rules", 1), fee_group="friends")
    trade(120, 2)
    commissions: dict[Any, int] = dict(Account.objects.values_list("user", "commission"))
    assert (commissions["user001"], commissions["user002"]) == (2 * UNIT, 4 * UNIT)


@pytest.mark.parametrize(("name", "factor"), [("", "1"), ("a b", "1"), ("x", ""), ("x", "1.01"), ("x", "-0.1")])
def test_a_fee_group_that_cannot_be(root: Client, name: str, factor: str) -> None:
    response = root.post(FEE_GROUP, fresh(name=name, factor=factor))
    assert response.context["adminform"].form.errors
    assert asked() == []


# --- clocks


def test_the_time_zone_is_set_and_nothing_else_of_the_market(root: Client) -> None:
    before = Market.objects.values().get()
    assert "The clocks of the schedule are those of Asia/Shanghai." in text_of(
        send(root, TIME_ZONE, time_zone="Asia/Shanghai", batch="7", epoch="7", trading_day="7")
    )
    assert Market.objects.values().get() == {**before, "time_zone": "Asia/Shanghai"}
    assert LogEntry.objects.get().get_change_message() == "Time zone Asia/Shanghai"
    assert "There is no time zone Mars" in text_of(send(root, TIME_ZONE, time_zone="Mars"))


# --- the schedule


def test_a_rule_is_added_and_read_again(root: Client) -> None:
    url = page("tradingsession", "add")
    root.post(url, {"action": "auction", "time": "08:55", "weekdays": ["5", "1", "3"], **YES})
    row = TradingSession.objects.get()
    assert (row.market_id, row.action, row.time, row.weekdays) == ("MAIN", "auction", time(8, 55), "135")
    assert "08:55:00 Auction Mon Wed Fri" in text_of(root.get(page("tradingsession")))
    form = root.get(page("tradingsession", "change", row.pk)).context["adminform"].form
    assert list(form["weekdays"].value()) == ["1", "3", "5"]


def test_the_ten_days_that_a_rule_makes_are_shown_before_it_is_saved(root: Client) -> None:
    old = TradingSession.objects.create(market_id="MAIN", time="09:00", action="auction")
    values = {"action": "closed", "time": "15:00", "weekdays": ["1", "5"]}
    said = text_of(root.post(page("tradingsession", "add"), values))
    assert "2024-01-05 Fri: 15:00 closed" not in said, "it acts from the next time on: today's has passed"
    assert "2024-01-08 Mon: 09:00 auction, 15:00 closed" in said and "2024-01-09 Tue: 09:00 auction" in said
    said = text_of(root.post(page("tradingsession", "change", old.pk), values))
    assert "2024-01-08 Mon: 15:00 closed" in said and "2024-01-09 Tue: -" in said
    assert list(TradingSession.objects.values_list("action", flat=True)) == ["auction"]


def test_the_days_that_a_holiday_or_another_zone_make_are_shown_first(root: Client) -> None:
    TradingSession.objects.create(market_id="MAIN", time="09:00", action="auction")
    said = text_of(root.post(page("holiday", "add"), {"date": "2024-01-08"}))
    assert "2024-01-08" not in said and "2024-01-09 Tue: 09:00 auction" in said
    said = text_of(root.post(TIME_ZONE, {**fresh(time_zone="Asia/Shanghai"), "post": ""}))
    assert "by the clocks of Asia/Shanghai" in said and "2024-01-08 Mon: 09:00 auction" in said
    assert not Holiday.objects.exists() and Market.objects.get().time_zone == "UTC"


def test_the_days_without_a_rule_or_a_holiday_are_shown_before_it_is_deleted(root: Client) -> None:
    early, late = (
        TradingSession.objects.create(market_id="MAIN", time=at, action="auction") for at in ("09:00", "21:00")
    )
    TradingSession.objects.update(changed_at=datetime(2000, 1, 1, tzinfo=UTC))
    day = Holiday.objects.create(market_id="MAIN", date="2024-01-08")
    said = text_of(root.get(page("tradingsession", "delete", late.pk)))
    assert "Deleted: 21:00:00 Auction, Mon Tue Wed Thu Fri." in said
    assert "2024-01-09 Tue: 09:00 auction" in said and "21:00 auction" not in said and "2024-01-08" not in said
    said = text_of(choose(root, "holiday", "delete_selected", day.pk, confirmed=False))
    assert "Deleted: 2024-01-08." in said and "2024-01-08 Mon: 09:00 auction, 21:00 auction" in said
    said = text_of(root.post(page("holiday", "delete", day.pk)))
    assert "2024-01-08 Mon: 09:00 auction" in said
    assert TradingSession.objects.count() == 2 and Holiday.objects.exists()
    root.post(page("tradingsession", "delete", late.pk), YES)
    choose(root, "holiday", "delete_selected", day.pk)
    assert TradingSession.objects.get() == early and not Holiday.objects.exists()


def test_who_may_not_delete_from_the_schedule_is_not_asked(staff: Any) -> None:
    row = TradingSession.objects.create(market_id="MAIN", time="09:00", action="auction")
    viewer = staff("view_tradingsession")
    for response in (
        viewer.get(page("tradingsession", "delete", row.pk)),
        viewer.post(page("tradingsession", "delete", row.pk), YES),
    ):
        assert response.status_code == 403
    choose(viewer, "tradingsession", "delete_selected", row.pk)
    assert TradingSession.objects.exists()


def test_a_fee_group_is_asked_about_with_what_it_was(root: Client) -> None:
    assert "friends is new: it pays 0.50 of the commission" in text_of(
        root.post(FEE_GROUP, {**fresh(name="friends", factor="0.5"), "post": ""})
    )
    send(root, FEE_GROUP, name="friends", factor="0.5")
    Account.objects.filter(pk=1).update(rules={"fee_group": "friends"})
    said = text_of(root.post(FEE_GROUP, {**fresh(name="friends", factor="0.8"), "post": ""}))
    assert "Fee group friends pays 0.50 of the commission; it becomes 0.80. It has 1 account." in said
    assert len(asked()) == 1


def test_a_rule_that_is_changed_counts_anew(root: Client) -> None:
    row = TradingSession.objects.create(market_id="MAIN", time="09:00", action="auction")
    TradingSession.objects.update(changed_at=datetime(2000, 1, 1, tzinfo=UTC))
    root.post(page("tradingsession", "change", row.pk), {"action": "auction", "time": "09:01", "weekdays": "1", **YES})
    row.refresh_from_db()
    assert row.time == time(9, 1)
    assert row.changed_at > datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [{"weekdays": []}, {"weekdays": ["8"]}, {"time": "25:00"}, {"action": "halted"}, {"action": ""}, {"time": ""}],
    ids=str,
)
def test_a_rule_that_cannot_be(root: Client, wrong: dict[str, Any]) -> None:
    root.post(page("tradingsession", "add"), {"action": "auction", "time": "08:55", "weekdays": ["1"], **YES, **wrong})
    assert not TradingSession.objects.exists()


def test_a_holiday_is_one_once(root: Client) -> None:
    for _ in range(2):
        response = root.post(page("holiday", "add"), {"date": "2024-02-10", **YES}, follow=True)
    assert "This day is a holiday already." in text_of(response)
    assert [str(row.date) for row in Holiday.objects.all()] == ["2024-02-10"]


def test_the_schedule_of_another_market_is_not_shown(root: Client) -> None:
    Market.objects.create(code="OTHER")
    row = TradingSession.objects.create(market_id="OTHER", time="09:00", action="auction")
    assert "0 trading sessions" in text_of(root.get(page("tradingsession")))
    assert root.get(page("tradingsession", "change", row.pk)).status_code == 302
    choose(root, "tradingsession", "delete_selected", row.pk)
    assert TradingSession.objects.exists()
