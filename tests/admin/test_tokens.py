"""Tokens are shown once, kept as hashes, and end when they expire or are revoked."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core import serializers
from django.test import Client
from django.utils import timezone

from tests.admin.pages import choose, content_of, fresh, page, send, text_of
from tests.builders import Founded
from trading.models import AccessToken, User
from trading.reads import identities

ADD = page("accesstoken", "add")


@pytest.fixture(autouse=True)
def _market(market: Founded) -> None:
    pass


def issue(client: Client, **values: object) -> tuple[Any, str]:
    """Issue a token in the admin; returns the page and the token's text on it."""
    response = send(client, ADD, **{"user": "user009", "name": "robot", **values})
    found = re.search(r'class="token-text">([0-9a-f]{64})<', response.content.decode())
    assert found, text_of(response)
    return response, found.group(1)


def identity(token: str) -> str | None:
    found = identities.identity_of_token(user_id="user009", token=token, market="MAIN")
    return found.user_id if found else None


def test_the_text_is_shown_and_works(root: Client) -> None:
    response, token = issue(root)
    assert "A token for user009 (robot)" in text_of(response)
    assert "no-store" in response["Cache-Control"]
    assert identity(token) == "user009"


def test_the_text_is_kept_nowhere(root: Client) -> None:
    """Not in any table, not in a message that waits, a session or a cookie, not in the log, not in an address."""
    response, token = issue(root)
    assert token not in response.request["PATH_INFO"] + response.request["QUERY_STRING"]
    assert token not in str(root.cookies)
    stored = serializers.serialize("json", [*AccessToken.objects.all(), *LogEntry.objects.all()])
    assert AccessToken.objects.get(name="robot").digest in stored
    assert token not in stored
    assert token not in str([session.get_decoded() for session in Session.objects.all()])
    for url in (
        page("accesstoken"),
        page("accesstoken", "change", AccessToken.objects.get(name="robot").pk),
        "/admin/",
    ):
        assert token not in root.get(url).content.decode()


def test_issuing_is_logged(root: Client) -> None:
    issue(root)
    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "root"
    assert entry.is_addition()


def test_reloading_the_page_issues_no_second_one(root: Client) -> None:
    values = {**content_of(root, ADD), "user": "user009", "name": "robot"}
    first, again = root.post(ADD, values), root.post(ADD, values, follow=True)
    assert "token-text" in first.content.decode()
    assert "This form was sent before; its token was shown then." in text_of(again)
    assert AccessToken.objects.filter(name="robot").count() == 1


def test_days_are_counted_from_now(root: Client, settings: Any) -> None:
    issue(root, name="short", days="2")
    issue(root, name="default")
    for name, days in (("short", 2), ("default", settings.TOKEN_DAYS)):
        left = AccessToken.objects.get(name=name).expiry - timezone.now()
        assert timedelta(days=days) - timedelta(minutes=1) < left <= timedelta(days=days)


WRONG = [
    {"user": "nobody"},
    {"user": ""},
    {"user": "a\0"},
    {"user": "user001"},
    {"name": "x" * 65},
    {"days": "0"},
    {"days": "-1"},
    {"days": "1.5"},
    {"days": "9" * 40},
    {"days": ""},
    {"days": str(AccessToken.LONGEST_DAYS + 1)},
    {"scope": ""},
    {"scope": "ADMIN"},
    {"scope": "read"},
    {"key": "x"},
    {"key": ""},
]


def test_what_cannot_be_issued(root: Client, subtests: pytest.Subtests) -> None:
    User.objects.filter(username="user001").update(is_active=False)
    before = AccessToken.objects.count()
    for wrong in WRONG:
        with subtests.test(**wrong):
            response = root.post(ADD, fresh(**{"user": "user009", "days": "1", "scope": "READ", **wrong}))
            assert response.status_code == 200
            assert response.context["adminform"].form.errors
    assert AccessToken.objects.count() == before


