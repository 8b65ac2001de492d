"""The trading page in a real browser against a real server: what a person sees and can do, what the page never does."""

from __future__ import annotations

import itertools
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tests.e2e.browser import PATIENCE_MS, WatchedPage, chromium, missing, new_page
from tests.e2e.server import ROOT

pytestmark = pytest.mark.slow

try:
    import websocket
    from playwright.sync_api import Page, WebSocket, WebSocketRoute, expect
except ImportError:
    missing("the page tests need playwright and websocket-client: pip install -r requirements-dev.txt")

INSTRUMENT = "IX2301"
TICK = 0.5
LIMIT_UP = 132.0
BEAT_SECONDS = 1.0
PERSON, COUNTERPART, BYSTANDER = "user007", "user008", "user009"

_ids = itertools.count(1)


class Trader:
    """A plain protocol client: the other side of the page's trades."""

    def __init__(self, server: Any, user_id: str) -> None:
        self.socket = websocket.create_connection(f"{server.ws}?user_id={user_id}", timeout=60)
        self.mine: list[str] = []
        self.left = threading.Event()
        threading.Thread(target=self.beat, daemon=True).start()
        assert self.ask({"type": "auth", "user_id": user_id, "token": server.token(user_id)})["success"]

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to `message`, past whatever is pushed in between."""
        request_id = f"t{next(_ids)}"
        self.socket.send(json.dumps(message | {"request_id": request_id}))
        while True:
            frame: dict[str, Any] = json.loads(self.socket.recv())
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
        return str(answer["order_id"])

    def query(self, order_id: str) -> dict[str, Any]:
        return dict(self.ask({"type": "query_order", "order_id": order_id})["data"]["order"])

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

    def beat(self) -> None:
        """Keeps the connection while the page is busy, however long that takes: the server closes what is silent."""
        with suppress(websocket.WebSocketException, OSError):
            while not self.left.wait(BEAT_SECONDS):
                self.socket.send('{"type": "ping"}')

    def leave(self) -> None:
        """Takes its orders out of the book, so that the next test finds the market as this one did."""
        for order_id in self.mine:
            self.ask({"type": "cancel_order", "order_id": order_id})
        self.left.set()
        self.socket.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Any) -> Iterator[WatchedPage]:
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
    select(page, INSTRUMENT)
    expect_phase(page, "live")


def select(page: Page, instrument_id: str) -> None:
    """Picks a contract from the list, whether it is on view or, as on phones, on another one."""
    page.locator(f"[data-instrument={instrument_id}]").dispatch_event("click")
    expect(page.locator("#market-name")).to_have_text(instrument_id)


def expect_phase(page: Page, phase: str) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-phase", phase)


def sign_in(page: Page, server: Any, user_id: str = PERSON, token: str | None = None) -> None:
    """With a token of one's own."""
    page.click("#open-sign-in")
    page.click("#token-way summary")
    page.fill("#token-user-id", user_id)
    page.fill("#token", server.token(user_id) if token is None else token)
    page.click("#token-submit")
    if token is None:
        expect_inside(page, user_id)


def expect_inside(page: Page, user_id: str) -> None:
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
    return str(re.findall(r"O\d{20}", answer.inner_text())[0])


def row(page: Page, order_id: str) -> Any:
    """The order's row, among the working orders or in the history."""
    return page.locator(f'tr[data-key="{order_id}"]')


def expect_order(page: Page, order_id: str, status: str, filled: str) -> None:
    expect(row(page, order_id).locator("[data-status]")).to_have_text(re.compile(rf"^{status}"))
    expect(row(page, order_id)).to_contain_text(filled)


def cancel_all(page: Page) -> None:
    """Cancels what the test left working, through the page."""
    if page.is_closed() or page.locator("#connection").get_attribute("data-phase") != "live":
        return
    page.evaluate("document.querySelectorAll('[data-cancel]:enabled').forEach((button) => button.click())")
    expect(page.locator("[data-cancel]")).to_have_count(0)


def leg(page: Page, side: str, instrument_id: str = INSTRUMENT) -> Any:
    """The row of a position."""
    return page.locator(f'#positions-table tr[data-key="{instrument_id} {side}"]')


def answer(page: Page) -> Any:
    return page.locator("#ticket-answer")


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
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


# --- the market, without signing in


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


# --- signing in and out


