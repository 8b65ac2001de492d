"""Each part of a cluster is killed in turn: nothing acknowledged is lost, nothing is done twice, and it heals."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from redis import Redis as RedisClient

from tests.e2e.client import Client, order_fields
from tests.e2e.cluster.making import Cluster, until
from tests.services import Postgres, Proxy, Redis

pytestmark = pytest.mark.long
UNKNOWN = 504
ORDER = order_fields("BUY", 1, 115)


def live_orders(cluster: Cluster, user_id: str) -> list[dict[str, Any]]:
    """As a fresh connection is told them."""
    with cluster.client(1, user_id) as client:
        client.send("resume", last_seq=None)
        orders: list[dict[str, Any]] = client.until("snapshot")["orders"]
        return orders


def seqs(client: Client) -> list[int]:
    return [frame["seq"] for frame in client.heard if "seq" in frame and frame["type"] != "orderbook_delta"]


def has_no_holes(client: Client) -> bool:
    heard = seqs(client)
    return heard == list(range(heard[0], heard[0] + len(heard)))


def test_orders_under_way_are_done_once_by_the_next_engine(cluster: Cluster) -> None:
    with cluster.client(0, "user001") as client:
        assert client.order("BUY", 1, 115)["success"]
        cluster.engine.end(signal.SIGKILL)
        for number in range(20):  # nobody reads the stream now
            client.send(
                "submit_order", request_id=f"r{number}", client_order_id=f"c{number}", **order_fields("BUY", 1, 116)
            )
        cluster.engine.start()
        answers = [client.until("order_response", request_id=f"r{number}") for number in range(20)]
        assert all(answer["success"] or answer["error_code"] == UNKNOWN for answer in answers), answers
        cluster.until_ready()
        again = [
            client.ask("submit_order", client_order_id=f"c{number}", **order_fields("BUY", 1, 116))
            for number in range(20)
        ]
        assert all(answer["success"] for answer in again)
        assert all(
            first["order_id"] in (None, second["order_id"]) for first, second in zip(answers, again, strict=True)
        )
    assert len(live_orders(cluster, "user001")) == 21
    cluster.manage("check_books")


def test_a_push_that_was_stored_and_not_told_is_told_by_the_next_engine(cluster: Cluster) -> None:
    """The engine is killed at any moment between its commit and its pushes; whoever listens sees no hole."""
    with cluster.client(0, "user001") as one, cluster.client(1, "user001") as other:
        for number in range(3):
            for each in range(50):
                one.send("submit_order", request_id=f"{number}.{each}", **order_fields("BUY", 1, 115))
            one.until("order_response", request_id=f"{number}.5")
            cluster.engine.end(signal.SIGKILL)
            cluster.engine.start()
            one.until("order_response", request_id=f"{number}.49")
            cluster.until_ready()
            last = one.ask("resume", last_seq=None)["last_seq"]
            until(lambda: other.hear() and seqs(other)[-1:] >= [last])
            assert has_no_holes(other)


def test_without_redis_orders_are_refused_and_it_heals(cluster: Cluster) -> None:
    with cluster.client(0, "user001") as client, cluster.client(1, "user002") as other:
        book = cluster.client(1)
        assert book.ask("subscribe", channels=["orderbook_delta"], instruments=["IX2301"])["success"]
        before = client.order("BUY", 1, 115)
        assert before["success"]
        other.order("BUY", 1, 114)
        cluster.redis.kill()
        refused = client.order("BUY", 1, 115)
        assert not refused["success"] and refused["error_code"] in (503, 504)
        cluster.until_closed()
        assert "takes no orders" in client.order("BUY", 1, 115)["error_message"]
        assert client.account()["frozen"] > 0  # queries ask the database
        cluster.redis.start()
        cluster.until_ready()
        assert other.order("SELL", 1, 115)["success"]
        client.until("trade")
        assert has_no_holes(client)
        follows_without_holes(book, lambda state: state["bids"].keys() == {114.0})
        book.close()


def test_whatever_starts_without_redis_heals(cluster: Cluster) -> None:
    cluster.redis.kill()
    cluster.gateways[0].kill()
    cluster.engine.end(signal.SIGTERM)
    cluster.gateways[0].start()
    cluster.engine.start()
    cluster.until_closed()
    until(lambda: "Redis cannot be reached" in cluster.engine.log())
    cluster.redis.start()
    cluster.until_ready()
    with cluster.client(0, "user001") as one, cluster.client(1, "user002") as two:
        assert one.order("BUY", 1, 115)["success"] and two.order("SELL", 1, 115)["success"]
        one.until("trade")
    assert "Traceback" not in cluster.gateways[0].log()


def follows_without_holes(book: Client, there: Callable[[dict[str, Any]], bool]) -> None:
    """A follower of changes comes to this state, and every change fits what it had."""
    state: dict[str, Any] = {"seq": None, "bids": {}, "asks": {}}
    told = [frame for frame in book.heard if frame["type"] == "orderbook_delta"]
    for frame in told:
        apply(state, frame)
    while not there(state):
        apply(state, book.until("orderbook_delta"))


def apply(state: dict[str, Any], frame: dict[str, Any]) -> None:
    if frame["prev_seq"] is None:
        state["bids"], state["asks"] = {}, {}
    else:
        assert frame["prev_seq"] == state["seq"], (state, frame)
    state["seq"] = frame["seq"]
    for side in ("bids", "asks"):
        for level in frame[side]:
            if level["volume"]:
                state[side][level["price"]] = level["volume"]
            else:
                state[side].pop(level["price"], None)


def test_redis_that_was_emptied_loses_only_what_was_never_acknowledged(cluster: Cluster) -> None:
    with cluster.client(0, "user001") as client, cluster.client(1, "user002") as other:
        assert client.order("BUY", 1, 115)["success"]
        cluster.redis.command("FLUSHALL")
        assert other.order("SELL", 1, 115)["success"]
        for each in (client, other):
            each.until("trade")
        book = cluster.client(0)
        assert book.ask("subscribe", channels=["orderbook"], instruments=["IX2301"])["success"]
        assert book.until("orderbook")["bids"] == []
        book.close()
        assert has_no_holes(client) and has_no_holes(other)


def test_the_engine_stops_cleanly_and_another_takes_over(cluster: Cluster) -> None:
    with cluster.client(0, "user001") as client:
        order = client.order("BUY", 1, 115)
        assert cluster.engine.end(signal.SIGTERM) == 0
        cluster.engine.start()
        answer = client.ask("submit_order", client_order_id="c", **order_fields("BUY", 1, 115))
        assert answer["success"] or answer["error_code"] in (503, 504)
        cluster.until_ready()
        assert client.ask("cancel_order", order_id=order["order_id"])["success"]
    assert "Traceback" not in cluster.engine.log()


def every_gateway_has_told_of(cluster: Cluster) -> None:
    """Who has signed in by now did so before whatever happens next, for all who look at the rows of gateways: each row
    was written twice more, one after the other."""
    client = RedisClient.from_url(cluster.redis.url)
    for _ in range(2):
        before = counters(client)
        until(lambda before=before: all(counter > before[name] for name, counter in counters(client).items()))  # type: ignore[misc]
    client.close()


def counters(client: RedisClient) -> dict[bytes, int]:
    rows: Any = client.hgetall("bourse:MAIN:gateways")
    return {name: msgspec.msgpack.decode(row)["counter"] for name, row in rows.items()}


def test_orders_go_with_the_gateway_that_was_killed(cluster: Cluster, postgres: Postgres) -> None:
    watching = cluster.client(1, "user001")
    kept = watching.order("BUY", 1, 114)["order_id"]
    gone, back = cluster.client(0, "user001"), cluster.client(0, "user002")
    for client, grace_ms in ((gone, 0), (back, 60_000)):
        assert client.ask("set_session", cancel_on_disconnect=True, grace_ms=grace_ms)["success"]
    resting = back.order("BUY", 1, 115)["order_id"]
    every_gateway_has_told_of(cluster)
    cluster.gateways[0].kill()
    told = watching.until("order_status", order_id=kept, status="Cancelled")
    assert told["reason"] == "DISCONNECT"
    counting = "SELECT count(*) FROM trading_account WHERE disconnect_at IS NOT NULL"
    until(lambda: postgres.execute(cluster.database, counting) == [(1,)])
    returned = cluster.client(1, "user002")
    until(lambda: postgres.execute(cluster.database, counting) == [(0,)])
    assert returned.ask("query_order", order_id=resting)["data"]["order"]["status"] == "Submitted"
    assert has_no_holes(watching)
    for client in (watching, returned, gone, back):
        client.close()


def test_connections_to_redis_that_are_cut_leave_no_holes(cluster: Cluster) -> None:
    book = cluster.client(1)
    assert book.ask("subscribe", channels=["orderbook_delta"], instruments=["IX2301"])["success"]
    with cluster.client(0, "user001") as one, cluster.client(1, "user001") as other:
        for number in range(5):
            cluster.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
            cluster.redis.command("CLIENT", "KILL", "TYPE", "normal")
            # what was under way may be unknown; what comes then is taken
            until(lambda number=number: one.order("BUY", 1, 110 + number)["success"])  # type: ignore[misc]
        last = one.ask("resume", last_seq=None)["last_seq"]
        while seqs(other)[-1:] < [last]:
            other.hear()
        assert has_no_holes(other)
    follows_without_holes(book, lambda state: state["bids"].keys() == {110.0, 111.0, 112.0, 113.0, 114.0})
    book.close()


def test_lines_to_redis_that_swallow_what_is_sent_leave_no_holes(
    new_cluster: Callable[..., Cluster], own_redis: Redis
) -> None:
    """Those on which gateways hear. They are not cut, and the system takes them for alive."""
    wire = Proxy(own_redis.port)
    try:
        cluster = new_cluster(REDIS_URL=f"redis://127.0.0.1:{wire.port}/0")
        with cluster.client(0, "user001") as one, cluster.client(1, "user001") as other:
            assert one.order("BUY", 1, 110)["success"]
            ports = hearing(own_redis)
            assert [wire.deaden(port) for port in ports] == [True] * len(cluster.gateways)
            answer = one.order("BUY", 1, 111)  # done, and nobody could hear it
            assert not answer["success"] and answer["error_code"] == 504
            until(lambda: len(hearing(own_redis) - ports) == len(cluster.gateways))
            cluster.until_ready()
            assert one.order("BUY", 1, 112)["success"]
            last = one.ask("resume", last_seq=None)["last_seq"]
            while seqs(other)[-1:] < [last]:
                other.hear()
            assert has_no_holes(other)
        assert {order["price"] for order in live_orders(cluster, "user001")} == {110.0, 111.0, 112.0}
    finally:
        wire.remove()


def hearing(redis: Redis) -> set[int]:
    """The ports of connections that have subscribed to something."""
    client: Any = RedisClient.from_url(redis.url)
    ports = {int(each["addr"].rpartition(":")[2]) for each in client.client_list(_type="pubsub")}
    client.close()
    return ports


def test_orders_that_meet_a_broken_database_session_are_done_once(cluster: Cluster, postgres: Postgres) -> None:
    with cluster.client(0, "user001") as client:
        for number in range(3):
            for each in range(20):
                client.send("submit_order", request_id=f"{number}.{each}", client_order_id=f"{number}.{each}", **ORDER)
            client.until("order_response", request_id=f"{number}.3")
            assert postgres.end_sessions(cluster.database)
            client.until("order_response", request_id=f"{number}.19")
            cluster.until_ready()
        names = [f"{number}.{each}" for number in range(3) for each in range(20)]
        again = [client.ask("submit_order", client_order_id=name, **ORDER) for name in names]
        assert all(answer["success"] for answer in again)
        assert not [a for a in client.of("order_response") if not a["success"] and a["error_code"] != UNKNOWN]
    assert len(live_orders(cluster, "user001")) == len(names)
    cluster.manage("check_books")
