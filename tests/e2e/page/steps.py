"""What a person does on the trading page, what they see there, and a plain client that trades with them."""

from __future__ import annotations

import itertools
import json
import re
import threading
from contextlib import suppress
from typing import Any

import pytest

try:
    import websocket
    from playwright.sync_api import Page, expect
except ImportError:  # whoever takes these steps says so
    Page = Any  # type: ignore[assignment,misc]

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
        with suppress(websocket.WebSocketException, OSError):
            for order_id in self.mine:
                self.ask({"type": "cancel_order", "order_id": order_id})
            self.left.set()
            self.socket.close()


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
    """Cancels what the test left working, through the page, also what it shows a moment later."""
    if page.is_closed() or page.locator("#connection").get_attribute("data-phase") != "live":
        return
    page.wait_for_function("""() => {
        document.querySelectorAll('[data-cancel]:enabled').forEach((button) => button.click());
        return document.querySelector('[data-cancel]') === null;
    }""")


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
