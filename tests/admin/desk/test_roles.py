"""Roles and actions, by request: what a role may not do is refused, and nobody widens their own rights."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.admin.desk.conftest import Officer
from tests.admin.every_page.test_permissions import DEEDS, everything
from tests.admin.pages import logged_in, page
from tests.builders import Founded
from trading.admin.desk.page import address
from trading.admin.desk.site import PAGES
from trading.admin.office.emergency import ACTIONS
from trading.models import OperatorCommand, ScheduledCommand, User
from trading.operators.authority.rights import ROLES, ensure_roles, may_assign

pytestmark = pytest.mark.slow

LOOKED_AT = [named for named in PAGES if named.title and "<" not in named.route]


@pytest.fixture(autouse=True)
def _market(traded: Founded, root: Client) -> None:
    root.post(page("instrument", "halt", "IF2301"), {"post": "yes"})
    root.post(page("account", "freeze", 3), {"post": "yes"})


def may(role: str, needs: tuple[str, ...]) -> bool:
    return set(needs) <= ROLES[role]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_refused_what_is_not_its_own(officer: Officer, role: str, subtests: pytest.Subtests) -> None:
    client, before = officer(role), everything()
    for name, deed in DEEDS.items():
        if not may(role, deed.needs):
            with subtests.test(deed=name):
                status = client.post(deed.url(), deed.data()).status_code
                assert status == 403 or "action" in deed.data()  # a list that may be seen ignores a foreign action
    assert everything() == before


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_open_the_pages_that_are_its_own(officer: Officer, role: str, subtests: pytest.Subtests) -> None:
    client = officer(role)
    for named in LOOKED_AT:
        with subtests.test(page=named.name):
            assert client.get(address(named.name)).status_code == (200 if may(role, named.needs) else 403)
    shown = client.get(address("changelist")).content.decode()
    assert all((named.title in shown) is may(role, named.needs) for named in LOOKED_AT)


NUMBERS = {"number": 1, "day": 20231113, "user": 1}
"""What stands in the addresses of pages that are reached from others."""


@pytest.mark.parametrize("role", ROLES)
def test_no_address_of_the_desk_opens_or_does_what_is_not_its_own(
    officer: Officer, role: str, subtests: pytest.Subtests
) -> None:
    """Those without a link too: approving, beginning a contest, closing positions, what a user sees."""
    client, before = officer(role), everything()
    foreign = [named for named in PAGES if not may(role, named.needs)]
    assert foreign or role == "Administrator"
    for named in foreign:
        url = address(named.name, *(NUMBERS[name] for name in re.findall(r"<int:(\w+)>", named.route)))
        with subtests.test(page=named.name):
            assert client.get(url).status_code == 403
            assert client.post(url, {"post": "yes"}).status_code == 403
    assert everything() == before


@pytest.mark.parametrize("role", ROLES)
def test_no_button_of_the_emergency_and_nothing_that_waits_is_another_roles(
    officer: Officer, role: str, subtests: pytest.Subtests
) -> None:
    """Pages that are none of the desk's own, or open to more than may do what is on them."""
    asked_by, soon = User.objects.get(username="root"), timezone.now() + timedelta(hours=1)
    common = {"market_id": "MAIN", "at": soon, "asked_by": asked_by}
    waiting = ScheduledCommand.objects.create(
        **common, kind="FreezeAccount", payload={"type": "FreezeAccount", "user_id": "user001", "frozen": True}, key="k"
    )
    client, before = officer(role), everything()
    posts = [(reverse("admin:emergency"), {"action": name}, "use_emergency") for name in ACTIONS]
    posts += [(address("cancel_later", waiting.pk), {}, "freeze_account")]
    posts += [(address("orders"), {"q": "user001"}, "change_order")]
    for url, data, needed in posts:
        if not may(role, (needed,)):
            with subtests.test(url=url, **data):
                sent = {**data, "reason": "a test", "key": "0" * 32, "post": "yes", "confirmed": "yes"}
                assert client.post(url, sent).status_code == 403
    assert everything() == before
    waiting.refresh_from_db()
    assert waiting.status == ScheduledCommand.Status.WAITING


@pytest.mark.parametrize(
    ("role", "deed", "kind"),
    [
        ("Treasurer", "deposit", "Deposit"),
        ("Treasurer", "withdraw", "Withdraw"),
        ("Risk officer", "freeze", "FreezeAccount"),
        ("Risk officer", "cancel an order", "CancelAnyOrder"),
        ("Risk officer", "halt", "HaltInstrument"),
        ("Settlement officer", "set a fee group", "SetFeeGroup"),
        ("Support", "open an account", "OpenAccount"),
        ("Administrator", "set a fee group", "SetFeeGroup"),
    ],
)
def test_a_role_does_its_work(officer: Officer, role: str, deed: str, kind: str) -> None:
    client, found = officer(role), DEEDS[deed]
    client.post(found.url(), {**found.data(), "post": "yes"})
    row = OperatorCommand.objects.order_by("-id")[0]
    assert row.asked_by is not None
    assert (row.kind, row.status, row.asked_by.username) == (kind, "DONE", role.split(maxsplit=1)[0].lower())


