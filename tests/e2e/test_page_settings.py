"""The page under other settings than the usual ones: it shows and keeps what the server says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.browser import chromium, missing, new_page
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

try:
    from playwright.sync_api import expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.mark.parametrize(
    ("locale", "hint"),
    [
        ("en-US", "From 55 % you are warned, at 70 % positions are closed."),
        ("zh-CN", "55% 起警告，70% 强制平仓。"),
    ],
)
def test_the_limits_of_risk_are_the_servers(
    browser: Any, new_server: Callable[..., Server], locale: str, hint: str
) -> None:
    server = new_server(RISK_WARN=0.55, RISK_LIMIT=0.7)
    with new_page(browser, locale=locale) as page:
        page.goto(server.http + "/")
        page.click("#open-sign-in")
        page.click("#token-way summary")
        page.fill("#token-user-id", "user001")
        page.fill("#token", server.token("user001"))
        page.click("#token-submit")
        meter = page.get_by_role("meter")
        expect(meter).to_have_attribute("aria-valuemax", "70")
        left, width = meter.evaluate("(it) => [parseFloat(getComputedStyle(it, '::after').left), it.clientWidth]")
        assert left / width == pytest.approx(0.55 / 0.7, abs=0.01), "where the mark of the warning stands"
        expect(meter).to_have_attribute("title", re.compile(re.escape(hint)))
        assert page.complaints == []


def test_a_page_that_shows_nothing_new_stays_connected(browser: Any, new_server: Callable[..., Server]) -> None:
    """The server closes what is silent for less time than the page used to wait by default."""
    server = new_server(IDLE_SECONDS=4, PING_SECONDS=60)
    with new_page(browser) as page:
        lines: list[Any] = []
        pongs: list[str] = []

        def opened(line: Any) -> None:
            lines.append(line)
            line.on("framereceived", heard)

        def heard(text: str) -> None:
            if json.loads(text)["type"] == "pong":
                pongs.append(text)

        page.on("websocket", opened)
        page.goto(server.http + "/")
        expect(page.locator("#connection")).to_have_attribute("data-phase", "live")
        while len(pongs) < 3 and len(lines) == 1:
            page.wait_for_timeout(50)
        assert len(lines) == 1 and not lines[0].is_closed()
