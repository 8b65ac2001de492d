"""The Python examples, and the first script of the README, against a live server."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.client import Client, signed_in
from tests.e2e.server import ROOT, Server
from tests.examples.scripts import Script

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"
CLIENTS = ["python_threaded.py", "python_asyncio.py"]
IDLE_CLOSE, SERVER_STOPS = 4408, 1012


def changed(text: str, **changes: str) -> str:
    """The text with each of `changes`, old to new; all of them must be found."""
    for old, new in changes.items():
        assert old in text, f"{old} is not in the script"
        text = text.replace(old, new)
    return text


def arguments(server: Server, user_id: str, *more: str) -> list[str]:
    return [server.token(user_id), "--user", user_id, "--url", server.ws, *more]


def readme_script(server: Server, user_id: str) -> str:
    """The script of the README, with this server's address and a token put in."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert code
    changes = {"ws://localhost:8081/ws": server.ws, "the token of user001": server.token(user_id), "user001": user_id}
    return changed(code[1], **changes)


def hurried(name: str, folder: Path) -> Path:
    """A copy of an example that pings more often, for a server that waits less long."""
    copy = folder / name
    copy.write_text(changed((EXAMPLES / name).read_text(encoding="utf-8"), **{"PING_EVERY = 5.0": "PING_EVERY = 0.2"}))
    return copy


def wait_for_the_idle_bound(server: Server) -> None:
    """Until somebody who has said nothing since now is closed for it."""
    with Client(server.ws) as silent:
        assert silent.close_code() == IDLE_CLOSE


def test_whoever_follows_the_examples_is_not_closed_for_silence(
    new_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = new_server(IDLE_SECONDS=6, PING_SECONDS=0.3)
    readme = tmp_path / "readme.py"
    readme.write_text(readme_script(server, "user001"), encoding="utf-8")
    with ExitStack() as stack:
        first = stack.enter_context(Script(readme))
        others = [
            stack.enter_context(Script(hurried(name, tmp_path), *arguments(server, user, "--price", "120")))
            for name, user in zip(CLIENTS, ["user002", "user003"], strict=True)
        ]
        first.until("'order_status'", "'Submitted'")
        for other in others:
            other.until("order: Submitted")
        wait_for_the_idle_bound(server)
        with signed_in(server, "user004") as seller:
            assert seller.order("SELL", 12, 120.0)["success"]
            first.until("'trade'", "'volume': 10.0")
            for other in others:
                other.until("fill: BUY 1.0 at 120.0")
                assert other.end() == 0
                assert other.said[-1] == "closed: 1000\n"


@pytest.mark.parametrize("name", CLIENTS)
def test_an_example_buys_what_is_offered(server: Server, name: str) -> None:
    with signed_in(server, "user004") as seller, signed_in(server, "user001") as owner:
        before = owner.account()["margin"]
        assert seller.order("SELL", 1, 120.0)["success"]
        with Script(EXAMPLES / name, *arguments(server, "user001")) as script:
            assert script.end() == 0
        told = [line.split(":")[0] for line in script.said if not line.startswith("book:")]
        assert told == ["accepted", "order", "fill", "order", "account", "closed"], script.said
        assert any(line.startswith("book: None 120.0") for line in script.said), script.said
        assert owner.account()["margin"] > before


@pytest.mark.parametrize("name", CLIENTS)
def test_an_example_says_why_its_order_was_cancelled_or_refused(server: Server, name: str) -> None:
    with Script(EXAMPLES / name, *arguments(server, "user001")) as script:
        script.until("order: Cancelled 0.0 filled")
        assert script.end() == 0
    with Script(EXAMPLES / name, *arguments(server, "user001", "--price", "120.3")) as script:
        assert script.end() == 1
    assert script.said[-1].startswith("refused: 1007 ")


@pytest.mark.parametrize("name", CLIENTS)
def test_an_example_with_a_wrong_token_ends_with_one_sentence(server: Server, name: str) -> None:
    with Script(EXAMPLES / name, "not-a-token", "--url", server.ws) as script:
        assert script.end() == 1
    assert script.said == ["not signed in: Invalid credentials\n"]


@pytest.mark.parametrize("name", [*CLIENTS, "first_order.py"])
def test_an_example_without_a_server_ends_with_one_sentence(unused_tcp_port: int, name: str) -> None:
    url = f"ws://127.0.0.1:{unused_tcp_port}/ws"
    words = ["token"] if name in CLIENTS else ["token", "token"]
    with Script(EXAMPLES / name, *words, "--url", url) as script:
        assert script.end() == 1
    assert len(script.said) == 1 and script.said[0].startswith(f"no exchange answers at {url}: ")


def test_the_examples_of_the_browser_say_that_a_port_is_none() -> None:
    for port in ("eighty", "99999"):
        with Script(EXAMPLES / "serve.py", port) as script:
            assert script.end() == 1
        assert len(script.said) == 1 and script.said[0].startswith(f"cannot serve on port {port}: ")


@pytest.mark.parametrize("name", CLIENTS)
def test_an_example_says_that_the_server_has_stopped(new_server: Callable[..., Server], name: str) -> None:
    server = new_server()
    with Script(EXAMPLES / name, *arguments(server, "user001", "--price", "110")) as script:
        script.until("order: Submitted")
        server.stop()
        assert script.end() == 1
    assert script.said[-1] == f"the server closed the connection: {SERVER_STOPS}\n"


def test_the_first_order(server: Server) -> None:
    tokens = server.token("user001"), server.token("user002")
    with Script(EXAMPLES / "first_order.py", *tokens, "--url", server.ws) as both:
        assert both.end() == 0
    assert '"type":"trade"' in "".join(both.said)
    assert '"Filled"' in both.said[-1]


def test_the_first_order_with_a_wrong_token_ends_with_one_sentence(server: Server) -> None:
    tokens = server.token("user001"), "not-a-token"
    with Script(EXAMPLES / "first_order.py", *tokens, "--url", server.ws) as both:
        assert both.end() == 1
    assert both.said == ["user002 is not signed in: Invalid credentials\n"]
