"""A client of DIFF at a cluster with two markets: at whichever gateway, it has one account, and trades at both."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import websocket

from tests.builders import FUNDS
from tests.diff.client import FINGERPRINT, merge
from tests.e2e.client import PATIENCE
from tests.e2e.cluster.making import Cluster
from tests.e2e.cluster.test_several_markets import HERE, THERE, found
from trading.core.money import UNIT

pytestmark = pytest.mark.slow


class Trader:
    """Keeps the user's branch of the tree."""

    def __init__(self, user_id: str, token: str, line: websocket.WebSocket) -> None:
        self._user_id = user_id
        self._line = line
        self._tree: dict[str, Any] = {}
        named = dict.fromkeys(("client_mac_address", "client_system_info", "client_app_id"), FINGERPRINT)
        self._say("req_login", bid="bourse", user_name=user_id, password=token, **named)

    def _say(self, aid: str, **fields: Any) -> None:
        self._line.send(json.dumps({"aid": aid, **fields}))

    def until(self, what: Callable[[], Any]) -> Any:
        """Whatever it is, when it is so."""
        deadline = time.monotonic() + PATIENCE
        while not (found := what()):
            self._say("peek_message")
            opcode = websocket.ABNF.OPCODE_PING
            while opcode != websocket.ABNF.OPCODE_TEXT:
                assert time.monotonic() < deadline, self._tree.get("trade")
                opcode, frame = self._line.recv_data_frame(control_frame=True)
            for patch in json.loads(frame.data)["data"]:
                merge(self._tree, patch)
        return found

    def mine(self, *path: str) -> Any:
        branch = self._tree.get("trade", {}).get(self._user_id, {})
        for name in path:
            branch = branch.get(name, {})
        return branch

    @property
    def money(self) -> dict[str, float]:
        found: dict[str, float] = self.mine("accounts", "CNY")
        return found

    def insert(self, name: str, instrument_id: str, direction: str, price: float) -> None:
        what = {"exchange_id": "CFFEX", "instrument_id": instrument_id, "direction": direction, "offset": "OPEN"}
        how = {"price_type": "LIMIT", "limit_price": price, "time_condition": "GFD", "volume_condition": "ANY"}
        self._say("insert_order", user_id=self._user_id, order_id=name, volume=1, **what, **how)


@contextmanager
def trading(cluster: Cluster, gateway: int, user_id: str) -> Iterator[Trader]:
    address = f"ws://127.0.0.1:{cluster.gateways[gateway].port}/diff/td"
    with closing(websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)) as line:
        trader = Trader(user_id, cluster.market.tokens[user_id], line)
        trader.until(lambda: trader.mine("trade_more_data") is False and trader.money)
        yield trader


def test_one_account_and_orders_at_both_markets(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(further=["OTHER"], prepare=found)
    with trading(cluster, 0, "user001") as one, trading(cluster, 1, "user002") as two:
        with cluster.client(1, "user001") as same:
            here = same.ask("query_account")["data"]["account"]["balance"]
        one.until(lambda: one.money["balance"] == here + FUNDS / UNIT)
        for name in (THERE, HERE):
            symbol = f"CFFEX.{name}"
            one.insert(f"bought {name}", name, "BUY", 120.0)
            one.until(lambda: one.money["frozen_margin"] > 0)
            two.insert(f"sold {name}", name, "SELL", 120.0)
            for trader, side, own_id in ((one, "long", f"bought {name}"), (two, "short", f"sold {name}")):
                trader.until(lambda: trader.mine("positions", symbol).get(f"pos_{side}") == 1)
                trader.until(lambda: trader.mine("orders", own_id)["status"] == "FINISHED")
                trades = trader.mine("trades").values()
                assert [each["price"] for each in trades if each["order_id"] == own_id] == [120.0]
            one.until(lambda: one.money["frozen_margin"] == 0)
        held = [one.mine("positions", f"CFFEX.{name}", "margin") for name in (HERE, THERE)]
        one.until(lambda: one.money["margin"] == sum(held) and min(held) > 0)
    cluster.manage("check_books")
    assert "Traceback" not in cluster.logs()
