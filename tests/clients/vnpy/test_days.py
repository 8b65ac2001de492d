"""A day is settled, beside a gateway that is connected and behind the back of one that is not."""

from __future__ import annotations

from functools import partial

import pytest
from vnpy.trader.constant import Direction, Offset, Status

from tests.clients.vnpy.desk import CLOSE, LONG, SHORT, VT_SYMBOL, Desk, desk_of
from tests.e2e.cluster.where import Where

pytestmark = pytest.mark.long

TODAY, YESTERDAY = Offset.CLOSETODAY, Offset.CLOSEYESTERDAY


def is_held(desk: Desk, gateway: str, direction: Direction, lots: tuple[float, float]) -> bool:
    told = desk.position(gateway, direction)
    return (told.volume, told.yd_volume) == lots


def until_held(desk: Desk, lots: float, of_before: float) -> None:
    """BUYER's long lots and SELLER's short ones, as vnpy's positions and its converter have them."""
    for gateway, direction in (("BUYER", LONG), ("SELLER", SHORT)):
        desk.until(partial(is_held, desk, gateway, direction, (lots, of_before)), f"{gateway}: {lots}, {of_before}")
    buyer = desk.converter("BUYER").get_position_holding(VT_SYMBOL)
    seller = desk.converter("SELLER").get_position_holding(VT_SYMBOL)
    assert buyer is not None and (buyer.long_pos, buyer.long_yd) == (lots, of_before)
    assert seller is not None and (seller.short_pos, seller.short_yd) == (lots, of_before)


def trade(desk: Desk, lots: float) -> None:
    desk.placed("BUYER", LONG, lots, 119.5)
    desk.send("SELLER", SHORT, lots, 119.5)


def close(desk: Desk, offset: Offset) -> None:
    """One lot of each."""
    desk.placed("BUYER", SHORT, 1, 119.5, offset)
    desk.send("SELLER", LONG, 1, 119.5, offset)


def test_lots_of_today_and_of_before(where: Where) -> None:
    server = where()
    with desk_of(server, BUYER="user001", SELLER="user002") as desk:
        trade(desk, 3)
        until_held(desk, 3, 0)
        resting = desk.placed("BUYER", LONG, 1, 118.0)
        server.manage("settle")
        until_held(desk, 3, 3)
        desk.until_status(resting, Status.CANCELLED)
        desk.until(lambda: desk.says("cancelled, SETTLEMENT", "BUYER"), "the reason")

        trade(desk, 2)
        until_held(desk, 5, 3)
        close(desk, CLOSE)
        until_held(desk, 4, 2)
        close(desk, YESTERDAY)
        until_held(desk, 3, 1)
        close(desk, TODAY)
        until_held(desk, 2, 1)
        refused = desk.send("BUYER", SHORT, 2, 119.5, YESTERDAY)
        desk.until_status(refused, Status.REJECTED)
        desk.until(lambda: desk.says("refused, 1005", "BUYER"), "the refusal")

        with desk_of(server, BUYER="user001", SELLER="user002") as other:
            until_held(other, 2, 1)


def test_a_day_that_was_settled_while_the_gateway_was_away(where: Where) -> None:
    server = where()
    with desk_of(server, BUYER="user001", SELLER="user002") as desk:
        trade(desk, 2)
        until_held(desk, 2, 0)
        resting = desk.placed("BUYER", LONG, 1, 118.0)
        trades = len(desk.trades("BUYER"))
        for gateway in ("BUYER", "SELLER"):
            desk.main.gateways[gateway].close()
        server.manage("settle")
        desk.connect(server, "BUYER", "user001")
        desk.connect(server, "SELLER", "user002")
        until_held(desk, 2, 2)
        assert desk.statuses(resting)[-1] is Status.CANCELLED
        assert len(desk.trades("BUYER")) == trades
