"""The page of a settlement keeps up by itself: what a second person approves elsewhere is seen without a reload."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.browser import chromium, new_page
from tests.e2e.office.desk import beyond, enter, furnish
from tests.e2e.server import Server

pytestmark = pytest.mark.long
APPROVED = """
from trading.models import OperatorCommand
OperatorCommand.objects.filter(kind="Settle", status="HELD").update(status="PENDING")
"""
WIDTHS = (1440, 820, 390)


@pytest.mark.parametrize(("language", "over"), [("en-US", "has begun"), ("zh-CN", "已开始")])
def test_it_is_seen_how_far_it_is(new_server: Callable[..., Server], language: str, over: str) -> None:
    server = new_server(FOUR_EYES_KINDS="Settle")
    furnish(server)
    with chromium() as browser, new_page(browser, locale=language) as page:
        enter(page, server)
        page.goto(f"{server.http}/admin/trading/desk/settle/")
        page.click(".submit-row [type=submit]")
        page.wait_for_selector("input[name=post]", state="attached")
        page.click(".submit-row [type=submit]")
        page.wait_for_selector("#settlement-steps .now")
        assert page.is_visible("#settlement-running progress")
        page.evaluate("window.kept = true")
        server.manage("shell", "-v", "0", "-c", APPROVED)
        page.wait_for_function(f"() => document.getElementById('settlement-result').innerText.includes('{over}')")
        assert page.evaluate("window.kept") and not page.is_visible("#settlement-running")
        assert page.locator("#settlement-steps .done").count() == 3
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert beyond(page) == 0, width
        assert page.complaints == []
