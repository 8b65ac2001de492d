"""The trading page in a real browser against a real server: what a person sees and can do, what the page never does."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.e2e.browser import chromium, missing, new_page

try:
    import websocket
    from playwright.sync_api import Page, WebSocketRoute, expect
except ImportError:
    missing("the page tests need playwright and websocket-client: pip install -r requirements-dev.txt")

INSTRUMENT = "IX2301"
TICK = 0.5
LIMIT_UP = 132.0
PERSON, COUNTERPART, BYSTANDER = "user007", "user008", "user009"

_ids = itertools.count(1)


class Trader:
    """A plain protocol client: the other side of the page's trades."""

    def __init__(self, server: Any, user_id: str) -> None:
        self.socket = websocket.create_connection(f"{server.ws}?user_id={user_id}", timeout=10)
        self.mine: list[str] = []
        assert self.ask({"type": "auth", "user_id": user_id, "token": server.token(user_id)})["success"]

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to `message`, past whatever is pushed in between."""
        request_id = f"t{next(_ids)}"
        self.socket.send(json.dumps(message | {"request_id": request_id}))
        while True:
            frame = json.loads(self.socket.recv())
            if frame.get("request_id") == request_id:
                return frame

    def order(self, direction: str, volume: float, price: float, offset: str = "OPEN", **extra: Any) -> str:
        answer = self.ask(
            {
                "type": "submit_order",
                "instrument_id": INSTRUMENT,
                "direction": direction,
                "offset": offset,
                "volume": volume,
                "price": price,
                "order_type": "LIMIT",
            }
            | extra
        )
        assert answer["success"], answer
        self.mine.append(answer["order_id"])
        return answer["order_id"]

    def query(self, order_id: str) -> dict[str, Any]:
        return self.ask({"type": "query_order", "order_id": order_id})["data"]["order"]

    def lots_long(self) -> str:
        (position,) = self.ask({"type": "query_position", "instrument_id": INSTRUMENT})["data"]["positions"]
        return f"{position['volume_long']:g}"

    def book(self) -> dict[str, Any]:
        self.socket.send(json.dumps({"type": "subscribe", "channels": ["orderbook"], "instruments": [INSTRUMENT]}))
        frame: dict[str, Any] = {}
        while frame.get("type") != "orderbook":
            frame = json.loads(self.socket.recv())
        self.ask({"type": "unsubscribe", "channels": ["orderbook"], "instruments": [INSTRUMENT]})
        return frame

    def leave(self) -> None:
        """Takes its orders out of the book, so that the next test finds the market as this one did."""
        for order_id in self.mine:
            self.ask({"type": "cancel_order", "order_id": order_id})
        self.socket.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Any) -> Iterator[Page]:
    """The page, live, as a visitor sees it. Its console must have stayed silent."""
    with new_page(browser) as opened:
        open_live(opened, server)
        yield opened
        cancel_all(opened)
        assert opened.complaints == []


@pytest.fixture
def trader(server: Any) -> Iterator[Callable[[str], Trader]]:
    traders: list[Trader] = []

    def enter(user_id: str) -> Trader:
        traders.append(Trader(server, user_id))
        return traders[-1]

    yield enter
    for one in traders:
        with suppress(websocket.WebSocketException, OSError):
            one.leave()


def open_live(page: Page, server: Any) -> None:
    page.goto(server.http + "/")
    page.locator(".tab", has_text=INSTRUMENT).click()
    expect_phase(page, "live")


def expect_phase(page: Page, phase: str) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-phase", phase)


def sign_in(page: Page, server: Any, user_id: str = PERSON, token: str | None = None) -> None:
    page.click("#open-sign-in")
    page.fill("#user-id", user_id)
    page.fill("#token", server.token(user_id) if token is None else token)
    page.click("#sign-in-submit")
    if token is None:
        expect(page.locator("#sign-out")).to_be_visible()
        expect(page.locator("#who")).to_have_text(user_id)
        expect(page.locator("[data-fact=balance]")).not_to_be_empty()


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f"input[name={name}][value={value}]").check(force=True)


def fill_ticket(page: Page, direction: str, volume: float, price: float | None, offset: str = "OPEN") -> None:
    choose(page, "direction", direction)
    choose(page, "offset", offset)
    if price is not None:
        choose(page, "order_type", "LIMIT")
        page.fill("#price", f"{price}")
    page.fill("#volume", f"{volume}")


def send(page: Page, direction: str, volume: float, price: float | None, offset: str = "OPEN") -> str:
    """Sends an order from the ticket; its id, once the exchange has accepted it."""
    before = page.locator("#ticket-answer").inner_text()
    fill_ticket(page, direction, volume, price, offset)
    page.click("#ticket-submit")
    answer = page.locator("#ticket-answer")
    expect(answer).not_to_have_text(before or "nothing")
    expect(answer).to_have_text(re.compile(r"O\d{20}"))
    return re.search(r"O\d{20}", answer.inner_text())[0]


def row(page: Page, order_id: str) -> Any:
    return page.locator("#orders-table tbody tr").filter(has=page.locator(f'[data-cancel="{order_id}"]'))


def expect_order(page: Page, order_id: str, status: str, filled: str) -> None:
    expect(row(page, order_id).locator("[data-status]")).to_have_text(status)
    expect(row(page, order_id)).to_contain_text(filled)


def cancel_all(page: Page) -> None:
    """Cancels what the test left working, through the page."""
    if page.is_closed() or page.locator("#connection").get_attribute("data-phase") != "live":
        return
    page.evaluate(
        "document.querySelectorAll('[data-cancel]:enabled:not([hidden])').forEach((button) => button.click())"
    )
    expect(page.locator("[data-cancel]:visible")).to_have_count(0)


def free_price(book: dict[str, Any]) -> float:
    """A price between the best bid and the best ask, where a new order of either side becomes the best alone."""
    bid = book["bids"][0]["price"] if book["bids"] else 110.0
    ask = book["asks"][0]["price"] if book["asks"] else 130.0
    if ask - bid < 2 * TICK:
        pytest.fail(f"the market leaves no free price between {bid} and {ask}")
    return bid + TICK


def money(page: Page, fact: str) -> float:
    return float(page.locator(f"[data-fact={fact}]").inner_text().replace(",", "").replace("−", "-"))


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


# --- the market, without signing in


def test_a_visitor_sees_the_live_book(page: Page, trader: Callable[[str], Trader]) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    best = page.locator("#bids .level").first
    maker.order("BUY", 4, price)
    maker.order("BUY", 5, price)
    expect(best.locator(".price")).to_have_text(f"{price:.1f}")
    expect(best.locator(".size")).to_have_text("9")
    expect(best.locator(".queue")).to_have_text("2")
    expect(best).to_have_attribute("aria-label", re.compile(rf"Bid {price}, 9 lots, 2 orders"))
    expect(page.locator("#fact-bid")).to_have_text(f"{price:.1f}")
    expect(page.locator("#ticket-submit")).to_have_text("Sign in to trade")


def test_a_public_trade_moves_the_last_price(page: Page, trader: Callable[[str], Trader]) -> None:
    maker, taker = trader(COUNTERPART), trader(BYSTANDER)
    price = free_price(maker.book())
    maker.order("BUY", 2, price)
    taker.order("SELL", 2, price)
    expect(page.locator("#last-price")).to_have_text(f"{price:.1f}")
    expect(page.locator("#tape-table tbody tr").first).to_contain_text(f"{price:.1f}")
    expect(page).to_have_title(re.compile(rf"^{price:.1f} {INSTRUMENT}"))


def test_the_contract_can_be_changed(page: Page) -> None:
    page.locator(".tab", has_text="IF2301").click()
    expect(page.locator("#ticket-instrument")).to_contain_text("IF2301")
    expect(page.locator("#market-name")).to_contain_text("IF2301")
    expect(page.locator(".panel.book")).not_to_have_class(re.compile("stale"))


def test_a_visitor_who_wants_to_trade_is_asked_to_sign_in(page: Page) -> None:
    page.click("#ticket-submit")
    expect(page.locator("#user-id")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#sign-in")).not_to_be_visible()


# --- signing in and out


def test_a_wrong_token_is_refused_in_words(page: Page, server: Any) -> None:
    sign_in(page, server, token="not-the-token")
    expect(page.locator("#sign-in-problem")).to_have_text("The user ID or the token is wrong.")
    expect(page.locator("#sign-in")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('bourse.session')") is None
    page.click("#sign-in-cancel")
    expect_phase(page, "live")


def test_a_reload_keeps_the_user_and_sign_out_forgets(page: Page, server: Any) -> None:
    sign_in(page, server)
    order_id = send(page, "BUY", 1, 110.0)
    page.reload()
    expect(page.locator("#who")).to_have_text(PERSON)
    expect_order(page, order_id, "Working", "0 / 1")
    expect(row(page, order_id)).to_contain_text("110.0")
    row(page, order_id).get_by_role("button").click()
    expect_order(page, order_id, "Cancelled", "0 / 1")

    token = server.token(PERSON)
    assert token not in page.evaluate("JSON.stringify(localStorage)")
    assert token in page.evaluate("JSON.stringify(sessionStorage)")
    page.click("#sign-out")
    expect(page.locator("#open-sign-in")).to_be_visible()
    expect(page.locator("#orders-table tbody")).to_have_text("Sign in to see this.")
    expect(page.locator("[data-fact=balance]")).not_to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert token not in page.content()
    expect_phase(page, "live")


# --- trading


def test_a_trade_from_order_to_position(page: Page, server: Any, trader: Callable[[str], Trader]) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    sign_in(page, server)
    margin = money(page, "margin")

    order_id = send(page, "BUY", 3, price)
    expect_order(page, order_id, "Working", "0 / 3")
    best = page.locator("#bids .level").first
    expect(best.locator(".price")).to_have_text(f"{price:.1f}")
    expect(best).to_have_class(re.compile(r"\bown\b"))

    maker.order("SELL", 1, price)
    expect_order(page, order_id, "Part filled", "1 / 3")
    expect(page.locator("#notices")).to_contain_text(f"Bought 1 {INSTRUMENT} @ {price:.1f}")
    maker.order("SELL", 2, price)
    expect_order(page, order_id, "Filled", "3 / 3")
    expect(row(page, order_id).get_by_role("button")).to_have_count(0)

    fills = page.locator("#fills-table tbody tr")
    expect(fills.first).to_contain_text(f"{price:.1f}")
    expect(fills.first.locator("td.id")).to_have_text(re.compile(r"^T\d{20}$"))
    expect(fills).to_have_count(2)
    position = page.locator("#positions-table tbody tr", has_text=INSTRUMENT)
    expect(position.get_by_role("button", name="Close long")).to_be_visible()
    page.wait_for_function(
        "before => document.querySelector('[data-fact=margin]').textContent !== before", arg=f"{margin:,.2f}"
    )
    assert money(page, "margin") > margin


def test_a_position_is_closed_with_its_button(page: Page, server: Any, trader: Callable[[str], Trader]) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    sign_in(page, server)
    maker.order("SELL", 2, price)
    order_id = send(page, "BUY", 2, price)
    expect_order(page, order_id, "Filled", "2 / 2")
    position = page.locator("#positions-table tbody tr", has_text=INSTRUMENT)
    held = trader(PERSON).lots_long()
    expect(position.locator("[data-held=long]")).to_have_text(held)
    position.get_by_role("button", name="Close long").click()
    expect(page.locator("#volume")).to_have_value(held)
    expect(page.locator("#ticket-submit")).to_have_text(re.compile(rf"Sell {held} {INSTRUMENT} · Close"))

    maker.order("BUY", float(held), price)
    page.fill("#price", f"{price}")
    page.click("#ticket-submit")
    page.wait_for_timeout(2000)
    print(
        page.inner_text("#ticket-answer"), page.inner_text("#orders-table"), page.inner_text("#positions-table"), held
    )
    expect(position.locator("[data-held=long]")).to_have_count(0)


def test_an_order_is_cancelled_only_when_the_exchange_says_so(page: Page, server: Any) -> None:
    sign_in(page, server)
    available = money(page, "available")
    order_id = send(page, "BUY", 2, 110.0)
    expect_order(page, order_id, "Working", "0 / 2")
    page.wait_for_function(
        "before => document.querySelector('[data-fact=available]').textContent !== before", arg=f"{available:,.2f}"
    )
    assert money(page, "available") < available
    row(page, order_id).get_by_role("button").click()
    expect_order(page, order_id, "Cancelled", "0 / 2")
    expect(page.locator("[data-fact=available]")).to_have_text(f"{available:,.2f}")


def test_a_price_in_the_book_fills_the_ticket(page: Page, trader: Callable[[str], Trader]) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    maker.order("BUY", 1, price)
    choose(page, "order_type", "MARKET")
    expect(page.locator("#price")).to_be_disabled()
    expect(page.locator("#bids .level").first.locator(".price")).to_have_text(f"{price:.1f}")
    page.locator("#bids .level").first.click()
    expect(page.locator("#price")).to_have_value(f"{price:.1f}")
    expect(page.locator("input[name=order_type][value=LIMIT]")).to_be_checked()
    page.click("#price-up")
    expect(page.locator("#price")).to_have_value(f"{price + TICK:.1f}")
    page.locator("#price").press("ArrowDown")
    expect(page.locator("#price")).to_have_value(f"{price:.1f}")


@pytest.mark.parametrize(
    ("price", "english", "chinese"),
    [
        (LIMIT_UP + TICK, "outside the day’s limits (1008)", "价格超出涨跌停范围（1008）"),
        (120.3, "not on the tick (1007)", "价格不是最小变动价位的整数倍（1007）"),
    ],
)
def test_a_refusal_is_told_in_words(page: Page, server: Any, price: float, english: str, chinese: str) -> None:
    sign_in(page, server)
    fill_ticket(page, "BUY", 1, price)
    page.click("#ticket-submit")
    expect(page.locator("#ticket-answer")).to_contain_text(english)
    page.click("#language")
    expect(page.locator("#ticket-answer")).to_contain_text(chinese)
    expect(page.locator("#orders-table [data-cancel]:visible")).to_have_count(0)


def test_closing_what_is_not_held_is_refused(page: Page, server: Any) -> None:
    sign_in(page, server, BYSTANDER)
    fill_ticket(page, "SELL", 400, 125.0, offset="CLOSEYESTERDAY")
    page.click("#ticket-submit")
    expect(page.locator("#ticket-answer")).to_contain_text("Not enough position to close (1005)")


def test_what_is_no_number_is_not_sent(page: Page, server: Any) -> None:
    sign_in(page, server)
    page.fill("#price", "")
    page.click("#ticket-submit")
    expect(page.locator("#ticket-answer")).to_have_text("Enter a price.")
    expect(page.locator("#price")).to_be_focused()
    page.fill("#price", "110")
    page.fill("#volume", "1.5")
    page.click("#ticket-submit")
    expect(page.locator("#ticket-answer")).to_have_text("Enter a whole number of lots.")


def test_market_and_ioc_orders(page: Page, server: Any, trader: Callable[[str], Trader]) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    sign_in(page, server)
    maker.order("BUY", 2, price)
    choose(page, "order_type", "MARKET")
    market = send(page, "SELL", 2, None)
    expect_order(page, market, "Filled", "2 / 2")
    expect(row(page, market)).to_contain_text("Market")

    maker.order("BUY", 1, price)
    choose(page, "order_type", "LIMIT")
    choose(page, "time_condition", "IOC")
    immediate = send(page, "SELL", 3, price)
    expect_order(page, immediate, "Cancelled", "1 / 3")


def test_an_order_from_elsewhere_appears_with_its_details(
    page: Page, server: Any, trader: Callable[[str], Trader]
) -> None:
    sign_in(page, server)
    order_id = trader(PERSON).order("BUY", 6, 110.5)
    expect_order(page, order_id, "Working", "0 / 6")
    expect(row(page, order_id)).to_contain_text("110.5")
    expect(row(page, order_id)).to_contain_text("Buy")


# --- when the line drops


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


def test_the_page_comes_back_by_itself_with_what_it_missed(
    browser: Any, server: Any, trader: Callable[[str], Trader]
) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    with new_page(browser) as page:
        watch_sockets(page)
        open_live(page, server)
        sign_in(page, server)
        order_id = send(page, "BUY", 2, price)
        page.evaluate("window.cut()")
        maker.order("SELL", 2, price)
        page.wait_for_function("window.phases.includes('reconnecting live=false')")
        expect_phase(page, "live")
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
        expect(row(page, order_id).get_by_role("button")).to_be_disabled()
        expect(page.locator("#ticket-submit")).to_be_disabled()
        expect(page.locator("#ticket-submit")).to_have_text("Waiting for the connection")
        own.start()
        expect(page.locator("#connection")).to_have_attribute("data-phase", "live", timeout=30_000)
        expect_order(page, order_id, "Working", "0 / 2")
        expect(page.locator("#bids .level").first.locator(".price")).to_have_text("119.0")
        expect(page.locator("[data-fact=balance]")).to_have_text(balance)
        row(page, order_id).get_by_role("button").click()
        expect_order(page, order_id, "Cancelled", "0 / 2")
        assert [words for words in page.complaints if "WebSocket" not in words] == []


def test_an_order_without_an_answer_is_asked_again_and_never_doubled(
    browser: Any, server: Any, trader: Callable[[str], Trader]
) -> None:
    """The answer is lost with the line. The page must not guess, and asking again must find the order that exists."""
    state = {"swallow": True}

    def relay(route: WebSocketRoute) -> None:
        upstream = route.connect_to_server()
        route.on_message(upstream.send)
        upstream.on_message(lambda text: pass_on(route, upstream, text))

    def pass_on(route: WebSocketRoute, upstream: WebSocketRoute, text: str) -> None:
        if state["swallow"] and '"order_response"' in text:
            state["swallow"] = False
            upstream.close()
            route.close(code=1012, reason="restart")
        else:
            route.send(text)

    watcher = trader(BYSTANDER)
    price = free_price(watcher.book())
    with new_page(browser) as page:
        page.route_web_socket(re.compile("/ws"), relay)
        open_live(page, server)
        sign_in(page, server)
        fill_ticket(page, "BUY", 7, price)
        page.click("#ticket-submit")
        expect(page.locator("#ticket-answer")).to_contain_text("No answer came before the line dropped")
        expect(page.locator("#notices")).to_contain_text("The exchange restarted.")
        expect(page.locator("#ticket-submit")).to_be_disabled()
        expect_phase(page, "live")
        page.click("#ticket-resend")
        expect(page.locator("#ticket-answer")).to_contain_text("Accepted")
        order_id = re.search(r"O\d{20}", page.locator("#ticket-answer").inner_text())[0]
        expect_order(page, order_id, "Working", "0 / 7")
        best = watcher.book()["bids"][0]
        assert (best["price"], best["volume"], best["order_count"]) == (price, 7.0, 1)
        cancel_all(page)


# --- languages, colours, sizes


def test_the_language_is_the_browsers_until_chosen_and_then_remembered(browser: Any, server: Any) -> None:
    with new_page(browser, locale="zh-CN") as page:
        open_live(page, server)
        expect(page.locator("#book-title")).to_have_text("订单簿")
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        page.click("#language")
        expect(page.locator("#book-title")).to_have_text("Order book")
        page.reload()
        expect(page.locator("#book-title")).to_have_text("Order book")
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_both_languages_have_the_same_words_and_every_code_and_enum_has_one(page: Page) -> None:
    result = page.evaluate("""async () => {
        const load = async (name) => (await import(`/static/bourse/js/${name}.js`));
        const [en, zh, protocol] = await Promise.all(['words/en', 'words/zh', 'protocol'].map(load));
        const named = (prefix, values) => values.map((value) => `${prefix}.${value}`);
        const needed = [
            named('error', protocol.ERROR_CODES), named('close', protocol.CLOSE_CODES),
            named('status', protocol.STATUSES), named('direction', protocol.DIRECTIONS),
            named('offset', protocol.OFFSETS), named('type', protocol.ORDER_TYPES),
            named('time', protocol.TIME_CONDITIONS),
        ].flat();
        return { en: Object.keys(en.default).sort(), zh: Object.keys(zh.default).sort(), needed };
    }""")
    assert result["en"] == result["zh"]
    assert set(result["needed"]) <= set(result["en"])


def test_red_means_up_until_the_reader_says_otherwise(page: Page) -> None:
    colour = "getComputedStyle(document.querySelector('#bids .price')).color"
    red = page.evaluate(colour)
    page.click("#colours")
    expect(page.locator("#colours-text")).to_have_text("Green up")
    assert page.evaluate(colour) != red
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-up", "green")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_no_width_scrolls_sideways(browser: Any, server: Any, width: int, locale: str) -> None:
    with new_page(browser, viewport={"width": width, "height": 844}, locale=locale) as page:
        open_live(page, server)
        assert overflow(page) <= 0
        sign_in(page, server)
        send(page, "BUY", 1, 110.0)
        assert overflow(page) <= 0
        cancel_all(page)
        assert page.complaints == []


# --- what the page is made of


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


def test_every_control_has_a_name(page: Page) -> None:
    unnamed = page.evaluate("""() => [...document.querySelectorAll('input, button, select')]
        .filter((node) => node.checkVisibility() && !node.disabled)
        .filter((node) => !(node.labels?.length || node.getAttribute('aria-label') || node.textContent.trim()))
        .map((node) => node.outerHTML)""")
    assert unnamed == []


def test_prices_step_on_the_tick_and_waits_grow_to_a_bound(page: Page) -> None:
    result = page.evaluate("""async () => {
        const { stepPrice, decimalsOf } = await import('/static/bourse/js/depth.js');
        const { backOff } = await import('/static/bourse/js/socket.js');
        return {
            steps: [[120, 1, 0.5], [120.3, 1, 0.5], [120.3, -1, 0.5], [0.3, 1, 0.1]].map((args) => stepPrice(...args)),
            decimals: [0.5, 0.2, 0.01, 1, 5].map(decimalsOf),
            waits: [1, 2, 3, 20].map((attempt) => backOff(attempt, () => 1)),
        };
    }""")
    assert result["steps"] == [120.5, 120.5, 120.0, 0.4]
    assert result["decimals"] == [1, 1, 2, 0, 0]
    assert result["waits"] == [500, 1000, 2000, 15000]


def test_an_older_answer_never_undoes_a_newer_push(page: Page) -> None:
    result = page.evaluate("""async () => {
        const { order } = await import('/static/bourse/js/reduce.js');
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