def test_who_cannot_come_in_is_told_why(page: WatchedPage, server: Any) -> None:
    page.click("#open-sign-in")
    expect(page.locator("#user-id")).to_be_focused()
    page.click("#sign-in-submit")
    expect(page.locator("#sign-in-problem")).to_have_text("Enter your user ID and password.")
    page.fill("#user-id", PERSON)
    page.fill("#password", "not-the-password")
    page.click("#sign-in-submit")
    expect(page.locator("#sign-in-problem")).to_have_text("The user ID or the password is wrong.")
    page.keyboard.press("Escape")
    expect(page.locator("#sign-in")).not_to_be_visible()
    page.complaints.clear()  # the browser's own words about the answer 401

    sign_in(page, server, token="not-the-token")
    expect(page.locator("#sign-in-problem")).to_have_text("The user ID or the token is wrong.")
    assert page.evaluate("sessionStorage.getItem('bourse.session')") is None
    page.click("#sign-in-cancel")
    expect_phase(page, "live")


def test_a_reload_keeps_who_has_a_token_and_sign_out_forgets(page: Page, server: Any) -> None:
    sign_in(page, server)
    order_id = send(page, "BUY", 1, 110.0)
    page.reload()
    expect(page.locator("#who")).to_have_text(PERSON)
    expect_order(page, order_id, "Working", "0 / 1")
    expect(row(page, order_id)).to_contain_text("110.0")
    cancel_all(page)
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


def test_a_session_from_the_password_to_its_end(page: WatchedPage, server: Any) -> None:
    word = "a-good-horse"
    find = f"from trading.models import User; user = User.objects.get(username='{PERSON}')"
    server.manage("shell", "-c", f"{find}; user.set_password('{word}'); user.save()")
    page.click("#open-sign-in")
    page.fill("#user-id", PERSON)
    page.fill("#password", word)
    page.press("#password", "Enter")
    expect_inside(page, PERSON)
    page.reload()
    expect_inside(page, PERSON)
    assert page.evaluate("sessionStorage.length") == 0
    assert word not in page.content()

    with page.expect_websocket():  # the exchange takes the token no more; the session gives another
        server.manage(
            "shell",
            "-c",
            "from trading.models import AccessToken as T; T.objects.filter(name__startswith='page ').delete()",
        )
    expect_inside(page, PERSON)
    expect_phase(page, "live")

    with page.context.new_page() as other:  # another tab of the same browser leaves
        other.goto(server.http + "/")
        expect(other.locator("#sign-out")).to_be_visible()
        other.click("#sign-out")
        expect(other.locator("#open-sign-in")).to_be_visible()
    expect(page.locator("#sign-in-problem")).to_contain_text("Your session has ended. Your orders stay as they are.")
    expect(page.locator("#sign-in")).to_be_visible()
    expect_phase(page, "live")
    page.complaints.clear()  # the browser's own words about the answer 401


SHORT_LIVED = """
    const real = window.fetch;
    let first = true;
    window.fetch = async (path, options) => {
        const response = await real(path, options);
        if (path !== '/session/token' || !first) return response;
        first = false;
        return Response.json({ ...await response.json(), expires_in: 3 });
    };
"""
"""Lets the page believe that its first token lives for three seconds."""


def test_the_page_renews_its_token_on_the_open_line(browser: Any, new_server: Callable[..., Any]) -> None:
    own = new_server()
    shown: list[tuple[str, str]] = []

    def listen(socket: Any) -> None:
        socket.on("framesent", lambda text: said(socket.url, text))

    def said(url: str, text: str) -> None:
        if '"auth"' in text:
            shown.append((url, json.loads(text)["token"]))

    with new_page(browser) as page:
        page.on("websocket", listen)
        page.add_init_script(SHORT_LIVED)
        open_live(page, own)
        page.click("#account-begin")
        expect(page.locator("#who")).to_have_text(re.compile("^demo-"))
        for _ in range(500):
            if len(shown) == 2:
                break
            page.wait_for_timeout(20)
        (first_url, first), (second_url, second) = shown
        assert first_url == second_url and first != second
        send(page, "BUY", 1, 110.0)
        assert page.complaints == []


# --- trading


