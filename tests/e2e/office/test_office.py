"""The back office in a browser: nothing is cut off at any width, in either language, and the home page keeps up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.browser import WatchedPage, chromium, new_page
from tests.e2e.client import signed_in
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

SECRET = "correct-horse-battery"
WIDTHS = (1440, 820, 390)
IF = {"instrument_id": "IF2301"}
BOSS = f"""
from trading.models import User
User.objects.filter(username="boss").exists() or User.objects.create_superuser("boss", password={SECRET!r})
"""
PAGES = (
    "",
    "trading/order/",
    "trading/account/",
    "trading/operatorcommand/",
    "trading/instrument/",
    "trading/instrument/IF2301/change/",
    "trading/market/MAIN/change/",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def enter(page: WatchedPage, server: Server) -> None:
    server.manage("shell", "-v", "0", "-c", BOSS)
    page.goto(f"{server.http}/admin/login/")
    page.fill("#id_username", "boss")
    page.fill("#id_password", SECRET)
    page.click("[type=submit]")
    page.wait_for_selector("#user-tools")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_no_page_is_wider_than_its_window_nor_complains(browser: Any, server: Server, language: str) -> None:
    with new_page(browser, locale=language) as page:
        enter(page, server)
        for path in PAGES:
            page.goto(f"{server.http}/admin/{path}")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert beyond == 0, f"{path} at {width}"
        assert page.complaints == []


def test_a_list_shows_all_its_columns_on_a_phone(browser: Any, server: Server) -> None:
    """The table is scrolled, the page is not."""
    with new_page(browser, viewport={"width": 390, "height": 800}) as page:
        enter(page, server)
        page.goto(f"{server.http}/admin/trading/account/")
        last = page.locator("#result_list thead th").last
        last.scroll_into_view_if_needed()
        box = last.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 391


def test_tables_that_are_cards_on_a_phone_are_tables_on_a_wide_screen(browser: Any, server: Server) -> None:
    with new_page(browser) as page:
        enter(page, server)
        page.goto(f"{server.http}/admin/trading/desk/sessions/")
        for width, shown in ((1440, "table"), (390, "block")):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.eval_on_selector("table.cards", "it => getComputedStyle(it).display") == shown


def test_the_home_page_keeps_up_by_itself(browser: Any, server: Server) -> None:
    with new_page(browser) as page:
        enter(page, server)
        page.wait_for_selector("svg[data-chart=orders] path", state="attached")
        card = page.locator(".card", has_text="Waiting commands").locator("strong")
        assert card.inner_text() == "0"
        page.evaluate("document.querySelector('.cards').remove()")
        page.wait_for_selector(".cards")  # it is told again
        assert page.complaints == []


def test_the_page_of_an_instrument_follows_its_book_and_its_trades(
    browser: Any, new_server: Callable[..., Server]
) -> None:
    server = new_server()
    with new_page(browser) as page, signed_in(server, "user001") as seller, signed_in(server, "user002") as buyer:
        enter(page, server)
        seller.order("SELL", 3, 4010.0, **IF)
        page.goto(f"{server.http}/admin/trading/instrument/IF2301/change/")
        page.wait_for_selector("#live-asks tr:has-text('4,010.0'):has-text('3')")  # as it was
        seller.order("SELL", 2, 4005.0, **IF)
        page.wait_for_selector("#live-asks tr:last-child:has-text('4,005.0')")  # the lowest next to the bids
        buyer.order("BUY", 2, 4005.0, **IF)
        page.wait_for_selector("#live-tape tr:first-child:has-text('4,005.0')")
        page.wait_for_selector("#live-asks:not(:has-text('4,005.0'))")
        buyer.order("BUY", 1, 4000.0, **IF)
        page.wait_for_selector("#live-bids tr:has-text('4,000.0')")
        assert page.locator("#live-empty").is_hidden()
        server.kill()
        page.wait_for_selector("#live-lost:not([hidden])")
        assert "does not answer" in page.inner_text("#live-lost")


def test_a_server_that_is_gone_is_said(browser: Any, server: Server) -> None:
    with new_page(browser) as page:
        enter(page, server)
        page.route("**/admin/figures/**", lambda route: route.abort())
        page.wait_for_selector("#figures-lost:not([hidden])")
        assert "does not answer" in page.inner_text("#figures-lost")


def test_the_language_and_the_colours_can_be_chosen(browser: Any, server: Server) -> None:
    with new_page(browser, color_scheme="light") as page:
        enter(page, server)
        page.click(".language button")
        page.wait_for_selector("text=临近强平或穿仓的账户")
        bright = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.click(".theme-toggle")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != bright
        assert page.complaints == []
