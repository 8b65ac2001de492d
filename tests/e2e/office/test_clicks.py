"""What an operator does by clicking, on a running server: what only the whole of page, server and socket shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.browser import WatchedPage, chromium, new_page
from tests.e2e.client import signed_in
from tests.e2e.office.test_office import enter
from tests.e2e.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def press(page: WatchedPage, words: str) -> None:
    """A button of the page, without what stands around it."""
    page.locator("#content").get_by_role("button", name=words).first.click()


def test_a_draft_is_kept_and_listed(browser: Any, new_server: Callable[..., Server]) -> None:
    server = new_server()
    with new_page(browser) as page:
        enter(page, server)
        page.goto(f"{server.http}/admin/trading/instrument/add/?copy=IF2301")
        page.fill("#id_instrument_id", "IF2709")
        press(page, "Keep it as a draft")
        page.wait_for_selector("text=IF2709 is kept as a draft.")
        for words in ("List it", "Go on", "List it"):
            press(page, words)
            page.wait_for_load_state()
        page.wait_for_selector("text=Listed IF2709.")
        page.wait_for_selector("td:has-text('Nothing.')")
        page.goto(f"{server.http}/admin/trading/instrument/IF2709/change/")
        page.wait_for_selector("#live-empty:visible")
        assert page.complaints == []


def test_a_token_that_is_revoked_ends_its_connection(browser: Any, new_server: Callable[..., Server]) -> None:
    server = new_server()
    with new_page(browser) as page, signed_in(server, "user007") as trader:
        enter(page, server)
        page.goto(f"{server.http}/admin/trading/accesstoken/?q=user007")
        page.click("#result_list tbody th a")
        page.click(".deletelink")
        page.wait_for_selector("text=Whoever uses it is cut off at once")
        press(page, "Revoke")
        page.wait_for_selector(".messagelist")
        assert page.url.split("?")[0].endswith("/admin/trading/accesstoken/")
        assert trader.close_code() == 4401
        assert page.complaints == []