def test_from_a_stranger_to_a_statement(browser: Any, new_server: Callable[..., Any]) -> None:
    """One click to an account, a trade, its position turned and closed, the day settled, and back to the start."""
    own = new_server()
    maker = Trader(own, COUNTERPART)
    for price in (119.5, 120.5):
        maker.order("BUY" if price < 120 else "SELL", 9, price, time_condition="GTC")
    with new_page(browser, accept_downloads=True) as page:
        open_live(page, own)
        expect(page.locator("#ticket-submit")).to_have_text("Start with a demo account")
        page.click("#ticket-submit")
        expect(page.locator("#who")).to_have_text(re.compile("^demo-"))
        expect(page.locator("[data-fact=balance]")).to_have_text("1,000,000.00")

        choose(page, "order_type", "MARKET")
        page.fill("#volume", "2")
        expect(page.locator("#ticket-submit")).to_have_text(f"Buy open 2 {INSTRUMENT} at market")
        expect(page.locator("#ticket-margin")).to_have_text("2,410.00")
        expect(page.locator("#ticket-liquidation")).not_to_have_text("")
        after = page.locator("#ticket-after").inner_text()
        page.click("#ticket-submit")
        expect(answer(page)).to_contain_text("Accepted")
        expect(page.locator("#notices")).to_contain_text(f"Bought 2 {INSTRUMENT} @ 120.5")
        expect(leg(page, "long")).to_contain_text("120.50")
        expect(page.locator("[data-fact=margin]")).to_have_text("2,410.00")
        expect(page.locator("[data-fact=available]")).to_have_text(after)

        leg(page, "long").get_by_role("button", name="Reverse").click()
        expect(page.locator("#confirm-text")).to_contain_text("about 119.50")
        page.click("#confirm-no")
        leg(page, "long").get_by_role("button", name="Reverse").click()
        expect(page.locator("#confirm-yes")).to_have_text(
            f"Sell close 2 {INSTRUMENT} at market, then Sell open 2 {INSTRUMENT} at market"
        )
        page.click("#confirm-yes")
        expect(leg(page, "short")).to_contain_text("119.50")
        expect(leg(page, "long")).to_have_count(0)
        leg(page, "short").get_by_role("button", name="Close").click()
        expect(page.locator("#confirm-yes")).to_have_text(f"Buy close 2 {INSTRUMENT} at market")
        page.click("#confirm-yes")
        expect(page.locator("#positions-table tbody")).to_have_text("No open positions.")
        expect(page.locator("#fills-table tbody tr").first).to_contain_text("Taker")
        expect(page.locator("#fills-table tbody tr")).to_have_count(4)

        maker.socket.close()
        with ThreadPoolExecutor(1) as beside:  # the notice goes by itself, perhaps before the command has ended
            settling = beside.submit(own.manage, "settle")
            expect(page.locator("#notices")).to_contain_text("is settled. Closing balance 999,")
            settling.result()
        page.click("#tab-statements")
        statement = page.locator("#statements-table tbody tr")
        expect(statement).to_contain_text("1,000,000.00")
        expect(statement).to_contain_text("−400.00")
        with page.expect_download() as saved:
            page.click("#csv")
        text = saved.value.path().read_bytes().decode()
        assert text.startswith("\ufeffDay,Opening,") and ",1000000," in text and ",-400," in text

        page.click("#demo-reset")
        page.click("#confirm-yes")
        expect(page.locator("#notices")).to_contain_text("starting funds again")
        expect(page.locator("[data-fact=balance]")).to_have_text("1,000,000.00")
        page.click("#tab-equity")
        expect(page.locator("#equity-chart svg")).to_be_visible()
        assert page.complaints == []


