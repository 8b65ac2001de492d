"""Two servers on PostgreSQL: one is the engine, the other follows it with warm books and takes its place."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.e2e.client import Client, order_fields, signed_in
from tests.e2e.server import PATIENCE, Market, Server
from tests.e2e.servers.losses.test_postgres import holders, orders, until, until_ready
from tests.e2e.servers.test_probes import ask
from tests.services import Postgres, Proxy

pytestmark = pytest.mark.long

ELSEWHERE = "Another process runs the engine"
STANDS_BY = "this server stands by for market MAIN, with warm books"


class Pair(msgspec.Struct):
    """A server that is the engine, another that stands by, and how each of them reaches the database."""

    postgres: Postgres
    database: str
    first: Server
    second: Server
    wire: Proxy

    def epoch(self) -> int:
        ((epoch,),) = self.postgres.execute(self.database, "SELECT epoch FROM trading_market")
        return int(epoch)


@pytest.fixture(scope="module")
def seeded(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Market:
    return Market.seeded(tmp_path_factory.mktemp("seeded"), postgres.url(postgres.create()))


@pytest.fixture
def pair(postgres: Postgres, seeded: Market, tmp_path: Path) -> Iterator[Pair]:
    """The first one reaches its database through `wire`."""
    assert seeded.database_url is not None
    database = postgres.create(seeded.database_url.rpartition("/")[2])
    wire = Proxy(postgres.port)
    servers = []
    for name, port in (("first", wire.port), ("second", postgres.port)):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy2(seeded.folder / "secret_key", folder / "secret_key")
        market = Market(folder, postgres.url(database, port))
        market.tokens = dict(seeded.tokens)
        servers.append(Server(market, extra={"IDLE_SECONDS": str(PATIENCE)}))
    made = Pair(postgres, database, servers[0], servers[1], wire)
    try:
        made.first.start()
        until_ready(made.first)
        made.second.start()
        until(lambda: ELSEWHERE in ask(made.second, "/readyz")[1])
        until(lambda: STANDS_BY in made.second.log())
        yield made
    finally:
        wire.flowing.set()
        for server in servers:
            server.kill()
        wire.remove()


def trade(seller: Client, buyer: Client, names: list[str]) -> None:
    """Each name is an offer of two lots, of which one is bought."""
    for name in names:
        assert seller.order("SELL", 2, 120, client_order_id=f"{name}-offer")["success"]
        assert buyer.order("BUY", 1, 120, client_order_id=f"{name}-bid")["success"]


def until_taken(client: Client, name: str) -> float:
    """Send an order under its name until it is taken. When it was (monotonic)."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := client.order("BUY", 1, 120, client_order_id=name))["success"]:
        assert answer["error_code"] in (503, 504) and time.monotonic() < deadline, answer
        time.sleep(0.002)
    return time.monotonic()


def check(pair: Pair) -> None:
    """Tables, ledger, journal and what an engine loads agree."""
    for command in ("check_books", "replay_journal"):
        pair.second.manage(command)


def lose(pair: Pair, how: str) -> None:
    if how == "kill":
        pair.first.strike()
    elif how == "stop":
        pair.first.freeze()
    else:
        pair.wire.flowing.clear()


def bring_back(pair: Pair, how: str) -> None:
    if how == "stop":
        os.kill(pair.first.pid, signal.SIGCONT)
    else:
        pair.wire.flowing.set()


@pytest.mark.parametrize("how", ["kill", "stop", "cut"])
def test_who_stands_by_takes_over_with_the_books_as_they_were(how: str, pair: Pair) -> None:
    """It had them when it started, and from what was committed since. What was acknowledged is there, once."""
    names = [f"before-{number}" for number in range(5)]
    with signed_in(pair.first, "user001") as seller, signed_in(pair.first, "user002") as buyer:
        trade(seller, buyer, names)
        epoch = pair.epoch()
        with signed_in(pair.second, "user003") as late:
            assert late.order("BUY", 1, 120)["error_code"] == 503
            began = time.monotonic()
            lose(pair, how)
            print(f"{how}: {until_taken(late, 'late') - began:.3f} s")
            assert late.until("trade")["price"] == 120.0, "the offers were still in the book"
        assert pair.epoch() == epoch + 1
        stored = orders(pair.postgres, pair.database)
        assert stored.keys() == {"late", *(f"{name}-{kind}" for name in names for kind in ("offer", "bid"))}
    check(pair)


@pytest.mark.parametrize("how", ["stop", "cut"])
def test_the_old_engine_wakes_up_and_can_commit_nothing(how: str, pair: Pair) -> None:
    """It had an order to do; it says that nothing was done, or that it does not know, and stands by from then on."""
    with signed_in(pair.first, "user001") as client, signed_in(pair.second, "user002") as late:
        assert client.order("SELL", 2, 120, client_order_id="offer")["success"]
        lose(pair, how)
        client.send("submit_order", **order_fields("BUY", 1, 115, client_order_id="asleep"))
        until_taken(late, "late")
        epoch = pair.epoch()
        bring_back(pair, how)
        answer = client.until("order_response")
        assert not answer["success"] and answer["error_code"] in (503, 504), answer
        until(lambda: pair.first.log().count(STANDS_BY) or ELSEWHERE in ask(pair.first, "/readyz")[1])
        assert late.order("BUY", 1, 115, client_order_id="after")["success"]
        assert pair.epoch() == epoch
        assert orders(pair.postgres, pair.database).keys() == {"offer", "late", "after"}
    check(pair)
    until(lambda: STANDS_BY in pair.first.log())
    pair.second.kill()
    until_ready(pair.first)
    assert pair.epoch() == epoch + 1, "it takes the market back when its turn comes"


def test_the_market_is_handed_over_and_back(pair: Pair) -> None:
    with signed_in(pair.first, "user001") as client, signed_in(pair.second, "user002") as other:
        assert client.order("SELL", 3, 120, client_order_id="offer")["success"]
        with signed_in(pair.first, "user003") as early:
            assert early.order("BUY", 1, 120, client_order_id="early")["success"]
        epoch = pair.epoch()
        assert f"epoch {epoch} -> {epoch + 1}" in pair.first.manage("hand_over")
        until_ready(pair.second)
        other.send("subscribe", channels=["ticker"], instruments=["IX2301"])
        assert other.until("ticker")["direction"] == "BUY", "it has followed the trade"
        assert other.order("BUY", 1, 120, client_order_id="bid")["success"]
        refusal = client.order("BUY", 1, 115, client_order_id="too late")
        assert refusal["error_code"] == 503 and refusal["error_message"].startswith(ELSEWHERE)
        until(lambda: STANDS_BY in pair.first.log())
        assert f"epoch {epoch + 1} -> {epoch + 2}" in pair.first.manage("hand_over")
        until_ready(pair.first)
        assert client.order("SELL", 1, 121, client_order_id="again")["success"]
    states = {"offer": "PartiallyFilled", "early": "Filled", "bid": "Filled", "again": "Submitted"}
    assert orders(pair.postgres, pair.database) == states
    assert len(holders(pair.postgres, pair.database)) == 1
    check(pair)


def test_nothing_is_handed_over_where_nobody_stands_by(pair: Pair) -> None:
    pair.second.kill()
    with pytest.raises(AssertionError, match="no other server stands by"):
        pair.first.manage("hand_over")
    until_ready(pair.first)
