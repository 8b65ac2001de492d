"""What a bot makes of what its client keeps."""

from typing import Any

import pytest
from bourse_client.book import Book
from bourse_client.messages import BUY, SELL, BookChange, Frame, Level
from bourse_client.private import Private

from bots.bot import appetite
from bots.portfolio import Instrument, Portfolio, best

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


def order(
    direction: str = BUY, price: float | None = 3999.8, volume: int = 5, offset: str = "OPEN", **more: Any
) -> Frame:
    fields = {"direction": direction, "price": price, "volume": volume, "offset": offset, "order_type": "LIMIT"}
    return {"instrument_id": "IF"} | fields | more


class Kept(Private):
    """What a client keeps; it numbers what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.seq = 0

    def tell(self, kind: str, **fields: Any) -> Any:
        return self.take({"type": kind, "seq": (self.seq or 0) + 1, "timestamp": 1} | fields)

    def enter(self, order_id: str, order: Frame) -> None:
        """An order was accepted."""
        self.status(order_id, "Submitted", order["volume"], **order)

    def status(self, order_id: str, word: str, left: float, **more: Any) -> None:
        self.tell("order_status", order_id=order_id, status=word, filled_volume=0, remaining_volume=left, **more)

    def trade(self, direction: str, offset: str, lots: int, instrument_id: str = "IF") -> Any:
        ids = {"trade_id": "T1", "order_id": "O1", "instrument_id": instrument_id, "price": 1.0}
        return self.tell("trade", direction=direction, offset=offset, volume=lots, **ids)

    def money(self, balance: float, available: float) -> None:
        self.tell("account_update", balance=balance, available=available, **dict.fromkeys(REST_OF_MONEY, 0.0))


REST_OF_MONEY = ("frozen", "margin", "profit", "risk_ratio")


def book_of(name: str, bids: dict[float, float], asks: dict[float, float], phase: str | None = None) -> Book:
    book = Book(name)
    sides = [[Level(price, lots, 1) for price, lots in side.items()] for side in (bids, asks)]
    change = BookChange(
        instrument_id=name, seq=1, prev_seq=None, bids=sides[0], asks=sides[1], timestamp=1, phase=phase
    )
    book.apply(change)
    return book


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def portfolio(kept: Kept) -> Portfolio:
    made = Portfolio(kept)
    made.learn([ROW])
    return made


def lives(portfolio: Portfolio) -> dict[str, tuple[int, int, int]]:
    return {each.order_id: (each.price, each.left, each.volume) for each in portfolio.orders_in("IF")}


def test_an_instrument_in_ticks() -> None:
    made = Instrument.of(ROW)
    assert (made.low, made.anchor, made.high, made.last) == (18_000, 20_000, 22_000, None)
    assert made.margin == pytest.approx(0.12 * 4000 * 300)
    assert [made.price(ticks) for ticks in (3, 20_001, 19_999)] == [0.6, 4000.2, 3999.8]
    free = Instrument.of(ROW | {"limit_up": None, "limit_down": None, "last_price": 4000.4})
    assert (free.low, free.high, free.last) == (16_000, 24_000, 20_002)


def test_the_life_of_an_order(portfolio: Portfolio, kept: Kept) -> None:
    kept.enter("O1", order())
    assert lives(portfolio) == {"O1": (19_999, 5, 5)} and portfolio.ordered() == {"IF"}
    kept.status("O1", "PartiallyFilled", 3.0)
    kept.status("O1", "PartiallyFilled", 6.0, price=4000.0, volume=8.0)
    assert lives(portfolio) == {"O1": (20_000, 6, 8)}
    kept.enter("O2", order(price=None, order_type="MARKET"))
    assert set(lives(portfolio)) == {"O1"}, "what has no price cannot be moved"
    kept.status("O2", "Filled", 0.0)
    kept.status("O1", "Cancelled", 6.0)
    assert lives(portfolio) == {} and portfolio.ordered() == set()


def test_trades_move_the_lots_and_live_closings_hold_them(portfolio: Portfolio, kept: Kept) -> None:
    for direction, offset, lots in ((BUY, "OPEN", 5), (SELL, "OPEN", 3), (SELL, "CLOSE", 2), (BUY, "CLOSETODAY", 1)):
        portfolio.hear(kept.trade(direction, offset, lots))
    assert (portfolio.net("IF"), portfolio.trades, portfolio.traded) == (1, 4, {"IF"})
    assert (portfolio.free("IF", SELL), portfolio.free("IF", BUY)) == (3, 2)
    kept.enter("O1", order(SELL, 4000.2, 2, "CLOSE"))
    kept.enter("O2", order(SELL, 4000.2, 9, "OPEN"))
    assert (portfolio.free("IF", SELL), portfolio.free("IF", BUY), portfolio.free("IX", BUY)) == (1, 2, 0)


def test_others_are_who_is_at_a_price_beside_us(portfolio: Portfolio, kept: Kept) -> None:
    assert portfolio.others_best("IF") == (None, None)
    kept.enter("O1", order(BUY, 3999.8, 5))
    kept.enter("O2", order(SELL, 4000.2, 5))
    portfolio.look_at(book_of("IF", {3999.8: 5, 3999.6: 2}, {4000.2: 6}))
    assert portfolio.others_best("IF") == (19_998, 20_001)
    assert portfolio.bids("IF") == [(19_999, 5), (19_998, 2)] and best(portfolio.bids("IF")) == 19_999
    portfolio.look_at(book_of("IF", {}, {4000.2: 5}, "auction"))
    assert portfolio.others_best("IF") == (None, None)
    assert portfolio.phases["IF"] == "auction"
    portfolio.look_at(book_of("IF", {4000.0 - step / 5: 1 for step in range(20)}, {}))
    assert len(portfolio.bids("IF")) == 10


LOOK_AGAIN = [
    ({"type": "statement", "day": 20260101}, True),
    ({"type": "position_expired", "instrument_id": "IF"}, True),
    ({"type": "liquidation", "status": "STARTED"}, True),
    ({"type": "risk_warning"}, False),
]


@pytest.mark.parametrize(("push", "stale"), LOOK_AGAIN)
def test_what_makes_a_bot_look_again(portfolio: Portfolio, push: Frame, stale: bool) -> None:
    portfolio.hear(push)
    assert portfolio.stale is stale
    portfolio.learn([ROW])
    assert not portfolio.stale


CODES = [*((code, True) for code in (1005, 1006, 1007, 1008, 1009, 1013)), *((code, False) for code in (1001, 1015))]


@pytest.mark.parametrize(("code", "stale"), CODES)
def test_a_refusal_is_counted_and_may_say_that_the_bot_is_misinformed(
    portfolio: Portfolio, code: int, stale: bool
) -> None:
    portfolio.refuse([code, code])
    assert portfolio.refused == {code: 2} and portfolio.stale is stale


def test_money_is_what_the_client_keeps(portfolio: Portfolio, kept: Kept) -> None:
    assert (portfolio.balance, portfolio.available) == (0, 0)
    kept.money(100.0, 30.0)
    assert (portfolio.balance, portfolio.available) == (100, 30)


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
