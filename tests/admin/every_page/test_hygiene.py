"""What is sent along with every page, what the pages say when something is wrong, and what never leaves the house."""

import logging
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse

from exchange_site import urls
from exchange_site.wiring.exchange import Exchange
from tests.admin.conftest import Staff
from tests.admin.pages import logged_in, page, text_of
from tests.builders import Founded
from tests.e2e.server import ROOT, environment_of, manage
from tests.websocket.client import Client as Socket
from trading.models import User

SECRET = "correct-horse-battery"
PRODUCTION = {"HTTPS": "on", "DEMO": "", "ALLOWED_HOSTS": "bourse.example"}


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(SECRET)


urlpatterns = [path("fails/", fails), *urls.urlpatterns]


@pytest.mark.slow
def test_production_settings_pass_djangos_own_check(tmp_path: Path) -> None:
    manage(tmp_path, "check", "--deploy", "--fail-level", "DEBUG", extra=PRODUCTION)


# --- headers and cookies


@pytest.mark.parametrize("address", ["/", "/admin/login/", "/admin/", "/static/bourse/favicon.svg", "/no-such-page"])
def test_every_answer_tells_browsers_what_not_to_do(db: None, address: str) -> None:
    with closing(Client().get(address)) as response:
        assert_headers(response)


def assert_headers(response: Any) -> None:
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert "camera=()" in response["Permissions-Policy"]
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_cookies_are_for_us_alone_and_end_with_the_day(db: None, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    User.objects.create_superuser("root", password=SECRET)
    client = Client()
    form = client.get("/admin/login/")
    answer = client.post("/admin/login/", {"username": "root", "password": SECRET})
    session, csrf = answer.cookies["sessionid"], form.cookies["csrftoken"]
    assert (session["httponly"], session["secure"], session["samesite"], session["max-age"]) == (
        True,
        True,
        "Lax",
        12 * 60 * 60,
    )
    assert (csrf["secure"], csrf["samesite"]) == (True, "Lax")


def test_pages_of_the_admin_are_not_kept(db: None) -> None:
    client = logged_in(User.objects.create_superuser("root"))
    assert "no-store" in client.get(reverse("admin:index"))["Cache-Control"]


# --- pages that say what is wrong


def said_by(client: Client, address: str, *, post: bool = False, **extra: Any) -> tuple[int, str]:
    client.raise_request_exception = False
    response = client.post(address, **extra) if post else client.get(address, **extra)
    return response.status_code, text_of(response)


def test_pages_for_what_went_wrong_are_ours_and_say_nothing_of_the_inside(staff: Staff, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    nobody, clerk = Client(), staff()
    strict = logged_in(User.objects.create_superuser("root"), check_csrf=True)
    answers = {
        400: [said_by(nobody, "/", HTTP_HOST="evil.example"), said_by(nobody, "/?a=%00")],
        403: [said_by(clerk, page("order")), said_by(strict, page("instrument", "halt", "NONE"), post=True)],
        404: [said_by(nobody, "/no/such/page")],
        500: [said_by(nobody, "/fails/")],
    }
    words = {
        400: ["This request makes no sense"] * 2,
        403: ["This is not for you", "This form is too old"],
        404: ["There is no such page"],
        500: ["Something went wrong here"],
    }
    for status, said in answers.items():
        assert [one for one, _ in said] == [status] * len(said)
        for (_, text), expected in zip(said, words[status], strict=True):
            assert expected in text and "To the trading page" in text
            assert not any(
                inside in text for inside in (SECRET, "Error", "Traceback", "Django", "evil", "exchange_site")
            )


# --- secrets


def test_a_login_leaves_no_secret_in_logs_or_rows(db: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    User.objects.create_superuser("root", password=SECRET)
    client = Client(enforce_csrf_checks=True)
    token = client.get("/admin/login/").cookies["csrftoken"].value
    content = {"username": "root", "csrfmiddlewaretoken": token}
    assert client.post("/admin/login/", {**content, "password": "wrong-" + SECRET}).status_code == 200
    assert client.post("/admin/login/", {**content, "username": SECRET, "password": "x"}).status_code == 200
    assert client.post("/admin/login/?password=" + SECRET, {**content, "password": SECRET}).status_code == 302
    change = {"old_password": "wrong-" + SECRET, "new_password1": SECRET, "new_password2": SECRET}
    token = client.cookies["csrftoken"].value
    client.post(reverse("admin:password_change"), {**change, "csrfmiddlewaretoken": token})
    secrets = (SECRET, client.cookies["sessionid"].value, token)
    assert "login failure by" in caplog.text and not any(secret in caplog.text for secret in secrets)
    rows = AccessAttempt.objects.exclude(username=SECRET).values()
    assert len(rows) == 1 and not any(secret in str(row) for secret in secrets for row in rows)


async def test_a_token_is_never_logged(exchange: Exchange, market: Founded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    right, wrong = market.tokens["user001"], "ab" * 32
    socket = await Socket(exchange.services).connect()
    assert not (await socket.ask(type="auth", user_id="user001", token=wrong))["success"]
    assert not (await socket.ask(type="auth", user_id="user002", token=right))["success"]
    await socket.send_wrong('{"type": "auth", "user_id": 5, "token": "' + right + '"}')
    assert right not in str(await socket.hear())
    await socket.send_wrong('{"type": "auth", "user_id": "user001", "token": "' + right)
    assert right not in str(await socket.hear())
    await socket.leave()
    for token in (right, wrong):
        assert token not in caplog.text and token[:15] not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("url", ["postgres://bourse:{}@127.0.0.1:1/bourse", "postgres://bourse:{}/1@127.0.0.1/bourse"])
def test_the_databases_password_is_in_no_error(tmp_path: Path, url: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        cwd=ROOT,
        env=environment_of(tmp_path, {"DATABASE_URL": url.format(SECRET)}),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert SECRET not in done.stdout + done.stderr
