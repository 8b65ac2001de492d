"""The order ticket in a real browser: what is typed is what is sent, and what is said stays until something newer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.browser import missing, new_page
from tests.e2e.page.steps import (
    BYSTANDER,
    COUNTERPART,
    Trader,
    answer,
    cancel_all,
    choose,
    fill_ticket,
    money,
    open_live,
    row,
    send,
    sign_in,
)

pytestmark = pytest.mark.long

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


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
        cancel_all(page)
        assert page.complaints == []


def rest_of(page: Page) -> str:
    """What stands at the middle of the send button, by id, and where that is."""
    found: str = page.evaluate("""() => {
        const box = document.getElementById('ticket-submit').getBoundingClientRect();
        const at = [Math.round(box.x + box.width / 2), Math.round(box.bottom)];
        return [document.elementFromPoint(at[0], at[1] - 8)?.closest('button')?.id ?? null, ...at].join();
    }""")
    return found


def orders_in(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in sent if each["type"] in ("submit_order", "submit_orders", "amend_order")]


PLAINLY = "This is no number: write it like 1234.5, without commas"


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


def test_a_price_that_would_be_refused_is_named_before_it_is_sent(
    inside: tuple[Page, list[dict[str, Any]]],
) -> None:
    page, sent = inside
    hint, told = page.locator("#price-hint"), page.locator("#price-hint[data-level=wrong]")
    usual = hint.inner_text()
    low, high = re.findall(r"[\d.]+", usual)[:2]
    for price, english, chinese in (
        ("110.3", "110.3 is no price here: steps of 0.5", "110.3 不是有效价格：须为 0.5 的整数倍"),
        ("-5", f"-5 is outside {low} – {high}", f"-5 超出 {low} – {high}"),
        ("0", f"0 is outside {low} – {high}", f"0 超出 {low} – {high}"),
        ("100000", f"100000 is outside {low} – {high}", f"100000 超出 {low} – {high}"),
    ):
        fill_ticket(page, "BUY", 1, 110.0)
        expect(hint).to_have_text(usual)
        expect(told).to_have_count(0)
        page.fill("#price", price)
        expect(told).to_have_text(english)
        page.click("#language")
        expect(told).to_have_text(chinese)
        page.click("#language")
    page.fill("#price", "110.3")
    assert orders_in(sent) == []
    page.click("#ticket-submit")
    expect(answer(page)).to_contain_text("not on the tick")
    assert [each["price"] for each in orders_in(sent)] == [110.3], "it is the exchange that refuses"
    page.fill("#price", high)
    expect(told).to_have_count(0)
    page.click("#ticket-more summary")
    page.select_option("#stop", "STOP")
    page.fill("#stop-price", "110.3")
    expect(page.locator("#stop-hint[data-level=wrong]")).to_have_text("110.3 is no price here: steps of 0.5")
    page.fill("#stop-price", "100000")
    expect(page.locator("#stop-hint")).to_have_text("")
    page.select_option("#stop", "TRAIL")
    page.fill("#stop-price", "-1")
    expect(page.locator("#stop-hint")).to_have_text("-1 is too low: from 0.5 on")


def test_a_market_order_may_be_of_the_best_prices_alone(inside: tuple[Page, list[dict[str, Any]]]) -> None:
    page, sent = inside
    levels, hint = page.locator("#price-levels"), page.locator("#price-hint")
    page.click("#ticket-more summary")
    fill_ticket(page, "BUY", 1, 110.0)
    expect(levels).to_be_disabled()
    choose(page, "order_type", "MARKET")
    expect(hint).to_have_text("The best prices in the book; what they do not fill is cancelled")
    levels.select_option("5")
    expect(hint).to_have_text("The best 5 prices in the book; what they do not fill is cancelled")
    expect(page.locator("#ticket-submit")).to_have_text("Buy open 1 IX2301 at best 5")
    page.click("#language")
    expect(hint).to_have_text("按对手盘最优 5 档成交，未成部分撤销")
    expect(page.locator("#ticket-submit")).to_contain_text("市价最优 5 档")
    page.click("#language")
    page.click("#ticket-submit")
    expect(answer(page)).to_have_text(re.compile("^Accepted"))
    page.click("#tab-history")
    expect(page.locator("#panel-history tbody tr").first).to_contain_text("best 5")
    levels.select_option("1")
    expect(hint).to_have_text("The best price in the book; what it does not fill is cancelled")
    send(page, "BUY", 1, 110.0)
    assert [each.get("price_levels") for each in orders_in(sent)] == [5, None], "a limit order has none"


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


# --- what an order will do, and when that is decided


def test_a_stop_on_auto_closes_what_is_there_when_it_fires(browser: Any, new_server: Callable[..., Any]) -> None:
    own = new_server()
    sent: list[dict[str, Any]] = []
    other, witness = Trader(own, COUNTERPART), Trader(own, BYSTANDER)
    with new_page(browser) as page:
        page.on("websocket", lambda line: line.on("framesent", lambda text: sent.append(json.loads(text))))
        open_live(page, own)
        sign_in(page, own)
        page.click("#ticket-more summary")
        fill_ticket(page, "SELL", 5, None, offset="AUTO")
        choose(page, "order_type", "MARKET")
        expect(page.locator("#ticket-auto")).not_to_be_visible()
        page.select_option("#stop", "STOP")
        page.fill("#stop-price", "114")
        expect(page.locator("#ticket-auto")).to_have_text(re.compile("^Decided when it fires"))
        expect(page.locator("#ticket-submit")).to_have_text("When last ≤ 114.0: Sell close up to 5 IX2301 at market")
        page.click("#ticket-submit")
        expect(answer(page)).to_have_text(re.compile("^Accepted"))
        order = orders_in(sent)[-1]
        assert (order["offset"], order["reduce_only"], order["volume"]) == ("CLOSE", True, 5)

        other.order("SELL", 2, 115.0)
        page.select_option("#stop", "")
        send(page, "BUY", 2, 115.0)
        expect(page.locator("[data-lots=long]")).to_have_text("2")
        other.order("BUY", 1, 114.0)
        other.order("BUY", 9, 113.5)
        witness.order("SELL", 1, 114.0)
        expect(page.locator("#positions-table tbody")).to_have_text("No open positions.")
        assert page.complaints == []
    other.leave()
    witness.leave()


def test_the_question_before_a_close_promises_nothing_that_will_not_be(
    browser: Any, new_server: Callable[..., Any]
) -> None:
    own = new_server()
    other = Trader(own, COUNTERPART)
    other.order("SELL", 2, 120.0)
    phase = "from trading.operators import requests; from trading.core.commands import SetInstrumentPhase as S; "
    phase += "from trading.core.commands import HaltInstrument; from trading.core.types import Phase; "
    phase += "requests.carry_out({}, market='MAIN')"
    with new_page(browser) as page:
        open_live(page, own)
        sign_in(page, own)
        send(page, "BUY", 2, 120.0)
        expect(page.locator("[data-lots=long]")).to_have_text("2")
        send(page, "BUY", 9, 118.0)
        expect(page.locator("#bids .level.own")).to_have_count(1)
        for others, words in ((0, "Nobody is on the other side now"), (2, "at about 117.50")):
            if others:
                other.order("BUY", others, 117.5)
                expect(page.locator("#bids .level:visible:not(:disabled)")).to_have_count(2)
            page.locator("[data-close]").click()
            expect(page.locator("#confirm-text")).to_contain_text(words)
            expect(page.locator("#confirm-text")).to_contain_text("Your own orders in its way are cancelled")
            page.click("#confirm-no")
        for name, command, words, offered in (
            (
                "auction",
                "S('IX2301', Phase.AUCTION)",
                "refuses market orders until it ends",
                ["Cancel", "At a limit price…"],
            ),
            ("closed", "S('IX2301', Phase.CLOSED)", "The market is closed: every order is refused", ["Cancel"]),
            ("halted", "HaltInstrument('IX2301')", "Trading is halted: every order is refused", ["Cancel"]),
        ):
            own.manage("shell", "-c", phase.format(command))
            expect(page.locator("#market-phase")).to_have_attribute("data-phase", name)
            page.locator("[data-close]").click()
            expect(page.locator("#confirm-text")).to_contain_text(words)
            expect(page.locator("#confirm button:visible")).to_have_text(offered)
            page.click("#confirm-no")
            page.locator("[data-reverse]").click()
            expect(page.locator("#confirm-text")).to_contain_text(words)
            expect(page.locator("#confirm button:visible")).to_have_text(["Cancel"])
            page.click("#confirm-no")
        assert page.complaints == []
    other.leave()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (820, 1180), (390, 844), (320, 568)])
def test_the_send_button_never_moves_and_nothing_covers_it(browser: Any, server: Any, width: int, height: int) -> None:
    """Whatever is answered, told or chosen; and dialogs fit."""
    with new_page(browser, viewport={"width": width, "height": height}) as page:
        open_live(page, server)
        sign_in(page, server)
        if width < 800:
            page.click("#views [data-view=trade]")
        page.evaluate("document.getElementById('panel-ticket').scrollIntoView({ block: 'end' })")
        page.click("#ticket-submit")
        expect(answer(page)).to_have_text("Enter a price.")
        place = rest_of(page)
        assert place.startswith("ticket-submit,"), place
        for _ in range(4):  # as many notices as are shown
            page.evaluate(NOTICE)
        assert page.evaluate(NEWS_CUT_OFF) == [], "a phone has room for two lines of news"
        for do in (
            "document.querySelector('input[name=order_type][value=MARKET]').click()",
            "document.querySelector('input[name=order_type][value=LIMIT]').click()",
            "document.getElementById('ticket-more').open = true",
            "document.getElementById('ticket-answer').textContent = 'Refused: for many reasons. '.repeat(30)",
            "document.getElementById('ticket-uncertain').hidden = false",
            "document.getElementById('ticket-phase').hidden = false",
            "document.getElementById('ticket-phase').textContent = 'Trading is halted. '.repeat(6)",
            "document.getElementById('ticket-submit').textContent = 'Buy close 1,000 W992309 at market '.repeat(2)",
            "document.getElementById('language').click()",
        ):
            page.evaluate(do)
            page.evaluate("document.getElementById('panel-ticket').scrollIntoView({ block: 'end' })")
            assert rest_of(page) == place, do
        assert covered(page) == []
        for dialog in ("shortcuts", "sign-in", "confirm"):
            page.evaluate(f"document.getElementById('{dialog}').showModal()")
            page.evaluate(
                "document.getElementById('confirm-yes').textContent = '卖平 1,000 手 W9923091234567890 市价'.repeat(2)"
            )
            page.evaluate("document.getElementById('confirm-other').hidden = false")
            sticking_out = page.evaluate(OUTSIDE, dialog)
            assert sticking_out == [], (dialog, sticking_out)
            page.evaluate(f"document.getElementById('{dialog}').close()")
        assert page.complaints == []


NOTICE = """() => {
    const node = document.createElement('div');
    node.className = 'notice';
    const words = document.createElement('p');
    words.textContent = 'No engine of market MAIN is heard; this gateway takes no orders until one is.';
    node.append(words);
    document.getElementById('notices').append(node);
}"""

NEWS_CUT_OFF = """[...document.querySelectorAll('.notice p')]
    .filter((one) => one.scrollHeight > one.clientHeight).map((one) => one.textContent)"""

OUTSIDE = """(id) => {
    const dialog = document.getElementById(id);
    const box = dialog.getBoundingClientRect();
    const inside = (one) => one.left >= box.left && one.right <= box.right + 0.5;
    const window = box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
    return [...dialog.querySelectorAll('button, h2, p, input, dd')]
        .filter((node) => node.checkVisibility() && !inside(node.getBoundingClientRect()))
        .map((node) => node.outerHTML).concat(window ? [] : [JSON.stringify(box)]);
}"""


def covered(page: Page) -> list[str]:
    """Controls of the fixed parts of the page that notices lie over."""
    found: list[str] = page.evaluate("""() => {
        const news = document.getElementById('notices').getBoundingClientRect();
        return [...document.querySelectorAll('.bar, .views, .send, .bar button, .views button')]
            .filter((node) => node.checkVisibility())
            .filter((node) => {
                const box = node.getBoundingClientRect();
                return box.bottom > news.top + 0.5 && box.top < news.bottom - 0.5;
            })
            .map((node) => node.className || node.id);
    }""")
    return found


def test_the_profit_of_the_day_is_what_the_account_has_changed_by(
    inside: tuple[Page, list[dict[str, Any]]], server: Any
) -> None:
    """Commission is in it, as it is in the balance."""
    page, _ = inside
    before, told = (money(page, fact) for fact in ("balance", "profit"))
    other = Trader(server, COUNTERPART)
    try:
        other.order("SELL", 3, 115.0)
        send(page, "BUY", 3, 115.0)
        other.order("BUY", 3, 114.0)
        send(page, "SELL", 3, 114.0, offset="CLOSE")
        change = re.compile(r"[−+]")
        expect(page.locator("[data-fact=profit]")).to_have_text(change)
        page.wait_for_function(
            """([before, told]) => {
                const read = (fact) => Number(document.querySelector(`[data-fact=${fact}]`).textContent
                    .replaceAll(',', '').replace('−', '-'));
                const [balance, profit] = [read('balance') - before, read('profit') - told];
                return balance < 0 && Math.abs(balance - profit) < 0.015;
            }""",
            arg=[before, told],
        )
        assert money(page, "balance") < before - 300  # the loss, and the commission
    finally:
        other.leave()


# --- the keyboard


def test_keys_lead_somewhere_in_every_mode_and_escape_leads_out(inside: tuple[Page, list[dict[str, Any]]]) -> None:
    page, _ = inside
    for kind in ("LIMIT", "MARKET"):
        for key, field in (("b", "price"), ("s", "price"), ("v", "volume"), ("p", "price"), ("m", "volume")):
            choose(page, "order_type", kind)
            page.evaluate("document.activeElement.blur()")
            page.keyboard.press(key)
            goes_to = "volume" if kind == "MARKET" and key in "bs" else field
            expect(page.locator(f"#{goes_to}")).to_be_focused()
            page.keyboard.press("Escape")
            expect(page.locator(f"#{goes_to}")).not_to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#instrument-search")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()


@pytest.mark.parametrize("opener", ["#open-sign-in", "#account-begin"])
def test_the_keyboard_is_not_sent_back_to_the_top_by_signing_in(
    browser: Any, new_server: Callable[..., Any], opener: str
) -> None:
    own = new_server(DEMO="off")
    with new_page(browser) as page:
        open_live(page, own)
        page.focus(opener)
        page.keyboard.press("Enter")
        page.click("#token-way summary")
        page.fill("#token-user-id", "user007")
        page.fill("#token", own.token("user007"))
        page.keyboard.press("Enter")
        expect(page.locator("#who")).to_have_text("user007")
        expect(page.locator("#panel-ticket")).to_be_focused()
        assert page.complaints == []


WIDTHS = [(1440, 900), (820, 1180), (390, 844), (320, 568)]

CUT_OFF = """() => [...document.querySelectorAll('#positions-table td')].filter((cell) => {
    const box = cell.getBoundingClientRect();
    const panel = cell.closest('.panel').getBoundingClientRect();
    const isOut = cell.classList.contains('action') && box.right > Math.min(panel.right, innerWidth) + 1;
    return cell.checkVisibility() && (isOut || cell.scrollWidth > cell.clientWidth + 1);
}).map((cell) => cell.textContent)"""


def test_a_table_of_many_columns_stays_readable_at_every_width(browser: Any, new_server: Callable[..., Any]) -> None:
    """What can be done with a row is in sight, and no figure is cut off."""
    own = new_server()
    other = Trader(own, COUNTERPART)
    other.order("SELL", 400, 120.0)
    other.order("BUY", 400, 119.5)
    with new_page(browser) as page:
        open_live(page, own)
        sign_in(page, own)
        send(page, "BUY", 400, 120.0)
        expect(page.locator("[data-lots=long]")).to_have_text("400")
        for width, height in WIDTHS:
            page.set_viewport_size({"width": width, "height": height})
            if width < 800:
                page.click("#views [data-view=orders]")
            expect(page.locator("[data-reverse]")).to_be_visible()
            for _ in range(2):
                assert page.evaluate(CUT_OFF) == [], width
                page.click("#language")
            page.locator("[data-reverse]").click()
            assert page.evaluate(OUTSIDE, "confirm") == [], width
            page.click("#confirm-no")
        assert page.complaints == []
    other.leave()
