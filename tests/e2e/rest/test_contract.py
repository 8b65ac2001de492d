"""Programs that know REST by its OpenAPI document alone: one that tries everything, and one that was generated."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rest.fuzz import try_rest
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

PATIENCE = 240.0
"""Seconds: it takes about ten; only a bound against hanging."""
RELEASED = sorted((Path(__file__).resolve().parents[3] / "docs/contracts").glob("openapi-*.json"))[-1]


def test_schemathesis_finds_nothing(new_server: Callable[..., Server], tmp_path: Path) -> None:
    """Bounded, and the same each time. Other seeds, and more of it: `make fuzz-rest`."""
    fine, said = try_rest(new_server(), tmp_path, "--seed", "1", "--max-examples", "2", timeout=PATIENCE)
    assert fine, said
    assert "29 selected" in said and "API Links" in said, said


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client that openapi-python-client has made from the released document."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "config.yml"
    config.write_text("post_hooks: []\n")
    program = Path(sys.executable).with_name("openapi-python-client")
    made = folder / "generated_bourse"
    words = ["generate", "--path", RELEASED, "--output-path", made, "--meta", "none", "--config", config]
    done = subprocess.run(
        [str(program), *map(str, words)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0 and "arning" not in done.stdout + done.stderr, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith("generated_bourse")]:
            del sys.modules[name]


def test_a_generated_client_trades(generated: Any, new_server: Callable[..., Server]) -> None:
    server = new_server()
    clients = generated("generated_bourse")
    models = generated("generated_bourse.models")
    orders = {
        name: generated(f"generated_bourse.api.orders.{name}")
        for name in ("place_order", "amend_order", "cancel_order")
    }
    positions = generated("generated_bourse.api.account.list_positions")
    ann, ben = [
        clients.AuthenticatedClient(base_url=server.http, token=server.market.tokens[user])
        for user in ("user001", "user002")
    ]
    with ann, ben:

        def place(client: Any, direction: str, volume: float, price: float) -> Any:
            body = models.PlaceOrder(
                instrument_id="IX2301",
                direction=models.Direction(direction),
                offset=models.Offset.OPEN,
                volume=volume,
                order_type=models.OrderType.LIMIT,
                price=price,
            )
            return orders["place_order"].sync_detailed(client=client, body=body)

        sold = place(ben, "SELL", 3.0, 120.0)
        assert sold.status_code == 201 and sold.parsed.order.status == models.OrderStatus.SUBMITTED
        bought = place(ann, "BUY", 2.0, 120.0)
        assert bought.parsed.order.status == models.OrderStatus.FILLED
        assert [fill.volume for fill in bought.parsed.trades] == [2.0]
        (position,) = positions.sync(client=ann).positions
        assert position.volume_long == 2.0
        amended = orders["amend_order"].sync(
            sold.parsed.order.order_id, client=ben, body=models.AmendOrder(price=121.0)
        )
        assert amended.order.price == 121.0
        gone = orders["cancel_order"].sync(sold.parsed.order.order_id, client=ben)
        assert gone.order.status == models.OrderStatus.CANCELLED
        refused = place(ann, "BUY", 2.0, 120.3)
        assert refused.status_code == 422 and refused.parsed.code == 1007
