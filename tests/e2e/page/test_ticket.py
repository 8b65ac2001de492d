"""The order ticket in a real browser: what is typed is what is sent, and what is said stays until something newer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.browser import chromium, missing, new_page
from tests.e2e.page.test_page import (
    BYSTANDER,
    COUNTERPART,
    Trader,
    answer,
    fill_ticket,
    open_live,
    row,
    send,
    sign_in,
)

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def inside(browser: Any, server: Any) -> Iterator[tuple[Page, list[dict[str, Any]]]]:
    """The page of somebody who has signed in, and what it sends."""
    sent: list[dict[str, Any]] = []
    with new_page(browser) as page:
        page.on("websocket", lambda line: line.on("framesent", lambda text: sent.append(json.loads(text))))
        open_live(page, server)
        sign_in(page, server)
        yield page, sent
        page.keyboard.press("Escape")
        page.evaluate("document.querySelectorAll('[data-cancel]:enabled').forEach((button) => button.click())")
        expect(page.locator("[data-cancel]")).to_have_count(0)
        assert page.complaints == []


def orders_in(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in sent if each["type"] in ("submit_order", "submit_orders", "amend_order")]


PLAINLY = "Write the number plainly, without commas: 1234.5"


def test_a_number_with_a_comma_is_asked_for_again(inside: tuple[Page, list[dict[str, Any]]]) -> None:
    page, sent = inside
    for field, text in (("price", "119,5"), ("price", "1,20"), ("price", "1e2"), ("volume", "1,000")):
        fill_ticket(page, "BUY", 1, 110.0)
        page.fill(f"#{field}", text)
        page.click("#ticket-submit")
        expect(answer(page)).to_have_text(PLAINLY)
        expect(page.locator(f"#{field}")).to_be_focused()
        expect(page.locator(f"#{field}")).to_have_value(text)
        page.locator(f"#{field}").press("End")
        page.keyboard.type("0")
        expect(answer(page)).to_have_text("")
    page.click("#ticket-more summary")
    fill_ticket(page, "BUY", 1, 110.0)
    page.fill("#display-volume", "0,5")
    page.click("#ticket-submit")
    expect(answer(page)).to_have_text(PLAINLY)
    page.fill("#display-volume", "0.5")
    page.click("#ticket-submit")
    expect(answer(page)).to_have_text("Enter how many lots are shown.")
    page.fill("#display-volume", "")
    page.fill("#oco-group", "组")
    page.click("#ticket-submit")
    expect(answer(page)).to_have_text("Name the group in Latin letters, digits and signs.")
    page.click("#language")
    expect(answer(page)).to_have_text("组名只能用英文字母、数字和符号。")
    page.click("#language")
    assert orders_in(sent) == []


def test_an_amendment_sends_what_was_typed_or_nothing(inside: tuple[Page, list[dict[str, Any]]]) -> None:
    page, sent = inside
    page.click("#tab-orders")
    order_id = send(page, "BUY", 1, 110.0)
    row(page, order_id).get_by_role("button", name="Amend").click()
    for field, text in (("price", "1,10.5"), ("price", ""), ("volume", "1,5"), ("volume", "1.5")):
        typed = page.locator(f"[data-amend-field={field}]")
        before = typed.input_value()
        typed.fill(text)
        typed.press("Enter")
        expect(typed).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#notices")).to_contain_text("Not amended")
        typed.fill(before)
    assert [each["type"] for each in orders_in(sent)] == ["submit_order"]
    page.locator("[data-amend-field=volume]").fill("2")
    page.keyboard.press("Enter")
    expect(row(page, order_id)).to_contain_text("0 / 2")


def test_what_the_ticket_says_stays_until_something_newer(
    inside: tuple[Page, list[dict[str, Any]]], server: Any
) -> None:
    """The market goes on beside it, and an order was accepted before it."""
    page, sent = inside
    maker, taker = Trader(server, COUNTERPART), Trader(server, BYSTANDER)
    try:
        send(page, "BUY", 1, 110.0)
        page.fill("#price", "")
        page.click("#ticket-submit")
        expect(answer(page)).to_have_text("Enter a price.")
        for _ in range(3):
            maker.order("BUY", 1, 111.0)
            taker.order("SELL", 1, 111.0)
            maker.order("SELL", 1, 129.0)
            taker.order("BUY", 1, 129.0)
        expect(page.locator("#last-price")).to_have_text("129.0")
        expect(page.locator("#tape-table tbody tr").nth(5)).to_be_visible()
        expect(answer(page)).to_have_text("Enter a price.")
        page.fill("#volume", "2")
        expect(answer(page)).to_have_text("Enter a price.")
        page.click("#language")
        expect(answer(page)).to_have_text("请输入价格。")
        page.click("#language")
        page.fill("#price", "110")
        expect(answer(page)).to_have_text("")
        page.click("#ticket-submit")
        expect(answer(page)).to_have_text(re.compile("^Accepted"))
        assert len(orders_in(sent)) == 2
    finally:
        maker.leave()
        taker.leave()
