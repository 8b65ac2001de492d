"""Announcements in a browser: a bar that can be closed and comes again, a countdown, and the dialog for signing in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.browser import WatchedPage, missing, new_page
from tests.e2e.page.steps import PERSON, open_live, sign_in
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

try:
    from playwright.sync_api import expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")

ANNOUNCE = """
from trading.core.commands import Announce
from trading.operators import requests
row = requests.carry_out(Announce(*{arguments!r}), market="MAIN")
assert row.status == "DONE", row.result
"""
WITHDRAW = """
from trading.core.commands import WithdrawAnnouncement
from trading.models import Market
from trading.operators import requests
for told in Market.objects.get(code="MAIN").announcements:
    requests.carry_out(WithdrawAnnouncement(told["number"]), market="MAIN")
"""
FAR = 4_000_000_000_000
WIDTHS = (1440, 820, 390)


@pytest.fixture
def board(server: Server) -> Iterator[Server]:
    """A server whose announcements are gone afterwards."""
    yield server
    server.manage("shell", "-v", "0", "-c", WITHDRAW)


def announce(server: Server, text: str, *more: Any) -> None:
    server.manage("shell", "-v", "0", "-c", ANNOUNCE.format(arguments=(text, FAR, *more)))


def lines(page: WatchedPage, root: str = "#announcements") -> Any:
    return page.locator(f"{root} .announcement")


def test_it_comes_can_be_closed_and_is_there_after_a_reload(browser: Any, board: Server) -> None:
    with new_page(browser) as page:
        open_live(page, board)
        announce(board, "Maintenance tonight", None, FAR - 1)
        expect(lines(page)).to_have_count(1)
        expect(lines(page)).to_contain_text("Maintenance tonight")
        expect(lines(page)).to_contain_text("Stops in")
        lines(page).locator("button").click()
        expect(lines(page)).to_have_count(0)
        page.reload()
        expect(lines(page)).to_have_count(1)
        page.click("#open-sign-in")
        expect(lines(page, "#sign-in-announcements")).to_contain_text("Maintenance tonight")
        board.manage("shell", "-v", "0", "-c", WITHDRAW)
        expect(lines(page, "#sign-in-announcements")).to_have_count(0)
        assert page.complaints == []


def test_it_is_on_the_page_before_any_frame_comes(browser: Any, board: Server) -> None:
    """Whoever does not get through to the exchange is told why."""
    announce(board, "Back at ten")
    with new_page(browser) as page:
        page.add_init_script("window.WebSocket = class { close() {} send() {} }")
        page.goto(board.http)
        expect(lines(page)).to_contain_text("Back at ten")


def test_what_is_for_a_user_comes_when_they_sign_in(browser: Any, board: Server) -> None:
    announce(board, "Dear trader", PERSON)
    with new_page(browser, locale="zh-CN") as page:
        heard: list[dict[str, Any]] = []
        page.on("websocket", lambda line: line.on("framereceived", lambda text: heard.append(json.loads(text))))
        open_live(page, board)
        expect(lines(page)).to_have_count(0)
        sign_in(page, board)
        expect(lines(page)).to_contain_text("Dear trader")
        page.click("#sign-out")
        expect(lines(page)).to_have_count(0)
        assert any(frame["type"] == "announcements" for frame in heard)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_one_widens_nothing_and_hides_nothing(browser: Any, board: Server, width: int) -> None:
    announce(board, "A long text without a blank: " + "x" * 300, None, FAR - 1)
    with new_page(browser, viewport={"width": width, "height": 900}) as page:
        open_live(page, board)
        expect(lines(page)).to_have_count(1)
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond == 0
        button = lines(page).locator("button")
        box = button.bounding_box()
        assert box is not None and box["x"] + box["width"] <= width
        button.click()
        expect(lines(page)).to_have_count(0)
        assert page.complaints == []