@pytest.mark.parametrize(("scope", "may_trade"), [("TRADE", True), ("READ", False)])
def test_the_scope_is_chosen_and_shown(root: Client, scope: str, may_trade: bool) -> None:
    response, token = issue(root, scope=scope)
    said = "trade" if may_trade else "read only"
    assert f"A token for user009 (robot), {said}, valid until" in text_of(response)
    found = identities.identity_of_token(user_id="user009", token=token, market="MAIN")
    assert found is not None and found.may_trade is may_trade
    row = AccessToken.objects.get(name="robot")
    for url in (page("accesstoken"), page("accesstoken", "change", row.pk)):
        assert row.get_scope_display() in text_of(root.get(url))
    assert row in root.get(page("accesstoken"), {"scope__exact": scope}).context["cl"].result_list


def test_a_token_may_trade_unless_it_is_chosen_otherwise(root: Client) -> None:
    assert content_of(root, ADD)["scope"] == "TRADE"
    issue(root)
    assert AccessToken.objects.get(name="robot").scope == "TRADE"


def test_the_last_use_is_shown(root: Client) -> None:
    row = AccessToken.objects.get(user__username="user001")
    assert "last used: -" in text_of(root.get(page("accesstoken", "change", row.pk))).lower()
    AccessToken.objects.filter(pk=row.pk).update(last_used="2026-01-31T09:30:00Z")
    for url in (page("accesstoken"), page("accesstoken", "change", row.pk)):
        assert "2026-01-31 09:30:00" in text_of(root.get(url))
    assert root.get(page("accesstoken"), {"o": "7"}).status_code == 200


def test_the_form_is_filled_from_the_users_page(root: Client) -> None:
    assert content_of(root, f"{ADD}?user=user009&key=mine")["user"] == "user009"
    assert content_of(root, f"{ADD}?user=user009&key=mine")["key"] != "mine"


# --- revoking


def test_one_is_revoked(root: Client) -> None:
    _, token = issue(root)
    row = AccessToken.objects.get(name="robot")
    assert "Whoever uses it is cut off at once" in text_of(root.post(page("accesstoken", "delete", row.pk)))
    assert identity(token) is not None
    gone = root.post(page("accesstoken", "delete", row.pk), {"post": "yes"})
    assert identity(token) is None
    assert gone.headers["Location"] == page("accesstoken"), "back to the list, and not home"


def test_many_are_revoked_at_once(root: Client) -> None:
    keys = list(AccessToken.objects.values_list("pk", flat=True))
    assert "Revoke the selected tokens" in text_of(root.get(page("accesstoken")))
    said = text_of(choose(root, "accesstoken", "delete_selected", *keys, confirmed=False))
    assert "Whoever uses it is cut off at once" in said and "Their 0 live orders stay" in said
    assert set(AccessToken.objects.filter(pk__in=keys).values_list("pk", flat=True)) == set(keys)
    root.post(page("accesstoken"), {"action": "delete_selected", "_selected_action": keys, "post": "yes"})
    assert not AccessToken.objects.exists()


def test_expired_ones_can_be_found(root: Client) -> None:
    old = AccessToken.objects.get(user__username="user001")
    AccessToken.objects.filter(pk=old.pk).update(expiry=timezone.now())
    expired = root.get(page("accesstoken"), {"validity": "expired"}).context["cl"].result_list
    valid = root.get(page("accesstoken"), {"validity": "valid"}).context["cl"].result_list
    assert list(expired) == [old]
    assert old not in valid
    assert len(valid) == 3


def test_they_are_found_by_user_by_name_and_by_their_beginning(root: Client) -> None:
    _, token = issue(root)
    row = AccessToken.objects.get(name="robot")
    for words in ("robot", token[:10]):
        assert list(root.get(page("accesstoken"), {"q": words}).context["cl"].result_list) == [row]


def test_a_token_never_changes(root: Client) -> None:
    row = AccessToken.objects.get(user__username="user001")
    url = page("accesstoken", "change", row.pk)
    other = User.objects.get(username="user002").pk
    for extra in ({}, {"_save": "1"}, {"_saveasnew": "1"}):
        assert root.post(url, {"user": other, "name": "x", "expiry_0": "2099-01-01", **extra}).status_code == 403
    assert AccessToken.objects.get(pk=row.pk).user_id == row.user_id
    assert AccessToken.objects.count() == 4
