"""The back office of a further market, at a gateway of a cluster: its forms reach the engine of that market, and the
other market is left alone."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from tests.e2e.client import Client
from tests.e2e.cluster.making import Cluster, until
from tests.e2e.cluster.test_several_markets import HERE, THERE, found
from tests.e2e.server import PATIENCE

pytestmark = pytest.mark.long

SECRET = "correct-horse-battery"
BOSS = f'from trading.models import User; User.objects.create_superuser("boss", password={SECRET!r})'
OFFICE = "/at/OTHER/admin/"
LISTED = "CU2305"


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Cluster:
    return new_cluster(further=["OTHER"], prepare=found)


class Operator:
    """At the office of a market, as with a browser: forms are opened, filled in, sent, and said yes to."""

    def __init__(self, base: str) -> None:
        self._http = httpx.Client(base_url=base, follow_redirects=True, timeout=PATIENCE)
        self.send(f"{OFFICE}login/", username="boss", password=SECRET)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str) -> httpx.Response:
        return self._http.get(path)

    def send(self, path: str, page: str | None = None, **values: str) -> str:
        """What is said that comes of a form; of a button on a `page`."""
        fields = _fields(self._http.get(page or path).text)
        told = self._http.post(path, data={**fields, "post": "yes", **values}, headers={"Referer": path})
        assert told.status_code == 200, told.text
        return _said(told.text)


def _fields(page: str) -> dict[str, str]:
    """The values of a page's inputs, as they are at first."""
    form = re.findall(r"<input\b[^>]*>", page)
    named = {name[1]: value for tag in form if (name := re.search(r'name="([^"]+)"', tag)) for value in [tag]}
    values = {name: re.search(r'value="([^"]*)"', tag) for name, tag in named.items() if "checkbox" not in tag}
    return {name: unescape(value[1]) if value else "" for name, value in values.items()}


def _said(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def boss(cluster: Cluster) -> Iterator[Operator]:
    cluster.manage("shell", "-v", "0", "-c", BOSS)
    operator = Operator(cluster.gateways[0].http)
    yield operator
    operator.close()


def account_of(cluster: Cluster, user_id: str, market: str) -> str:
    sql = f"SELECT id FROM trading_account WHERE user_id = '{user_id}' AND market_id = '{market}'"
    return str(cluster.market.rows(sql)[0][0])


def money(client: Client, market: str) -> float:
    return float(client.ask("query_account", market=market)["data"]["account"]["balance"])


def test_an_operator_runs_a_further_market(cluster: Cluster, boss: Operator) -> None:
    """Money in and out, an instrument, a halt, a settlement; then its engine is killed, and the office says so."""
    number, contract = account_of(cluster, "user001", "OTHER"), f"{OFFICE}trading/instrument/{LISTED}/"
    with cluster.client(1, "user001") as one, cluster.client(0, "user002") as two:
        before = [money(one, code) for code in ("MAIN", "OTHER")]
        deposit = f"{OFFICE}trading/account/{number}/deposit/"
        assert "500.00 goes into the account of user001" in boss.send(deposit, amount="500")
        assert "Deposited 500.00 to user001" in boss.send(deposit, amount="500", post="yes")
        withdraw = f"{OFFICE}trading/account/{number}/withdraw/"
        assert "100.00 leaves the account of user001" in boss.send(withdraw, amount="100")
        assert "Withdrew 100.00 from user001" in boss.send(withdraw, amount="100", post="yes")
        assert [money(one, code) for code in ("MAIN", "OTHER")] == [before[0], before[1] + 400]
        listing: dict[str, Any] = {"instrument_id": LISTED, "product_id": "CU", "name": "Copper", "tick": "1"}
        listing |= {"multiplier": "5", "reference_price": "100", "limit_rate": "0.10"}
        assert f"Listed {LISTED}" in boss.send(f"{OFFICE}trading/instrument/add/", **listing)
        assert one.order("BUY", 1, 100, instrument_id=LISTED)["success"]
        assert two.order("SELL", 1, 100, instrument_id=LISTED)["success"]
        one.until("trade", instrument_id=LISTED)
        assert f"Halted {LISTED}" in boss.send(f"{contract}halt/", f"{contract}change/")
        assert one.order("BUY", 1, 100, instrument_id=LISTED)["error_code"] == 1009
        assert one.order("BUY", 1, 115, instrument_id=HERE)["success"]
        assert f"Trading of {LISTED} goes on" in boss.send(f"{contract}resume/", f"{contract}change/")
        days = _fields(boss.get(f"{OFFICE}trading/desk/settle/").text)
        told = boss.send(f"{OFFICE}trading/desk/settle/", confirmed="on")
        assert f"Settled {days['day']}" in told, told
        settled = dict(cluster.market.rows("SELECT code, trading_day FROM trading_market"))
        assert settled["OTHER"] == int(days["next_day"].replace("-", "")) and settled["MAIN"] == 0
        assert boss.get(f"/admin/trading/account/{number}/change/").url.path == "/admin/"
        left = money(one, "OTHER")
    cluster.manage("check_books")
    until(lambda: "Engine runs" in _said(boss.get(OFFICE).text))
    cluster.further["OTHER"].end(signal.SIGKILL)
    until(lambda: "No engine runs" in _said(boss.get(OFFICE).text))
    assert "No engine runs" not in _said(boss.get("/admin/").text)
    told = boss.send(f"{OFFICE}trading/account/{number}/deposit/", amount="7", post="yes")
    assert "No engine runs just now" in told and "is kept" in told
    cluster.further["OTHER"].start()
    with cluster.client(1, "user001") as one:
        cluster.until_market("OTHER", is_ready=True)
        until(lambda: money(one, "OTHER") == left + 7)
    assert THERE in boss.get(f"{OFFICE}trading/instrument/").text
