"""More commands than a batch holds wait at the engine, which goes on while one is stored: each is answered truly."""

from __future__ import annotations

import pytest

from tests.e2e.client import order_fields
from tests.e2e.cluster.conftest import NewCluster
from tests.e2e.cluster.test_failures import has_no_holes, live_orders

pytestmark = pytest.mark.slow
ORDERS = 400
USERS = ("user001", "user002")


def test_a_flood_over_two_gateways_is_answered_order_by_order(new_cluster: NewCluster) -> None:
    cluster = new_cluster(BATCH_LIMIT="3", PING_SECONDS="600", RATE_LIMITS="off")
    clients = [cluster.client(gateway, user) for gateway, user in enumerate(USERS)]
    for number in range(ORDERS):
        for client in clients:
            client.send("submit_order", request_id=f"r{number}", **order_fields("BUY", 1, 115 - number % 5))
    for user, client in zip(USERS, clients, strict=True):
        answers = [client.until("order_response", request_id=f"r{number}") for number in range(ORDERS)]
        assert not [answer for answer in answers if not answer["success"]]
        ids = [answer["order_id"] for answer in answers]
        assert ids == sorted(ids)
        assert {order["order_id"] for order in live_orders(cluster, user)} == set(ids)
        assert has_no_holes(client)
        client.close()
    cluster.manage("check_books")
