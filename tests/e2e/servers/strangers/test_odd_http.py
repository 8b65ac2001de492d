"""What no browser sends, byte for byte, to a real server: an answer, and no failure of ours in the log."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from tests.e2e.server import Server

pytestmark = pytest.mark.slow

HOST = b"Host: localhost\r\n"
ODD = {
    "a host that is none": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
    "a host with rubbish": (b"GET /admin/login/ HTTP/1.1\r\nHost: a@b:c\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.0\r\n\r\n", 200),
    "bytes in the path": (b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no UTF-8 in the path": (b"GET /%ff%fe/ HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "no UTF-8 in an id": (b"GET /admin/trading/order/%ff/change/ HTTP/1.1\r\n" + HOST + b"\r\n", 302),
    "bytes in the query": (b"GET /?q=\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a NUL": (b"GET /%00 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a path that climbs": (b"GET /static/../../manage.py HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a path that climbs in disguise": (b"GET /static/%2e%2e/%2e%2e/manage.py HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a long query": (b"GET /?" + b"q=1&" * 3_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "a long cookie": (b"GET /admin/ HTTP/1.1\r\n" + HOST + b"Cookie: sessionid=" + b"x" * 8_000 + b"\r\n\r\n", 302),
    "an unknown method": (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 403),
    "a form without its token": (b"POST /admin/login/ HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\na=b", 403),
    "a body that is no form": (
        b"POST /admin/login/ HTTP/1.1\r\n" + HOST + b"Content-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\nx",
        400,
    ),
}


LONG = b"x" * 70_000
SOCKET = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + b"a" * 24
START = b"GET / HTTP/1.1\r\n" + HOST
HEADS = {
    "a long path": (b"GET /" + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a long path that does not end": (b"GET /" + LONG, 414),
    "a long query": (b"GET /?" + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a long address of a socket": (b"GET /ws?" + LONG + b" HTTP/1.1\r\n" + HOST + SOCKET + b"\r\n\r\n", 414),
    "a long method": (LONG + b" / HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a long header": (START + b"X: " + LONG + b"\r\n\r\n", 431),
    "a header in many lines": (START + b"X: a\r\n" + b" b\r\n" * 20_000 + b"\r\n", 431),
    "many headers": (START + b"".join(b"X-%050d: y\r\n" % number for number in range(400)) + b"\r\n", 431),
    "garbage": (b"\x00\x01 garbage\r\n\r\n", 400),
    "a header without a name": (START + b"nothing\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "a length that is none": (START + b"Content-Length: -1\r\n\r\nab", 400),
    "two lengths": (START + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "a chunk that is none": (START + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab", 400),
}


def status_of(server: Server, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(request)
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("name", ODD)
def test_odd_requests_are_answered(server: Server, name: str) -> None:
    before = len(server.log())
    request, status = ODD[name]
    assert status_of(server, request) == status
    said = server.log()[before:]
    assert " 500 " not in said and " ERROR " not in said, said


@pytest.mark.long
def test_a_request_that_cannot_be_read_is_answered(new_server: Callable[..., Server]) -> None:
    """Under each server, once."""
    servers = [new_server(program=program) for program in ("daphne", "uvicorn")]
    wrong = {
        (each.program, name): answers
        for each in servers
        for name, (request, status) in HEADS.items()
        if (answers := answers_to(each, request)) != [status]
    }
    assert wrong == {}
    for each in servers:
        assert " ERROR " not in each.log(), each.log()


def heard_of(server: Server, request: bytes) -> bytes:
    """All that it says until it hangs up."""
    heard = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        with suppress(OSError):  # it may read no more
            connection.sendall(request)
        try:
            while read := connection.recv(65_536):
                heard += read
        except ConnectionResetError:  # it did not read all of the request
            pass
    return heard


def answers_to(server: Server, request: bytes) -> list[int]:
    """The status of every answer until the server hangs up."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", heard_of(server, request))]


# --- behind a good request, and too long


FIRST = {
    "a page": START + b"\r\n",
    "REST": b"GET /api/v1/time/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a probe": b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("program", ["daphne", pytest.param("uvicorn", marks=pytest.mark.long)])
def test_a_head_that_is_too_long_behind_a_good_request_is_told_so(
    new_server: Callable[..., Server], program: str
) -> None:
    server = new_server(program=program)
    for name, first in FIRST.items():
        for length in (16_200, 70_000):
            behind = START + b"Connection: close\r\nX: " + b"x" * length + b"\r\n\r\n"
            good, refused = answers_to(server, first + behind)
            assert (good, refused in (414, 431)) == (200, True), (name, length, refused)
    assert " ERROR " not in server.log(), server.log()


@pytest.mark.parametrize("program", ["daphne", pytest.param("uvicorn", marks=pytest.mark.long)])
def test_a_body_that_is_too_long_is_refused_in_the_shape_of_all_failures(
    new_server: Callable[..., Server], program: str
) -> None:
    server = new_server(program=program)
    head = b"POST /api/v1/orders/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    requests = [head + b"Content-Length: %d\r\n\r\n" % size + b"x" * 70_000 for size in (70_000, 2_000_000, 30_000_000)]
    requests.append(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n%s\r\n" % (b"x" * 0x4000) * 80)
    for request in requests:
        told, _, body = heard_of(server, request).partition(b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 413 ") and b"x-ratelimit-remaining:" in told.lower(), told
        failure = json.loads(body)
        assert set(failure) == {"code", "message", "detail", "request_id"} and failure["code"] == 413
    assert " ERROR " not in server.log(), server.log()


# --- any address


PIECES = (
    b"%00", b"%ff", b"%0a", b"%0d%0a", b"%", b"%zz", b"..", b"//", b"\\", b"%2e%2e", b"?", b"#", b";", b"\x01", b"\x7f",
    b"\xff", b"%c3%28", b"%f0%9f%92%a9", b"a" * 300, b"{", b"'", b'"', b"<x>", b"%u0041", b"@", b":", b"[", b"&", b"=",
    b"%ed%a0%80", b"\t", b"%E2%80%AE", b"1", b"x",
)  # fmt: skip
PLACES = (
    b"/", b"/admin/", b"/admin/trading/order/", b"/admin/jsi18n/", b"/admin/login/?next=", b"/admin/r/1/", b"/api/v1/",
    b"/api/v1/orders/", b"/api/v1/instruments/", b"/api/docs/", b"/static/", b"/static/bourse/", b"/docs/ws/", b"/ws",
    b"/session", b"/metrics", b"/readyz", b"/contest/", b"", b"http://", b"*",
)  # fmt: skip
METHODS = (b"GET", b"GET", b"POST", b"HEAD", b"DELETE", b"PUT", b"OPTIONS")


@pytest.mark.parametrize("program", ["daphne", pytest.param("uvicorn", marks=pytest.mark.long)])
def test_no_address_is_a_failure_of_ours(new_server: Callable[..., Server], program: str) -> None:
    server, dice = new_server(program=program), Random(11)
    for _ in range(300):
        address = dice.choice(PLACES) + b"".join(dice.choices(PIECES, k=dice.randint(1, 4)))
        line = dice.choice(METHODS) + b" " + address + b" HTTP/1.1\r\n"
        (status,) = answers_to(server, line + HOST + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        assert status < 500, line
    assert "Traceback" not in server.log() and " ERROR " not in server.log(), server.log()
