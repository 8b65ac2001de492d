"""The back offices of several markets: each has its own rows, its own engine's door, and its own address."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.test import Client
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone

from tests.admin.conftest import Staff
from tests.admin.pages import YES, fresh, logged_in, text_of
from tests.builders import FUNDS, TRADERS, Books, Founded, listing, order
from tests.engine_beside import EngineBeside, engine_beside
from trading.access.office_address import asked, office_of, split
from trading.admin import lists
from trading.admin.scope import of_market
from trading.core.commands import Deposit, OpenAccount
from trading.models import (
    IS_LIVE,
    Account,
    Contest,
    Instrument,
    LedgerEntry,
    Market,
    OperatorCommand,
    Order,
    Position,
    Trade,
    User,
)
from trading.storage.pulses import Beat, note

OTHER, THERE = "/at/OTHER/admin/", "CU2301"
"""The office of the other market, and what is listed there."""


@pytest.fixture
def other(traded: Founded, settings: Any) -> None:
    """A second market with two instruments, where user001 and user002 have money."""
    settings.FURTHER_MARKETS = ["OTHER"]
    Market.objects.create(code="OTHER")
    names = TRADERS[:2]
    Books(market="OTHER").commit(
        *(listing(name) for name in (THERE, "CU2302")),
        *(OpenAccount(name) for name in names),
        *(Deposit(name, FUNDS) for name in names),
    )
    for market in ("MAIN", "OTHER"):
        asked_for = {"instrument_id": "IX2301" if market == "MAIN" else THERE}
        OperatorCommand.objects.create(
            market_id=market, kind="HaltInstrument", payload=asked_for, key=market, status="REFUSED"
        )


@pytest.fixture
def root(db: None) -> Client:
    """A superuser's client. No engine runs."""
    return logged_in(User.objects.create_superuser("root"))


@pytest.fixture
def engines(other: None, engine: EngineBeside) -> Iterator[None]:
    """Of both markets."""
    with engine_beside("OTHER"):
        yield


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/admin/", (None, "/admin/")),
        ("/at/CFFEX/admin/", ("CFFEX", "/admin/")),
        ("/at/CFFEX/admin", ("CFFEX", "/admin")),
        ("/at/CFFEX/admin/login/", ("CFFEX", "/admin/login/")),
        ("/at/CFFEX/administration/", (None, "/at/CFFEX/administration/")),
        ("/at/CFFEX/session", (None, "/at/CFFEX/session")),
        ("/at//admin/", (None, "/at//admin/")),
        ("/at/", (None, "/at/")),
        ("/at/A/at/B/admin/", (None, "/at/A/at/B/admin/")),
    ],
)
def test_an_address_says_the_market(path: str, found: tuple[str | None, str]) -> None:
    assert split(path) == found


def test_the_first_market_has_the_short_address() -> None:
    assert office_of("MAIN", "MAIN") == "/admin/"
    assert office_of("C/F", "MAIN") == "/at/C%2FF/admin/"


def test_every_page_leads_back_to_its_market(other: None, root: Client) -> None:
    home = root.get(OTHER)
    said = home.content.decode()
    assert "<title>Home | OTHER | Bourse</title>" in said
    assert f'href="{OTHER}trading/order/"' in said and 'href="/admin/trading/' not in said
    assert f'href="{OTHER}" aria-current="true"' in said and 'href="/admin/">MAIN</a>' in said
    assert 'src="/static/' in said and "/at/OTHER/static/" not in said
    figures = root.get(f"{OTHER}figures/").json()
    assert ["Market", "OTHER", ""] in figures["cards"]
    assert figures["tables"][0]["rows"][0][0] == [THERE, "", f"{OTHER}trading/instrument/{THERE}/change/"]
    assert get_script_prefix() == "/" and asked() is None


def test_static_files_have_one_address_whichever_office_is_opened_first() -> None:
    """Django remembers the address as it was when it was first asked for."""
    set_script_prefix("/at/OTHER/")
    try:
        assert LazySettings().STATIC_URL == "/static/"
    finally:
        set_script_prefix("/")


def test_one_market_is_not_named(traded: Founded, root: Client) -> None:
    said = root.get("/admin/").content.decode()
    assert "<title>Home | Bourse</title>" in said and 'class="market"' not in said


