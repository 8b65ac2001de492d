"""`make soak`: the trading page under a busy market. A made-up exchange sends 50 book frames, 20 trades and 4 bars a
second; it is looked at how late the page draws, how much it works for that, and whether it stays the same size."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import django
from django.template.loader import render_to_string
from playwright.sync_api import CDPSession, Page, Route, WebSocketRoute

from tests.e2e.browser import chromium, new_page
from tests.e2e.server import ROOT

BOOKS_A_SECOND = 50
WARM_UP = 10.0
"""Seconds until lists have their full length and the code is compiled."""
LATE_MS, LATE_SHARE = 50, 0.05
"""A frame that comes later than this is seen; on a machine that does other things too, so many of them may be."""
BUSY_SHARE = 0.4
"""Of its time the page may run scripts, compute styles and lay out."""
GROWTH = 1.25
"""Memory after the run, of that after the warm-up, both after a collection."""
ID = "IX2301"
INSTRUMENT = {"instrument_id": ID, "name": "Demo", "tick": 0.5, "multiplier": 100, "limit_up": 132, "limit_down": 108}

WATCH = """() => {
    window.gaps = [];
    let before = performance.now();
    const look = (now) => { window.gaps.push(now - before); before = now; requestAnimationFrame(look); };
    requestAnimationFrame(look);
}"""


class Exchange:
    """Says what a market says, as fast as it is told to."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.line: WebSocketRoute | None = None
        self.seq = 0

    def listen(self, line: WebSocketRoute) -> None:
        line.on_message(lambda text: self.answer(line, json.loads(text)))

    def answer(self, line: WebSocketRoute, message: dict[str, Any]) -> None:
        if message["type"] == "ping":
            line.send('{"type":"pong"}')
        if "orderbook_delta" in message.get("channels", []):
            self.line = line
            self.send_book(whole=True)

    def send(self, frame: dict[str, Any]) -> None:
        if self.line is not None:
            self.line.send(json.dumps(frame | {"instrument_id": ID}))

    def send_book(self, whole: bool = False) -> None:
        prices = range(100) if whole else self.chance.sample(range(20), 6)
        sides = {"bids": -0.5, "asks": 0.5}
        levels = {
            name: [
                {"price": 120 + step * (at + 1), "volume": self.chance.randint(1, 99), "order_count": 1}
                for at in sorted(prices)
            ]
            for name, step in sides.items()
        }
        before, self.seq = self.seq, self.seq + 1
        at = {"seq": self.seq, "prev_seq": None if whole else before, "timestamp": now()}
        self.send({"type": "orderbook_delta"} | levels | at)

    def send_trade(self) -> None:
        price, direction = 120 + self.chance.choice([-0.5, 0, 0.5]), self.chance.choice(["BUY", "SELL"])
        self.send({"type": "ticker", "last_price": price, "volume": 1, "timestamp": now(), "direction": direction})

    def send_bar(self) -> None:
        names = ("open", "high", "low", "close", "volume", "turnover", "trades", "open_interest")
        figures = {name: 120 + self.chance.randint(-4, 4) / 2 for name in names}
        self.send({"type": "kline", "period": "1m", "start": now() // 60_000 * 60_000} | figures)


def now() -> int:
    return int(time.time() * 1000)


def serve(route: Route) -> None:
    """The page as the server would give it, without one."""
    path = urlsplit(route.request.url).path
    if path.startswith("/static/lightweight-charts/"):
        route.fulfill(path=ROOT / "node_modules/lightweight-charts/dist" / path.rsplit("/", 1)[1])
    elif path.startswith("/static/"):
        route.fulfill(path=ROOT / path.removeprefix("/"))
    else:
        route.fulfill(body=html(), content_type="text/html")


def html() -> str:
    return render_to_string("index.html", {"instruments": [INSTRUMENT], "has_chart": True})


def run(page: Page, exchange: Exchange, seconds: float) -> None:
    """Sends for so long, evenly."""
    ends = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < ends:
        exchange.send_book()
        if turn % 5 < 2:
            exchange.send_trade()
        if turn % 12 == 0:
            exchange.send_bar()
        turn += 1
        page.wait_for_timeout(1000 / BOOKS_A_SECOND)


def busy(tools: CDPSession) -> dict[str, float]:
    """Seconds that the page's thread has worked since the tools were opened, by kind."""
    metrics = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[f"{name}Duration"] for name in ("Script", "RecalcStyle", "Layout")}


def size(page: Page, tools: CDPSession) -> tuple[int, int]:
    """Elements of the page, and bytes of its heap after a collection."""
    tools.send("HeapProfiler.collectGarbage")
    heap = tools.send("Runtime.getHeapUsage")["usedSize"]
    return page.evaluate("() => document.querySelectorAll('*').length"), int(heap)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    django.setup()
    exchange = Exchange(asked.seed)
    with chromium() as browser, new_page(browser) as page:
        page.route("**/*", serve)
        page.route_web_socket(re.compile("/ws"), exchange.listen)
        page.goto("http://page.test/")
        run(page, exchange, WARM_UP)
        tools = page.context.new_cdp_session(page)
        tools.send("Performance.enable")
        elements, heap = size(page, tools)
        page.evaluate(WATCH)
        worked = busy(tools)
        run(page, exchange, asked.seconds)
        shares = {name: (value - worked[name]) / asked.seconds for name, value in busy(tools).items()}
        gaps = sorted(page.evaluate("() => window.gaps"))
        elements_then, heap_then = size(page, tools)
    late = sum(gap > LATE_MS for gap in gaps) / len(gaps)
    half, most = gaps[len(gaps) // 2], gaps[int(len(gaps) * 0.99)]
    print(f"frames drawn: {len(gaps)}, half within {half:.1f} ms, 99 of 100 within {most:.1f} ms")
    print(f"later than {LATE_MS} ms: {late:.2%} (bound {LATE_SHARE:.0%})")
    print("of its time the page works " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
    print(
        f"elements: {elements} -> {elements_then}; heap: {heap / 1e6:.1f} -> {heap_then / 1e6:.1f} MB (bound x{GROWTH})"
    )
    print(f"complaints: {page.complaints}")
    good = (
        late <= LATE_SHARE
        and sum(shares.values()) <= BUSY_SHARE
        and elements_then <= elements * 1.02
        and heap_then <= heap * GROWTH
        and not page.complaints
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
