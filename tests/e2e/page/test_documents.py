"""The documents in a browser: nothing is cut off on any screen, axe-core finds nothing serious, and the search is used
from the keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.accessibility import faults_of
from tests.e2e.browser import new_page
from tests.e2e.server import Server

pytestmark = pytest.mark.long
PAGES = (
    "",
    "protocol/",
    "operators/",
    "reference/settings/",
    "reference/commands/",
    "reference/errors/",
    "search/?q=order",
    "search/?q=nothing-like-it",
)


@pytest.mark.parametrize(("language", "colours"), [("en-US", "light"), ("zh-CN", "dark")])
def test_nothing_is_cut_and_nothing_serious_is_found(browser: Any, server: Server, language: str, colours: str) -> None:
    with new_page(browser, locale=language, color_scheme=colours, bypass_csp=True) as page:
        faults = faults_of(page, f"{server.http}/docs", PAGES)
    assert not faults, "\n".join(faults)


def test_the_search_is_used_from_the_keyboard(browser: Any, server: Server) -> None:
    with new_page(browser) as page:
        page.goto(f"{server.http}/docs/operators/")
        page.keyboard.press("/")
        page.keyboard.type("missed pushes")
        page.locator(".search .results mark").first.wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/docs/protocol/#missed-pushes")
        assert page.complaints == []


def test_enter_leads_to_the_page_of_results(browser: Any, server: Server) -> None:
    with new_page(browser, locale="zh-CN") as page:
        page.goto(f"{server.http}/docs/")
        page.get_by_role("searchbox").fill("紧急控制")
        page.keyboard.press("Enter")
        page.wait_for_url("**/docs/search/?q=*")
        page.locator("ol.found mark").first.wait_for()
        assert page.complaints == []


def test_a_block_of_code_is_copied(browser: Any, server: Server) -> None:
    with new_page(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(f"{server.http}/docs/rest/")
        block = page.locator(".code").first
        block.get_by_role("button", name="Copy").click()
        block.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("() => navigator.clipboard.readText()") == block.locator("code").text_content()
        assert page.complaints == []
