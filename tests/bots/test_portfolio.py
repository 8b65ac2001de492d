"""What a bot learns from the frames it hears."""

from typing import Any

import pytest

from bots.bot import appetite
from bots.frames import BUY, SELL, Frame
from bots.portfolio import Instrument, Legs, Portfolio

ROW: Frame = {
    "instrument_id": "IF",
    "tick": 0.2,
    "multiplier": 300,
    "limit_up": 4400.0,
    "limit_down": 3600.0,
    "margin_rate_long": 0.1,
    "margin_rate_short": 0.12,
    "min_volume": 1,
    "max_volume": 500,
    "max_position": None,
    "max_orders": None,
    "phase": "continuous",
    "settlement_price": 4000.0,
    "last_price": None,
}


def found(kind: str, **data: Any) -> Frame:
    return {"type": "query_response", "request_type": kind, "data": data}


def order(direction: str = BUY, price: float = 3999.8, volume: int = 5, offset: str = "OPEN", **more: Any) -> Frame:
    fields = {"direction": direction, "price": price, "volume": volume, "offset": offset, "order_type": "LIMIT"}
    return {"instrument_id": "IF"} | fields | more


def status(order_id: str, word: str, left: float, **more: Any) -> Frame:
    return {"type": "order_status", "order_id": order_id, "status": word, "remaining_volume": left} | more


def accepted(order_id: str) -> Frame:
    return {"type": "order_response", "success": True, "order_id": order_id, "error_code": None}


def refused(code: int, kind: str = "order_response") -> Frame:
    return {"type": kind, "success": False, "order_id": None, "error_code": code, "error_message": "no"}


@pytest.fixture
def portfolio() -> Portfolio:
    made = Portfolio()
    made.hear(found("query_instruments", instruments=[ROW]), {})
    return made


def lives(portfolio: Portfolio) -> dict[str, tuple[int, int, int]]:
    return {name: (each.price, each.left, each.volume) for name, each in portfolio.orders.items()}


def test_an_instrument_in_ticks() -> None:
    made = Instrument.of(ROW)
    assert (made.low, made.anchor, made.high, made.last) == (18_000, 20_000, 22_000, None)
    assert made.margin == pytest.approx(0.12 * 4000 * 300)
    assert [made.price(ticks) for ticks in (3, 20_001, 19_999)] == [0.6, 4000.2, 3999.8]
    free = Instrument.of(ROW | {"limit_up": None, "limit_down": None, "last_price": 4000.4})
    assert (free.low, free.high, free.last) == (16_000, 24_000, 20_002)


def test_the_life_of_an_order(portfolio: Portfolio) -> None:
    portfolio.hear(accepted("O1"), {"type": "submit_order"} | order())
    portfolio.hear(status("O1", "Submitted", 5.0), None)
    assert lives(portfolio) == {"O1": (19_999, 5, 5)}
    portfolio.hear(status("O1", "PartiallyFilled", 3.0), None)
    portfolio.hear(status("O1", "PartiallyFilled", 6.0, price=4000.0, volume=8.0), None)
    assert lives(portfolio) == {"O1": (20_000, 6, 8)}
    portfolio.hear(status("O2", "Submitted", 5.0), None)
    portfolio.hear(status("O1", "Cancelled", 6.0), None)
    assert lives(portfolio) == {}


def test_a_batch_is_taken_in_item_by_item(portfolio: Portfolio) -> None:
    results = [
        {"success": True, "order_id": "O1", "error_code": None},
        {"success": False, "order_id": None, "error_code": 1015},
        {"success": True, "order_id": "O3", "error_code": None},
    ]
    asked = {"type": "submit_orders", "orders": [order(), order(), order(SELL, 4000.2, 7)]}
    portfolio.hear({"type": "orders_response", "results": results}, asked)
    assert lives(portfolio) == {"O1": (19_999, 5, 5), "O3": (20_001, 7, 7)}
    assert portfolio.refused == {1015: 1}
    gone = [{"success": False, "order_id": None, "error_code": 1011}, {"success": True, "order_id": "O3"}]
    asked = {"type": "cancel_orders", "order_ids": ["O1", "O3"]}
    portfolio.hear({"type": "orders_response", "results": gone}, asked)
    assert set(lives(portfolio)) == {"O3"}, "what became of it is told by its order_status"


