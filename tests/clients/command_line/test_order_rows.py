"""What `bourse orders` says of an order in a row, and `bourse account` of a risk ratio."""

from __future__ import annotations

from typing import Any

import pytest
from bourse_client.command_line.holdings import _risk
from bourse_client.command_line.orders import _condition, _row
from bourse_client.command_line.shown import money, number
from bourse_client.messages import Order

PRICE = 8


def made(**fields: Any) -> Order:
    plain: dict[str, Any] = {
        "order_id": "O1",
        "instrument_id": "IX2301",
        "direction": "BUY",
        "offset": "OPEN",
        "volume": 3.0,
        "price": None,
        "order_type": "MARKET",
        "status": "Waiting",
        "filled_volume": 0.0,
        "remaining_volume": 3.0,
        "timestamp": 1_700_000_000_000,
    }
    return Order(**plain | fields)


def test_a_price_is_the_limit_or_what_stands_in_its_place() -> None:
    told = [made(price=119.5), made(), made(price_levels=5)]
    assert [_row(order)[PRICE] for order in told] == ["119.5", "market", "best 5"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ""),
        ({"stop_price": 121.0, "stop_kind": "STOP", "trigger": "LAST"}, "LAST >= 121"),
        ({"stop_price": 121.0, "stop_kind": "STOP", "trigger": "BID", "direction": "SELL"}, "BID <= 121"),
        ({"stop_price": 118.0, "stop_kind": "TAKE_PROFIT", "trigger": "ASK"}, "ASK <= 118"),
        ({"stop_price": 118.0, "stop_kind": "TAKE_PROFIT", "direction": "SELL"}, "LAST >= 118"),
        ({"trail": 2.5, "trigger": "LAST", "direction": "SELL"}, "LAST, trailing 2.5"),
        ({"trail": 2.5, "current_stop": 117.5, "direction": "SELL"}, "LAST <= 117.5, trailing 2.5"),
    ],
)
def test_what_a_waiting_order_waits_for(fields: dict[str, Any], said: str) -> None:
    assert _condition(made(**fields)) == said


def test_a_risk_ratio_is_a_share_of_what_there_is() -> None:
    told = [
        _risk({"balance": balance, "margin": margin, "risk_ratio": ratio})
        for balance, margin, ratio in ((100.0, 84.0, 0.84), (0.0, 0.0, 0.0), (0.0, 84.0, 9999.0), (-1.0, 0.0, 0.0))
    ]
    assert told == ["84.00%", "0.00%", "no balance left", "no balance left"]


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert [money(-0.004), money(-0.006), number(-0.0000001)] == ["0.00", "-0.01", "0"]
