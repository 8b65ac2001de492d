"""The page of a server with two markets: whoever knows nothing of markets notices nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.test_markets import THERE, founded
from tests.e2e.browser import chromium, missing, new_page
from tests.e2e.page.steps import cancel_all, expect_order, leg, open_live, select, send, sign_in
from tests.e2e.server import Server

pytestmark = pytest.mark.long

try:
    from playwright.sync_api import expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


def test_an_order_at_another_market_is_seen_from_its_beginning_to_its_end(new_server: Callable[..., Server]) -> None:
    """Its states and fills come, its position is there, and so after a reload; the bar stays the first market's."""
    server = founded(new_server, "user001", "user002")
    with chromium() as browser, new_page(browser) as page, new_page(browser) as other:
        for each, user_id in ((page, "user001"), (other, "user002")):
            open_live(each, server)
            sign_in(each, server, user_id)
            select(each, THERE)
        before = page.locator("[data-fact=margin]").inner_text()
        expect(page.locator("#ticket-after")).not_to_be_empty()
        order_id = send(page, "BUY", 2, 119)
        expect_order(page, order_id, "Working", "0 / 2")
        send(other, "SELL", 1, 119)
        expect_order(page, order_id, "", "1 / 2")
        expect(leg(page, "long", THERE)).to_be_visible()
        assert page.locator("[data-fact=margin]").inner_text() == before
        page.reload()
        expect_order(page, order_id, "", "1 / 2")
        cancel_all(page)
        assert page.complaints == [] and other.complaints == []
