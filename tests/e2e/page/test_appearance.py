"""How the trading page looks and what it is made of: languages, colours, sizes, and names of what can be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.browser import missing, new_page
from tests.e2e.page.steps import COUNTERPART, Trader, expect_phase, open_live, overflow, sign_in

pytestmark = pytest.mark.slow

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


def test_the_language_is_the_browsers_until_chosen_and_then_remembered(browser: Any, server: Any) -> None:
    with new_page(browser, locale="zh-CN") as page:
        open_live(page, server)
        expect(page.locator("#book-title")).to_have_text("订单簿")
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.locator(".documents")).to_have_attribute("href", re.compile(r"/docs/\?lang=zh-hans$"))
        page.click("#language")
        expect(page.locator("#book-title")).to_have_text("Order book")
        expect(page.locator(".documents")).to_have_attribute("href", re.compile(r"/docs/\?lang=en$"))
        page.reload()
        expect(page.locator("#book-title")).to_have_text("Order book")
        expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize(("locale", "up", "other"), [("en-US", "green", "red"), ("zh-CN", "red", "green")])
def test_the_colours_are_those_of_the_language_until_the_reader_chooses(
    browser: Any, server: Any, locale: str, up: str, other: str
) -> None:
    root = "html"
    with new_page(browser, locale=locale) as page:
        open_live(page, server)
        expect(page.locator(root)).to_have_attribute("data-up", up)
        page.click("#language")
        expect(page.locator(root)).to_have_attribute("data-up", other)
        page.reload()
        expect(page.locator(root)).to_have_attribute("data-up", other)
        colour = "getComputedStyle(document.querySelector('#bids .price')).color"
        before = page.evaluate(colour)
        page.click("#colours")
        assert page.evaluate(colour) != before
        page.click("#language")
        page.reload()
        expect(page.locator(root)).to_have_attribute("data-up", up)


@pytest.mark.parametrize("width", [320, 390, 820, 1440])
def test_no_width_scrolls_sideways(browser: Any, server: Any, width: int) -> None:
    """In neither language, before and after signing in, and on a phone in none of its views."""
    with new_page(browser, viewport={"width": width, "height": 844}) as page:
        open_live(page, server)
        for inside in (False, True):
            if inside:
                sign_in(page, server)
            for _ in range(2):
                for view in page.locator("#views button:visible").all():
                    view.click()
                    assert overflow(page) <= 0, (width, inside, view.inner_text())
                assert overflow(page) <= 0, (width, inside)
                page.click("#language")
        assert page.complaints == []


def test_on_a_phone_one_view_is_shown_at_a_time(browser: Any, server: Any) -> None:
    with new_page(browser, viewport={"width": 390, "height": 844}) as page:
        open_live(page, server)
        page.click("#views [data-view=market]")
        expect(page.locator("#panel-charts")).not_to_be_visible()
        page.click("[data-instrument=IF2301]")
        expect(page.locator("#panel-charts")).to_be_visible()
        expect(page.locator("#views [aria-current]")).to_have_text("Chart")
        page.click("#views [data-view=trade]")
        expect(page.locator("#panel-book")).to_be_visible()
        expect(page.locator("#ticket-submit")).to_be_visible()
        expect(page.locator("#panel-charts")).not_to_be_visible()
        assert page.complaints == []


def test_on_a_phone_a_visitor_sees_the_way_in_wherever_they_are(browser: Any, server: Any) -> None:
    """And whoever is in, sees it nowhere."""
    with new_page(browser, viewport={"width": 390, "height": 844}) as page:
        open_live(page, server)
        way_in = page.get_by_role("button", name="Start with a demo account")
        expect(way_in).to_be_in_viewport()
        for view in ("market", "trade", "orders", "account", "chart"):
            page.click(f"#views [data-view={view}]")
            expect(way_in).to_be_in_viewport()
        sign_in(page, server)
        for view in ("market", "trade", "orders", "account", "chart"):
            page.click(f"#views [data-view={view}]")
            expect(way_in).not_to_be_visible()


COVERED = """() => [...document.querySelectorAll('.blotters > .tab-bar button')]
    .filter((node) => node.checkVisibility())
    .filter((node) => {
        const { left, right, top, height } = node.getBoundingClientRect();
        return [left + 2, right - 2].some((x) => !node.contains(document.elementFromPoint(x, top + height / 2)));
    })
    .map((node) => node.textContent)"""


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_the_tabs_of_the_order_lists_lie_under_nothing(browser: Any, server: Any, language: str) -> None:
    """Also with numbers in them, and on the narrowest phones, where nothing of the bar over them is cut either."""
    with new_page(browser, locale=language) as page:
        open_live(page, server)
        sign_in(page, server)
        for width in (320, 360, 390, 430, 820):
            page.set_viewport_size({"width": width, "height": 844})
            if width < 800:
                page.click("#views [data-view=orders]")
            for tab in page.locator("#blotter-tabs [role=tab]:visible").all():
                tab.click()
                page.evaluate(
                    "document.querySelectorAll('.tab-bar .count').forEach((node) => { node.textContent = '12'; })"
                )
                page.evaluate("document.getElementById('cancel-all').hidden = false")
                assert page.evaluate(COVERED) == [], width


NEEDED = ("change", "limit_up", "limit_down", "settlement")
HIDDEN = """(names) => {
    const row = document.getElementById('facts').getBoundingClientRect();
    return names.filter((name) => {
        const box = document.querySelector(`[data-fact=${name}]`).getBoundingClientRect();
        return box.width === 0 || box.bottom > row.bottom + 1 || box.right > row.right + 1;
    });
}"""
CUT = """() => {
    const { right } = document.querySelector('.headline .title').getBoundingClientRect();
    return document.getElementById('market-phase').getBoundingClientRect().right > right + 1;
}"""


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_what_is_needed_most_stays_in_the_headline(browser: Any, server: Any, language: str) -> None:
    """At every width, also when no orders are taken, which takes more room."""
    with new_page(browser, locale=language) as page:
        open_live(page, server)
        expect(page.locator("#fact-limit-up")).to_have_text("132.0")
        for phase in ("continuous", "away"):
            words = worded(page, phase)
            page.eval_on_selector(
                "#market-phase", "(node, now) => { [node.dataset.phase, node.textContent] = now; }", words
            )
            for width in range(360, 1921, 40):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate(HIDDEN, NEEDED) == [], (phase, width)
                assert not page.evaluate(CUT), (phase, width)


LAID_OVER = """() => {
    const shown = [...document.querySelectorAll('.funds div')].filter((node) => node.offsetWidth);
    shown.forEach((node) => { node.querySelector('dd').textContent = '−12,345,678.90'; });
    const boxes = [...shown, document.querySelector('.risk')].map((node) => node.getBoundingClientRect());
    return boxes.slice(1).some((box, at) => box.left < boxes[at].right);
}"""


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_no_figure_of_an_account_is_laid_over_another(browser: Any, server: Any, language: str) -> None:
    """Where the bar is one line, also with eight digits."""
    with new_page(browser, locale=language) as page:
        open_live(page, server)
        sign_in(page, server, "user001")
        expect(page.locator(".funds .balance dd")).not_to_be_empty()
        gauge = page.locator(".meter").evaluate("(node) => node.offsetWidth")
        assert gauge == 110, "it gives room only where there is none"
        for width in range(800, 1921, 40):
            page.set_viewport_size({"width": width, "height": 900})
            assert not page.evaluate(LAID_OVER), width


def worded(page: Any, phase: str) -> list[str]:
    """A phase of trading, and its words on the page."""
    script = "async (phase) => (await import('/static/bourse/js/ui/i18n.js')).t(`phase.${phase}`)"
    return [phase, page.evaluate(script, phase)]


def test_everything_comes_from_this_host_and_nothing_is_inline(browser: Any, server: Any) -> None:
    with new_page(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        response = page.goto(server.http + "/")
        expect_phase(page, "live")
        assert asked and all(url.startswith(server.http + "/") for url in asked)
        html = response.text()
    assert not re.search(r"\sstyle=|\son\w+=|javascript:|<style", html)
    scripts = re.findall(r"<script\b[^>]*>", html)
    assert all("src=" in script or 'type="application/json"' in script for script in scripts)


FAINT = r"""() => {
    const parse = (text) => {
        const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
        return { rgb: [r, g, b], a };
    };
    const over = ({ rgb, a }, ground) => rgb.map((value, at) => value * a + ground[at] * (1 - a));
    const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, part, at) => sum + part * linear(rgb[at] / 255), 0);
    const colour = (node, name) => parse(getComputedStyle(node)[name]);
    const white = [255, 255, 255];
    const ground = (node) => (node ? over(colour(node, 'backgroundColor'), ground(node.parentElement)) : white);
    const hasText = (node) => [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    return [...document.querySelectorAll('body *')]
        .filter((node) => node.checkVisibility() && hasText(node) && !node.closest('[disabled], .visually-hidden'))
        .map((node) => {
            const under = ground(node);
            const both = [light(over(colour(node, 'color'), under)), light(under)];
            return [node.textContent.trim(), (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05)];
        })
        .filter(([, contrast]) => contrast < 4.5);
}"""


def test_text_stands_out_from_its_ground_in_every_theme(page: Page, trader: Callable[[str], Trader]) -> None:
    """WCAG AA: 4.5 to 1."""
    trader(COUNTERPART).order("BUY", 1, 112.0)
    expect(page.locator("#bids .level .price").first).not_to_be_empty()
    for theme in ("dark", "light"):
        for up in ("red", "green"):
            page.evaluate("(wish) => Object.assign(document.documentElement.dataset, wish)", {"theme": theme, "up": up})
            assert page.evaluate(FAINT) == [], (theme, up)


SHIFTED = """() => new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((each) => { sum += each.value; }))
        .observe({ type: 'layout-shift', buffered: true });
    requestAnimationFrame(() => setTimeout(() => done(sum)));
})"""


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_jumps_while_the_page_comes_up(browser: Any, server: Any, width: int) -> None:
    """Cumulative layout shift: 0.1 is what is called good."""
    with new_page(browser, viewport={"width": width, "height": 844}) as page:
        page.goto(server.http + "/")
        expect(page.locator("#panel-book")).not_to_have_class(re.compile("stale"))
        expect(page.locator("#chart-legend, #chart-cover").filter(has_text=re.compile(".")).first).to_be_visible()
        assert page.evaluate(SHIFTED) < 0.05


def test_every_control_has_a_name(page: Page) -> None:
    unnamed = page.evaluate("""() => [...document.querySelectorAll('input, button, select')]
        .filter((node) => node.checkVisibility() && !node.disabled)
        .filter((node) => !(node.labels?.length || node.getAttribute('aria-label') || node.textContent.trim()))
        .map((node) => node.outerHTML)""")
    assert unnamed == []


def test_an_older_answer_never_undoes_a_newer_push(page: Page) -> None:
    result = page.evaluate("""async () => {
        const { order } = await import('/static/bourse/js/state/reduce_account.js');
        const push = { order_id: 'O1', status: 'Filled', filled_volume: 2, remaining_volume: 0, timestamp: 1 };
        const answer = { ...push, status: 'PartiallyFilled', filled_volume: 1, remaining_volume: 1, direction: 'BUY' };
        let state = { orders: new Map(), cancelling: new Set(['O1']) };
        state = { ...state, ...order(state, push) };
        state = { ...state, ...order(state, answer) };
        return [state.orders.get('O1'), state.cancelling.size];
    }""")
    merged, cancelling = result
    assert (merged["status"], merged["filled_volume"], merged["direction"]) == ("Filled", 2, "BUY")
    assert cancelling == 0
