"""Users are made, changed and given accounts; nobody makes himself mightier than he is."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from tests.admin.pages import asked, choose, content_of, page, send, text_of
from tests.builders import Founded
from trading.models import Account, User

ADD = page("user", "add")
PASSWORD = {"usable_password": "true", "password1": "a-long-phrase-7", "password2": "a-long-phrase-7"}


@pytest.fixture(autouse=True)
def _market(market: Founded) -> None:
    pass


def page_of(username: str, name: str = "change") -> str:
    return page("user", name, User.objects.get(username=username).pk)


def test_a_user_is_added_with_a_password(root: Client) -> None:
    root.post(ADD, {"username": "new.user-1_a", **PASSWORD})
    user = User.objects.get(username="new.user-1_a")
    assert user.check_password(PASSWORD["password1"])
    assert not user.is_staff


def test_a_program_needs_no_password(root: Client) -> None:
    root.post(ADD, {"username": "robot", "usable_password": "false"})
    assert not User.objects.get(username="robot").has_usable_password()


@pytest.mark.parametrize("name", ["", "a b", "中", "a/b", "x" * 65, "user001", "USER001", "a\0", "a@b"])
def test_names_that_cannot_be(root: Client, name: str) -> None:
    response = root.post(ADD, {"username": name, "usable_password": "false"})
    assert response.status_code == 200
    assert "username" in response.context["adminform"].form.errors
    assert User.objects.count() == 5


def test_details_change_but_never_the_user_id(root: Client) -> None:
    send(root, page_of("user001"), first_name="Ada", username="somebody", last_login_0="2001-01-01")
    user = User.objects.get(username="user001")
    assert user.first_name == "Ada"
    assert not User.objects.filter(username="somebody").exists()


def test_a_user_with_an_account_is_not_deleted(root: Client) -> None:
    response = root.post(page_of("user001", "delete"), {"post": "yes"}, follow=True)
    assert "Cannot delete user" in text_of(response)
    assert User.objects.filter(username="user001").exists()


def test_a_user_without_one_is(root: Client) -> None:
    root.post(page_of("user009", "delete"), {"post": "yes"})
    assert not User.objects.filter(username="user009").exists()


# --- accounts


def test_a_button_opens_an_account(root: Client) -> None:
    assert "Open account" in text_of(root.get(page_of("user009")))
    response = root.post(page_of("user009", "open_account"), follow=True)
    assert "Opened an account for user009." in text_of(response)
    assert "Open account" not in text_of(response)
    assert Account.objects.filter(user_id="user009").exists()
    assert asked() == [("OpenAccount", "DONE", "root")]


def test_the_button_tells_a_refusal(root: Client) -> None:
    response = root.post(page_of("user001", "open_account"), follow=True)
    assert "Refused: user001 has an account already (code 409)." in text_of(response)


def test_the_button_does_nothing_on_a_get(root: Client) -> None:
    assert root.get(page_of("user009", "open_account")).status_code == 405
    assert asked() == []


def test_many_accounts_are_opened_at_once(root: Client) -> None:
    keys = User.objects.filter(username__in=["user001", "user009", "root"]).values_list("pk", flat=True)
    said = text_of(choose(root, "user", "open_accounts", *keys))
    assert "Accounts opened: 2." in said
    assert "Refused: user001 has an account already (code 409)." in said
    assert Account.objects.count() == 5


# --- who may make whom


def test_staff_make_no_staff(staff: Any) -> None:
    """Not of others, and not of themselves."""
    clerk = staff("view_user", "add_user", "change_user")
    Group.objects.create(name="all-powerful")
    url = page_of("user001")
    powers = {"is_staff": "on", "is_superuser": "on", "groups": ["1"], "user_permissions": ["1", "2"]}
    clerk.post(url, {**content_of(clerk, url), **powers, "first_name": "Ada"})
    user = User.objects.get(username="user001")
    assert user.first_name == "Ada"
    assert not (user.is_staff or user.is_superuser or user.groups.exists() or user.user_permissions.exists())
    assert clerk.post(page_of("clerk"), {"is_superuser": "on", "is_active": "on"}).status_code == 403


@pytest.mark.parametrize("name", ["change", "delete"])
def test_staff_do_not_touch_staff(staff: Any, root: Client, name: str) -> None:
    clerk = staff("view_user", "add_user", "change_user", "delete_user")
    assert clerk.post(page_of("root", name), {"post": "yes", "is_active": ""}).status_code == 403
    assert User.objects.get(username="root").is_active


def test_staff_do_not_set_the_passwords_of_staff(staff: Any, root: Client) -> None:
    clerk = staff("view_user", "change_user")
    root_id, user_id = User.objects.get(username="root").pk, User.objects.get(username="user001").pk
    new = {**PASSWORD, "set-password": "1"}
    assert clerk.post(f"{page('user')}{root_id}/password/", new).status_code == 403
    assert clerk.post(f"{page('user')}{user_id}/password/", new).status_code == 302
    assert User.objects.get(pk=user_id).check_password(PASSWORD["password1"])
    assert not User.objects.get(pk=root_id).check_password(PASSWORD["password1"])


def test_users_are_not_deleted_in_bulk(root: Client) -> None:
    key = User.objects.get(username="user009").pk
    root.post(page("user"), {"action": "delete_selected", "_selected_action": [key], "post": "yes"})
    assert User.objects.filter(pk=key).exists()


def test_a_superuser_makes_staff(root: Client) -> None:
    send(root, page_of("user009"), is_staff="on", is_superuser="")
    user = User.objects.get(username="user009")
    assert user.is_staff
