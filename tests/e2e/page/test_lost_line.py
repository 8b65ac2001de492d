"""The trading page when its line drops: nothing is missed, and nothing doubled."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.browser import PATIENCE_MS, missing, new_page
from tests.e2e.page.steps import (
    BYSTANDER,
    COUNTERPART,
    PERSON,
    Trader,
    answer,
    cancel_all,
    expect_order,
    expect_phase,
    fill_ticket,
    free_price,
    open_live,
    row,
    send,
    sign_in,
)

pytestmark = pytest.mark.slow

try:
    from playwright.sync_api import Page, WebSocket, WebSocketRoute, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


def watch_sockets(page: Page) -> None:
    """Lets the test cut the page's line, and remembers what the page showed meanwhile."""
    page.add_init_script("""
        window.sockets = [];
        window.WebSocket = class extends WebSocket {
            constructor(...args) { super(...args); window.sockets.push(this); }
        };
        window.cut = () => {
            window.phases = [];
            const badge = document.getElementById('connection');
            const note = () => window.phases.push(`${badge.dataset.phase} live=${document.body.dataset.live}`);
            new MutationObserver(note).observe(badge, { attributes: true, attributeFilter: ['data-phase'] });
            window.sockets.at(-1).close();
        };
    """)


def overheard(line: WebSocket) -> dict[str, list[Any]]:
    """What is said on a line of the page from now on."""
    said: dict[str, list[Any]] = {"sent": [], "heard": []}
    line.on("framesent", lambda text: said["sent"].append(text))
    line.on("framereceived", lambda text: said["heard"].append(text))
    return said


def test_the_page_comes_back_by_itself_with_what_it_missed(
    browser: Any, server: Any, trader: Callable[[str], Trader]
) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    with new_page(browser) as page:
        lines: list[dict[str, list[str]]] = []
        page.on("websocket", lambda line: lines.append(overheard(line)))
        watch_sockets(page)
        open_live(page, server)
        sign_in(page, server)
        order_id = send(page, "BUY", 2, price)
        page.evaluate("window.cut()")
        maker.order("SELL", 2, price)
        page.wait_for_function("() => window.phases.includes('reconnecting live=false')")
        expect_phase(page, "live")
        asked = [json.loads(text) for line in lines for text in line["sent"] if '"resume"' in text]
        known = [json.loads(text).get("seq") for text in lines[-2]["heard"] if '"orderbook_delta"' not in text]
        assert "last_seq" not in asked[0]
        assert asked[-1]["last_seq"] == max(filter(None, known))
        expect(page.locator("body")).to_have_attribute("data-live", "true")
        expect_order(page, order_id, "Filled", "2 / 2")
        expect(page.locator("#who")).to_have_text(PERSON)
        expect(page.locator(".panel.book")).not_to_have_class(re.compile("stale"))
        assert page.complaints == []


def test_the_page_survives_a_restart_of_the_exchange(browser: Any, new_server: Callable[..., Any]) -> None:
    own = new_server()
    with new_page(browser) as page:
        open_live(page, own)
        sign_in(page, own)
        order_id = send(page, "BUY", 2, 119.0)
        balance = page.locator("[data-fact=balance]").inner_text()
        own.kill()
        expect_phase(page, "reconnecting")
        page.click("#tab-orders")
        expect(row(page, order_id).get_by_role("button", name="Cancel")).to_be_disabled()
        expect(page.locator("#ticket-submit")).to_be_disabled()
        expect(page.locator("#ticket-submit")).to_have_text("Waiting for the connection")
        own.start()
        expect(page.locator("#connection")).to_have_attribute("data-phase", "live", timeout=30_000)
        expect_order(page, order_id, "Working", "0 / 2")
        expect(page.locator("#bids .level").first.locator(".price")).to_have_text("119.0")
        expect(page.locator("[data-fact=balance]")).to_have_text(balance)
        row(page, order_id).get_by_role("button", name="Cancel").click()
        expect_order(page, order_id, "Cancelled", "0 / 2")
        assert [words for words in page.complaints if "WebSocket" not in words] == []