def test_a_market_that_is_not_served_is_none(other: None, root: Client) -> None:
    Market.objects.create(code="ELSEWHERE")
    for name in ("ELSEWHERE", "<b>", "main"):
        response = root.get(f"/at/{name}/admin/")
        assert response.status_code == 404
        assert (
            f"There is no market {name} here" in text_of(response) if name != "<b>" else b"<b>" not in response.content
        )


def test_only_the_office_is_there(other: None, root: Client) -> None:
    for path in ("", "session", "contest/", "admins/", "api/docs/", "static/bourse/css/tokens.css"):
        assert root.get(f"/at/OTHER/{path}").status_code == 404, path


def test_signing_in_leads_to_the_page_that_was_asked_for(other: None, client: Client) -> None:
    User.objects.create_superuser("chief", password="a good password")
    asked_for = f"{OTHER}trading/order/"
    response = client.get(asked_for)
    assert response.headers["Location"] == f"{OTHER}login/?next={asked_for}"
    page = client.get(response.headers["Location"])
    assert 'class="market">OTHER' in page.content.decode() and "MAIN" not in text_of(page)
    sent = {"username": "chief", "password": "a good password", "next": asked_for}
    response = client.post(f"{OTHER}login/", sent)
    assert response.headers["Location"] == asked_for
    assert client.get("/admin/").status_code == 200, "one session for all markets"
    response = client.post(f"{OTHER}logout/")
    assert client.get("/admin/").status_code == 302


def test_the_slash_is_added_where_it_belongs(other: None, root: Client) -> None:
    assert root.get("/at/OTHER/admin").headers["Location"] == OTHER
    assert root.get(f"{OTHER}trading/order").headers["Location"] == f"{OTHER}trading/order/"


def test_a_language_is_chosen_there_too(other: None, root: Client) -> None:
    response = root.post(f"{OTHER}language/", {"language": "zh-hans"}, headers={"referer": f"http://testserver{OTHER}"})
    assert response.headers["Location"] == f"http://testserver{OTHER}"
    assert "紧急" in text_of(root.get(OTHER))


def test_the_second_factor_is_asked_for_there_too(other: None, root: Client, settings: Any) -> None:
    settings.SECOND_FACTOR = True
    door = f"{OTHER}trading/desk/second-factor/"
    for path in ("", "figures/", "emergency/", "trading/order/"):
        assert root.get(f"{OTHER}{path}").headers["Location"] == door
    assert root.get(door).status_code == 200
    assert root.post(f"{OTHER}logout/").status_code == 200


def test_rights_are_those_of_all_markets(other: None, staff: Staff) -> None:
    clerk = staff("view_order")
    for office in ("/admin/", OTHER):
        assert clerk.get(f"{office}trading/order/").status_code == 200
        assert clerk.get(f"{office}trading/trade/").status_code == 403
        assert clerk.get(f"{office}emergency/").status_code == 403
    assert Client().get(f"{OTHER}figures/").status_code == 302


OF_THE_VENUE = {"user", "group", "accesstoken", "accessattempt"}
"""Tables whose rows are of no market; and the desk, which has none."""


def test_every_table_knows_whose_its_rows_are() -> None:
    listed = {model for model in admin.site._registry if model._meta.managed}
    assert {model._meta.model_name for model in listed if of_market(model, "OTHER") is None} == OF_THE_VENUE


def trade_there() -> None:
    """user001 buys from user002 at the other market, and still asks for more."""
    accounts = Account.objects.filter(market="OTHER").order_by("pk").values_list("pk", flat=True)
    Books(market="OTHER").commit(
        order(accounts[0], "BUY OPEN 2 @ 120", THERE), order(accounts[1], "SELL OPEN 1 @ 120", THERE)
    )


def keys(client: Client, office: str, model: Any, **query: str) -> set[Any]:
    """Of the rows that a list shows."""
    response = client.get(f"{office}trading/{model._meta.model_name}/", query)
    assert response.status_code == 200, model
    return {row.pk for row in response.context["cl"].result_list}


LISTED = (Order, Trade, LedgerEntry, Position, Account, Instrument, OperatorCommand, Market)


def test_a_list_has_the_rows_of_its_market(other: None, root: Client) -> None:
    trade_there()
    for model in LISTED:
        ours, theirs = keys(root, "/admin/", model), keys(root, OTHER, model)
        assert ours and theirs and not ours & theirs, model
        assert ours | theirs == set(model._default_manager.values_list("pk", flat=True)), model
    for model in (Order, Trade, LedgerEntry, Account, Position):
        found = keys(root, OTHER, model, q="user001")
        assert found and found < set(model._default_manager.values_list("pk", flat=True)) - keys(root, "/admin/", model)


