"""The JavaScript examples of the protocol document, run in a browser exactly as printed but for URL, user and token.

What an example leaves to its reader (`updateTradeList`, `authenticate`, ...) is here a function that takes notes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import WatchedPage, chromium, missing, new_page

try:
    import websocket
    from playwright.sync_api import Page
except ImportError:
    missing("the examples need playwright and websocket-client: pip install -r requirements-dev.txt")

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = Path(os.environ.get("BOURSE_PROTOCOL_DOC") or ROOT.parent / "shared" / "websocket-protocol-v1.md")
READER, OTHER = "user005", "user006"
PRICE = 120.0

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not DOCUMENT.is_file(), reason="BOURSE_PROTOCOL_DOC names no protocol document"),
]

LEFT_TO_THE_READER = """
    window.notes = [];
    const note = (name) => (...args) => window.notes.push([name, ...args]);
    for (const name of ['updateTradeList', 'updateOrderStatus', 'updateAccountDisplay', 'updateOrderBook',
                        'authenticate', 'alert']) window[name] = note(name);
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def example(*phrases: str, language: str = "javascript") -> str:
    """The one example that contains all `phrases`."""
    found = [block for block in blocks(language) if all(phrase in block for phrase in phrases)]
    assert len(found) == 1, f"{len(found)} examples contain {phrases}"
    return found[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def settled(server: Any) -> Callable[[str], str]:
    """An example with this server's URL and this reader's user and token: the only changes that are made."""

    def settle(text: str) -> str:
        return (
            text.replace("ws://localhost:8081/ws", server.ws)
            .replace("user001", READER)
            .replace("your_token_here", server.token(READER))
            .replace("your_token", server.token(READER))
        )

    return settle


@pytest.fixture
def desk(browser: Any, server: Any) -> Iterator[WatchedPage]:
    """A page of the server's own without its scripts, with a console that is written down and the reader's functions.

    The page is the real one emptied, not one the test made up: Chromium lets no page of unknown origin reach loopback.
    """
    with new_page(browser, bypass_csp=True) as page:
        said: list[str] = page.__dict__.setdefault("said", [])
        page.on("console", lambda message: said.append(message.text))
        page.route("**/main.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.goto(server.http + "/")
        page.evaluate("document.body.innerHTML = '<div id=app></div>'")
        page.evaluate(LEFT_TO_THE_READER)
        yield page


def run(page: Page, script: str) -> None:
    page.add_script_tag(content=script)


def hear(page: Page, words: str) -> None:
    """Waits until the page's console says `words`."""
    if not any(words in said for said in page.__dict__["said"]):
        page.wait_for_event("console", lambda message: words in message.text)


def noted(page: Page, name: str) -> list[Any]:
    """The arguments of the first call of a function that the document leaves to its reader."""
    page.wait_for_function("name => window.notes.some(([called]) => called === name)", arg=name)
    return list(page.evaluate("name => window.notes.find(([called]) => called === name).slice(1)", name))


def signed_in(page: Page, settled: Callable[[str], str]) -> None:
    run(page, settled(example("// 发送认证", "认证成功", "可以开始订阅和交易")))
    hear(page, "认证成功")


def sell_to_reader(server: Any, volume: float = 10.0) -> None:
    """The other side: sells at the price of the examples until `volume` lots have met the reader's order, which may
    still be on its way from the browser."""
    deadline = time.monotonic() + 60
    with the_other_side(server) as socket:
        while volume and time.monotonic() < deadline:
            volume -= sell(socket, volume)
    assert not volume, f"{volume} lots met nobody"


@contextmanager
def the_other_side(server: Any) -> Iterator[websocket.WebSocket]:
    socket = websocket.create_connection(f"{server.ws}?user_id={OTHER}", timeout=60)
    socket.send(json.dumps({"type": "auth", "user_id": OTHER, "token": server.token(OTHER)}))
    yield socket
    socket.close()


def sell(socket: websocket.WebSocket, volume: float) -> float:
    """Sells what can be sold at once, and says how much that was."""
    order: dict[str, Any] = {"instrument_id": "IX2301", "direction": "SELL", "offset": "OPEN", "order_type": "LIMIT"}
    order |= {"volume": volume, "price": PRICE, "time_condition": "IOC"}
    socket.send(json.dumps({"type": "submit_order"} | order))
    while True:
        frame = json.loads(socket.recv())
        assert frame.get("success", True), frame
        if frame["type"] == "order_status" and frame["status"] in ("Filled", "Cancelled"):
            return float(frame["filled_volume"])


@pytest.fixture
def clear_price(server: Any) -> Iterator[None]:
    """Takes whatever the examples left in the book out of it again; they place orders and never cancel them."""
    yield
    with the_other_side(server) as socket:
        sell(socket, 200.0)


# --- the short examples


def test_the_basic_connection(desk: Page, settled: Callable[[str], str]) -> None:
    run(desk, settled(example("// 基础连接")))
    hear(desk, "WebSocket 已连接")
    desk.evaluate("ws.send(JSON.stringify({ type: 'ping' }))")
    hear(desk, "收到消息:")
    desk.evaluate("ws.close()")
    hear(desk, "WebSocket 已断开")


def test_authentication(desk: WatchedPage, settled: Callable[[str], str]) -> None:
    signed_in(desk, settled)
    assert desk.complaints == []


def test_authentication_with_a_wrong_token_ends_with_the_message(desk: Page, settled: Callable[[str], str]) -> None:
    run(desk, settled(example("可以开始订阅和交易")).replace("token: '", "token: 'not-"))
    hear(desk, "认证失败:")
    desk.wait_for_function("() => ws.readyState === WebSocket.CLOSED")


def test_the_subscription(desk: Page, settled: Callable[[str], str]) -> None:
    signed_in(desk, settled)
    collect(desk)
    run(desk, settled(example("// 订阅成交推送\nws.send")))
    answer = frame_of(desk, "subscribe_response")
    assert answer["success"] is True
    assert (answer["channels"], answer["instruments"]) == (["trade"], ["IX2301", "IF2301"])


def collect(page: Page) -> None:
    page.evaluate("window.frames_ = []; ws.addEventListener('message', (e) => window.frames_.push(JSON.parse(e.data)))")


def frame_of(page: Page, kind: str) -> dict[str, Any]:
    page.wait_for_function("kind => window.frames_.some((frame) => frame.type === kind)", arg=kind)
    return dict(page.evaluate("kind => window.frames_.find((frame) => frame.type === kind)", kind))


@pytest.mark.parametrize(
    ("handler", "reader_function"),
    [
        ("updateTradeList(msg)", "updateTradeList"),
        ("updateOrderStatus(msg.order_id", "updateOrderStatus"),
        ("updateAccountDisplay(msg)", "updateAccountDisplay"),
    ],
)
def test_an_order_and_the_handlers_of_what_follows(
    desk: Page, settled: Callable[[str], str], server: Any, clear_price: None, handler: str, reader_function: str
) -> None:
    signed_in(desk, settled)
    collect(desk)
    run(desk, settled(example(handler)))
    run(desk, settled(example("// 提交买单\nfunction submitOrder")))
    desk.evaluate("submitOrder()")
    response = frame_of(desk, "order_response")
    assert response["success"], response
    sell_to_reader(server)
    arguments = noted(desk, reader_function)
    if reader_function == "updateTradeList":
        assert (arguments[0]["direction"], arguments[0]["price"]) == ("BUY", PRICE)
        assert arguments[0]["order_id"] == response["order_id"]
        hear(desk, "成交: BUY")
    if reader_function == "updateOrderStatus":
        assert arguments == [response["order_id"], "Submitted"]
    if reader_function == "updateAccountDisplay":
        assert {"balance", "available", "frozen", "margin", "profit", "risk_ratio"} <= set(arguments[0])


def test_the_order_book_handler(desk: Page, settled: Callable[[str], str]) -> None:
    signed_in(desk, settled)
    run(desk, settled(example("updateOrderBook(msg)")))
    desk.evaluate("ws.send(JSON.stringify({type: 'subscribe', channels: ['orderbook'], instruments: ['IX2301']}))")
    (book,) = noted(desk, "updateOrderBook")
    assert book["instrument_id"] == "IX2301"
    hear(desk, "IX2301 订单簿:")


def test_the_heartbeat(desk: Page, settled: Callable[[str], str]) -> None:
    signed_in(desk, settled)
    run(desk, settled(example("// 心跳定时器")))
    hear(desk, "心跳正常")


def test_the_error_handler_authenticates_again(desk: Page, settled: Callable[[str], str]) -> None:
    run(desk, settled(example("// 基础连接")))
    hear(desk, "WebSocket 已连接")
    run(desk, settled(example("未认证，请先登录")))
    desk.evaluate("ws.send(JSON.stringify({ type: 'query_account' }))")
    assert noted(desk, "authenticate") == []
    hear(desk, "未认证，请先登录")


# --- the best practices


def test_the_connection_manager_authenticates_and_reconnects(
    desk: Page, settled: Callable[[str], str], server: Any
) -> None:
    """The class calls `handleMessage` and `handleError`, which are its reader's to write."""
    run(desk, settled(example("class WebSocketManager")))
    run(
        desk,
        f"""
        window.heard = [];
        class Manager extends WebSocketManager {{
            handleMessage(event) {{ window.heard.push(JSON.parse(event.data)); }}
            handleError(error) {{ console.error(error); }}
        }}
        window.manager = new Manager({json.dumps(server.ws)}, {json.dumps(READER)}, {json.dumps(server.token(READER))});
        manager.connect();
        """,
    )
    authenticated = "n => window.heard.filter((m) => m.type === 'auth_response' && m.success).length >= n"
    desk.wait_for_function(authenticated, arg=1)
    desk.evaluate("manager.reconnectInterval = 50; manager.ws.close()")
    hear(desk, "连接断开")
    desk.wait_for_function(authenticated, arg=2)
    desk.evaluate("manager.close()")


def test_the_message_queue_is_answered_in_order(desk: Page, settled: Callable[[str], str]) -> None:
    signed_in(desk, settled)
    collect(desk)
    run(desk, settled(example("class MessageQueue")))
    desk.evaluate("""() => {
        const queue = new MessageQueue(ws);
        for (let i = 0; i < 20; i += 1) queue.enqueue({ type: 'query_account', request_id: `q${i}` });
    }""")
    answers = "window.frames_.filter((frame) => frame.type === 'query_response')"
    desk.wait_for_function(f"() => {answers}.length === 20")
    assert desk.evaluate(f"{answers}.map((frame) => frame.request_id)") == [f"q{i}" for i in range(20)]


def test_the_event_emitter_hands_out_trades(
    desk: Page, settled: Callable[[str], str], server: Any, clear_price: None
) -> None:
    signed_in(desk, settled)
    run(desk, settled(example("class EventEmitter")))
    run(desk, settled(example("// 提交买单\nfunction submitOrder")))
    desk.evaluate("submitOrder()")
    sell_to_reader(server)
    hear(desk, "收到成交:")


# --- React and Vue, built from their npm packages with esbuild

PACKAGES = ["esbuild@0.28.2", "react@19.3.1", "react-dom@19.3.1", "vue@3.5.45"]
REACT_ENTRY = """
import React from 'react';
import {{ createRoot }} from 'react-dom/client';
{example}
createRoot(document.getElementById('app')).render(<TradingComponent />);
"""
VUE_ENTRY = """
import {{ createApp }} from 'vue/dist/vue.esm-bundler.js';
{script}
createApp({{ ...component, template: {template} }}).mount('#app');
"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages. The project itself depends on nothing from npm; only these tests do."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on the PATH, so the React and Vue examples are not built")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text("{}")
    command = [npm, "install", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install {', '.join(PACKAGES)}: {done.stderr[-200:]}")
    return folder


def build(workshop: Path, name: str, source: str) -> str:
    (workshop / name).write_text(source, encoding="utf-8")
    flags = ["--bundle", "--define:process.env.NODE_ENV='development'", "--define:__VUE_OPTIONS_API__=true"]
    flags += ["--define:__VUE_PROD_DEVTOOLS__=false", "--define:__VUE_PROD_HYDRATION_MISMATCH_DETAILS__=false"]
    done = subprocess.run(
        [workshop / "node_modules" / ".bin" / "esbuild", name, *flags],
        cwd=workshop,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def order_from_the_component(page: Page, server: Any) -> None:
    """The component signs in and subscribes by itself; its button orders, and the fill must reach its list."""
    page.get_by_text("连接状态: 已连接").wait_for()
    page.locator("#app", has_text="subscribe_response").wait_for()
    page.get_by_role("button", name="提交订单").click()
    page.locator("#app", has_text="order_response").wait_for()
    sell_to_reader(server)
    page.locator("#app", has_text=re.compile(r"T\d{20}")).wait_for()


def test_the_react_hook(
    desk: Page, settled: Callable[[str], str], server: Any, workshop: Path, clear_price: None
) -> None:
    source = REACT_ENTRY.format(example=settled(example("function useWebSocket")))
    run(desk, build(workshop, "hook.jsx", source))
    order_from_the_component(desk, server)
    hear(desk, "收到成交:")


def test_the_vue_component(
    desk: Page, settled: Callable[[str], str], server: Any, workshop: Path, clear_price: None
) -> None:
    text = settled(example("beforeUnmount", language="vue"))
    template = re.findall(r"<template>(.*)</template>", text, re.DOTALL)[0]
    script = re.findall(r"<script>(.*)</script>", text, re.DOTALL)[0].replace("export default", "const component =")
    run(desk, build(workshop, "component.js", VUE_ENTRY.format(script=script, template=json.dumps(template))))
    order_from_the_component(desk, server)
