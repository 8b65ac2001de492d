"""A public order flow over live sockets: the server's trades and resting orders are those of the reference output.

All buys come from one account and all sells from another. BOURSE_FLOW: how many messages (2,000 when not set).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.oracle_adapter import Adapter
from tests.core.test_oracle import needs_oracle, replay
from tests.e2e.client import Client, Frame, order_fields, signed_in
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

MESSAGES = int(os.environ.get("BOURSE_FLOW", "2000"))
NEW, CANCEL, MODIFY = 0, 1, 2
TRADED = 1
INSTRUMENT = "FLOW"

LISTING = f"""
from django.conf import settings
from trading.operators import requests
from trading.core.commands import Deposit, ListInstrument
from trading.core.money import MIN_MARGIN_RATE, UNIT
from trading.core.types import Contract, Terms
price = 33_000 * UNIT
contract = Contract(instrument_id={INSTRUMENT!r}, product_id="F", tick=UNIT, multiplier=1, reference_price=price)
terms = Terms(name="Public order flow", margin_long=MIN_MARGIN_RATE, margin_short=MIN_MARGIN_RATE, max_volume=1_000_000)
orders = [ListInstrument(contract, terms), *(Deposit(user, 10**9 * UNIT) for user in ("user001", "user002"))]
for row in [requests.carry_out(order, market=settings.MARKET) for order in orders]:
    print(row.kind, row.status)
"""

Trade = tuple[int, int, int, int]
"""(price, volume, maker, taker), orders by the numbers that the flow gave them"""


class Player:
    """Plays the flow in its order: a message is sent on one socket only when the other has had all its answers."""

    def __init__(self, buyer: Client, seller: Client) -> None:
        self._clients = (buyer, seller)
        self._awaited: list[list[int | None]] = [[], []]
        self.side_of: dict[int, int] = {}
        self.order_of: dict[int, str] = {}
        self.number_of: dict[str, int] = {}

    def play(self, message: tuple[int, ...]) -> None:
        match message:
            case (0, _, number, side, price, volume, ioc):
                self.side_of[number] = side
                self._new(side, number, price, volume, bool(ioc))
            case (1, _, number):
                self._cancel(number)
            case (2, _, number, side, price, volume):
                self._cancel(number)
                if self.settle(side):
                    self._new(side, number, price, volume, False)

    def _new(self, side: int, number: int, price: int, volume: int, ioc: bool) -> None:
        fields = {"instrument_id": INSTRUMENT, "time_condition": "IOC" if ioc else "GFD"}
        self._send(side, number, "submit_order", **order_fields(("BUY", "SELL")[side], volume, price, **fields))

    def _cancel(self, number: int) -> None:
        side = self.side_of[number]
        if number in self._awaited[side]:
            self.settle(side)
        self._send(side, None, "cancel_order", order_id=self.order_of[number])

    def _send(self, side: int, number: int | None, kind: str, **fields: Any) -> None:
        self.settle(1 - side)
        self._clients[side].send(kind, **fields)
        self._awaited[side].append(number)

    def settle(self, side: int) -> bool:
        """Read the answers to all that was sent on a side; whether the last one is a success."""
        success = False
        for number in self._awaited[side]:
            answer = self._clients[side].until("order_response")
            success = answer["success"]
            if number is None:
                assert success or answer["error_code"] == 1011, answer
            else:
                assert success, answer
                self.order_of[number] = answer["order_id"]
                self.number_of[answer["order_id"]] = number
        self._awaited[side].clear()
        return success


def expected(messages: list[tuple[int, ...]]) -> tuple[list[Trade], dict[int, int]]:
    """What the reference book makes of the flow: its trades, and what rests at the end."""
    reports: list[tuple[int, ...]] = []
    book = Adapter(reports.append)
    for kind, *numbers in messages:
        (book.new, book.cancel, book.modify)[kind](*numbers)
    trades = [(price, volume, maker, taker) for kind, _, price, volume, maker, taker in _trades(reports)]
    return trades, {number: entry.remaining for number, entry in book.live.items()}


def _trades(reports: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return [report for report in reports if report[0] == TRADED]


def stored(server: Server) -> list[tuple[str, float, float, str, str]]:
    """The trades of the database as (trade id, price, volume, maker, taker), in order."""
    rows = server.market.rows(
        f"""SELECT maker.trade_id, maker.price / 10000.0, maker.volume, maker.order_id, taker.order_id
               FROM trading_trade maker JOIN trading_trade taker ON taker.trade_id = maker.trade_id
               WHERE maker.is_maker AND NOT taker.is_maker AND maker.instrument_id = '{INSTRUMENT}'
               ORDER BY maker.trade_id"""
    )
    return [
        (_id("T", trade), price, volume, _id("O", maker), _id("O", taker))
        for trade, price, volume, maker, taker in rows
    ]


def _id(letter: str, number: int) -> str:
    """An id as the protocol writes it: milliseconds since 1970 instead of since 2020."""
    return f"{letter}{number + 1_577_836_800_000 * 10_000_000}"


def resting(server: Server) -> dict[str, int]:
    rows = server.market.rows(
        "SELECT id, volume - filled FROM trading_order WHERE status IN ('Submitted', 'PartiallyFilled')"
    )
    return {_id("O", number): left for number, left in rows}


def pushed(client: Client, trades: int) -> list[Frame]:
    """All trades that a side was told, in order; reads on until there are as many."""
    while len(client.of("trade")) < trades:
        client.until("trade")
    return client.of("trade")


@needs_oracle
@pytest.mark.parametrize("messages", [400, pytest.param(MESSAGES, marks=pytest.mark.long)])
def test_the_public_flow_gives_the_reference_trades(new_server: Callable[..., Server], messages: int) -> None:
    flow = replay().load("interleaved")[:messages]
    wanted, left = expected(flow)
    assert len(wanted) > messages / 10, "a flow that hardly trades proves nothing"
    server = new_server()
    said = server.manage("shell", "-v", "0", "-c", LISTING)
    assert said.split() == ["ListInstrument", "DONE"] + ["Deposit", "DONE"] * 2
    with signed_in(server, "user001") as buyer, signed_in(server, "user002") as seller:
        player = Player(buyer, seller)
        for message in flow:
            player.play(message)
        player.settle(0), player.settle(1)
        bought, sold = pushed(buyer, len(wanted)), pushed(seller, len(wanted))
        assert buyer.ask("ping")["type"] == seller.ask("ping")["type"] == "pong"
    number = player.number_of
    database = stored(server)
    assert [(price, volume, number[maker], number[taker]) for _, price, volume, maker, taker in database] == wanted
    for told in (bought, sold):
        assert [(frame["trade_id"], frame["price"], frame["volume"]) for frame in told] == [
            trade[:3] for trade in database
        ]
    sides = [{buy["order_id"], sell["order_id"]} for buy, sell in zip(bought, sold, strict=True)]
    assert sides == [{maker, taker} for *_, maker, taker in database]
    assert {number[order]: lots for order, lots in resting(server).items()} == left
