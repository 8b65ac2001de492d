"""Signing in and out on the trading page, and sessions that end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.browser import WatchedPage, missing, new_page
from tests.e2e.page.steps import (
    PERSON,
    cancel_all,
    expect_inside,
    expect_order,
    expect_phase,
    open_live,
    row,
    send,
    sign_in,
)

pytestmark = pytest.mark.slow

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


def test_who_cannot_come_in_is_told_why(page: WatchedPage, server: Any) -> None:
    page.click("#open-sign-in")
    expect(page.locator("#user-id")).to_be_focused()
    page.click("#sign-in-submit")
    expect(page.locator("#sign-in-problem")).to_have_text("Enter your user ID and password.")
    page.fill("#user-id", PERSON)
    page.fill("#password", "not-the-password")
    page.click("#sign-in-submit")
    expect(page.locator("#sign-in-problem")).to_have_text("The user ID or the password is wrong.")
    page.keyboard.press("Escape")
    expect(page.locator("#sign-in")).not_to_be_visible()
    page.complaints.clear()  # the browser's own words about the answer 401

    sign_in(page, server, token="not-the-token")
    expect(page.locator("#sign-in-problem")).to_have_text("The user ID or the token is wrong.")
    assert page.evaluate("sessionStorage.getItem('bourse.session')") is None
    page.click("#sign-in-cancel")
    expect_phase(page, "live")


def test_a_reload_keeps_who_has_a_token_and_sign_out_forgets(page: Page, server: Any) -> None:
    sign_in(page, server)
    order_id = send(page, "BUY", 1, 110.0)
    page.reload()
    expect(page.locator("#who")).to_have_text(PERSON)
    expect_order(page, order_id, "Working", "0 / 1")
    expect(row(page, order_id)).to_contain_text("110.0")
    cancel_all(page)
    expect_order(page, order_id, "Cancelled", "0 / 1")

    token = server.token(PERSON)
    assert token not in page.evaluate("JSON.stringify(localStorage)")
    assert token in page.evaluate("JSON.stringify(sessionStorage)")
    page.click("#sign-out")
    expect(page.locator("#open-sign-in")).to_be_visible()
    expect(page.locator("#orders-table tbody")).to_have_text("Sign in to see this.")
    expect(page.locator("[data-fact=balance]")).not_to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert token not in page.content()
    expect_phase(page, "live")


def test_a_session_from_the_password_to_its_end(page: WatchedPage, server: Any) -> None:
    word = "a-good-horse"
    find = f"from trading.models import User; user = User.objects.get(username='{PERSON}')"
    server.manage("shell", "-c", f"{find}; user.set_password('{word}'); user.save()")
    page.click("#open-sign-in")
    page.fill("#user-id", PERSON)
    page.fill("#password", word)
    page.press("#password", "Enter")
    expect_inside(page, PERSON)
    page.reload()
    expect_inside(page, PERSON)
    assert page.evaluate("sessionStorage.length") == 0
    assert word not in page.content()

    with page.expect_websocket():  # the exchange takes the token no more; the session gives another
        server.manage(
            "shell",
            "-c",
            "from trading.models import AccessToken as T; T.objects.filter(name__startswith='page ').delete()",
        )
    expect_inside(page, PERSON)
    expect_phase(page, "live")

    with page.context.new_page() as other:  # another tab of the same browser leaves
        other.goto(server.http + "/")
        expect(other.locator("#sign-out")).to_be_visible()
        other.click("#sign-out")
        expect(other.locator("#open-sign-in")).to_be_visible()
    expect(page.locator("#sign-in-problem")).to_contain_text("Your session has ended. Your orders stay as they are.")
    expect(page.locator("#sign-in")).to_be_visible()
    expect_phase(page, "live")
    page.complaints.clear()  # the browser's own words about the answer 401


SHORT_LIVED = """
    const real = window.fetch;
    let first = true;
    window.fetch = async (path, options) => {
        const response = await real(path, options);
        if (path !== '/session/token' || !first) return response;
        first = false;
        return Response.json({ ...await response.json(), expires_in: 3 });
    };
"""
"""Lets the page believe that its first token lives for three seconds."""


def test_the_page_renews_its_token_on_the_open_line(browser: Any, new_server: Callable[..., Any]) -> None:
    own = new_server()
    shown: list[tuple[str, str]] = []

    def listen(socket: Any) -> None:
        socket.on("framesent", lambda text: said(socket.url, text))

    def said(url: str, text: str) -> None:
        if '"auth"' in text:
            shown.append((url, json.loads(text)["token"]))

    with new_page(browser) as page:
        page.on("websocket", listen)
        page.add_init_script(SHORT_LIVED)
        open_live(page, own)
        page.click("#account-begin")
        expect(page.locator("#who")).to_have_text(re.compile("^demo-"))
        for _ in range(500):
            if len(shown) == 2:
                break
            page.wait_for_timeout(20)
        (first_url, first), (second_url, second) = shown
        assert first_url == second_url and first != second
        send(page, "BUY", 1, 110.0)
        assert page.complaints == []
