"""The browser examples against a live server: plain JavaScript, a React hook, a Vue component, one that comes back.

All four pages show the same, so one story is played on each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.browser import chromium, missing
from tests.e2e.client import Client, signed_in
from tests.e2e.server import Server

pytestmark = pytest.mark.long

try:
    from tests.examples.pages import NAMES, PATIENCE_MS, address, buy, connect, opened, shows
except ImportError:
    missing("the examples need Playwright: pip install -r requirements-dev.txt")

__all__ = ["address"]

SIGNED_IN = re.compile("signed in|ready")
IDLE_CLOSE = 4408
HURRIED = "{ const real = setInterval; window.setInterval = (call, pause) => real(call, pause / 25); }"
"""The page's clock runs fast, so that it pings every 200 ms."""
COUNTED = """{
    const { setInterval, clearInterval, clearTimeout } = window;
    window.beats = new Set();
    const noted = (clear) => (timer) => { beats.delete(timer); clear(timer); };
    window.setInterval = (...words) => { const timer = setInterval(...words); beats.add(timer); return timer; };
    Object.assign(window, { clearInterval: noted(clearInterval), clearTimeout: noted(clearTimeout) });
}"""
"""The page's timers that come again and again are known."""
WRITTEN_DOWN = """{
    window.statuses = [];
    const note = () => statuses.push(document.getElementById('status')?.textContent ?? '');
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
"""What the page shows as its status from now on."""
HIDDEN = "window.setInterval = () => 0;"
"""The page has no timers, as good as in a hidden tab."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def ended(socket: Any) -> None:
    """Wait until the page's socket is closed."""
    if not socket.is_closed():
        socket.wait_for_event("close")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_signs_in_trades_and_closes(browser: Any, address: str, server: Server, name: str) -> None:
    with opened(browser, address, name, COUNTED) as page, signed_in(server, "user004") as seller:
        with page.expect_event("websocket") as socket:
            connect(page, server.ws, "user001", server.token("user001"))
        shows(page, "status", SIGNED_IN)
        shows(page, "book", "- / -")
        buy(page, 119.5)
        shows(page, "orders", re.compile(r"^O\d{20} Submitted$"))
        shows(page, "book", "119.5 / -")
        assert seller.order("SELL", 1, 119.5)["success"]
        shows(page, "fills", "BUY 1 at 119.5")
        shows(page, "orders", re.compile(r"^O\d{20} Filled$"))
        with signed_in(server, "user001") as owner:
            shows(page, "balance", str(owner.account()["balance"]).removesuffix(".0"))
        buy(page, 119.7)
        shows(page, "said", re.compile("^1007 "))
        assert page.evaluate("beats.size") == 1
        page.get_by_role("button", name="Disconnect").click()
        shows(page, "status", re.compile("^closed"))
        page.wait_for_function("() => beats.size === 0", timeout=PATIENCE_MS)
        ended(socket.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_that_its_token_is_wrong(browser: Any, address: str, server: Server, name: str) -> None:
    with opened(browser, address, name) as page:
        connect(page, server.ws, "user001", "not-a-token")
        shows(page, "status", re.compile("^not signed in|^refused: Invalid credentials"))


@pytest.mark.parametrize("name", NAMES)
def test_signing_in_again_leaves_one_connection(browser: Any, address: str, server: Server, name: str) -> None:
    """What the first one still says is not shown as the second one's."""
    with opened(browser, address, name) as page:
        with page.expect_event("websocket") as first:
            connect(page, server.ws, "user001", server.token("user001"))
        shows(page, "status", SIGNED_IN)
        page.evaluate(WRITTEN_DOWN)
        with page.expect_event("websocket") as second:
            connect(page, server.ws, "user002", server.token("user002"))
        assert "user002" in second.value.url
        shows(page, "status", SIGNED_IN)
        buy(page, 119.5)
        shows(page, "orders", re.compile("Submitted$"))
        with signed_in(server, "user002") as owner:
            assert owner.ask("cancel_all")["cancelled"] == 1
        shows(page, "orders", re.compile("Cancelled$"))
        ended(first.value)
        assert not any("closed" in text for text in page.evaluate("statuses"))


@pytest.mark.long
@pytest.mark.parametrize(("clock", "pings"), [(HURRIED, 60), (HIDDEN, 0.3)], ids=["its pings", "its answers"])
def test_no_page_is_closed_for_silence(
    browser: Any, address: str, new_server: Callable[..., Server], clock: str, pings: float
) -> None:
    """Its own pings keep it alive where the server sends none, and its answers where it has no clock of its own."""
    server = new_server(IDLE_SECONDS=6, PING_SECONDS=pings)
    with ExitStack() as stack:
        pages = [stack.enter_context(opened(browser, address, name, clock)) for name in NAMES]
        for number, page in enumerate(pages, 1):
            connect(page, server.ws, f"user00{number}", server.token(f"user00{number}"))
            shows(page, "status", SIGNED_IN)
            page.evaluate(WRITTEN_DOWN)
        silent = stack.enter_context(Client(server.ws))
        assert silent.close_code() == IDLE_CLOSE
        for page in pages:
            buy(page, 119.5)
            shows(page, "orders", re.compile("Submitted$"))
            assert all(SIGNED_IN.search(text) for text in page.evaluate("statuses")), "it was closed and came back"
