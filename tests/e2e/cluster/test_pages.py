"""Pages and probes of a gateway."""

from __future__ import annotations

import json
import signal
from urllib.request import urlopen

import pytest

from tests.e2e.browser import chromium, missing, new_page
from tests.e2e.cluster.making import Cluster, until
from tests.e2e.page.steps import INSTRUMENT, expect_phase, open_live, select

try:
    from playwright.sync_api import expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


@pytest.fixture
def one_gateway(new_cluster: object) -> Cluster:
    made: Cluster = new_cluster(gateways=1)  # type: ignore[operator]
    return made


@pytest.mark.slow
def test_a_gateway_serves_pages_and_figures_as_a_server_does(one_gateway: Cluster) -> None:
    server = one_gateway.gateways[0]
    for path in ("/", "/admin/login/", "/healthz", "/readyz"):
        with urlopen(server.http + path, timeout=60) as answer:
            assert answer.status == 200, path
    with one_gateway.client(0, "user001") as client:
        assert client.order("BUY", 1, 115)["success"]
        with urlopen(f"{server.http}/metrics", timeout=60) as answer:
            told = answer.read().decode()
    assert "bourse_ready 1.0" in told and "bourse_connections_authenticated 1.0" in told
    assert "halted" in one_gateway.manage("shell", "-v", "0", "-c", HALT)


@pytest.mark.long
def test_what_the_engine_counts_is_seen_at_a_gateway(one_gateway: Cluster) -> None:
    """Its figures at /metrics, and its pulse, with the connections of all gateways, where the admin reads it."""
    with one_gateway.client(0, "user001") as client:
        assert client.order("BUY", 1, 115)["success"]
        until(lambda: _metric(one_gateway, "bourse_orders_live") == 1.0)
        until(lambda: _noted(one_gateway) == {"orders": 1, "connections": 1, "authenticated": 1})
    one_gateway.engine.end(signal.SIGKILL)
    one_gateway.until_closed()
    assert _metric(one_gateway, "bourse_orders_live") is None, "nobody knows now"


@pytest.mark.slow
def test_the_page_says_when_no_orders_are_taken_and_when_they_are(one_gateway: Cluster) -> None:
    """By the first refusal or by the gateway's word, whichever comes first; nothing needs to be clicked."""
    with chromium() as browser, new_page(browser) as page:
        open_live(page, one_gateway.gateways[0])
        expect(page.locator("#market-phase")).to_have_text("Trading")
        one_gateway.engine.end(signal.SIGKILL)
        expect_phase(page, "away")
        expect(page.locator("#market-phase")).to_have_text("No orders taken")
        expect(page.locator("#notices")).to_contain_text("No engine of market MAIN is heard")
        one_gateway.engine.start()
        expect_phase(page, "live")
        expect(page.locator("#market-phase")).to_have_text("Trading")


@pytest.mark.slow
def test_a_page_that_is_opened_without_an_engine_follows_the_market_when_there_is_one(one_gateway: Cluster) -> None:
    one_gateway.engine.end(signal.SIGKILL)
    one_gateway.until_closed()
    with chromium() as browser, new_page(browser) as page:
        page.goto(one_gateway.gateways[0].http)
        select(page, INSTRUMENT)
        expect_phase(page, "away")
        one_gateway.engine.start()
        expect_phase(page, "live")
        with one_gateway.client(0, "user001") as client:
            assert client.order("BUY", 1, 115)["success"]
        expect(page.locator("#bids .level .price", has_text="115.0")).to_be_visible()


def _metric(cluster: Cluster, name: str) -> float | None:
    with urlopen(f"{cluster.gateways[0].http}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    found = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return float(found[0]) if found else None


def _noted(cluster: Cluster) -> dict[str, int]:
    """All orders of its minutes, and who is connected as of the last."""
    rows = cluster.market.rows("SELECT orders, present FROM trading_pulse ORDER BY minute")
    if not rows:
        return {}
    present = rows[-1][1] if isinstance(rows[-1][1], dict) else json.loads(rows[-1][1])
    return {"orders": sum(row[0] for row in rows), **{key: present[key] for key in ("connections", "authenticated")}}


HALT = """
from trading.core.commands import HaltInstrument
from trading.operators import requests
row = requests.carry_out(HaltInstrument("IX2301"), market="MAIN")
print("halted" if row.status == "DONE" else row.status)
"""