def test_a_working_order_is_seen_amended_and_cancelled(
    page: Page, server: Any, trader: Callable[[str], Trader]
) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    sign_in(page, server)
    available = money(page, "available")
    page.click("#tab-orders")
    order_id = send(page, "BUY", 3, price - TICK)
    expect_order(page, order_id, "Working", "0 / 3")
    expect(page.locator("#bids .level.own")).to_have_count(1)
    expect(page.locator("[data-fact=available]")).not_to_have_text(f"{available:,.2f}")

    row(page, order_id).get_by_role("button", name="Amend").click()
    expect(page.locator("[data-amend-field=price]")).to_be_focused()
    page.keyboard.type(f"{price}")
    page.locator("[data-amend-field=volume]").fill("4")
    page.keyboard.press("Enter")
    expect(row(page, order_id)).to_contain_text(f"{price:.1f}")
    expect_order(page, order_id, "Working", "0 / 4")
    row(page, order_id).get_by_role("button", name="Amend").click()
    page.locator("[data-amend-field=price]").fill("120.3")
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("Not amended: The price is not on the tick (1007)")
    expect(row(page, order_id)).to_contain_text(f"{price:.1f}")

    maker.order("SELL", 1, price)
    expect_order(page, order_id, "Part filled", "1 / 4")
    expect(page.locator("#notices")).to_contain_text(f"Bought 1 {INSTRUMENT} @ {price:.1f}")
    expect(page.locator("#fills-table tbody tr").first).to_contain_text("Maker")
    expect(page.locator("#fills-table tbody td.id").first).to_have_text(re.compile(r"^T\d{20}$"))
    row(page, order_id).get_by_role("button", name="Cancel").click()
    expect_order(page, order_id, "Cancelled", "1 / 4")
    expect(page.locator("#history-table").locator(f'tr[data-key="{order_id}"]')).to_have_count(1)

    elsewhere = trader(PERSON).order("BUY", 6, 110.5, post_only=True, time_condition="GTC")
    expect_order(page, elsewhere, "Working", "0 / 6")
    expect(row(page, elsewhere)).to_contain_text("GTC · post only")
    page.click("#ticket-more summary")
    page.select_option("#stop", "STOP")
    page.fill("#stop-price", "131")
    expect(page.locator("#ticket-submit")).to_have_text(re.compile("^When last ≥ 131.0: Buy"))
    waiting = send(page, "BUY", 1, 131.0)
    expect_order(page, waiting, "Waiting", "0 / 1")
    page.click("#cancel-all")
    page.click("#confirm-yes")
    expect(page.locator("[data-cancel]")).to_have_count(0)
    expect_order(page, elsewhere, "Cancelled", "0 / 6")


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
    page.locator("#price").press("Shift+ArrowUp")
    expect(page.locator("#price")).to_have_value(f"{price + 10 * TICK:.1f}")


def test_what_is_wrong_with_an_order_is_told_in_words(page: Page, server: Any) -> None:
    sign_in(page, server, BYSTANDER)
    page.fill("#price", "")
    page.click("#ticket-submit")
    expect(answer(page)).to_have_text("Enter a price.")
    expect(page.locator("#price")).to_be_focused()
    page.fill("#price", "110")
    page.fill("#volume", "1.5")
    page.click("#ticket-submit")
    expect(answer(page)).to_have_text("Enter a whole number of lots.")
    for direction, offset, volume, price, english, chinese in (
        ("BUY", "OPEN", 1, LIMIT_UP + TICK, "outside the day’s limits (1008)", "价格超出涨跌停范围（1008）"),
        ("BUY", "OPEN", 1, 120.3, "not on the tick (1007)", "价格不是最小变动价位的整数倍（1007）"),
        ("SELL", "CLOSEYESTERDAY", 400, 125.0, "Not enough position to close (1005)", "（1005）"),
    ):
        fill_ticket(page, direction, volume, price, offset)
        page.click("#ticket-submit")
        expect(answer(page)).to_contain_text(english)
        page.click("#language")
        expect(answer(page)).to_contain_text(chinese)
        page.click("#language")
    expect(page.locator("[data-cancel]")).to_have_count(0)


def test_a_halt_is_told_before_anybody_sends_and_when_he_does(browser: Any, new_server: Callable[..., Any]) -> None:
    own = new_server()
    with new_page(browser) as page:
        open_live(page, own)
        sign_in(page, own)
        halt = (
            "from trading.operators import requests; from trading.core.commands import HaltInstrument; "
            f"requests.carry_out(HaltInstrument('{INSTRUMENT}'), market='MAIN')"
        )
        own.manage("shell", "-c", halt)
        expect(page.locator("#ticket-phase")).to_contain_text("Trading is halted")
        fill_ticket(page, "BUY", 1, 110.0)
        page.click("#ticket-submit")
        expect(answer(page)).to_contain_text("not trading now (1009)")
        assert page.complaints == []


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
            "The exchange does not have this order. It can be sent again; it cannot become two."
        )
        expect(page.locator("#ticket-submit")).to_be_disabled()
        page.click("#ticket-resend")
        expect(answer(page)).to_contain_text("Accepted")
        best = watcher.book()["bids"][0]
        assert (best["price"], best["volume"], best["order_count"]) == (price, 12.0, 2)
        cancel_all(page)


# --- languages, colours, sizes


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
