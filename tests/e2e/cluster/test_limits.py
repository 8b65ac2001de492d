"""Limits of a user hold over all gateways together."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.client import order_fields
from tests.e2e.cluster.making import Cluster

pytestmark = pytest.mark.slow


def test_the_orders_of_a_user_are_counted_over_all_gateways(new_cluster: Callable[..., Cluster]) -> None:
    # two at once, and one more for every second that it takes
    cluster = new_cluster(RATE_LIMITS="on", ORDERS_PER_SECOND="1", LIVE_ORDERS="0")
    with (
        cluster.client(0, "user001") as one,
        cluster.client(1, "user001") as two,
        cluster.client(1, "user002") as other,
    ):
        clients, began = [one, two], time.monotonic()
        answers = [clients[number % 2].ask("submit_order", **order_fields("BUY", 1, 115)) for number in range(12)]
        taken = [answer for answer in answers if answer["success"]]
        refused = [answer for answer in answers if not answer["success"]]
        assert {answer["error_code"] for answer in refused} == {429}
        assert 2 <= len(taken) <= 2 + time.monotonic() - began
        assert other.order("BUY", 1, 115)["success"]


def test_requests_of_an_address_are_counted_over_all_gateways(new_cluster: Callable[..., Cluster]) -> None:
    """Of whoever has not signed in: two at once, and one more for every second that it takes."""
    cluster = new_cluster(RATE_LIMITS="on", REQUESTS_PER_SECOND="1")
    with cluster.client(0) as one, cluster.client(1) as two:
        clients, began = [one, two], time.monotonic()
        answers = [clients[number % 2].ask("query_instruments") for number in range(12)]
        taken = [answer for answer in answers if answer["type"] == "query_response"]
        assert 1 <= len(taken) <= 2 + time.monotonic() - began
        assert {answer["code"] for answer in answers if answer["type"] == "error"} == {429}


def test_connections_of_a_user_are_counted_by_each_gateway(new_cluster: Callable[..., Cluster]) -> None:
    """What docs/cluster.md says of them."""
    cluster = new_cluster(RATE_LIMITS="on", CONNECTIONS_PER_USER="2")
    with (
        cluster.client(0, "user001"),
        cluster.client(0, "user001"),
        cluster.client(0) as third,
        cluster.client(1, "user001"),
        cluster.client(1, "user001"),
    ):
        answer = third.ask("auth", user_id="user001", token=cluster.gateways[0].token("user001"))
        assert not answer["success"] and "Too many connections of this user" in answer["message"], answer
