"""Two people trade on a live server: every frame that each of them gets, in its order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.client import Client, Frame, signed_in
from tests.e2e.server import PATIENT, Market, Server

HOLD = 1200.276
"""Held for a lot at 120: 10 % of 120 × 100, and 0.0023 % of it for the commission."""


@pytest.fixture(scope="module")
def market(seeded_market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for this module alone: balances and books are known."""
    fresh = Server(seeded_market.copy(tmp_path_factory.mktemp("trading")), extra=PATIENT)
    try:
        fresh.start()
        yield fresh
    finally:
        fresh.kill()


def bare(frames: list[Frame]) -> list[tuple[Any, ...]]:
    """Frames without what differs from run to run, after looking at just that: ids, times and sequence numbers."""
    now = time.time() * 1000
    for frame in frames:
        assert now - 60_000 < frame.get("timestamp", now) < now + 1_000
    return [(frame["type"], *_told(frame)) for frame in frames]


def _told(frame: Frame) -> tuple[Any, ...]:
    match frame["type"]:
        case "order_response":
            return (frame["success"], frame["order_id"])
        case "order_status":
            return (frame["order_id"], frame["status"], frame["filled_volume"], frame["remaining_volume"])
        case "trade":
            fields = ("order_id", "instrument_id", "direction", "offset", "price", "volume")
            return tuple(frame[field] for field in fields)
        case "account_update":
            return tuple(frame[field] for field in ("balance", "available", "frozen", "margin", "profit"))
    return ()


def money(balance: float, hold: float, margin: float) -> tuple[Any, ...]:
    """An account update without profit."""
    frozen = round(hold + margin, 4)
    return ("account_update", balance, round(balance - frozen, 4), frozen, margin, 0.0)


def private(client: Client) -> list[Frame]:
    return [frame for frame in client.heard if "seq" in frame]


def test_two_users_trade_and_each_hears_everything_in_order(market: Server) -> None:
    with signed_in(market, "user001") as seller, signed_in(market, "user002") as buyer:
        start = 10_000_000.0
        seller.take(), buyer.take()

        offer = seller.order("SELL", 10, 120)["order_id"]
        seller.until("account_update")
        assert bare(seller.take()) == [
            ("order_response", True, offer),
            ("order_status", offer, "Submitted", 0.0, 10.0),
            money(start, round(10 * HOLD, 4), 0.0),
        ]

        bid = buyer.order("BUY", 4, 120.5)["order_id"]
        buyer.until("account_update")
        seller.until("account_update")
        paid = round(start - 4 * 0.276, 4)
        assert bare(buyer.take()) == [
            ("order_response", True, bid),
            ("order_status", bid, "Submitted", 0.0, 4.0),
            ("trade", bid, "IX2301", "BUY", "OPEN", 120.0, 4.0),
            ("order_status", bid, "Filled", 4.0, 0.0),
            money(paid, 0.0, 4800.0),
        ]
        assert bare(seller.take()) == [
            ("trade", offer, "IX2301", "SELL", "OPEN", 120.0, 4.0),
            ("order_status", offer, "PartiallyFilled", 4.0, 6.0),
            money(paid, round(6 * HOLD, 4), 4800.0),
        ]
        assert buyer.of("trade")[0]["trade_id"] == seller.of("trade")[0]["trade_id"]

        assert seller.ask("cancel_order", order_id=offer)["order_id"] == offer
        seller.until("account_update")
        assert bare(seller.take()) == [
            ("order_response", True, offer),
            ("order_status", offer, "Cancelled", 4.0, 6.0),
            money(paid, 0.0, 4800.0),
        ]
        for client in (seller, buyer):
            seqs = [frame["seq"] for frame in private(client)]
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_what_a_query_says_is_what_was_pushed(market: Server) -> None:
    with signed_in(market, "user003") as seller, signed_in(market, "user004") as buyer:
        seller.order("SELL", 3, 119)
        bid = buyer.order("BUY", 3, None, order_type="MARKET")["order_id"]
        update = buyer.until("account_update")
        account = buyer.account()
        assert {name: account[name] for name in update if name in account} == {
            name: value for name, value in update.items() if name in account
        }
        assert buyer.ask("query_order", order_id=bid)["data"]["order"]["status"] == "Filled"
        assert seller.ask("query_order", order_id=bid)["code"] == 1002
        (position,) = buyer.ask("query_position")["data"]["positions"]
        assert (position["volume_long"], position["open_price_long"]) == (3.0, 119.0)

        closing = buyer.order("SELL", 3, 118, offset="CLOSETODAY")
        seller.order("BUY", 3, 118, offset="CLOSE")
        assert buyer.until("order_status", order_id=closing["order_id"], status="Filled")
        assert buyer.ask("query_position")["data"]["positions"] == []
        assert seller.ask("query_position")["data"]["positions"] == []
        lost, won = buyer.account(), seller.account()
        assert (lost["close_profit"], won["close_profit"]) == (-300.0, 300.0)
        there = sum(account[name] for account in (lost, won) for name in ("balance", "commission"))
        assert round(there, 4) == 20_000_000.0


def test_market_data_needs_no_user(market: Server) -> None:
    instrument = "IC2301"
    with Client(market.ws) as watcher, signed_in(market, "user005") as one, signed_in(market, "user006") as two:
        watcher.ask("subscribe", channels=["orderbook", "ticker"], instruments=[instrument])
        assert watcher.until("orderbook")["bids"] == []
        one.order("BUY", 5, 6000.2, instrument_id=instrument)
        assert watcher.until("orderbook")["bids"] == [{"price": 6000.2, "volume": 5.0, "order_count": 1}]
        two.order("SELL", 2, 6000, instrument_id=instrument)
        tick = watcher.until("ticker")
        assert (tick["last_price"], tick["volume"]) == (6000.2, 2.0)
        assert watcher.until("orderbook")["bids"] == [{"price": 6000.2, "volume": 3.0, "order_count": 1}]
        assert not private(watcher) and not watcher.of("trade")
