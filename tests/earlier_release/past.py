"""What the first release left behind, and what it said of it. How it was made: `make_data.py`."""

import json
import lzma
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.client import Client, Frame
from tests.e2e.server import Market, Server, manage

FOLDER = Path(__file__).parent / "first_release"
KNOWN: dict[str, Any] = json.loads((FOLDER / "known.json").read_text())
TRADERS = tuple(KNOWN["database"]["traders"])
FAR = int(datetime(2090, 1, 1, tzinfo=UTC).timestamp() * 1000)
"""When some orders (GTD) expire; the others that expire at all had done so before any later release started."""


def left_behind(name: str, folder: Path) -> Market:
    """A data folder with what the first release left (`database`, `backup`), as it was, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bourse.sqlite3").write_bytes(lzma.decompress((FOLDER / f"{name}.sqlite3.xz").read_bytes()))
    market = Market(folder)
    market.tokens = dict(KNOWN["tokens"])
    return market


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """What is in the database of a folder."""
    with closing(sqlite3.connect(folder / "bourse.sqlite3")) as database:
        return database.execute(sql).fetchall()


def counts(folder: Path) -> dict[str, int]:
    """How many rows the tables have that the first release knew."""
    return {table: rows(folder, f"SELECT count(*) FROM {table}")[0][0] for table in KNOWN["database"]["rows"]}


def replayed_hash(folder: Path) -> str:
    """The hash of the state that the journal gives, which is also that of the tables. AssertionError if they differ."""
    said = manage(folder, "replay_journal")
    assert said.endswith("The tables give the same.\n"), said
    return said.split("commands give ")[1].split()[0]


def told(client: Client) -> dict[str, Any]:
    """What a trader is told: the account, positions, statements and live orders."""
    return {
        "account": client.account(),
        "positions": client.ask("query_position")["data"]["positions"],
        "statements": client.ask("query_statements")["data"]["statements"],
        "orders": client.ask("query_orders", status="LIVE", limit=200)["data"]["orders"],
    }


def lasting(orders: list[Frame]) -> list[Frame]:
    """Without those that have expired."""
    return [order for order in orders if order.get("expires_at", FAR) >= FAR]


def is_told_the_same(client: Client, then: dict[str, Any]) -> None:
    """A trader finds everything as it was, but for what expired orders have held."""
    now, orders = told(client), lasting(then["orders"])
    assert now == (then if orders == then["orders"] else then | {"orders": orders, "account": now["account"]})
    assert now["account"]["balance"] == then["account"]["balance"]


def start(server: Server) -> None:
    """Start a server, and wait until what was due at its start is done, as it is before anybody is answered."""
    server.start()
    with of_then(server, TRADERS[-1]) as client:
        assert client.ask("cancel_after", timeout_ms=0)["success"]


def of_then(server: Server, user_id: str) -> Client:
    """A connection that has signed in with a token of then."""
    return Client(server.ws, user_id, KNOWN["tokens"][user_id])
