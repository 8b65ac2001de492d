"""The trading page's browser: who it is, with which token it opens the socket, and the demo accounts of strangers. An
engine runs beside."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from exchange_site.page.demo_accounts import DemoAccounts
from exchange_site.page.session import PAGES_OF_A_BROWSER
from exchange_site.urls import routes
from tests.builders import Books, Founded, order
from tests.engine_beside import EngineBeside
from trading.core.money import UNIT
from trading.models import AccessToken, Account, Market, OperatorCommand, User
from trading.reads import holdings, identities
from trading.storage import reconciliation
from trading.storage.engine_lock import engine_lock

ROOT = Path(__file__).resolve().parents[2]
RIGHT, WRONG = "right-horse", "wrong-horse"
LIMIT, LOCK = 3, 600
FUNDS = 50_000
HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture(autouse=True)
def _site(market: Founded, engine: EngineBeside, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = LIMIT
    settings.LOGIN_LOCK_SECONDS, settings.AXES_COOLOFF_TIME = LOCK, timedelta(seconds=LOCK)
    settings.DEMO, settings.DEMO_FUNDS = True, FUNDS
    settings.DEMO_ACCOUNTS_PER_HOUR, settings.DEMO_ACCOUNTS_PER_DAY = 3, 5
    settings.ROOT_URLCONF = tuple(routes(settings.MARKET, DemoAccounts.from_settings()))
    user = User.objects.get(username="user001")
    user.set_password(RIGHT)
    user.save()


def browser(address: str = HERE) -> Client:
    return Client(REMOTE_ADDR=address)


def post(client: Client, path: str, **body: object) -> Any:
    return client.post(f"/{path}", json.dumps(body), content_type="application/json")


def sign_in(client: Client, password: str = RIGHT, user_id: str = "user001") -> Any:
    return post(client, "session", user_id=user_id, password=password)


def inside() -> Client:
    client = browser()
    assert sign_in(client).json()["user_id"] == "user001"
    return client


def stranger(address: str = HERE) -> tuple[Client, str]:
    """A browser with a demo account, and whose it is."""
    client = browser(address)
    return client, post(client, "demo-account").json()["user_id"]


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def opens(user_id: str, token: str) -> bool:
    """Whether the socket would let this token in, to trade."""
    found = identities.identity_of_token(user_id=user_id, token=token, market="MAIN")
    return found is not None and found.may_trade


def said_on_page(client: Client) -> Any:
    found = re.search(r'<script id="session" type="application/json">(.*?)</script>', client.get("/").content.decode())
    assert found
    return json.loads(found[1])


# --- in and out


def test_the_page_is_told_who_is_signed_in() -> None:
    client = browser()
    assert said_on_page(client) == {"user_id": None, "demo": True, "demo_account": False}
    sign_in(client)
    assert said_on_page(client) == {"user_id": "user001", "demo": True, "demo_account": False}
    assert "private" in client.get("/")["Cache-Control"]
    assert post(client, "session/end").json()["user_id"] is None
    assert said_on_page(client)["user_id"] is None


@pytest.mark.parametrize(
    ("user_id", "password"),
    [("user001", WRONG), ("nobody", RIGHT), ("user002", ""), ("user002", "!"), ("用户", "密码"), ("a'--", "x")],
)
def test_a_wrong_password_opens_nothing(user_id: str, password: str) -> None:
    client = browser()
    assert refusal(post(client, "session", user_id=user_id, password=password or "x")) == (401, "wrong_password")
    assert refusal(post(client, "session/token")) == (401, "signed_out")


def test_guesses_are_counted_with_those_at_the_admin() -> None:
    """The answer is the same for the right password, and says when to come again."""
    for _ in range(LIMIT - 1):
        browser().post("/admin/login/", {"username": "user001", "password": WRONG})
    assert refusal(sign_in(browser(), WRONG)) == (429, "locked")
    response = sign_in(browser(THERE))
    assert refusal(response) == (429, "locked") and response["Retry-After"] == str(LOCK)


MALFORMED = [
    b"",
    b"[]",
    b"{",
    b'"x"',
    b'{"user_id": "user001"}',
    b'{"user_id": "user001", "password": 1}',
    b'{"user_id": "user001", "password": "right-horse", "x": 1}',
    b'{"user_id": "a\\u0000", "password": "x"}',
    b'{"user_id": "a", "password": "' + b"x" * 1_001 + b'"}',
    b"\xff",
    b"[" * 100_000,
]


def test_what_is_no_sign_in(subtests: pytest.Subtests) -> None:
    for body in MALFORMED:
        with subtests.test(repr(body[:40])):
            response = browser().post("/session", body, content_type="application/json")
            assert refusal(response) == (400, "malformed")


PATHS = ("session", "session/end", "session/token", "demo-account", "demo-account/reset")


def test_only_posts_of_this_site_are_taken(subtests: pytest.Subtests) -> None:
    for path in PATHS:
        with subtests.test(path):
            assert refusal(browser().get(f"/{path}")) == (405, "method_not_allowed")
            strict = Client(enforce_csrf_checks=True)
            assert strict.post(f"/{path}", "{}", content_type="application/json").status_code == 403
    form = {"user_id": "user001", "password": RIGHT}
    assert refusal(browser().post("/session", form)) == (400, "malformed")


def test_the_page_brings_what_its_posts_need() -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.get("/")
    headers = {"X-CSRFToken": strict.cookies["csrftoken"].value}
    body = {"user_id": "user001", "password": RIGHT}
    response = strict.post("/session", json.dumps(body), content_type="application/json", headers=headers)
    assert response.json()["user_id"] == "user001"


def test_who_signs_in_as_another_has_left_before() -> None:
    client = inside()
    old = post(client, "session/token").json()["token"]
    User.objects.create_user("other", password=RIGHT)
    sign_in(client, user_id="other")
    assert not opens("user001", old)


SOURCES = [path.read_text() for path in (ROOT / "exchange_site").rglob("*.py")]
CODES = {code for text in SOURCES for code in re.findall(r'Refusal\(\s*\d+, "(\w+)"', text)}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_has_words_for_every_refusal_and_the_document_names_it(language: str) -> None:
    words = (ROOT / f"static/bourse/js/locales/trader_{language}.js").read_text()
    assert len(CODES) > 10
    assert {code for code in CODES if f"'http.{code}': " not in words} == set()
    document = (ROOT / "docs/trading-page.md").read_text()
    assert {code for code in CODES if f"`{code}`" not in document} == set()


# --- the token


def test_a_token_opens_the_socket_for_minutes(settings: Any) -> None:
    response = post(inside(), "session/token")
    said = response.json()
    assert opens("user001", said["token"]) and not opens("user002", said["token"])
    assert said["expires_in"] == settings.PAGE_TOKEN_MINUTES * 60
    assert "no-store" in response["Cache-Control"]
    left = AccessToken.objects.get(name__startswith="page ").expiry - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


def test_a_token_does_not_outlive_its_session(settings: Any) -> None:
    settings.SESSION_COOKIE_AGE = 60
    assert post(inside(), "session/token").json()["expires_in"] <= 60


def test_signing_out_ends_the_tokens_of_this_browser_only() -> None:
    client, other = inside(), inside()
    mine = [post(client, "session/token").json()["token"] for _ in range(2)]
    others = post(other, "session/token").json()["token"]
    assert all(opens("user001", token) for token in mine)
    post(client, "session/end")
    assert not any(opens("user001", token) for token in mine)
    assert opens("user001", others)
    assert AccessToken.objects.filter(user__username="user001", name="tests").exists()


def test_old_tokens_do_not_gather() -> None:
    client = inside()
    tokens = [post(client, "session/token").json()["token"] for _ in range(2 + PAGES_OF_A_BROWSER)]
    assert [opens("user001", token) for token in tokens] == [False, False] + [True] * PAGES_OF_A_BROWSER
    gone = AccessToken.objects.filter(name__startswith="page ")
    gone.update(expiry=timezone.now())
    fresh = post(inside(), "session/token").json()["token"]
    assert gone.count() == 1 and opens("user001", fresh)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "changed"}])
def test_the_session_of_who_is_shut_out_is_over(change: dict[str, object]) -> None:
    client = inside()
    User.objects.filter(username="user001").update(**change)
    assert refusal(post(client, "session/token")) == (401, "signed_out")


# --- demo accounts


def figures(user_id: str) -> Any:
    view = holdings.account_view(user_id=user_id, market="MAIN")
    assert view
    return view.figures


def test_a_stranger_gets_an_account_with_funds_and_is_signed_in() -> None:
    client, user_id = stranger()
    assert said_on_page(client) == {"user_id": user_id, "demo": True, "demo_account": True}
    assert figures(user_id).available == FUNDS * UNIT
    assert opens(user_id, post(client, "session/token").json()["token"])
    assert client.session.get_expiry_age() > 29 * 86_400
    assert not User.objects.get(username=user_id).has_usable_password()
    asked = OperatorCommand.objects.filter(asked_by__username=user_id).order_by("id")
    assert [(row.kind, row.status) for row in asked] == [("OpenAccount", "DONE"), ("Deposit", "DONE")]


def test_there_are_none_outside_the_demo(settings: Any) -> None:
    settings.DEMO = False
    before = User.objects.count()
    for path in ("demo-account", "demo-account/reset"):
        assert refusal(post(browser(), path)) == (404, "not_found")
    assert User.objects.count() == before


def test_who_is_signed_in_needs_none() -> None:
    assert refusal(post(inside(), "demo-account")) == (409, "signed_in")


def test_they_are_limited_by_address_and_overall() -> None:
    for _ in range(3):
        stranger(HERE)
    response = post(browser(HERE), "demo-account")
    assert refusal(response) == (429, "too_many_demo_accounts")
    assert 0 < int(response["Retry-After"]) <= 20 * 60
    for _ in range(2):
        stranger(THERE)
    assert refusal(post(browser(THERE), "demo-account")) == (429, "demo_accounts_used_up")
    OperatorCommand.objects.update(asked_at=F("asked_at") - timedelta(days=1))
    assert post(browser("203.0.113.9"), "demo-account").status_code == 200


def test_when_the_engine_does_not_answer_nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.operators.requests.wait", lambda row: row)
    client = browser()
    assert refusal(post(client, "demo-account")) == (504, "not_yet")
    assert said_on_page(client)["user_id"] is None


@pytest.mark.parametrize("path", ["demo-account", "demo-account/reset"])
def test_where_no_engine_runs_a_stranger_is_told_and_nothing_is_made(path: str, engine: EngineBeside) -> None:
    client = stranger()[0] if path.endswith("reset") else browser()
    users, asked, epoch = User.objects.count(), OperatorCommand.objects.count(), Market.objects.get().epoch
    engine.stop()
    assert refusal(post(client, path)) == (503, "closed")
    assert not engine_lock("MAIN").taken()
    assert (User.objects.count(), OperatorCommand.objects.count()) == (users, asked)
    assert Market.objects.get().epoch == epoch


# --- back to the start


Trade = Callable[[str, str], None]


@pytest.fixture
def trade() -> Trade:
    """The account of a user trades with user002: `trade("demo-1", "BUY OPEN 2 @ 120")`."""

    def run(user_id: str, words: str) -> None:
        other = words.replace("BUY", "BUY?").replace("SELL", "BUY").replace("BUY?", "SELL").replace("CLOSE", "OPEN")
        mine = Account.objects.get(user_id=user_id).pk
        Books().commit(order(mine, words), order(2, other))

    return run


@pytest.mark.parametrize("close_at", ["119.0", "121.0"])
def test_losses_are_paid_in_and_gains_paid_out(trade: Trade, close_at: str) -> None:
    client, user_id = stranger()
    trade(user_id, "BUY OPEN 2 @ 120")
    trade(user_id, f"SELL CLOSE 2 @ {close_at}")
    assert figures(user_id).balance != FUNDS * UNIT
    assert post(client, "demo-account/reset").json()["user_id"] == user_id
    assert figures(user_id).balance == figures(user_id).available == FUNDS * UNIT
    assert reconciliation.check_books("MAIN") == []


def test_only_a_flat_account_goes_back(trade: Trade) -> None:
    client, user_id = stranger()
    number = Account.objects.get(user_id=user_id).pk
    trade(user_id, "BUY OPEN 2 @ 120")
    assert refusal(post(client, "demo-account/reset")) == (409, "not_flat")
    trade(user_id, "SELL CLOSE 2 @ 121")
    Books().commit(order(number, "BUY OPEN 1 @ 110"))
    before = figures(user_id)
    assert refusal(post(client, "demo-account/reset")) == (409, "not_flat")
    assert figures(user_id) == before


def test_a_frozen_account_keeps_what_it_has(trade: Trade) -> None:
    client, user_id = stranger()
    trade(user_id, "BUY OPEN 2 @ 120")
    trade(user_id, "SELL CLOSE 2 @ 121")
    Account.objects.filter(user_id=user_id).update(frozen=True)
    response = post(client, "demo-account/reset")
    assert refusal(response) == (409, "refused") and "(1012)" in response.json()["message"]


def test_nobody_else_can_go_back() -> None:
    assert refusal(post(browser(), "demo-account/reset")) == (401, "signed_out")
    assert refusal(post(inside(), "demo-account/reset")) == (403, "not_a_demo_account")