def test_an_order_that_is_gone_is_forgotten(portfolio: Portfolio) -> None:
    for number, code in enumerate((1002, 1011, 1015)):
        portfolio.hear(accepted(f"O{number}"), {"type": "submit_order"} | order())
        portfolio.hear(refused(code), {"type": "amend_order", "order_id": f"O{number}", "price": 1.0})
    assert set(lives(portfolio)) == {"O2"}


def test_orders_of_before_are_found(portfolio: Portfolio) -> None:
    row = order(volume=9) | {"order_id": "O7", "remaining_volume": 4.0}
    portfolio.hear(found("query_orders", orders=[row], next=None), {})
    assert lives(portfolio) == {"O7": (19_999, 4, 9)}


def test_trades_move_the_legs_and_live_closings_hold_lots(portfolio: Portfolio) -> None:
    for direction, offset, lots in ((BUY, "OPEN", 5), (SELL, "OPEN", 3), (SELL, "CLOSE", 2), (BUY, "CLOSETODAY", 1)):
        frame = {"type": "trade", "instrument_id": "IF", "direction": direction, "offset": offset, "volume": lots}
        portfolio.hear(frame, None)
    assert (portfolio.legs["IF"], portfolio.net("IF"), portfolio.trades) == (Legs(3, 2), 1, 4)
    assert portfolio.traded == {"IF"}
    portfolio.hear(accepted("O1"), {"type": "submit_order"} | order(SELL, 4000.2, 2, "CLOSE"))
    portfolio.hear(accepted("O2"), {"type": "submit_order"} | order(SELL, 4000.2, 9, "OPEN"))
    assert (portfolio.free("IF", SELL), portfolio.free("IF", BUY), portfolio.free("IX", BUY)) == (1, 2, 0)
    portfolio.hear(found("query_position", positions=[]), {})
    assert portfolio.net("IF") == 0


def test_others_are_who_is_at_a_price_beside_us(portfolio: Portfolio) -> None:
    def levels(*pairs: tuple[float, float]) -> list[Frame]:
        return [{"price": price, "volume": volume, "order_count": 1} for price, volume in pairs]

    portfolio.hear(accepted("O1"), {"type": "submit_order"} | order(BUY, 3999.8, 5))
    portfolio.hear(accepted("O2"), {"type": "submit_order"} | order(SELL, 4000.2, 5))
    book = {"type": "orderbook", "instrument_id": "IF"}
    bids, asks = levels((3999.8, 5.0), (3999.6, 2.0)), levels((4000.2, 6.0))
    portfolio.hear(book | {"bids": bids, "asks": asks}, None)
    assert portfolio.others_best("IF") == (19_998, 20_001)
    assert portfolio.books["IF"].bids.best() == 19_999 and portfolio.books["IF"].bids.lots == 7
    portfolio.hear(book | {"bids": [], "asks": levels((4000.2, 5.0)), "phase": "auction"}, None)
    assert portfolio.others_best("IF") == (None, None)
    assert portfolio.phases["IF"] == "auction"


LOOK_AGAIN = [
    ({"type": "instrument_status", "instrument_id": "IF", "phase": "halted"}, None, True),
    ({"type": "statement", "day": 20260101}, None, True),
    ({"type": "position_expired", "instrument_id": "IF"}, None, True),
    ({"type": "liquidation", "status": "STARTED"}, None, True),
    *((refused(code), {"type": "submit_order"} | order(), True) for code in (1005, 1006, 1007, 1008, 1009, 1013)),
    *((refused(code), {"type": "submit_order"} | order(), False) for code in (1001, 1012, 1015)),
    ({"type": "error", "code": 404, "message": "no"}, {"type": "query_account"}, False),
    ({"type": "ping"}, None, False),
]


@pytest.mark.parametrize(("frame", "request_", "stale"), LOOK_AGAIN)
def test_what_makes_a_bot_look_again(portfolio: Portfolio, frame: Frame, request_: Frame | None, stale: bool) -> None:
    portfolio.hear(frame, request_)
    assert portfolio.stale is stale


@pytest.mark.parametrize(
    ("balance", "available", "left"),
    [
        (100, 100, 1.0),
        (100, 50, 1.0),
        (100, 30, 0.5),
        (100, 10, 0.0),
        (100, 0, 0.0),
        (100, -5, 0.0),
        (0, 0, 0.0),
        (-5, 9, 0.0),
    ],
)
def test_appetite_goes_with_the_money(balance: float, available: float, left: float) -> None:
    assert appetite(balance, available) == pytest.approx(left)
