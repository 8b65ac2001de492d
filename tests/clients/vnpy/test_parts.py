"""Parts of the gateway alone: what is told of orders and lots, and what is not told again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bourse_client.errors import InstrumentUnknown
from bourse_client.messages import Order, OrderState, Position, Trade
from vnpy.event import EventEngine
from vnpy.trader.constant import Direction, Offset, OrderType, Status
from vnpy.trader.object import OrderData, OrderRequest, PositionData
from vnpy_bourse import BourseGateway, words
from vnpy_bourse.holdings import Holdings
from vnpy_bourse.orders import Orders
from vnpy_bourse.quotes import Quote
from vnpy_bourse.session import Session

ORDER: dict[str, Any] = {
    "instrument_id": "X",
    "direction": "BUY",
    "offset": "OPEN",
    "volume": 5.0,
    "price": 10.0,
    "order_type": "LIMIT",
    "timestamp": 1_700_000_000_000,
}
ORDER_WORDS: dict[str, Any] = {"instrument_id": "X", "direction": "BUY", "offset": "OPEN", "order_type": "LIMIT"}


def order(order_id: str, filled: float = 0, status: str = "Submitted", name: str | None = None) -> Order:
    return Order(
        order_id=order_id,
        status=status,
        filled_volume=filled,
        remaining_volume=5 - filled,
        client_order_id=name,
        **ORDER,
    )


def state(order_id: str, filled: float = 0, status: str = "PartiallyFilled", **more: Any) -> OrderState:
    return OrderState(
        order_id=order_id,
        status=status,
        filled_volume=filled,
        remaining_volume=5 - filled,
        timestamp=1,
        seq=1,
        **more,
    )


def sent(orders: Orders, name: str) -> OrderData:
    data = OrderData("G", "X", words.EXCHANGE, name, OrderType.FAK, Direction.LONG, Offset.OPEN, 10.0, 5.0)
    orders.sent(data)
    return data


def test_an_order_keeps_the_name_and_the_type_that_it_was_sent_with() -> None:
    orders = Orders("G")
    before = sent(orders, "mine")
    told = orders.change(state("O1", status="Submitted", **ORDER_WORDS, client_order_id="mine"))
    assert told is not None and (told.orderid, told.type, told.status) == ("mine", OrderType.FAK, Status.NOTTRADED)
    assert before.status is Status.SUBMITTING, "what was handed out is not changed"
    assert (orders.order_id("mine"), orders.name("O1")) == ("O1", "mine")


def test_what_is_old_and_what_is_known_is_not_told() -> None:
    """As when a query sees an order before the pushes of it have come."""
    orders = Orders("G")
    assert orders.learn(order("O1", filled=3, status="PartiallyFilled")) is not None
    assert orders.change(state("O1", filled=2)) is None
    assert orders.change(state("O1", filled=3)) is None
    assert orders.learn(order("O1", filled=5, status="Filled")) is not None
    assert orders.change(state("O1", filled=4)) is None
    assert orders.change(state("O1", filled=5, status="Filled")) is None


def test_an_amendment_is_told() -> None:
    orders = Orders("G")
    orders.learn(order("O1"))
    told = orders.change(state("O1", status="Submitted", price=9.0, volume=4.0))
    assert told is not None and (told.price, told.volume, told.status) == (9.0, 4.0, Status.NOTTRADED)


@pytest.mark.parametrize("own", [None, "a.b"])
def test_an_order_without_a_name_that_vnpy_can_use_is_called_as_the_exchange_does(own: str | None) -> None:
    orders = Orders("G")
    told = orders.learn(order("O1", name=own))
    assert told is not None and told.orderid == "O1" and orders.order_id("O1") == "O1"


def test_a_name_that_was_used_on_an_earlier_day_stays_that_of_the_first() -> None:
    orders = Orders("G")
    assert orders.learn(order("O1", filled=5, status="Filled", name="same")) is not None
    told = orders.learn(order("O2", name="same"))
    assert told is not None and told.orderid == "O2" and orders.name("O1") == "same"


def test_orders_in_doubt() -> None:
    orders = Orders("G")
    for name in ("heard", "unheard", "refused"):
        sent(orders, name)
    orders.change(state("O1", status="Submitted", **ORDER_WORDS, client_order_id="heard"))
    assert orders.reject("heard") is None, "the exchange has it"
    refused = orders.reject("refused")
    assert refused is not None and refused.status is Status.REJECTED
    assert (orders.active(), orders.unheard()) == (["O1"], ["unheard"])


def lots(told: list[PositionData]) -> dict[Direction, tuple[float, float]]:
    return {each.direction: (each.volume, each.yd_volume) for each in told}


def trade(direction: str, offset: str, volume: float, price: float = 1.0) -> Trade:
    return Trade(
        trade_id="T",
        order_id="O",
        instrument_id="X",
        direction=direction,
        offset=offset,
        price=price,
        volume=volume,
        timestamp=1,
    )


def test_lots_of_today_and_of_before() -> None:
    holdings = Holdings("G")
    held = [Position(instrument_id="X", volume_long=3, volume_long_today=1, volume_short=2, volume_short_today=2)]
    assert lots(holdings.restore(held, [])) == {Direction.LONG: (3, 2), Direction.SHORT: (2, 0)}
    assert lots(holdings.trade(trade("SELL", "CLOSE", 1))) == {Direction.LONG: (2, 1), Direction.SHORT: (2, 0)}
    assert lots(holdings.trade(trade("SELL", "CLOSETODAY", 1)))[Direction.LONG] == (1, 1)
    assert lots(holdings.settle()) == {Direction.LONG: (1, 1), Direction.SHORT: (2, 2)}
    broken = {"instrument_id": "X", "direction": "SELL", "offset": "CLOSE", "volume": 1.0}
    assert lots(holdings.take_back(broken))[Direction.LONG] == (2, 1)
    assert lots(holdings.expire("X")) == {Direction.LONG: (0, 0), Direction.SHORT: (0, 0)}


def test_a_position_that_has_become_flat_unheard_is_told_flat() -> None:
    holdings = Holdings("G")
    holdings.restore([Position(instrument_id="X", volume_long=3)], [])
    assert lots(holdings.restore([], ["X"])) == {Direction.LONG: (0, 0), Direction.SHORT: (0, 0)}


def test_an_answer_values_lots_and_does_not_change_them() -> None:
    """It may have seen trades whose pushes are on their way."""
    holdings = Holdings("G")
    holdings.restore([Position(instrument_id="X", volume_long=1)], [])
    row: dict[str, Any] = {"instrument_id": "X"}
    for side, cost in (("long", 10.0), ("short", None)):
        row |= {f"volume_{side}_frozen_today": 1.0, f"volume_{side}_frozen_his": 1.0}
        row |= {f"position_price_{side}": cost, f"position_profit_{side}": 7.0}
    long, short = holdings.value([row | {"volume_long": 2.0}])
    assert (long.volume, long.frozen, long.price, long.pnl) == (1, 1, 10.0, 7.0)
    assert (short.volume, short.frozen, short.price, short.pnl) == (0, 0, 0, 0)


def test_what_lots_that_were_opened_have_cost_is_told_with_them() -> None:
    """Also where the side was flat a moment ago, and had cost something else."""
    holdings = Holdings("G")
    holdings.restore([], ["X"])

    def told(*trades: Trade) -> tuple[float, float]:
        long = [holdings.trade(each) for each in trades][-1][0]
        return long.volume, long.price

    assert told(trade("BUY", "OPEN", 2, 10.0)) == (2, 10.0)
    assert told(trade("BUY", "OPEN", 1, 13.0)) == (3, 11.0)
    assert told(trade("SELL", "OPEN", 1, 14.0)) == (3, 11.0)
    assert told(trade("SELL", "CLOSE", 3, 15.0)) == (0, 0.0)
    assert told(trade("BUY", "OPEN", 1, 20.0)) == (1, 20.0)


def test_what_lots_of_before_have_cost_is_not_guessed() -> None:
    holdings = Holdings("G")
    holdings.restore([Position(instrument_id="X", volume_long=1)], [])
    long, _ = holdings.trade(trade("BUY", "OPEN", 1, 10.0))
    assert (long.volume, long.price) == (2, 0.0), "until an answer tells it"


class Refusing:
    """A client whose exchange does not know the instrument."""

    def books(self, instrument_id: str) -> None:
        raise InstrumentUnknown(1004, f"Unknown instrument {instrument_id}")


async def test_ticks_that_are_refused_may_be_asked_for_again() -> None:
    session = Session(BourseGateway(EventEngine(), "G"), "http://localhost", "user001")
    client: Any = Refusing()
    session._client = client
    session._quotes["X"] = quote = Quote("X", "G")
    with pytest.raises(InstrumentUnknown):
        await session._follow(quote)
    assert session._quotes == {}


class Accepting:
    """A client whose exchange takes every order."""

    async def place(self, *what: Any, client_order_id: str, **options: Any) -> Order:
        return order("O1", name=client_order_id)

    async def query_order(self, order_id: str) -> Order:
        return order(order_id, name="accepted")


async def test_an_order_is_not_rejected_while_its_pushes_wait_behind_what_is_restored() -> None:
    session = Session(BourseGateway(EventEngine(), "G"), "http://localhost", "user001")
    client: Any = Accepting()
    session._client = client
    wanted = OrderRequest("X", words.EXCHANGE, Direction.LONG, OrderType.LIMIT, 5.0, 10.0, Offset.OPEN)
    session.place(wanted.create_order_data("accepted", "G"), wanted)
    await asyncio.wait(session._tasks)
    await session._settle_doubts(client, live=set())
    told = session._orders.told("accepted")
    assert told is not None and told.status is Status.NOTTRADED
    assert session._orders.change(state("O1", status="Submitted", client_order_id="accepted")) is None