def test_the_page_of_a_row_is_in_the_office_of_its_market(other: None, root: Client) -> None:
    trade_there()
    for model in LISTED:
        for key in sorted(keys(root, OTHER, model))[:1]:
            path = f"trading/{model._meta.model_name}/{key}/change/"
            assert root.get(f"{OTHER}{path}").status_code == 200, path
            gone = root.get(f"/admin/{path}", follow=True)
            assert gone.status_code == 404 or "doesn’t exist" in text_of(gone), path


def test_a_file_has_the_rows_of_its_market(other: None, root: Client) -> None:
    trade_there()
    audit = {"from_day": "2020-01-01", "to_day": "2100-01-01"}
    for path, query in (("order/", {"_csv": "1"}), ("trade/", {"_csv": "1"}), ("desk/audit/", audit)):
        told = [b"".join(root.get(f"{office}trading/{path}", query)).decode() for office in ("/admin/", OTHER)]
        assert (THERE in told[0], THERE in told[1], "IX2301" in told[1]) == (False, True, False), path


def test_a_filter_offers_what_is_listed_there(other: None, root: Client) -> None:
    for office, listed, not_listed in (("/admin/", "IX2301", THERE), (OTHER, THERE, "IX2301")):
        said = text_of(root.get(f"{office}trading/order/"))
        assert listed in said and not_listed not in said