def test_a_missed_change_of_the_book_is_mended(browser: Any, server: Any, trader: Callable[[str], Trader]) -> None:
    lost: list[str] = []

    def relay(route: WebSocketRoute) -> None:
        upstream = route.connect_to_server()
        route.on_message(upstream.send)
        upstream.on_message(lambda text: lose_one(route, text))

    def lose_one(route: WebSocketRoute, text: Any) -> None:
        change = '"orderbook_delta"' in text and '"prev_seq":null' not in text and '"price":112.5' in text
        if change and not lost:
            lost.append(text)
        else:
            route.send(text)

    maker = trader(COUNTERPART)
    with new_page(browser) as page:
        page.route_web_socket(re.compile("/ws"), relay)
        open_live(page, server)
        first, second = (page.locator("#bids .level .price", has_text=f"{price:.1f}") for price in (112.5, 113.0))
        expect(page.locator("#panel-book")).not_to_have_class(re.compile("stale"))
        maker.order("BUY", 1, 112.5)
        for _ in range(PATIENCE_MS // 10):
            if not lost:
                page.wait_for_timeout(10)
        assert lost
        expect(first).to_have_count(0)
        maker.order("BUY", 1, 113.0)
        expect(second).to_be_visible()
        expect(first).to_be_visible()
        expect(page.locator("#panel-book")).not_to_have_class(re.compile("stale"))
        assert page.complaints == []


def test_an_order_without_an_answer_is_looked_up_and_never_doubled(
    browser: Any, server: Any, trader: Callable[[str], Trader]
) -> None:
    """First the answer is lost with the line: the page finds the order that exists. Then the order itself is: the page
    finds none, and sends it again only when it is told to."""
    lose = {"answer": True, "order": False}

    def relay(route: WebSocketRoute) -> None:
        upstream = route.connect_to_server()
        route.on_message(lambda text: pass_on("order", '"submit_order"', route, upstream, text, upstream.send))
        upstream.on_message(lambda text: pass_on("answer", '"order_response"', route, upstream, text, route.send))

    def pass_on(what: str, mark: str, route: Any, upstream: Any, text: Any, send_on: Callable[[Any], None]) -> None:
        if lose[what] and mark in text:
            lose[what] = False
            upstream.close()
            route.close(code=1012, reason="restart")
        else:
            send_on(text)

    watcher = trader(BYSTANDER)
    price = free_price(watcher.book())
    with new_page(browser) as page:
        page.route_web_socket(re.compile("/ws"), relay)
        open_live(page, server)
        sign_in(page, server)
        fill_ticket(page, "BUY", 7, price)
        page.click("#ticket-submit")
        expect(page.locator("#notices")).to_contain_text("The exchange restarted.")
        expect(answer(page)).to_have_text(re.compile(r"^Accepted: O\d{20}$"))
        expect_order(page, answer(page).inner_text().split()[-1], "Working", "0 / 7")

        lose["order"] = True
        fill_ticket(page, "BUY", 5, price)
        page.click("#ticket-submit")
        expect(answer(page)).to_have_text(
            "The exchange does not have this order so far; it may still come. Sent again, it cannot become two."
        )
        expect(page.locator("#ticket-submit")).to_be_disabled()
        page.click("#ticket-resend")
        expect(answer(page)).to_have_text(re.compile(r"^Accepted: O\d{20}$"))
        expect_order(page, answer(page).inner_text().split()[-1], "Working", "0 / 5")
        best = watcher.book()["bids"][0]
        assert (best["price"], best["volume"], best["order_count"]) == (price, 12.0, 2)
        cancel_all(page)


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("width", [1440, 820, 390])
def test_the_buttons_of_an_order_in_doubt_are_in_sight_whole(
    browser: Any, server: Any, locale: str, width: int
) -> None:
    """What the exchange does not have can be sent again without scrolling to it."""
    doubt = {"success": False, "order_id": None, "error_code": 504, "error_message": "Unknown outcome"}

    def relay(route: WebSocketRoute) -> None:
        upstream = route.connect_to_server()
        upstream.on_message(route.send)
        route.on_message(lambda text: answer_or_send(json.loads(text), text, route, upstream))

    def answer_or_send(frame: dict[str, Any], text: Any, route: WebSocketRoute, upstream: Any) -> None:
        if frame["type"] == "submit_order":
            route.send(json.dumps({"type": "order_response", "request_id": frame["request_id"], **doubt}))
        else:
            upstream.send(text)

    with new_page(browser, viewport={"width": width, "height": 900}, locale=locale) as page:
        page.route_web_socket(re.compile("/ws"), relay)
        open_live(page, server)
        sign_in(page, server)
        if width < 600:
            page.locator("[data-view=trade]").first.click()
        fill_ticket(page, "BUY", 5, 119)
        page.locator("#ticket-submit").click()
        expect(page.locator("#ticket-resend")).to_be_visible()
        hidden = page.evaluate(
            "(() => { const a = document.querySelector('.answers'); return a.scrollHeight - a.clientHeight; })()"
        )
        assert hidden <= 0
