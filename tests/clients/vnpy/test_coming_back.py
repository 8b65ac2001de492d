"""The line of a gateway is cut at the worst moments, and vnpy hears of each order once, and in the end how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from bourse_client.errors import Unavailable
from vnpy.trader.constant import Status
from vnpy_bourse import BourseGateway

from tests.clients.vnpy.desk import LONG, Desk, desk_of
from tests.clients.wire import Frame, Wire, changed, once, unknown, wire
from tests.e2e.server import Server

USER = "user003"


@pytest.fixture
def desk(server: Server) -> Iterator[Desk]:
    with desk_of(server) as desk:
        yield desk


def is_order(frame: Frame) -> bool:
    return bool(frame["type"] == "submit_order")


def is_told(frame: Frame) -> bool:
    """All by which a client hears of an order."""
    return frame["type"] in ("order_response", "order_status", "account_update")


LOSSES: dict[str, Callable[[Wire], None]] = {
    "the order": lambda line: setattr(line, "lost_up", once(is_order)),
    "its answer": lambda line: setattr(line, "lost_down", once(is_told)),
}


def too_busy(line: Wire) -> list[Frame]:
    """Answers that the engine takes no orders now, after which the order is sent again: a matter of how busy the
    machine is."""
    return [each for frames in line.down for each in frames if each.get("error_code") == Unavailable.CODE]


@pytest.mark.parametrize("lost", LOSSES)
async def test_an_order_is_there_once_whatever_was_lost(server: Server, desk: Desk, lost: str) -> None:
    async with wire(server.ws) as line:

        def play() -> None:
            desk.add(server, "G", USER, line.url)
            LOSSES[lost](line)
            order = desk.placed("G", LONG, 1, 118.0)
            assert desk.statuses(order) == [Status.SUBMITTING, Status.NOTTRADED]
            desk.until(lambda: desk.says("connected again", "G"), "the words")
            assert desk.says("the connection is lost", "G")
            desk.cancel(order)
            desk.until_status(order, Status.CANCELLED)

        await asyncio.to_thread(play)
        sent = line.sent("submit_order")
        assert len({each["client_order_id"] for each in sent}) == 1
        assert len(sent) - len(too_busy(line)) == (2 if lost == "the order" else 1)


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_an_order_of_which_nobody_knows_is_neither_rejected_nor_accepted_before(
    server: Server, desk: Desk, done: bool
) -> None:
    async with wire(server.ws) as line:

        def play() -> None:
            desk.add(server, "G", USER, line.url)
            line.told_down = unknown()
            if not done:
                line.told_up = changed(is_order, price=0.01)
            order = desk.placed("G", LONG, 1, 118.0)
            assert desk.statuses(order) == [Status.SUBMITTING, Status.NOTTRADED]
            desk.cancel(order)
            desk.until_status(order, Status.CANCELLED)

        await asyncio.to_thread(play)
        assert len({each["client_order_id"] for each in line.sent("submit_order")}) == 1


async def test_what_was_under_way_when_the_gateway_was_closed_settles_itself(server: Server, desk: Desk) -> None:
    async with wire(server.ws) as line:

        def play(arrives: bool) -> list[Status]:
            if arrives:
                line.silent_down = is_told
            else:
                line.lost_up = is_order
            asked = len(line.sent("submit_order"))
            order = desk.send("G", LONG, 1, 118.0)
            desk.until(lambda: len(line.sent("submit_order")) > asked, "the order")
            desk.main.gateways["G"].close()
            assert desk.statuses(order) == [Status.SUBMITTING]
            line.silent_down = line.lost_up = lambda frame: False
            desk.connect(server, "G", USER, line.url)
            statuses = desk.statuses(order)
            if arrives:
                desk.cancel(order)
                desk.until_status(order, Status.CANCELLED)
            return statuses

        await asyncio.to_thread(desk.add, server, "G", USER, line.url)
        assert await asyncio.to_thread(play, True) == [Status.SUBMITTING, Status.NOTTRADED]
        assert await asyncio.to_thread(play, False) == [Status.SUBMITTING, Status.REJECTED]
        assert desk.says("did not come to the exchange", "G")


@pytest.mark.long
def test_an_exchange_that_is_not_there_yet(
    new_server: Callable[..., Server], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_server(start=False)
    monkeypatch.setattr("vnpy_bourse.session.PATIENCE", 0.2)
    monkeypatch.setattr("vnpy_bourse.session.AGAIN_SECONDS", 0.01)
    desk.main.add_gateway(BourseGateway, "G")
    desk.main.connect({"address": server.http, "user_id": USER, "token": server.token(USER)}, "G")
    desk.until(lambda: desk.says("trying again", "G"), "the words")
    order = desk.send("G", LONG, 1, 118.0)
    desk.until_status(order, Status.REJECTED)
    assert desk.says("not connected", "G")
    monkeypatch.setattr("vnpy_bourse.session.PATIENCE", 60.0)
    server.start()
    desk.until(lambda: desk.says("connected to", "G"), "the connection")
