"""The connection that comes back: over a wire that is cut and loses frames, nothing is missed or done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.browser import chromium, missing
from tests.e2e.client import Frame, order_fields, signed_in
from tests.e2e.server import Market, Server

pytestmark = pytest.mark.long

try:
    from playwright.sync_api import Page

    from tests.examples.pages import PATIENCE_MS, address, opened
    from tests.examples.wire import CUT, Wire
except ImportError:
    missing("the examples need Playwright: pip install -r requirements-dev.txt")

__all__ = ["address"]

USER, OTHER = "user001", "user004"
PRIVATE = ["trade", "order_status", "account_update", "statement"]
NEVER = 3_600
"""Seconds of silence until the server closes: a test that is busy elsewhere hands on no pings."""
KEPT_AT_LEAST = 1_000
"""Pushes of an account, whatever the setting says."""
START = """async ([url, userId, token]) => {
    const { Exchange } = await import('/reconnecting/exchange.js');
    Object.assign(window, { heard: [], statuses: [], uncertain: [] });
    window.exchange = new Exchange({
        url, userId, token,
        onFrame: (frame) => heard.push(frame),
        onStatus: (...status) => statuses.push(status),
        onUncertain: (order) => uncertain.push(order),
    });
    exchange.subscribe(['orderbook'], ['IX2301']);
    exchange.connect();
}"""
NOTED_PAUSES = """{
    const real = setTimeout;
    window.pauses = [];
    window.setTimeout = (call, pause) => { pauses.push(pause); return real(call, 1); };
}"""
"""The page waits for nothing, and writes down how long it would have."""
HURRIED = """{
    const now = Date.now, start = now(), interval = setInterval;
    Date.now = () => start + (now() - start) * 10;
    window.setInterval = (call, pause) => interval(call, pause / 10);
}"""
"""The page's clock runs ten times as fast."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(seeded_market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that all tests here share."""
    patient = Server(seeded_market.copy(tmp_path_factory.mktemp("server")), extra={"IDLE_SECONDS": str(NEVER)})
    try:
        patient.start()
        yield patient
    finally:
        patient.stop()


