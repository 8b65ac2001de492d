"""The market on the trading page, as a visitor sees it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.browser import missing, new_page
from tests.e2e.page.steps import BYSTANDER, COUNTERPART, INSTRUMENT, LIMIT_UP, Trader, free_price, open_live, select
from tests.e2e.server import ROOT

pytestmark = pytest.mark.slow

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


def test_a_visitor_sees_the_live_market(page: Page, trader: Callable[[str], Trader]) -> None:
    maker, taker = trader(COUNTERPART), trader(BYSTANDER)
    price = free_price(maker.book())
    best = page.locator("#bids .level").first
    maker.order("BUY", 4, price)
    maker.order("BUY", 5, price)
    expect(best.locator(".price")).to_have_text(f"{price:.1f}")
    expect(best.locator(".size")).to_have_text("9")
    expect(best).to_have_attribute("aria-label", re.compile(rf"Bid {price}, 9 lots, 2 orders"))

    taker.order("SELL", 2, price)
    expect(best.locator(".size")).to_have_text("7")
    expect(page.locator("#last-price")).to_have_text(f"{price:.1f}")
    trade = page.locator("#tape-table tbody tr").first
    expect(trade).to_contain_text(f"{price:.1f}")
    expect(trade.locator("td").first).to_have_attribute("title", "A seller hit the bid")
    expect(page).to_have_title(re.compile(rf"^{price:.1f} {INSTRUMENT}"))
    expect(page.locator(f"[data-instrument={INSTRUMENT}] .last")).to_have_text(f"{price:.1f}")
    expect(page.locator("#chart-legend")).to_contain_text(f"C {price:.1f}")
    expect(page.locator("#fact-limit-up")).to_have_text(f"{LIMIT_UP:.1f}")
    volume = page.locator("#fact-volume").inner_text()
    taker.order("SELL", 1, price)
    expect(page.locator("#fact-volume")).not_to_have_text(volume)


def test_what_happened_before_is_there_for_who_comes_later(page: Page, trader: Callable[[str], Trader]) -> None:
    maker, taker = trader(COUNTERPART), trader(BYSTANDER)
    price = free_price(maker.book())
    maker.order("BUY", 2, price)
    taker.order("SELL", 2, price)
    page.reload()
    expect(page.locator("#tape-table tbody tr").first).to_contain_text(f"{price:.1f}")
    expect(page.locator("#chart-legend")).to_contain_text(f"C {price:.1f}")
    expect(page.locator("#fact-change")).to_have_text(re.compile(r"^[+−]?\d+\.\d [+−]?\d+\.\d\d%$"))
    if (ROOT / "node_modules/lightweight-charts").is_dir() or os.environ.get("CI"):
        expect(page.locator("#chart-canvas canvas").first).to_be_visible()
        expect(page.locator("#chart-attribution")).to_have_attribute("href", "https://www.tradingview.com/")
    page.locator("#periods [data-period='1d']").click()
    expect(page.locator("#periods [data-period='1d']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#chart-legend")).to_contain_text(f"C {price:.1f}")


SCALED = """() => {
    window.written = [];
    const fill = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        if (this.canvas.isConnected && document.getElementById('chart-canvas').contains(this.canvas)) {
            if (/^[0-9]+[.][0-9]+$/.test(text)) window.written.push([Number(text), y, this.canvas.height]);
        }
        return fill.call(this, text, x, y);
    };
}"""
"""Remembers what the chart writes on its scale, how far down, and how high that is."""


def test_a_price_on_the_scale_stands_at_its_place(browser: Any, new_server: Callable[..., Any]) -> None:
    """Also where there is room for a line at every two and a half ticks."""
    own = new_server()
    maker, taker = Trader(own, COUNTERPART), Trader(own, BYSTANDER)
    for price in (115.0, 126.0, 120.0):
        maker.order("BUY", 1, price)
        taker.order("SELL", 1, price)
    with new_page(browser) as page:
        open_live(page, own)
        page.locator("#periods [data-period='1d']").click()
        expect(page.locator("#chart-legend")).to_contain_text("O 115.0 H 126.0")
        page.evaluate(SCALED)
        steps = set()
        for height in range(760, 1241, 40):
            page.evaluate("window.written.length = 0")
            page.set_viewport_size({"width": 1440, "height": height})
            page.wait_for_function("() => window.written.length > 4")
            written = page.evaluate("window.written")  # the last drawing, and maybe one before it
            marks = {price: down for price, down, of in written if of == written[-1][2] and price != 120.0}
            low, high = min(marks), max(marks)
            steps.add(min(each - before for before, each in itertools.pairwise(sorted(marks))))
            a_point = (marks[low] - marks[high]) / (high - low)
            off = [price for price, down in marks.items() if abs(marks[low] - down - (price - low) * a_point) > 2]
            assert off == [], (height, marks)
        assert 2.5 in steps, steps
    maker.leave()
    taker.leave()


def test_without_the_chart_library_the_page_works_and_says_so(browser: Any, server: Any) -> None:
    with new_page(browser) as page:
        page.add_init_script("""document.addEventListener('readystatechange', () => {
            delete document.getElementById('panel-chart').dataset.library;
        });""")
        open_live(page, server)
        expect(page.locator("#chart-cover")).to_contain_text("npm ci")
        expect(page.locator("#chart-canvas canvas")).to_have_count(0)
        expect(page.locator("#panel-book")).not_to_have_class(re.compile("stale"))
        assert page.complaints == []


def test_prices_of_the_ladder_are_gathered_as_the_reader_likes(page: Page, trader: Callable[[str], Trader]) -> None:
    maker = trader(COUNTERPART)
    for price, lots in ((112.0, 1), (112.5, 2), (113.0, 3)):
        maker.order("BUY", lots, price)
    level = page.locator("#bids .level").filter(has_text=re.compile(r"^112\.0"))
    expect(level.locator(".size")).to_have_text("1")
    page.select_option("#book-group", "2")
    expect(level.locator(".size")).to_have_text("3")
    page.reload()
    expect(page.locator("#book-group")).to_have_value("2")
    select(page, "IF2301")
    expect(page.locator("#book-group")).to_have_value("1")


def test_the_contract_can_be_changed_and_searched_for(page: Page) -> None:
    select(page, "IF2301")
    expect(page.locator("#ticket-instrument")).to_contain_text("IF2301")
    expect(page.locator("#panel-book")).not_to_have_class(re.compile("stale"))
    page.fill("#instrument-search", "csi 500")
    expect(page.locator(".contract:visible")).to_have_count(1)
    page.press("#instrument-search", "Enter")
    expect(page.locator("#market-name")).to_have_text("IC2301")
    page.fill("#instrument-search", "nothing like it")
    expect(page.locator("#instrument-none")).to_have_text("No contract has that name.")


def test_the_keyboard_alone_will_do(page: Page, trader: Callable[[str], Trader]) -> None:
    maker = trader(COUNTERPART)
    maker.order("BUY", 1, 112.0)
    maker.order("BUY", 1, 111.0)
    page.keyboard.press("/")
    expect(page.locator("#instrument-search")).to_be_focused()
    page.keyboard.type("IF")
    page.keyboard.press("Enter")
    expect(page.locator("#market-name")).to_have_text("IF2301")
    page.keyboard.press("]")
    expect(page.locator("#market-name")).to_have_text(INSTRUMENT)
    page.keyboard.press(".")
    expect(page.locator("#periods [data-period='5m']")).to_have_attribute("aria-pressed", "true")
    first, second = (page.locator("#bids .level").nth(at) for at in (0, 1))
    expect(second.locator(".price")).not_to_be_empty()
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#price")).to_have_value(second.locator(".price").inner_text())
    page.locator("#price").blur()
    page.keyboard.press("s")
    expect(page.locator("#ticket-form")).to_have_attribute("data-direction", "SELL")
    expect(page.locator("#price")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).not_to_be_visible()  # somebody is writing a price
    page.locator("#price").blur()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.uncheck("#shortcuts-on")
    page.keyboard.press("Escape")
    page.keyboard.press("]")
    expect(page.locator("#market-name")).to_have_text(INSTRUMENT)
