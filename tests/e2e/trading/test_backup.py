"""A backup of a server under load, restored: whole, and with everything that was acknowledged before it began."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import websocket

from tests.e2e.client import order_fields, signed_in
from tests.e2e.server import PATIENCE, Market, Server
from trading.protocol import order_id_text

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_only]

USERS = ("user001", "user002")
WINDOW, ENOUGH = 4, 100
"""Orders of a user that may wait for their answers, and how many are acknowledged before the backup."""


class Trader(threading.Thread):
    """Buys and sells until the server is gone, and remembers which orders were acknowledged."""

    def __init__(self, server: Server, user_id: str) -> None:
        super().__init__(daemon=True)
        self.accepted: dict[str, str] = {}
        self.under_way = threading.Event()
        self._server, self._user_id = server, user_id

    def run(self) -> None:
        try:
            with signed_in(self._server, self._user_id) as client:
                for number in range(WINDOW):
                    client.send("submit_order", **self._order(number))
                while True:
                    answer = client.until("order_response", success=True)
                    self.accepted[answer["client_order_id"]] = answer["order_id"]
                    client.send("submit_order", **self._order(len(self.accepted) + WINDOW))
                    if len(self.accepted) >= ENOUGH:
                        self.under_way.set()
        except (OSError, websocket.WebSocketException):
            pass  # it was killed

    def _order(self, number: int) -> dict[str, object]:
        price = 120 + number % 4 - 2
        return order_fields("SELL" if number % 3 else "BUY", 1 + number % 2, price, client_order_id=f"c{number}")


def restored(backup: Path, folder: Path, like: Market) -> Market:
    """A market whose database is the backup, as the document says."""
    market = Market(folder)
    folder.mkdir()
    shutil.copy(backup, folder / "bourse.sqlite3")
    market.tokens = like.tokens
    return market


def test_a_backup_under_load_has_everything_that_was_acknowledged_before(
    new_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = new_server()
    traders = {user_id: Trader(server, user_id) for user_id in USERS}
    for trader in traders.values():
        trader.start()
    for trader in traders.values():
        assert trader.under_way.wait(PATIENCE)
    before = {user_id: dict(trader.accepted) for user_id, trader in traders.items()}
    said = server.manage("backup", str(tmp_path / "copy.sqlite3"))
    assert all(trader.is_alive() for trader in traders.values()), "the load went on"
    server.kill()
    for user_id, trader in traders.items():
        trader.join(PATIENCE)
        assert len(trader.accepted) > len(before[user_id]), "the load went on"

    market = restored(tmp_path / "copy.sqlite3", tmp_path / "restored", server.market)
    with closing(sqlite3.connect(market.folder / "bourse.sqlite3")) as database:
        assert database.execute("SELECT batch FROM trading_market").fetchone() == (int(said.split()[-1]),)
        assert database.execute("SELECT count(*) > 100 FROM trading_trade").fetchone() == (1,)
        for user_id in USERS:
            rows = database.execute(
                "SELECT client_order_id, o.id FROM trading_order o JOIN trading_account a ON a.id = account_id"
                " WHERE user_id = ?",
                [user_id],
            )
            stored = {name: order_id_text(number) for name, number in rows}
            assert before[user_id].items() <= stored.items()
    second = Server(market)
    try:
        second.manage("check_books")
        second.manage("replay_journal")
        second.start()
        with signed_in(second, USERS[0]) as client:
            name, order_id = next(reversed(before[USERS[0]].items()))
            assert client.ask("query_order", order_id=order_id)["data"]["order"]["client_order_id"] == name
            assert client.order("BUY", 1, 115)["success"]
    finally:
        second.kill()
