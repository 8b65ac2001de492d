"""Who may see and do what: every page and every action of the admin, for everybody who may knock."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.db.models import Model
from django.test import Client

from tests.admin.conftest import money_on_its_way
from tests.admin.every_page.test_pages import MODELS
from tests.admin.pages import YES, logged_in, page
from tests.admin.test_instruments import NEW
from tests.builders import Founded
from tests.engine_beside import EngineBeside
from trading.admin import engine_requests
from trading.models import (
    AccessToken,
    Account,
    Holiday,
    Instrument,
    JournalBatch,
    OperatorCommand,
    Order,
    TradingSession,
    User,
)

ENGINE_OWNED = [
    *("account", "instrument", "ledgerentry", "market", "operatorcommand", "order", "position", "riskevent"),
    *("settlementprice", "statement", "trade", "transfer"),
]
KEY = "0123456789abcdef0123456789abcdef"


class Deed(NamedTuple):
    """Something that changes something: where it is sent, with what, and the permissions that it takes."""

    url: Callable[[], str]
    data: Callable[[], dict[str, Any]]
    needs: tuple[str, ...]


def _user(name: str = "user009") -> int:
    return User.objects.get(username=name).pk


def _token() -> str:
    return str(AccessToken.objects.get(user__username="user001").pk)


def _live_order() -> int:
    return Order.objects.get(client_order_id="mine").pk


def _session() -> int:
    return TradingSession.objects.get().pk


def _holiday() -> int:
    return Holiday.objects.get().pk


def _money(name: str) -> Deed:
    return Deed(lambda: page("account", name, 1), lambda: {"amount": "1", "key": KEY, **YES}, (f"{name}_funds",))


def _choice(model: str, action: str, key: Callable[[], Any], *needs: str) -> Deed:
    return Deed(lambda: page(model), lambda: {"action": action, "_selected_action": [key()], "post": "yes"}, needs)


def _terms() -> dict[str, str]:
    return {**{name: value for name, value in NEW.items() if name not in {"instrument_id", "tick"}}, "key": KEY, **YES}


RULE = {"action": "closed", "time": "15:00", "weekdays": ["1", "7"], **YES}
DEEDS = {
    "deposit": _money("deposit"),
    "withdraw": _money("withdraw"),
    "open an account": Deed(lambda: page("account", "add"), lambda: {"user": "user009", "key": KEY}, ("add_account",)),
    "open his account": Deed(lambda: page("user", "open_account", _user()), dict, ("add_account",)),
    "open their accounts": _choice("user", "open_accounts", _user, "add_account", "view_user"),
    "list an instrument": Deed(
        lambda: page("instrument", "add"), lambda: {**NEW, **YES, "key": KEY}, ("add_instrument",)
    ),
    "change terms": Deed(lambda: page("instrument", "change", "IX2301"), _terms, ("change_instrument",)),
    "halt": Deed(lambda: page("instrument", "halt", "IX2301"), YES.copy, ("change_instrument",)),
    "resume": Deed(lambda: page("instrument", "resume", "IF2301"), YES.copy, ("change_instrument",)),
    "halt many": _choice("instrument", "halt_selected", lambda: "IX2301", "change_instrument", "view_instrument"),
    "resume many": _choice("instrument", "resume_selected", lambda: "IF2301", "change_instrument", "view_instrument"),
    "close an instrument": Deed(
        lambda: page("instrument", "phase", "IX2301", "closed"), YES.copy, ("change_instrument",)
    ),
    "close many": _choice("instrument", "close_selected", lambda: "IX2301", "change_instrument", "view_instrument"),
    "expire many": _choice("instrument", "expire_selected", lambda: "IX2301", "change_instrument", "view_instrument"),
    "begin many": _choice(
        "instrument", "continuous_selected", lambda: "IF2301", "change_instrument", "view_instrument"
    ),
    "auction of many": _choice(
        "instrument", "auction_selected", lambda: "IX2301", "change_instrument", "view_instrument"
    ),
    "freeze": Deed(lambda: page("account", "freeze", 1), lambda: {"post": "yes"}, ("freeze_account",)),
    "unfreeze": Deed(lambda: page("account", "unfreeze", 3), lambda: {"post": "yes"}, ("freeze_account",)),
    "freeze many": _choice("account", "freeze_selected", lambda: 1, "freeze_account", "view_account"),
    "unfreeze many": _choice("account", "unfreeze_selected", lambda: 3, "freeze_account", "view_account"),
    "set rules": Deed(
        lambda: page("account", "rules", 1), lambda: {"stp": "CANCEL_BOTH", "key": KEY, **YES}, ("change_account",)
    ),
    "cancel an order": Deed(lambda: page("order", "cancel", _live_order()), YES.copy, ("change_order",)),
    "cancel orders": _choice("order", "cancel_selected", _live_order, "change_order", "view_order"),
    "set a fee group": Deed(
        lambda: page("market", "fee_group", "MAIN"),
        lambda: {"name": "friends", "factor": "0.5", "key": KEY, **YES},
        ("change_market",),
    ),
    "set the time zone": Deed(
        lambda: page("market", "time_zone", "MAIN"),
        lambda: {"time_zone": "Asia/Shanghai", "key": KEY, **YES},
        ("change_market",),
    ),
    "add a rule": Deed(lambda: page("tradingsession", "add"), lambda: RULE, ("add_tradingsession",)),
    "change a rule": Deed(
        lambda: page("tradingsession", "change", _session()), lambda: RULE, ("change_tradingsession",)
    ),
    "delete a rule": Deed(
        lambda: page("tradingsession", "delete", _session()), lambda: {"post": "yes"}, ("delete_tradingsession",)
    ),
    "delete rules": _choice(
        "tradingsession", "delete_selected", _session, "delete_tradingsession", "view_tradingsession"
    ),
    "add a holiday": Deed(lambda: page("holiday", "add"), lambda: {"date": "2024-02-10", **YES}, ("add_holiday",)),
    "change a holiday": Deed(
        lambda: page("holiday", "change", _holiday()), lambda: {"date": "2024-02-10", **YES}, ("change_holiday",)
    ),
    "delete a holiday": Deed(
        lambda: page("holiday", "delete", _holiday()), lambda: {"post": "yes"}, ("delete_holiday",)
    ),
    "delete holidays": _choice("holiday", "delete_selected", _holiday, "delete_holiday", "view_holiday"),
    "issue a token": Deed(
        lambda: page("accesstoken", "add"),
        lambda: {"user": "user009", "scope": "READ", "days": "1", "key": KEY},
        ("add_accesstoken",),
    ),
    "revoke a token": Deed(
        lambda: page("accesstoken", "delete", _token()), lambda: {"post": "yes"}, ("delete_accesstoken",)
    ),
    "revoke tokens": _choice("accesstoken", "delete_selected", _token, "delete_accesstoken", "view_accesstoken"),
    "add a user": Deed(
        lambda: page("user", "add"),
        lambda: {"username": "new", "usable_password": "false"},
        ("add_user", "change_user"),
    ),
    "change a user": Deed(lambda: page("user", "change", _user()), lambda: {"first_name": "Ada"}, ("change_user",)),
    "delete a user": Deed(
        lambda: page("user", "delete", _user()), lambda: {"post": "yes"}, ("delete_user", "delete_accesstoken")
    ),
}
EVERY_PERMISSION = {need for deed in DEEDS.values() for need in deed.needs}
VIEWS = tuple(f"view_{model}" for model in MODELS)


@pytest.fixture(autouse=True)
def _market(traded: Founded, engine: EngineBeside) -> None:
    """IF2301 is halted, so that it can be resumed; user003 is frozen."""
    root = logged_in(User.objects.create_superuser("founder"))
    root.post(page("instrument", "halt", "IF2301"), YES)
    root.post(page("account", "freeze", 3), YES)
    money_on_its_way()


def everything() -> list[Any]:
    """All rows that could be changed by a deed."""
    models: list[type[Model]] = [*(apps.get_model("trading", model) for model in MODELS), JournalBatch]
    return [list(model._default_manager.order_by("pk").values_list()) for model in models]


def pages_to_see() -> list[str]:
    lists = [page(model) for model in MODELS]
    rows = [page(model, "change", apps.get_model("trading", model)._default_manager.first().pk) for model in MODELS]
    return lists + rows


def forms_to_see() -> list[str]:
    return [*(deed.url() for name, deed in DEEDS.items() if name in FORMS), page("account", "withdraw", 1)]


FORMS = {
    *("deposit", "open an account", "list an instrument", "issue a token", "revoke a token", "add a user", "set rules"),
    *("set a fee group", "set the time zone", "add a rule", "delete a rule", "add a holiday"),
}


# --- those who may not


def test_anonymous_people_are_sent_to_the_login(client: Client, subtests: pytest.Subtests) -> None:
    before = everything()
    for url in [*pages_to_see(), *forms_to_see()]:
        with subtests.test(url=url):
            assert client.get(url).headers["Location"].startswith("/admin/login/")
    for name, deed in DEEDS.items():
        with subtests.test(deed=name):
            assert client.post(deed.url(), deed.data()).headers["Location"].startswith("/admin/login/")
    assert everything() == before


def test_traders_are_not_let_in(subtests: pytest.Subtests) -> None:
    client = logged_in(User.objects.get(username="user001"))
    for url in [*pages_to_see(), *forms_to_see()]:
        with subtests.test(url=url):
            assert client.get(url).headers["Location"].startswith("/admin/login/")


def test_staff_without_permissions_get_403(staff: Any, subtests: pytest.Subtests) -> None:
    client, before = staff(), everything()
    for url in [*pages_to_see(), *forms_to_see()]:
        with subtests.test(url=url):
            assert client.get(url).status_code == 403
    for name, deed in DEEDS.items():
        with subtests.test(deed=name):
            assert client.post(deed.url(), deed.data()).status_code == 403
    assert everything() == before


def test_those_who_may_look_see_all_and_change_nothing(staff: Any, subtests: pytest.Subtests) -> None:
    client, before = staff(*VIEWS), everything()
    for url in pages_to_see():
        with subtests.test(url=url):
            response = client.get(url)
            assert response.status_code == 200
            body = response.content.decode()
            assert "<button>" not in body
            assert 'class="addlink"' not in body
            assert 'name="_save"' not in body
    for url in forms_to_see():
        with subtests.test(url=url):
            assert client.get(url).status_code == 403
    for name, deed in DEEDS.items():
        with subtests.test(deed=name):
            data = deed.data()
            expected = {200, 302} if "_selected_action" in data else {403}
            assert client.post(deed.url(), data).status_code in expected
    assert everything() == before


@pytest.mark.slow
def test_no_deed_when_one_permission_is_missing(staff: Any, subtests: pytest.Subtests) -> None:
    """Whatever other permissions there are. Who may change rows may see them, too."""
    for name, deed in DEEDS.items():
        for missing in deed.needs:
            with subtests.test(deed=name, missing=missing):
                lost = {missing, missing.replace("view_", "change_")}
                client = staff(*(EVERY_PERMISSION | set(VIEWS)) - lost, name=f"{name}.{missing}".replace(" ", "-"))
                before = everything()
                client.post(deed.url(), deed.data())
                assert everything() == before


@pytest.mark.parametrize("name", DEEDS)
def test_each_deed_is_done_with_its_permissions(staff: Any, name: str) -> None:
    deed, client = DEEDS[name], staff(*DEEDS[name].needs)
    before = everything()
    assert client.post(deed.url(), deed.data()).status_code in {200, 302}
    assert everything() != before


def test_no_deed_without_the_forms_secret(subtests: pytest.Subtests) -> None:
    client = logged_in(User.objects.create_superuser("root"), check_csrf=True)
    before = everything()
    for name, deed in DEEDS.items():
        with subtests.test(deed=name):
            assert client.post(deed.url(), deed.data()).status_code == 403
    assert everything() == before


def test_superusers_may_do_everything(root: Client, subtests: pytest.Subtests) -> None:
    for url in [*pages_to_see(), *forms_to_see()]:
        with subtests.test(url=url):
            assert root.get(url).status_code == 200


# --- rows of the engine's


CRAFTED: list[dict[str, Any]] = [
    {},
    {"_save": "Save"},
    {"_continue": "1"},
    {"_saveasnew": "1"},
    {"_addanother": "1"},
    {"_popup": "1"},
]
VALUES = {
    "balance": "1",
    "deposits": "9999999999",
    "pre_balance": "9999999999",
    "margin": "0",
    "status": "Filled",
    "filled": "5",
    "price": "1",
    "volume": "1",
    "amount": "1000",
    "phase": "halted",
    "last_price": "1",
    "long_today": "1000",
    "user": "user009",
    "account": "1",
    "market": "MAIN",
}


def test_crafted_posts_edit_nothing(root: Client, subtests: pytest.Subtests) -> None:
    before = everything()
    for model in ENGINE_OWNED:
        key = last_of(model).pk
        urls = [page(model, "change", key), page(model, "delete", key), page(model, "history", key)]
        urls += [page(model, "add")] if model not in {"account", "instrument"} else []
        for url in urls:
            for extra in CRAFTED:
                with subtests.test(url=url, **extra):
                    response = root.post(f"{url}?_to_field=id", {**VALUES, **extra, "post": "yes"})
                    assert response.status_code in {200, 400, 403, 404}
    assert everything() == before


def test_lists_delete_and_edit_nothing(root: Client) -> None:
    before = everything()
    for model in ENGINE_OWNED:
        key = last_of(model).pk
        formset = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": key, "form-0-status": "Filled"}
        root.post(page(model), {"action": "delete_selected", "_selected_action": [key], "post": "yes"})
        root.post(page(model), {**formset, **VALUES, "_save": "Save"})
    assert everything() == before


def last_of(model: str) -> Any:
    row = apps.get_model("trading", model)._default_manager.order_by("pk").last()
    assert row is not None, f"the market has no {model}"
    return row


def test_a_page_that_only_has_an_add_button_saves_nothing_as_new(root: Client) -> None:
    """Django's "save as new" asks for the permission to add only; accounts have that for opening them."""
    for extra in CRAFTED:
        assert root.post(page("account", "change", 1), {**VALUES, **extra}).status_code == 403
    assert Account.objects.count() == 3
    assert Instrument.objects.count() == 2


def test_every_command_names_who_asked(staff: Any) -> None:
    staff("change_instrument").post(page("instrument", "halt", "IX2301"), YES)
    row = OperatorCommand.objects.first()
    assert row is not None
    assert row.asked_by is not None
    assert (row.kind, row.asked_by.username) == ("HaltInstrument", "clerk")
    assert engine_requests.refusal(row).startswith("Refused")