def test_the_door_itself_refuses_a_command_that_is_not_ones_own(staff: Any) -> None:
    """Whoever may see accounts and set their rules still moves no money, by whatever page."""
    client, before = staff("view_account", "change_account"), everything()
    for name in ("deposit", "withdraw", "freeze"):
        assert client.post(DEEDS[name].url(), DEEDS[name].data()).status_code == 403
    assert everything() == before


# --- nobody widens their own rights


def test_no_role_and_no_permission_changes_a_group(officer: Officer, staff: Any) -> None:
    group = Group.objects.get(name="Viewer")
    url = f"/admin/auth/group/{group.pk}/change/"
    everything_else = Permission.objects.values_list("codename", flat=True).distinct()
    for client in (officer("Administrator"), staff(*everything_else)):
        assert client.post(url, {"name": "Viewer", "permissions": [1, 2, 3]}).status_code == 403
        assert client.post("/admin/auth/group/add/", {"name": "mine", "permissions": [1]}).status_code == 403
    assert set(group.permissions.values_list("codename", flat=True)) == ROLES["Viewer"]


def test_nobody_gives_themselves_a_role(officer: Officer) -> None:
    client = officer("Administrator")
    own = User.objects.get(username="administrator")
    answer = client.post(address("member", own.pk), filled("Treasurer", "Administrator"))
    assert "Nobody decides about their own roles." in answer.content.decode()
    assert [group.name for group in own.groups.all()] == ["Administrator"]


def filled(*roles: str, **others: str) -> dict[str, Any]:
    return {"roles": roles, "reason": "a test", "key": "0" * 32, "post": "yes", **others}


def test_a_user_form_of_theirs_changes_no_powers(officer: Officer) -> None:
    client = officer("Support")
    own = User.objects.get(username="support")
    powers = {"is_superuser": "on", "is_staff": "on", "groups": [Group.objects.get(name="Administrator").pk]}
    for user in (own, User.objects.get(username="user001")):
        client.post(page("user", "change", user.pk), {"username": user.username, **powers})
        user.refresh_from_db()
        assert not user.is_superuser
        assert not user.groups.filter(name="Administrator").exists()


def test_roles_are_given_and_taken(officer: Officer) -> None:
    client, member = officer("Administrator"), User.objects.get(username="user001")
    client.post(address("member", member.pk), filled("Treasurer", "Viewer"))
    member.refresh_from_db()
    assert member.is_staff
    assert {group.name for group in member.groups.all()} == {"Treasurer", "Viewer"}
    client.post(address("member", member.pk), filled())
    member.refresh_from_db()
    assert not member.is_staff
    assert not member.groups.exists()


def test_roles_are_asked_about_first(officer: Officer) -> None:
    client, member = officer("Administrator"), User.objects.get(username="user001")
    said = client.post(address("member", member.pk), filled("Treasurer", post="")).content.decode()
    assert "Before: none." in said
    assert "After: Treasurer." in said
    assert not member.groups.exists()


def test_nobody_gives_more_than_they_have(market: Founded) -> None:
    giver = User.objects.create_user("giver", is_staff=True)
    giver.user_permissions.set(Permission.objects.filter(codename="assign_roles"))
    giver.groups.set(Group.objects.filter(name="Treasurer"))
    other = User.objects.get(username="user001")
    assert may_assign(giver, other, ["Treasurer"]) is None
    assert may_assign(giver, other, ["Administrator"]) == "Administrator may do things that you may not."
    assert may_assign(other, giver, []) == "You may not give roles."
    root = User.objects.get(username="root")
    assert may_assign(giver, root, []) == "Only a superuser decides about a superuser."


def test_a_role_that_was_widened_is_put_right(market: Founded) -> None:
    viewer = Group.objects.get(name="Viewer")
    viewer.permissions.add(Permission.objects.get(codename="deposit_funds"))
    Group.objects.get(name="Treasurer").delete()
    ensure_roles()
    for name, codenames in ROLES.items():
        assert set(Group.objects.get(name=name).permissions.values_list("codename", flat=True)) == codenames


def test_viewers_see_every_list_of_the_market(officer: Officer) -> None:
    client = officer("Viewer")
    for model in apps.get_app_config("trading").get_models():
        if f"view_{model._meta.model_name}" in ROLES["Viewer"]:
            assert client.get(page(str(model._meta.model_name))).status_code == 200


# --- those who had the old permission


def test_who_could_change_accounts_keeps_what_it_was_good_for(market: Founded) -> None:
    from importlib import import_module

    old = Permission.objects.get(codename="change_account")
    clerk, group = User.objects.create_user("clerk", is_staff=True), Group.objects.create(name="clerks")
    clerk.user_permissions.add(old)
    group.permissions.add(old)
    import_module("trading.migrations.0021_rights_by_action").keep_rights(apps, None)
    wanted = {"change_account", "deposit_funds", "withdraw_funds", "freeze_account"}
    assert set(clerk.user_permissions.values_list("codename", flat=True)) == wanted
    assert set(group.permissions.values_list("codename", flat=True)) == wanted


def test_a_signed_in_trader_is_sent_to_the_login(market: Founded) -> None:
    client = logged_in(User.objects.get(username="user001"))
    for named in LOOKED_AT:
        assert client.get(address(named.name)).headers["Location"].startswith("/admin/login/")
