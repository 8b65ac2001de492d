"""Passwords cannot be guessed at leisure: neither one user's from many addresses, nor many users' from one."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core.management import call_command
from django.db.models import F
from django.test import AsyncClient, Client, RequestFactory
from django.urls import reverse

from exchange_site.security.login_lockout import client_address
from tests.admin.pages import logged_in, text_of
from trading.models import User

LIMIT, LOCK = 3, 600
RIGHT, WRONG = "right-horse", "wrong-horse"
HERE, THERE = "192.0.2.1", "198.51.100.7"
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def limits(settings: Any, db: None) -> None:
    settings.AXES_FAILURE_LIMIT = LIMIT
    settings.LOGIN_LOCK_SECONDS, settings.AXES_COOLOFF_TIME = LOCK, timedelta(seconds=LOCK)
    for name in ("root", "boss"):
        User.objects.create_superuser(name, password=RIGHT)


def guess(name: str, password: str = WRONG, address: str = HERE, **headers: Any) -> Any:
    return Client(REMOTE_ADDR=address).post(LOGIN, {"username": name, "password": password}, **headers)


def lock(name: str, address: str = HERE) -> None:
    for _ in range(LIMIT):
        response = guess(name, address=address)
    assert response.status_code == 429


def gets_in(name: str, address: str = HERE) -> bool:
    response = guess(name, RIGHT, address)
    assert response.status_code in {302, 429}
    return bool(response.status_code == 302)


def plain(response: Any) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())


# --- locked


def test_the_last_wrong_password_locks_and_the_right_one_does_not_help() -> None:
    assert [guess("root").status_code for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]
    response = guess("root", RIGHT)
    assert response.status_code == 429 and response["Retry-After"] == str(LOCK)
    assert "too many wrong passwords. Try again in 10 minutes" in text_of(response)
    assert "_auth_user_id" not in response.client.session


def test_nobody_learns_whether_a_user_exists() -> None:
    known = [guess("root", address=HERE) for _ in range(LIMIT + 1)]
    unknown = [guess("nobody", address=THERE) for _ in range(LIMIT + 1)]
    for one, other in zip(known, unknown, strict=True):
        assert (one.status_code, plain(one)) == (other.status_code, plain(other).replace("nobody", "root"))


@pytest.mark.parametrize(
    ("name", "address", "open_"),
    [("root", HERE, False), ("root", THERE, False), ("boss", HERE, False), ("boss", THERE, True)],
)
def test_name_and_address_are_locked_each_for_itself(name: str, address: str, open_: bool) -> None:
    lock("root", HERE)
    assert gets_in(name, address) is open_


def test_a_name_is_counted_over_all_addresses_and_an_address_over_all_names() -> None:
    for number in range(LIMIT):
        guess("root", address=f"192.0.2.{number + 10}")
        guess(f"name{number}", address=THERE)
    assert not gets_in("root", HERE)
    assert not gets_in("boss", THERE)


def test_other_browsers_are_no_other_guessers() -> None:
    for number in range(LIMIT):
        response = guess("root", HTTP_USER_AGENT=f"agent {number}")
    assert response.status_code == 429


def test_an_account_of_ones_own_does_not_wipe_the_address_clean() -> None:
    for _ in range(LIMIT - 1):
        guess("root")
    assert gets_in("boss")
    assert guess("root").status_code == 429


def test_the_lock_ends_by_itself_and_is_not_prolonged_by_more_guesses() -> None:
    lock("root")
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(seconds=LOCK - 60))
    before = AccessAttempt.objects.get().attempt_time
    assert guess("root").status_code == 429
    assert AccessAttempt.objects.get().attempt_time == before
    AccessAttempt.objects.update(attempt_time=before - timedelta(seconds=60))
    assert gets_in("root")


@pytest.mark.django_db(transaction=True)
async def test_under_asgi_it_is_the_same_page() -> None:
    client = AsyncClient()
    for _ in range(LIMIT):
        response = await client.post(LOGIN, {"username": "root", "password": WRONG})
    assert response.status_code == 429 and response["Retry-After"] == str(LOCK)


# --- other places that ask for a password


def change_password(client: Client, old: str) -> Any:
    new = {"new_password1": "new-horse-1", "new_password2": "new-horse-1"}
    return client.post(reverse("admin:password_change"), {"old_password": old, **new})


def test_an_open_session_is_no_place_to_guess_its_password() -> None:
    client = logged_in(User.objects.get(username="root"))
    assert [change_password(client, WRONG).status_code for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]
    assert change_password(client, RIGHT).status_code == 429
    assert User.objects.get(username="root").check_password(RIGHT)


def test_a_password_is_changed_by_who_knows_it() -> None:
    client = logged_in(User.objects.get(username="root"))
    assert client.get(reverse("admin:password_change")).status_code == 200
    assert change_password(client, RIGHT).status_code == 302
    assert User.objects.get(username="root").check_password("new-horse-1")


# --- unlocked


def test_an_operator_unlocks_in_the_admin() -> None:
    lock("root")
    client = logged_in(User.objects.get(username="boss"))
    assert "root 192.0.2.1 3" in text_of(client.get(reverse("admin:axes_accessattempt_changelist")))
    row = AccessAttempt.objects.get()
    assert client.get(reverse("admin:axes_accessattempt_change", args=[row.pk])).status_code == 200
    client.post(
        reverse("admin:axes_accessattempt_changelist"),
        {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
    )
    assert gets_in("root")


@pytest.mark.parametrize(("command", "whom"), [("axes_reset_username", "root"), ("axes_reset_ip", HERE)])
def test_the_shell_unlocks(command: str, whom: str) -> None:
    lock("root")
    call_command(command, whom, stdout=StringIO())
    assert gets_in("root")


# --- where from


@pytest.mark.parametrize(
    ("said", "behind_proxy", "locked"),
    [("203.0.113.{}", False, True), ("203.0.113.{}", True, False), ("203.0.113.{}, 198.51.100.7", True, True)],
)
def test_what_a_client_says_of_its_address_is_believed_of_the_proxy_only(
    settings: Any, said: str, behind_proxy: bool, locked: bool
) -> None:
    settings.BEHIND_PROXY = behind_proxy
    for number in range(LIMIT + 1):
        response = guess(f"name{number}", HTTP_X_FORWARDED_FOR=said.format(number))
    assert (response.status_code == 429) is locked


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", None),
        ("unix:", None),
        ("' OR 1=1", None),
    ],
)
def test_addresses(address: str, counted: str | None) -> None:
    assert client_address(RequestFactory(REMOTE_ADDR=address).get("/")) == counted


def test_without_an_address_the_name_is_locked_all_the_same() -> None:
    lock("root", address="")
    assert not gets_in("root")


def test_they_stand_under_a_name_that_a_person_understands() -> None:
    said = text_of(logged_in(User.objects.get(username="root")).get("/admin/"))
    assert "Log-in protection Model name" in said and "Failed log-ins" in said
    assert "Axes" not in said and "Access attempts" not in said and "Marketdata" not in said


def test_so_do_their_list_their_pages_and_the_question_before_they_go() -> None:
    lock("boss")
    names = (("changelist", False), ("change", True), ("delete", True))
    client, row = logged_in(User.objects.get(username="root")), AccessAttempt.objects.get()
    listed, one, gone = (
        reverse(f"admin:axes_accessattempt_{name}", args=[row.pk] if own else []) for name, own in names
    )
    chosen = {"action": "delete_selected", "_selected_action": [row.pk]}
    for said in map(text_of, (client.get(listed), client.get(one), client.get(gone), client.post(listed, chosen))):
        assert "failed log-in" in said.lower() and "access attempt" not in said.lower()
