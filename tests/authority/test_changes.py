"""The tables of changes and of the shell's commands: who may, with which permission, and that nothing is missing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import call_command, get_commands
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.urls import resolve, reverse

from tests.admin.every_page.test_permissions import DEEDS, Deed
from tests.admin.pages import logged_in, page
from tests.authority.conftest import WHO
from tests.authority.tables import table, words
from tests.authority.test_pages import MODELS, TABLE, plain, said
from tests.builders import Founded
from trading.models import Desk, JournalBatch, StaffSession, User

SUPERUSER = "superuser"
TO_LOOK_AT = {"history", "change"}
"""Pages of every model. Those that change what they show say so themselves, but one, which asks the engine."""
ASKS_THE_ENGINE = "instrument change"
LEADS_ELSEWHERE = "instrument change_selected"
"""An action that changes nothing: it leads to a page that does."""


def _of(model: str, name: str, data: Any, *needs: str) -> Deed:
    """A form of one of the models that are not ours."""
    opts = MODELS[model]._meta
    row = [] if name == "add" else [0]

    def url() -> str:
        arguments = [MODELS[model]._default_manager.order_by("pk").first().pk for _ in row]
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{name}", args=arguments)

    return Deed(url, lambda: data, needs)


def _chosen(model: str, *needs: str) -> Deed:
    opts = MODELS[model]._meta
    return Deed(
        lambda: reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
        lambda: {
            "action": "delete_selected",
            "_selected_action": [MODELS[model]._default_manager.order_by("pk").first().pk],
            "post": "yes",
        },
        needs,
    )


def _user() -> int:
    return User.objects.get(username="user009").pk


SURE = {"post": "yes"}
PASSWORD = {"password1": "a long, long secret", "password2": "a long, long secret", "usable_password": "true"}
OTHER_DEEDS = [
    Deed(lambda: reverse("admin:auth_user_password_change", args=[_user()]), lambda: PASSWORD, ("change_user",)),
    _of("accessattempt", "delete", SURE, "delete_accessattempt"),
    _chosen("accessattempt", "delete_accessattempt", "view_accessattempt"),
    _of("group", "add", {"name": "others"}, SUPERUSER),
    _of("group", "change", {"name": "others"}, SUPERUSER),
    _of("group", "delete", SURE, SUPERUSER),
    _chosen("group", SUPERUSER),
]


def name_of(deed: Deed) -> str:
    """As the table calls it: the model, and the last word of the address or the action of the list."""
    found, data = resolve(deed.url()), deed.data()
    route, _, model = plain("/" + found.route).partition(" ")
    steps = [step for step in route.split("/") if step and not step.startswith("<")]
    return f"{model} {data['action'] if '_selected_action' in data else steps[-1]}"


def changes() -> dict[str, dict[str, str]]:
    """The rows of the table by the name of each change."""
    return {change: row for row in table("Changes") for change in words(row["changes"])}


def possible_changes() -> Iterator[str]:
    """Every action of a list and every page of a model that a superuser may send something to."""
    request = HttpRequest()
    request.user = User.objects.get(username="root")
    for name, model in MODELS.items():
        model_admin: Any = admin.site.get_model_admin(model)
        yield from (f"{name} {action}" for action in model_admin.get_actions(request))
        if model_admin.has_change_permission(request):
            yield f"{name} change"
    for key, row in TABLE.items():
        route, _, named = key.partition(" ")
        steps = [step for step in route.split("/") if step and not step.startswith("<")]
        if named and route.count("/") > 3 and row["superuser"] in {"200", "405"} and steps[-1] not in TO_LOOK_AT:
            yield f"{named} {steps[-1]}"


@pytest.fixture
def deeds(everybody: dict[str, Client]) -> dict[str, Deed]:
    return {name_of(deed): deed for deed in [*DEEDS.values(), *OTHER_DEEDS]}


def everything() -> list[Any]:
    """All rows that anything could change."""
    ours = [model for model in apps.get_app_config("trading").get_models() if model not in (Desk, StaffSession)]
    models = [*MODELS.values(), *ours, JournalBatch, Group, AccessAttempt]
    return [list(model._default_manager.order_by("pk").values_list()) for model in dict.fromkeys(models)]


def test_every_change_is_in_the_table(deeds: dict[str, Deed]) -> None:
    possible = {*possible_changes(), ASKS_THE_ENGINE} - {LEADS_ELSEWHERE}
    assert possible == set(changes()) == set(deeds)


def test_the_permissions_are_those_that_it_takes(deeds: dict[str, Deed]) -> None:
    """That each of them is needed, and no other, is tried where the admin is tested."""
    for name, row in changes().items():
        assert tuple(sorted(words(row["permissions"]))) == tuple(sorted(deeds[name].needs)), name


@pytest.mark.slow
@pytest.mark.parametrize("who", WHO[:-1])
def test_nothing_is_changed_by_those_who_may_not(
    everybody: dict[str, Client], deeds: dict[str, Deed], who: str, subtests: pytest.Subtests
) -> None:
    before = everything()
    for name, row in changes().items():
        with subtests.test(change=name):
            answer = said(everybody[who].post(deeds[name].url(), deeds[name].data()))
            assert answer in {"200", "302"} if row[who] == "nothing" else answer == row[who]
    assert everything() == before


@pytest.mark.slow
@pytest.mark.sqlite_only
def test_superusers_do_it_all(deeds: dict[str, Deed], subtests: pytest.Subtests) -> None:
    """Each from the same beginning."""
    before = everything()
    with closing(sqlite3.connect(":memory:")) as beginning:
        connection.connection.backup(beginning)
        for name, row in changes().items():
            with subtests.test(change=name):
                assert row["superuser"] == "done"
                client = logged_in(User.objects.get(username="root"))
                assert said(client.post(deeds[name].url(), deeds[name].data())) in {"200", "302"}
                assert everything() != before
            beginning.backup(connection.connection)
            assert everything() == before


def test_other_staff_cannot_reach_for_more(everybody: dict[str, Client], staff: Any) -> None:
    """Whoever may change users and groups gives nobody powers, least of all himself, and takes over nobody with any."""
    powers = ("change_user", "view_user", "add_user", "delete_user", "change_group", "view_group", "add_group")
    clerk = staff(*powers, name="ambitious")
    me, root = [User.objects.get(username=name) for name in ("ambitious", "root")]
    wishes = {
        "is_staff": "on",
        "is_superuser": "on",
        "is_active": "on",
        "groups": [Group.objects.get(name="operators").pk],
    }
    for user in (me, root):
        assert clerk.post(page("user", "change", user.pk), wishes).status_code == 403
        assert clerk.post(reverse("admin:auth_user_password_change", args=[user.pk]), PASSWORD).status_code == 403
        assert clerk.post(page("user", "delete", user.pk), SURE).status_code == 403
    trader = User.objects.get(username="user009")
    clerk.post(page("user", "change", trader.pk), wishes)
    trader.refresh_from_db()
    assert not trader.is_staff and not trader.is_superuser and not trader.groups.exists()
    group = {"name": "operators", "permissions": list(range(1, 50))}
    assert clerk.post(f"/admin/auth/group/{Group.objects.get(name='operators').pk}/change/", group).status_code == 403
    assert clerk.post("/admin/auth/group/add/", group).status_code == 403


# --- the shell


def test_every_command_is_in_the_table() -> None:
    ours = {name for name, app in get_commands().items() if app in ("trading", "marketdata", "bots", "exchange_site")}
    assert ours == {row["command"] for row in table("Shell")}


UNCHANGING = [row["command"] for row in table("Shell") if row["changes"] == "nothing" and row["command"] != "backup"]


@pytest.mark.parametrize("command", [*UNCHANGING, pytest.param("backup", marks=pytest.mark.sqlite_only)])
def test_a_command_that_changes_nothing(market: Founded, command: str, tmp_path: Any) -> None:
    before = everything()
    call_command(command, *([str(tmp_path / "copy.sqlite3")] if command == "backup" else []), verbosity=0)
    assert everything() == before
