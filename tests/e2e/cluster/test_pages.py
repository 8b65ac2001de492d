"""Pages and probes of a gateway."""

from __future__ import annotations

from urllib.request import urlopen

import pytest

from tests.e2e.cluster.making import Cluster


@pytest.fixture
def one_gateway(new_cluster: object) -> Cluster:
    made: Cluster = new_cluster(gateways=1)  # type: ignore[operator]
    return made


def test_a_gateway_serves_pages_and_figures_as_a_server_does(one_gateway: Cluster) -> None:
    server = one_gateway.gateways[0]
    for path in ("/", "/admin/login/", "/healthz", "/readyz"):
        with urlopen(server.http + path, timeout=20) as answer:
            assert answer.status == 200, path
    with one_gateway.client(0, "user001") as client:
        assert client.order("BUY", 1, 115)["success"]
        with urlopen(f"{server.http}/metrics", timeout=20) as answer:
            told = answer.read().decode()
    assert "bourse_ready 1.0" in told and "bourse_connections_authenticated 1.0" in told
    assert "bourse_journal_batch" not in told
    assert "halted" in one_gateway.manage("shell", "-v", "0", "-c", HALT)


HALT = """
from trading.core.commands import HaltInstrument
from trading.operators import requests
row = requests.carry_out(HaltInstrument("IX2301"), market="MAIN")
print("halted" if row.status == "DONE" else row.status)
"""