def test_few_rows_are_found_among_very_many(other: None, root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a quiet market lie behind all that a busy one has written; the search for them ends."""
    trade_there()
    busy = Books()
    busy.now += 1_000
    busy.commit(*(order(1, "BUY OPEN 1 @ 110") for _ in range(4)))
    markets = list(Order.objects.order_by("-pk").values_list("account__market", flat=True))
    told = []
    for searched in (3, len(markets) - 1):
        monkeypatch.setattr(lists, "SEARCHED", searched)
        response = root.get(f"{OTHER}trading/order/")
        told.append(len(response.context["cl"].result_list))
        assert told[-1] == markets[:searched].count("OTHER")
        assert f"Among the newest {searched} rows of all markets" in text_of(response)
    assert told[0] == 0 < told[1]
    assert len(keys(root, OTHER, Order, q="user001")) == 1, "who is named is found"


def test_money_goes_in_by_the_door_of_its_market(engines: None, root: Client) -> None:
    before = {row.market_id: row.deposits for row in Account.objects.filter(user_id="user002")}
    row = Account.objects.get(user_id="user002", market="OTHER")
    response = root.post(f"{OTHER}trading/account/{row.pk}/deposit/", fresh(amount="12.5"), follow=True)
    assert response.redirect_chain[-1][0] == f"{OTHER}trading/account/{row.pk}/change/"
    assert "Deposited 12.50 to user002" in text_of(response)
    asked_for = OperatorCommand.objects.latest("pk")
    assert (asked_for.market_id, asked_for.status) == ("OTHER", "DONE")
    after = {row.market_id: row.deposits for row in Account.objects.filter(user_id="user002")}
    assert after == {**before, "OTHER": before["OTHER"] + 125_000}
    assert root.post(f"/admin/trading/account/{row.pk}/deposit/", fresh(amount="1")).status_code == 404


def test_an_instrument_is_halted_by_the_door_of_its_market(engines: None, root: Client) -> None:
    assert root.post(f"/admin/trading/instrument/{THERE}/halt/", YES).status_code == 404
    assert Instrument.objects.get(pk=THERE).phase == "continuous"
    response = root.post(f"{OTHER}trading/instrument/{THERE}/halt/", YES, follow=True)
    assert f"Halted {THERE}" in text_of(response)
    assert Instrument.objects.get(pk=THERE).phase == "halted"


def test_what_was_chosen_is_of_the_market(engines: None, root: Client) -> None:
    """An action on rows of another office finds none of them."""
    chosen = {"action": "halt_selected", "_selected_action": [THERE], **YES}
    root.post("/admin/trading/instrument/", chosen, follow=True)
    assert Instrument.objects.get(pk=THERE).phase == "continuous"
    root.post(f"{OTHER}trading/instrument/", chosen, follow=True)
    assert Instrument.objects.get(pk=THERE).phase == "halted"


# --- home and emergency


def test_home_tells_of_the_engine_of_its_market(other: None, root: Client) -> None:
    """By the sign of life of that engine, whatever the others do."""
    assert "No engine runs" in text_of(root.get(OTHER))
    present = {"queue": 7, "queue_limit": 10, "instruments": {THERE: {"volume": 5, "open_interest": 1, "change": 0}}}
    note("OTHER", Beat(time.time_ns() // 1_000_000, 75, 20, 0.01, 0.025, present))
    with engine_beside("OTHER"):
        said = text_of(root.get(OTHER))
        assert "Engine runs" in said and "Queue 7 / 10" in said and f"{THERE} continuous - 0.00 5 1" in said
        assert "No engine runs" not in said
        assert "No engine runs" in text_of(root.get("/admin/")), "that of the first does not"


def test_the_emergency_control_is_of_its_market(engines: None, root: Client) -> None:
    trade_there()
    live = dict.fromkeys(("MAIN", "OTHER"), 0)
    for order_ in Order.objects.filter(IS_LIVE).select_related("account"):
        live[order_.account.market_id] += 1
    assert live == {"MAIN": 1, "OTHER": 1}
    page = f"{OTHER}emergency/"
    asked_for = {"action": "cancel", "user": "", "instrument": "", "reason": "a test"}
    assert "1 live order of 1 account." in text_of(root.post(page, asked_for))
    assert (
        "OTHER"
        not in text_of(root.post("/admin/emergency/", {**asked_for, "instrument": THERE})).split("There is no")[1]
    )
    response = root.post(page, {**asked_for, "confirmed": "yes"}, follow=True)
    assert "done (1)" in text_of(response) and response.redirect_chain[-1][0] == page
    left = Order.objects.filter(IS_LIVE).values_list("account__market", flat=True)
    assert list(left) == ["MAIN"]
    root.post(page, {"action": "close_only", "user": "", "reason": "a test", "confirmed": "yes"})
    assert "Close only: the whole market." in text_of(root.get(page))
    assert "Close only: the whole market." not in text_of(root.get("/admin/emergency/"))


def test_connections_are_of_the_venue(other: None, root: Client) -> None:
    page, sentence = f"{OTHER}emergency/", "is decided in the office of MAIN"
    said = root.get(page).content.decode()
    assert 'value="refuse"' not in said and sentence in said and 'href="/admin/emergency/"' in said
    for deed in ("refuse", "admit"):
        response = root.post(page, {"action": deed, "reason": "a test", "confirmed": "yes"})
        assert sentence in text_of(response)
    assert not OperatorCommand.objects.filter(kind="RefuseConnections").exists()
    assert 'value="refuse"' in root.get("/admin/emergency/").content.decode()


def test_announcements_are_of_the_venue(other: None, root: Client) -> None:
    """Every connection hears those of the first market and no others."""
    page, sentence = f"{OTHER}trading/desk/announcements/", "hears what is announced in the office of MAIN"
    said = root.get(page).content.decode()
    assert sentence in said and 'href="/admin/trading/desk/announcements/"' in said and 'name="text"' not in said
    sent = fresh(text="A word", ends="2100-01-01 00:00", markets="OTHER")
    assert sentence in text_of(root.post(page, sent))
    assert not OperatorCommand.objects.filter(kind="Announce").exists()
    assert 'name="text"' in root.get("/admin/trading/desk/announcements/").content.decode()


def test_the_trading_page_has_the_instruments_of_all_markets(other: None) -> None:
    """Those of the first come first, and no more is said of them than where there is one."""
    told = Client().get("/").context["instruments"]
    markets = [each.get("market") for each in told]
    assert {each["instrument_id"] for each in told if each.get("market") == "OTHER"} == {THERE, "CU2302"}
    assert markets == [None] * (len(told) - 2) + ["OTHER", "OTHER"] and len(told) > 2


def test_the_public_ranking_says_at_which_market_its_contest_is(other: None) -> None:
    now = timezone.now()
    for market in ("MAIN", "OTHER"):
        Contest.objects.create(
            market_id=market, name=market, start_balance=1, ends_at=now, public=True, status=Contest.Status.RUNNING
        )
    assert "Only what is traded at market OTHER counts." in text_of(Client().get("/contest/"))
