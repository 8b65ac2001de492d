"""The trading page and the public ranking at the gateways of a cluster with three markets, one of which lists nothing:
the account bar is the first market's, the ranking says whose it is, and money that goes elsewhere is still there."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.request import urlopen

import pytest

from tests.builders import FUNDS
from tests.e2e.browser import chromium, missing, new_page
from tests.e2e.cluster.making import Cluster, until
from tests.e2e.cluster.test_diff import trading
from tests.e2e.cluster.test_several_markets import FOUND, HERE, THERE, balances
from tests.e2e.page.steps import expect_order, leg, open_live, select, send, sign_in
from trading.core.money import UNIT

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")

pytestmark = pytest.mark.long

BARE = """
Market.objects.create(code="BARE")
for command in (OpenAccount("user001"), Deposit("user001", FUNDS)):
    assert carry_out(command, market="BARE").status == "DONE"
"""
CONTEST = """
from datetime import timedelta
from django.utils import timezone
from trading.models import Account, Contest
from trading.operators import contests
now = timezone.now()
first = Account.objects.get(user_id="user001", market="{0}")
start = first.pre_balance + first.deposits - first.withdrawals + first.close_profit - first.commission
contest = Contest.objects.create(name="Cup of {0}", market_id="{0}", start_balance=start, beginning="user00",
    ends_at=now + timedelta(hours=2), every_minutes=1, public=True)
assert contests.start(contest, now)
"""


def measured(market: str) -> str:
    """A look at its contest, now."""
    return f"""
from django.utils import timezone
from trading.models import Contest
from trading.operators import contests
contests.measure(Contest.objects.get(market="{market}"), timezone.now())
"""


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Cluster:
    return new_cluster(
        further=["OTHER", "BARE"], prepare=lambda cluster: cluster.manage("shell", "-c", f"{FOUND}\n{BARE}")
    )


def shows(page: Page, balance: float) -> bool:
    """In its account bar."""
    return abs(float(page.locator("[data-fact=balance]").inner_text().replace(",", "")) - balance) < 0.01


def ranking(cluster: Cluster, gateway: int) -> str:
    with urlopen(f"{cluster.gateways[gateway].http}/contest/", timeout=60) as answer:
        return " ".join(re.sub(r"<[^>]*>", " ", answer.read().decode()).split())


def test_the_bar_is_the_first_markets_and_the_ranking_says_whose_it_is(cluster: Cluster) -> None:
    for code in ("MAIN", "OTHER"):
        cluster.manage("shell", "-c", CONTEST.format(code))
        assert all(f"Cup of {code}" in ranking(cluster, gateway) for gateway in (0, 1))
        assert f"Only what is traded at market {code} counts." in ranking(cluster, 0)
    one, two = cluster.gateways
    with chromium() as browser, new_page(browser) as page, new_page(browser) as other:
        for each, gateway, user_id in ((page, one, "user001"), (other, two, "user002")):
            open_live(each, gateway)
            sign_in(each, gateway, user_id)
        with cluster.client(1, "user001") as client:
            before = balances(client)
            until(lambda: shows(page, before[0]))
            for name in (THERE, HERE):
                for each in (page, other):
                    select(each, name)
                order_id = send(page, "BUY", 1, 119)
                send(other, "SELL", 1, 119)
                expect_order(page, order_id, "", "1 / 1")
                expect(leg(page, "long", name)).to_be_visible()
                until(lambda: shows(page, balances(client)[0]))
                assert shows(page, before[0]) == (name == THERE), "it is the first market's"
            for market, amount in (("OTHER", "1000"), ("BARE", "500")):
                paid = balances(client)[0] - float(amount)
                cluster.manage("transfer", "user001", amount, "--to", market)
                until(lambda: shows(page, paid) and abs(paid - balances(client)[0]) < 0.01)
            bare = client.ask("query_account", market="BARE")["data"]["account"]["balance"]
            assert bare == FUNDS / UNIT + 500
        page.reload()
        expect(page.locator("[data-fact=balance]")).not_to_be_empty()
        until(lambda: shows(page, paid))
        page.goto(f"{two.http}/contest/")
        expect(page.locator("h1")).to_contain_text("Cup of OTHER")
        assert page.complaints == [] and other.complaints == []
    cluster.manage("shell", "-c", measured("OTHER"))
    told = ranking(cluster, 1)
    left = f"{FUNDS / UNIT - 2:,.2f}"  # what came from the first market is no gain; two were paid to open
    assert f"1 user001 {left}" in told and f"1 user002 {left}" in told, told
    with trading(cluster, 1, "user001") as trader:
        all_money = paid + FUNDS / UNIT * 2 + 1_500
        trader.until(lambda: abs(trader.money["balance"] - all_money) < 100)
    cluster.manage("check_books")
    assert "Traceback" not in cluster.logs()
