"""REST over two gateways: what is sent to either is one exchange."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.client import order_fields
from tests.e2e.cluster.making import Cluster, until

pytestmark = pytest.mark.long
ORDER = order_fields("BUY", 2, 115)
Answer = tuple[int, Any]


def ask(cluster: Cluster, gateway: int, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Status and body, as user001."""
    server = cluster.gateways[gateway]
    named = {"Authorization": f"Bearer {server.token('user001')}", "Content-Type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{server.http}/api/v1{path}", data=data, method=method, headers=named)
    try:
        with urlopen(request, timeout=60) as answer:
            found = json.loads(answer.read())
            return answer.status, found.get("order", found)
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def test_an_order_of_one_gateway_is_amended_and_cancelled_at_the_other(cluster: Cluster) -> None:
    status, placed = ask(cluster, 0, "POST", "/orders/", ORDER)
    assert status == 201, placed
    path = f"/orders/{placed['order_id']}/"
    status, amended = ask(cluster, 1, "PATCH", path, {"price": 114.0})
    assert (status, amended["price"]) == (200, 114.0), amended
    status, found = ask(cluster, 0, "GET", path)
    assert (status, found["price"], found["status"]) == (200, 114.0, "Submitted")
    status, gone = ask(cluster, 1, "DELETE", path)
    assert status == 200, gone
    assert ask(cluster, 0, "GET", path)[1]["status"] == "Cancelled"
    cluster.manage("check_books")


def test_a_key_is_one_order_whichever_gateway_it_comes_to(cluster: Cluster) -> None:
    """Also when the engine has died between the two."""
    first = ask(cluster, 0, "POST", "/orders/", ORDER, Idempotency_Key="mine")
    assert first[0] == 201, first
    again = ask(cluster, 1, "POST", "/orders/", ORDER, Idempotency_Key="mine")
    assert (again[0], again[1]["order_id"]) == (200, first[1]["order_id"]), again
    other = ask(cluster, 1, "POST", "/orders/", ORDER | {"volume": 3}, Idempotency_Key="mine")
    assert other[0] in (409, 422), other
    cluster.engine.end(signal.SIGKILL)
    cluster.engine.start()
    until(lambda: ask(cluster, 1, "POST", "/orders/", ORDER, Idempotency_Key="mine") == again)
    assert len(cluster.market.rows("SELECT id FROM trading_order")) == 1


def test_orders_by_rest_and_by_socket_share_the_limit_of_their_user(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(RATE_LIMITS="on", ORDERS_PER_SECOND="1", LIVE_ORDERS="0")
    statuses: list[int] = []
    with cluster.client(0, "user001") as client:
        while 429 not in statuses:  # two at once, and one more for every second that it takes
            assert len(statuses) < 100
            statuses.append(ask(cluster, 1, "POST", "/orders/", ORDER)[0])
            answer = client.ask("submit_order", **ORDER)
            statuses.append(201 if answer["success"] else answer["error_code"])
    assert set(statuses) == {201, 429}


def test_a_gateway_tells_the_book(cluster: Cluster) -> None:
    """Without anybody who follows it; while Redis is away it says that it cannot."""
    path = "/instruments/IX2301/book/"
    assert ask(cluster, 1, "GET", path)[1]["bids"] == []
    assert ask(cluster, 0, "POST", "/orders/", ORDER)[0] == 201
    level = {"price": 115.0, "volume": 2.0, "order_count": 1}
    until(lambda: ask(cluster, 1, "GET", path)[1]["bids"] == [level])
    assert ask(cluster, 1, "GET", "/instruments/NONE/book/")[1]["code"] == 1004
    cluster.redis.kill()
    status, refused = ask(cluster, 1, "GET", path)
    assert (status, refused["code"]) == (503, 503), refused
    cluster.redis.start()
    until(lambda: ask(cluster, 1, "GET", path)[0] == 200)


def test_without_an_engine_rest_says_503_and_goes_on_answering_queries(cluster: Cluster) -> None:
    _, placed = ask(cluster, 0, "POST", "/orders/", ORDER)
    cluster.engine.end(signal.SIGKILL)
    cluster.until_closed()
    status, refused = ask(cluster, 1, "POST", "/orders/", ORDER)
    assert (status, refused["code"]) == (503, 503), refused
    assert ask(cluster, 1, "GET", f"/orders/{placed['order_id']}/")[0] == 200
    cluster.engine.start()
    cluster.until_ready()
    assert ask(cluster, 1, "POST", "/orders/", ORDER)[0] == 201