class Desk:
    """A page with a connection of its user, and the wire that it uses."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page, self.server, self.wire = page, server, Wire(page)

    def start(self, token: str | None = None) -> None:
        self.page.evaluate(START, [self.server.ws, USER, token or self.server.token(USER)])

    def run(self, code: str, argument: Any = None) -> Any:
        return self.page.evaluate(code, argument)

    def wait(self, condition: str, argument: Any = None) -> None:
        self.page.wait_for_function(condition, arg=argument, timeout=PATIENCE_MS)

    def ready(self, times: int = 1) -> None:
        """Wait until it has been ready so many times."""
        self.wait("times => statuses.filter(([status]) => status === 'ready').length >= times", times)

    def cut(self) -> None:
        self.wire.cut()
        self.wait("() => statuses.at(-1)[0] === 'waiting' || statuses.at(-1)[0] === 'connecting'")

    def until_lost(self, kind: str) -> None:
        """Wait until the wire has lost a frame of this type."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not any(frame["type"] == kind for frame in self.wire.lost):
            assert time.monotonic() < deadline, f"no {kind} was lost"
            self.page.wait_for_timeout(10)

    def submit(self, direction: str, volume: int, price: float, **more: Any) -> str:
        order: str = self.run("order => exchange.submitOrder(order)", order_fields(direction, volume, price, **more))
        return order

    def submit_all(self, orders: list[Frame]) -> list[str]:
        """All in the same moment."""
        numbers: list[str] = self.run("orders => orders.map((order) => exchange.submitOrder(order))", orders)
        return numbers

    def manage(self, *arguments: str) -> None:
        """Run a command on the server's database, while frames go on over the wire."""
        with ThreadPoolExecutor(1) as pool:
            command = pool.submit(self.server.manage, *arguments)
            while not command.done():
                self.page.wait_for_timeout(10)
            command.result()

    def heard(self, *kinds: str) -> list[Frame]:
        """The frames of these types that were handed on."""
        frames: list[Frame] = self.run("kinds => heard.filter((frame) => kinds.includes(frame.type))", list(kinds))
        return frames

    def has_heard(self, **fields: Any) -> None:
        self.wait(
            "wanted => heard.some((frame) => Object.entries(wanted).every(([name, value]) => frame[name] === value))",
            fields,
        )

    def placed(self, client_order_id: str) -> list[Frame]:
        """The orders that the exchange has under this id."""
        orders: list[Frame] = []
        page: Frame = {"next": None}
        with signed_in(self.server, USER) as owner:
            while not orders or page["next"]:
                page = owner.ask("query_orders", limit=200, before=page["next"])["data"]
                orders += page["orders"] or [{"client_order_id": None}]
        return [order for order in orders if order["client_order_id"] == client_order_id]

    def check(self) -> None:
        """Every push was handed on, once and in order."""
        numbers = [frame["seq"] for frame in self.heard(*PRIVATE)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.fixture
def desk(browser: Any, address: str, server: Server) -> Iterator[Desk]:
    """On the server that all share; what it leaves in the book is taken out again."""
    with opened(browser, address, "reconnecting") as page:
        yield Desk(page, server)
    with signed_in(server, USER) as owner:
        owner.ask("cancel_all")


def test_what_happened_while_away_comes_once_and_in_order(desk: Desk) -> None:
    desk.start()
    desk.ready()
    desk.submit("BUY", 5, 119.5)
    desk.has_heard(type="order_status", status="Submitted")
    desk.cut()
    with signed_in(desk.server, OTHER) as seller:
        for volume in (2, 3):
            assert seller.order("SELL", volume, 119.5)["success"]
    desk.wire.mend()
    desk.has_heard(type="order_status", status="Filled")
    desk.ready(2)
    assert [trade["volume"] for trade in desk.heard("trade")] == [2.0, 3.0]
    desk.check()
    assert len(desk.heard("snapshot")) == 1, "pushes that are kept are sent, not a snapshot"


def test_what_was_subscribed_to_is_subscribed_to_again(desk: Desk) -> None:
    desk.start()
    desk.ready()
    desk.run("exchange.subscribe(['ticker'], ['IX2301']); exchange.subscribe(['trade'], ['IF2301'])")
    desk.run("exchange.unsubscribe(['ticker'], ['IX2301'])")
    desk.wait("() => heard.filter((frame) => frame.type === 'subscribe_response').length === 4")
    desk.cut()
    before = len(desk.wire.sent)
    desk.wire.mend()
    desk.ready(2)
    again = [frame["channels"] for frame in desk.wire.sent[before:] if frame["type"] == "subscribe"]
    assert again == [["orderbook"], ["trade"]]
    desk.wait("() => heard.filter((frame) => frame.type === 'orderbook').length >= 2")


def test_an_order_whose_answer_was_lost_is_not_placed_twice(desk: Desk) -> None:
    desk.start()
    desk.ready()
    desk.wire.lost_down = lambda frame: frame["type"] in ("order_response", *PRIVATE)
    number = desk.submit("BUY", 1, 119.5)
    desk.until_lost("account_update")
    desk.cut()
    desk.wire.mend()
    desk.ready(2)
    desk.has_heard(type="order_status", client_order_id=number)
    assert len(desk.placed(number)) == 1
    assert sum(frame["type"] == "submit_order" for frame in desk.wire.sent) == 1, "the push has told that it is there"


def test_an_order_that_was_finished_on_the_quiet_is_not_placed_twice(
    browser: Any, address: str, new_server: Callable[..., Server]
) -> None:
    """What was missed is not kept, and the snapshot shows live orders only: so the order is sent again."""
    with opened(browser, address, "reconnecting") as page:
        desk = Desk(page, new_server(IDLE_SECONDS=NEVER, PUSHES_KEPT=1))
        desk.start()
        desk.ready()
        desk.wire.lost_down = lambda frame: frame["type"] in ("order_response", *PRIVATE)
        number = desk.submit("BUY", 1, 119.5, time_condition="IOC")
        desk.until_lost("account_update")
        desk.cut()
        many = [order_fields("BUY", 1, 119.5, time_condition="IOC")] * 50
        with signed_in(desk.server, USER) as owner:
            for _ in range(KEPT_AT_LEAST // 50):
                assert owner.ask("submit_orders", orders=many)["results"][-1]["success"]
        desk.wire.mend()
        desk.has_heard(type="order_response", client_order_id=number)
        assert len(desk.heard("snapshot")) == 2
        assert sum(frame["type"] == "submit_order" for frame in desk.wire.sent) == 2
        assert len(desk.placed(number)) == 1


def test_an_order_that_never_arrived_is_placed_once(desk: Desk) -> None:
    desk.start()
    desk.ready()
    desk.wire.lost_up = lambda frame: frame["type"] == "submit_order"
    number = desk.submit("BUY", 1, 119.5)
    desk.until_lost("submit_order")
    desk.cut()
    late = desk.submit("BUY", 1, 119.0)
    assert desk.placed(number) == desk.placed(late) == []
    desk.wire.mend()
    desk.has_heard(type="order_status", client_order_id=number)
    desk.has_heard(type="order_status", client_order_id=late)
    assert len(desk.placed(number)) == len(desk.placed(late)) == 1
    desk.check()


def test_a_push_that_is_missing_is_asked_for(desk: Desk) -> None:
    desk.start()
    desk.ready()
    desk.wire.lost_down = lambda frame: frame["type"] == "order_status" and not desk.wire.lost
    for number in desk.submit_all([order_fields("BUY", 1, 119.5)] * 20):
        desk.has_heard(type="order_status", client_order_id=number)
    desk.ready(2)
    assert len(desk.wire.lost) == 1
    assert sum(frame["type"] == "resume" for frame in desk.wire.sent) == 2, "once at first, once for the hole"
    desk.check()


def test_an_order_of_an_ended_day_is_not_sent_again(
    browser: Any, address: str, new_server: Callable[..., Server]
) -> None:
    """Its id is not known any more, so a resend could be a second order."""
    with opened(browser, address, "reconnecting") as page:
        desk = Desk(page, new_server(IDLE_SECONDS=NEVER))
        desk.start()
        desk.ready()
        desk.wire.lost_down = lambda frame: frame["type"] in ("order_response", *PRIVATE)
        number = desk.submit("BUY", 1, 119.5)
        desk.until_lost("account_update")
        desk.cut()
        desk.manage("settle")
        desk.wire.mend()
        desk.ready(2)
        desk.wait("() => uncertain.length === 1")
        assert desk.run("uncertain[0].client_order_id") == number
        assert sum(frame["type"] == "submit_order" for frame in desk.wire.sent) == 1
        later = desk.submit("BUY", 1, 119.5)
        desk.has_heard(type="order_status", client_order_id=later)


def test_a_server_that_was_killed_is_found_again(browser: Any, address: str, new_server: Callable[..., Server]) -> None:
    with opened(browser, address, "reconnecting") as page:
        server = new_server(IDLE_SECONDS=NEVER)
        desk = Desk(page, server)
        desk.start()
        desk.ready()
        number = desk.submit("BUY", 5, 119.5)
        desk.has_heard(type="order_status", client_order_id=number)
        server.kill()
        desk.wait("() => statuses.at(-1)[0] === 'waiting' || statuses.at(-1)[0] === 'connecting'")
        server.start()
        desk.ready(2)
        with signed_in(server, OTHER) as seller:
            assert seller.order("SELL", 5, 119.5)["success"]
        desk.has_heard(type="order_status", status="Filled")
        desk.check()
        page.complaints = [said for said in page.complaints if "ERR_CONNECTION_REFUSED" not in said]


def test_a_dead_wire_is_left(browser: Any, address: str, new_server: Callable[..., Server]) -> None:
    """No close comes, only silence."""
    with opened(browser, address, "reconnecting", HURRIED) as page:
        desk = Desk(page, new_server(IDLE_SECONDS=NEVER, PING_SECONDS=0.2))
        desk.start()
        desk.ready()
        desk.wire.lost_down = lambda frame: True
        desk.wait("() => statuses.some(([status]) => status === 'waiting')")
        desk.wire.mend()
        desk.ready(2)


def test_pauses_grow_and_begin_anew(browser: Any, address: str, server: Server) -> None:
    with opened(browser, address, "reconnecting", NOTED_PAUSES) as page:
        desk = Desk(page, server)
        desk.start()
        desk.ready()
        desk.cut()
        desk.wait("() => pauses.length >= 9")
        desk.wire.mend()
        desk.ready(2)
        pauses = desk.run("pauses")
        for number, pause in enumerate(pauses):
            longest = min(10_000, 250 * 2**number)
            assert longest / 2 <= pause <= longest, pauses
        desk.cut()
        desk.wait("count => pauses.length > count", len(pauses))
        assert desk.run("count => pauses[count]", len(pauses)) <= 250
        assert desk.run("statuses.find(([status]) => status === 'waiting')") == ["waiting", f"closed {CUT}"]
        desk.run("exchange.close()")


def test_orders_that_were_too_many_are_placed_in_time(
    browser: Any, address: str, new_server: Callable[..., Server]
) -> None:
    with opened(browser, address, "reconnecting") as page:
        desk = Desk(page, new_server(IDLE_SECONDS=NEVER, RATE_LIMITS="on", ORDERS_PER_SECOND=1))
        desk.start()
        desk.ready()
        numbers = desk.submit_all([order_fields("BUY", 1, 110.0)] * 6)
        desk.wait("() => heard.filter((frame) => frame.type === 'order_response' && frame.success).length === 6")
        assert any(frame["error_code"] == 429 for frame in desk.heard("order_response"))
        assert all(len(desk.placed(number)) == 1 for number in numbers)


@pytest.mark.parametrize("end", ["a wrong token", "close"])
def test_it_does_not_come_back_where_it_should_not(browser: Any, address: str, server: Server, end: str) -> None:
    with opened(browser, address, "reconnecting", NOTED_PAUSES) as page:
        desk = Desk(page, server)
        if end == "close":
            desk.start()
            desk.ready()
            desk.run("exchange.close()")
            assert desk.run("statuses.at(-1)") == ["closed"]
        else:
            desk.start("not-a-token")
            desk.wait("() => statuses.at(-1)[0] === 'refused'")
        assert desk.run("pauses") == []
        assert desk.wire.attempts == 1


def test_a_revoked_token_ends_it(browser: Any, address: str, new_server: Callable[..., Server]) -> None:
    with opened(browser, address, "reconnecting", NOTED_PAUSES) as page:
        desk = Desk(page, new_server(IDLE_SECONDS=NEVER))
        desk.start()
        desk.ready()
        desk.manage("revoke_token", USER)
        desk.wait("() => statuses.at(-1)[0] === 'refused'")
        assert desk.run("pauses") == []


def test_a_token_that_was_revoked_while_away_ends_it(
    browser: Any, address: str, new_server: Callable[..., Server]
) -> None:
    with opened(browser, address, "reconnecting", NOTED_PAUSES) as page:
        desk = Desk(page, new_server(IDLE_SECONDS=NEVER))
        desk.start()
        desk.ready()
        desk.cut()
        desk.manage("revoke_token", USER)
        desk.wire.mend()
        desk.wait("() => statuses.some(([status]) => status === 'refused')")
        assert desk.run("statuses.at(-1)") == ["refused", "Invalid credentials"]


def test_a_server_that_was_asked_too_often_is_asked_again_later(desk: Desk) -> None:
    desk.wire.lost_up = lambda frame: frame["type"] == "resume"
    desk.start()
    desk.until_lost("resume")
    desk.wire.tell({"type": "error", "code": 429, "message": "Too many requests", "request_id": "session"})
    desk.wait("() => statuses.some(([status]) => status === 'waiting')")
    desk.wire.mend()
    desk.ready()


def test_an_order_that_was_under_way_when_the_day_ended_is_not_sent_again(
    browser: Any, address: str, new_server: Callable[..., Server]
) -> None:
    with opened(browser, address, "reconnecting") as page:
        desk = Desk(page, new_server(IDLE_SECONDS=NEVER))
        desk.start()
        desk.ready()
        desk.wire.lost_up = lambda frame: frame["type"] == "submit_order"
        number = desk.submit("BUY", 1, 119.5)
        desk.until_lost("submit_order")
        desk.manage("settle")
        desk.has_heard(type="statement")
        desk.cut()
        desk.wire.mend()
        desk.ready(2)
        desk.wait("() => uncertain.length === 1")
        assert desk.run("uncertain[0].client_order_id") == number
        assert len(desk.heard("snapshot")) == 1
        assert desk.placed(number) == []
