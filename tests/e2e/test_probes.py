"""What a load balancer asks is answered truly, also by a server that takes no orders."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable

from tests.e2e.server import Server


def ask(server: Server, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(server.http + path) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_server_is_ready_when_its_books_are_loaded_without_anybody_else_asking(
    new_server: Callable[..., Server],
) -> None:
    server = new_server()
    assert ask(server, "/healthz") == (200, "ok\n")
    deadline = time.monotonic() + 10
    while (answer := ask(server, "/readyz"))[0] != 200:
        assert answer == (503, "The books are being loaded.\n")
        assert time.monotonic() < deadline
    assert answer == (200, "ok\n")


def test_a_server_beside_another_is_alive_and_not_ready(new_server: Callable[..., Server]) -> None:
    first = new_server()
    while ask(first, "/readyz")[0] != 200:
        time.sleep(0.01)
    second = new_server(beside=first)
    deadline = time.monotonic() + 10
    while "Another server" not in (answer := ask(second, "/readyz"))[1]:
        assert answer[0] == 503 and time.monotonic() < deadline
    assert answer[0] == 503
    assert ask(second, "/healthz") == (200, "ok\n")
