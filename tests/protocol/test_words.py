"""Ids, the way from messages to commands, and the way from events to frames."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import founding, order
from trading import protocol
from trading.core import commands
from trading.core.codes import Code
from trading.core.engine import Engine
from trading.core.events import (
    AllCancelled,
    CountdownSet,
    Deposited,
    Event,
    Fill,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFired,
    OrderRepeated,
    OrderWaiting,
    PositionExpired,
    Refused,
    RiskWarned,
    Statement,
    StatementLine,
    Traded,
)
from trading.core.numbers import number_at
from trading.core.types import (
    CancelReason,
    Direction,
    Figures,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    StopKind,
    TimeCondition,
    Trigger,
)
from trading.delivery.push_encoder import PUSHED_EVENTS

NOW = 1_725_123_456_789
NUMBER = number_at(NOW) + 1
FRAME = protocol.SubmitOrder(
    instrument_id="IX2301",
    direction=Direction.BUY,
    offset=Offset.OPEN,
    volume=10.0,
    price=120.5,
    order_type=OrderType.LIMIT,
)

# --- ids


def test_ids_tell_the_milliseconds_and_the_sequence() -> None:
    assert protocol.order_id_text(NUMBER) == "O17251234567890000001"
    assert protocol.trade_id_text(NUMBER) == "T17251234567890000001"


@given(st.integers(1, 2**63 - 1))
def test_order_ids_round_trip(number: int) -> None:
    text = protocol.order_id_text(number)
    assert len(text) == 21
    assert protocol.order_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "O",
        "T17251234567890000001",
        "o17251234567890000001",
        "17251234567890000001",
        "O1725123456789000000",
        "O172512345678900000011",
        "O1725123456789000000x",
        "O-7251234567890000001",
        "O+7251234567890000001",
        "O 7251234567890000001",
        "O1725123456789000000１",
        "O1725_123456789000001",
        "O00000000000000000001",
        "O15778368000000000000",
        "O99999999999999999999",
        "O" + "9" * 5_000,
    ],
)
def test_what_is_no_order_id_of_ours_has_no_number(text: str) -> None:
    assert protocol.order_number(text) is None


@given(st.text())
def test_order_number_takes_any_text(text: str) -> None:
    number = protocol.order_number(text)
    assert number is None or protocol.order_id_text(number) == text


# --- to commands


def command(**changes: object) -> object:
    return protocol.to_command(msgspec.structs.replace(FRAME, **changes), 7, NOW)


def test_a_limit_order_becomes_a_command_in_integers() -> None:
    assert command(time_condition=TimeCondition.IOC, client_order_id="mine") == commands.SubmitOrder(
        account_id=7,
        instrument_id="IX2301",
        direction=Direction.BUY,
        offset=Offset.OPEN,
        order_type=OrderType.LIMIT,
        volume=10,
        price=1_205_000,
        time_condition=TimeCondition.IOC,
        client_order_id="mine",
    )


def test_a_market_order_has_no_price() -> None:
    made = command(order_type=OrderType.MARKET, price=None)
    assert isinstance(made, commands.SubmitOrder) and made.price is None


@pytest.mark.parametrize("price", [120.5, 0.0, 0.00001])
@pytest.mark.parametrize("more", [{}, {"time_condition": TimeCondition.IOC}, {"stop_price": 121.0}], ids=str)
def test_a_price_that_would_not_hold_is_refused(price: float, more: dict[str, object]) -> None:
    refusal = command(order_type=OrderType.MARKET, price=price, **more)
    assert isinstance(refusal, Refused) and refusal.code is Code.MALFORMED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": None}, Code.MALFORMED),
        ({"price": 120.00001}, Code.OFF_TICK),
        ({"price": 5e-324}, Code.OFF_TICK),
        ({"volume": 1.5}, Code.BAD_VOLUME),
        ({"volume": 5e-324}, Code.BAD_VOLUME),
    ],
)
def test_what_cannot_be_a_command_is_refused_with_a_sentence(changes: dict[str, object], code: Code) -> None:
    refusal = command(**changes)
    assert isinstance(refusal, Refused) and refusal.code is code and refusal.detail


@pytest.mark.parametrize(("volume", "lots"), [(-0.0, 0), (0, 0), (-3.0, -3), (1e9, 10**9)])
def test_odd_whole_volumes_are_left_to_the_engine(volume: float, lots: int) -> None:
    made = command(volume=volume)
    assert isinstance(made, commands.SubmitOrder) and made.volume == lots and type(made.volume) is int


@pytest.mark.parametrize(("price", "units"), [(-0.0, 0), (-1.0, -10_000), (0.0001, 1), (1e9, 10**13), (0.1, 1_000)])
def test_prices_become_exact_integers(price: float, units: int) -> None:
    made = command(price=price)
    assert isinstance(made, commands.SubmitOrder) and made.price == units and type(made.price) is int


def test_a_cancel_becomes_a_command() -> None:
    message = protocol.CancelOrder(order_id=protocol.order_id_text(NUMBER))
    assert protocol.to_command(message, 7, NOW) == commands.CancelOrder(7, NUMBER)


def test_a_cancel_of_what_is_no_order_id_is_refused_as_unknown() -> None:
    refusal = protocol.to_command(protocol.CancelOrder(order_id="nonsense"), 7, NOW)
    assert refusal == Refused(Code.ORDER_NOT_FOUND, "Order not found")


ORDER_ID = "O17251234567890000001"
LATER = Refused(Code.BAD_VOLUME, "no")


def test_the_id_of_a_trade_is_no_id_of_an_order() -> None:
    assert protocol.trade_number(protocol.trade_id_text(NUMBER)) == NUMBER
    assert protocol.trade_number(ORDER_ID) is None


@pytest.mark.parametrize(
    ("fields", "price", "volume"),
    [({"price": 120.5}, 1_205_000, None), ({"volume": 8}, None, 8), ({"price": 1, "volume": 0}, 10_000, 0)],
)
def test_an_amendment_becomes_a_command(fields: dict[str, Any], price: int | None, volume: int | None) -> None:
    message = protocol.AmendOrder(order_id=ORDER_ID, valid_until=9, **fields)
    assert protocol.to_command(message, 7, NOW) == commands.AmendOrder(7, NUMBER, price, volume, 9)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, Code.MALFORMED),
        ({"valid_until": 5}, Code.MALFORMED),
        ({"price": 120.00001}, Code.OFF_TICK),
        ({"volume": 1.5}, Code.BAD_VOLUME),
        ({"order_id": "nonsense", "volume": 1}, Code.ORDER_NOT_FOUND),
    ],
)
def test_an_amendment_that_cannot_be_one_is_refused(fields: dict[str, Any], code: Code) -> None:
    refusal = protocol.to_command(protocol.AmendOrder(**({"order_id": ORDER_ID} | fields)), 7, NOW)
    assert isinstance(refusal, Refused) and refusal.code is code and refusal.detail


def test_a_cancel_of_all_becomes_a_command() -> None:
    assert protocol.to_command(protocol.CancelAll(), 7, NOW) == commands.CancelAll(7)
    some = protocol.CancelAll(instrument_id="IX2301", direction=Direction.SELL)
    assert protocol.to_command(some, 7, NOW) == commands.CancelAll(7, "IX2301", Direction.SELL)


@pytest.mark.parametrize(("timeout", "deadline"), [(0, None), (1_000, NOW + 1_000), (3_600_000, NOW + 3_600_000)])
def test_a_countdown_ends_so_long_from_now(timeout: int, deadline: int | None) -> None:
    command = protocol.to_command(protocol.CancelAfter(timeout_ms=timeout), 7, NOW)
    assert command == commands.CancelAfter(7, deadline, CancelReason.COUNTDOWN)


@pytest.mark.parametrize("timeout", [1, 999, 3_600_001, 2**53])
def test_a_countdown_has_bounds(timeout: int) -> None:
    refusal = protocol.to_command(protocol.CancelAfter(timeout_ms=timeout), 7, NOW)
    assert refusal == Refused(Code.MALFORMED, "timeout_ms must be 0, or from 1000 to 3600000")


def test_a_batch_is_its_items() -> None:
    one = protocol.OrderFields(**{name: getattr(FRAME, name) for name in protocol.OrderFields.__struct_fields__})
    other = msgspec.structs.replace(one, volume=1.5)
    items = protocol.items_of(protocol.SubmitOrders(orders=[one, other]))
    made = [protocol.to_command(item, 7, NOW) for item in items]
    assert made == [protocol.to_command(FRAME, 7, NOW), Refused(Code.BAD_VOLUME, "Volume must be whole lots")]
    items = protocol.items_of(protocol.CancelOrders(order_ids=[ORDER_ID, "x"]))
    assert list(items) == [protocol.CancelOrder(order_id=ORDER_ID), protocol.CancelOrder(order_id="x")]
    assert protocol.items_of(FRAME) == (FRAME,)


# --- from events

TAKER = Fill(NUMBER, 1, Direction.BUY, Offset.OPEN, OrderStatus.PARTIALLY_FILLED, 4, 6, 200, 0, 4_781_000)
MAKER = Fill(NUMBER - 9, 2, Direction.SELL, Offset.CLOSETODAY, OrderStatus.FILLED, 4, 0, 500, -30)
TRADED = Traded(NUMBER + 1, "IX2301", 1_195_000, 4, 1696320001000, TAKER, MAKER)


@pytest.mark.parametrize(
    "event",
    [
        OrderAccepted(NUMBER, 1, 10, 1696320001000),
        OrderRepeated(NUMBER),
        OrderWaiting(NUMBER, 1, 10, 1696320001000),
        OrderAmended(NUMBER, 1, OrderStatus.SUBMITTED, 5, 10, 0, 10, 1696320001000),
        OrderCancelled(NUMBER, 1, 4, 6, 1696320001000),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_was_done_is_answered_with_the_order_id(event: Any) -> None:
    answer = protocol.order_response(event, "r1", "mine")
    assert answer == protocol.OrderResponse(
        success=True,
        order_id="O17251234567890000001",
        error_code=None,
        error_message=None,
        client_order_id="mine",
        request_id="r1",
    )


def test_a_refusal_is_answered_with_its_code_and_sentence() -> None:
    answer = protocol.order_response(Refused(Code.OFF_TICK, "no"), 3, "mine", 0.5)
    assert answer == protocol.OrderResponse(
        success=False,
        order_id=None,
        error_code=1007,
        error_message="no",
        client_order_id="mine",
        retry_after=0.5,
        request_id=3,
    )


def test_other_events_answer_no_order() -> None:
    with pytest.raises(AssertionError, match="answers no order message"):
        protocol.order_response(Deposited(1, 1, 1), None)


def test_a_batch_is_answered_item_by_item() -> None:
    orders: Any = [msgspec.structs.replace(FRAME, client_order_id=name) for name in ("a", None)]
    answer = protocol.answer(
        protocol.SubmitOrders(orders=orders, request_id=5), [OrderAccepted(NUMBER, 1, 1, 1), LATER], 0.5
    )
    assert answer == protocol.OrdersResponse(
        results=[
            protocol.OrderResult(
                success=True, order_id=ORDER_ID, error_code=None, error_message=None, client_order_id="a"
            ),
            protocol.OrderResult(success=False, order_id=None, error_code=1006, error_message="no"),
        ],
        retry_after=0.5,
        request_id=5,
    )


def test_cancels_of_all_kinds_have_answers_of_their_own() -> None:
    cancel_all = protocol.CancelAll(request_id=1)
    assert protocol.answer(cancel_all, [AllCancelled(1, 3)]) == protocol.CancelAllResponse(
        success=True, cancelled=3, error_code=None, error_message=None, request_id=1
    )
    assert protocol.answer(cancel_all, [LATER], 0.5) == protocol.CancelAllResponse(
        success=False, cancelled=0, error_code=1006, error_message="no", retry_after=0.5, request_id=1
    )
    cancel_after = protocol.CancelAfter(timeout_ms=0, request_id=2)
    for deadline in (None, 1_700_000_030_000):
        assert protocol.answer(cancel_after, [CountdownSet(1, deadline)]) == protocol.CancelAfterResponse(
            success=True, deadline=deadline, error_code=None, error_message=None, request_id=2
        )
    assert protocol.answer(cancel_after, [LATER]) == protocol.CancelAfterResponse(
        success=False, deadline=None, error_code=1006, error_message="no", request_id=2
    )


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            OrderFired(NUMBER, 1, 7, 6),
            {"status": "Submitted", "filled_volume": 0.0, "remaining_volume": 7.0, "timestamp": 6, "seq": 9},
        ),
        (
            OrderAmended(NUMBER, 1, OrderStatus.PARTIALLY_FILLED, 1_205_000, 8, 3, 5, 7),
            {
                "status": "PartiallyFilled",
                "filled_volume": 3.0,
                "remaining_volume": 5.0,
                "timestamp": 7,
                "seq": 9,
                "price": 120.5,
                "volume": 8.0,
            },
        ),
        (
            OrderAmended(NUMBER, 1, OrderStatus.WAITING, 0, 8, 0, 8, 7),
            {
                "status": "Waiting",
                "filled_volume": 0.0,
                "remaining_volume": 8.0,
                "timestamp": 7,
                "seq": 9,
                "volume": 8.0,
            },
        ),
        (
            OrderCancelled(NUMBER, 1, 1, 2, 8),
            {"status": "Cancelled", "filled_volume": 1.0, "remaining_volume": 2.0, "timestamp": 8, "seq": 9},
        ),
        (
            OrderCancelled(NUMBER, 1, 1, 2, 8, CancelReason.OCO),
            {
                "status": "Cancelled",
                "filled_volume": 1.0,
                "remaining_volume": 2.0,
                "timestamp": 8,
                "seq": 9,
                "reason": "OCO",
            },
        ),
        (
            OrderCancelled(NUMBER, 1, 0, 2, 8, CancelReason.REFUSED, Code.INSUFFICIENT_FUNDS, "too little"),
            {
                "status": "Cancelled",
                "filled_volume": 0.0,
                "remaining_volume": 2.0,
                "timestamp": 8,
                "seq": 9,
                "reason": "REFUSED",
                "error_code": 1001,
                "error_message": "too little",
            },
        ),
    ],
    ids=lambda each: getattr(each, "reason", None) or type(each).__name__,
)
def test_every_move_of_an_order_is_a_status(event: Event, told: dict[str, object]) -> None:
    frame = PUSHED_EVENTS[type(event)](event, 9)
    assert json.loads(protocol.encode(frame)) == {"type": "order_status", "order_id": ORDER_ID} | told


def test_risk_is_told_in_currency() -> None:
    warned, started, ended = (
        PUSHED_EVENTS[kind](kind(1, 840_000_000, balance, 5), 9)
        for kind, balance in ((RiskWarned, 10**9), (LiquidationStarted, 8 * 10**8), (LiquidationEnded, -1))
    )
    assert warned == protocol.RiskWarning(risk_ratio=0.84, margin=84_000.0, balance=100_000.0, timestamp=5, seq=9)
    assert (started.status, started.risk_ratio) == ("STARTED", 1.05)
    assert (ended.status, ended.risk_ratio, ended.balance) == ("ENDED", 9999.0, -0.0001)


def test_the_settlement_is_told_in_currency() -> None:
    line = StatementLine("IX2301", 3, 1, 1_210_000, 36_300_000)
    day = Statement(1, 20231003, 10_000, 20_000, 30_000, 40_000, -50_000, 60_000, -70_000, 80_000, [line], 5)
    assert json.loads(protocol.encode(PUSHED_EVENTS[Statement](day, 9))) == {
        "type": "statement",
        "day": 20231003,
        "opening": 1.0,
        "deposits": 2.0,
        "withdrawals": 3.0,
        "close_profit": 4.0,
        "position_profit": -5.0,
        "commission": 6.0,
        "closing": -7.0,
        "margin": 8.0,
        "positions": [
            {"instrument_id": "IX2301", "volume_long": 3.0, "volume_short": 1.0, "price": 121.0, "margin": 3_630.0}
        ],
        "timestamp": 5,
        "seq": 9,
    }
    expired = PUSHED_EVENTS[PositionExpired](PositionExpired(1, "IX2301", 3, 1, 1_210_000, -20_000, 5), 9)
    assert json.loads(protocol.encode(expired)) == {
        "type": "position_expired",
        "instrument_id": "IX2301",
        "volume_long": 3.0,
        "volume_short": 1.0,
        "price": 121.0,
        "close_profit": -2.0,
        "timestamp": 5,
        "seq": 9,
    }


def test_both_sides_of_a_trade_share_its_id_and_price() -> None:
    taker, maker = (protocol.trade(TRADED, fill, seq) for fill, seq in ((TAKER, 5), (MAKER, 8)))
    assert taker == protocol.Trade(
        trade_id="T17251234567890000002",
        order_id="O17251234567890000001",
        instrument_id="IX2301",
        direction=Direction.BUY,
        offset=Offset.OPEN,
        price=119.5,
        volume=4.0,
        timestamp=1696320001000,
        seq=5,
        commission=0.02,
        is_maker=False,
    )
    same = {"order_id": "O17251234567889999992", "direction": Direction.SELL, "offset": Offset.CLOSETODAY, "seq": 8}
    assert maker == msgspec.structs.replace(taker, **same, commission=0.05, is_maker=True)


def test_an_auction_has_no_maker() -> None:
    at_auction = msgspec.structs.replace(TRADED, auction=True)
    assert [protocol.trade(at_auction, fill, 1).is_maker for fill in (TAKER, MAKER)] == [None, None]


def test_order_states_tell_filled_and_remaining() -> None:
    accepted = protocol.fired(OrderFired(NUMBER, 1, 10, 5), 1)
    partly = protocol.filled(TRADED, TAKER, 2)
    fully = protocol.filled(TRADED, MAKER, 3)
    gone = protocol.cancelled(OrderCancelled(NUMBER, 1, 4, 6, 7), 4)
    told = [
        (f.status, f.filled_volume, f.remaining_volume, f.timestamp, f.seq) for f in (accepted, partly, fully, gone)
    ]
    assert told == [
        ("Submitted", 0.0, 10.0, 5, 1),
        ("PartiallyFilled", 4.0, 6.0, 1696320001000, 2),
        ("Filled", 4.0, 0.0, 1696320001000, 3),
        ("Cancelled", 4.0, 6.0, 7, 4),
    ]
    averages = [frame.average_price for frame in (accepted, partly, fully, gone)]
    assert averages == [None, 119.525, None, None], "the sum of the other's fills is not known"


def test_an_average_has_six_digits_behind_the_point() -> None:
    assert protocol.average_price(3_585_001, 3) == 119.500033
    assert [protocol.average_price(0, 0), protocol.average_price(None, 2)] == [None, None]


@pytest.mark.parametrize(("price", "told"), [("119.5", 119.5), ("MARKET", None)])
def test_the_first_state_of_an_order_tells_what_it_is(price: str, told: float | None) -> None:
    engine = Engine()
    for command in founding():
        engine.apply(command, 1)
    asked = order(1, f"SELL OPEN 3 @ {price}", own_id="mine", options=OrderOptions(stop_price=1_190_000))
    event: Any = engine.apply(asked, 5)[0]
    placed = engine.state.orders[event.order_id]
    assert protocol.begun(event, placed, 9) == protocol.OrderStatusFrame(
        order_id=protocol.order_id_text(event.order_id),
        status=OrderStatus.WAITING,
        filled_volume=0.0,
        remaining_volume=3.0,
        timestamp=5,
        seq=9,
        price=told,
        volume=3.0,
        instrument_id="IX2301",
        direction=Direction.SELL,
        offset=Offset.OPEN,
        order_type=OrderType.LIMIT if told else OrderType.MARKET,
        client_order_id="mine",
        time_condition=TimeCondition.GFD,
        stop_price=119.0,
        stop_kind=StopKind.STOP,
        trigger=Trigger.LAST,
    )
    assert protocol.begun(OrderAccepted(event.order_id, 1, 3, 5), placed, 9).status == OrderStatus.SUBMITTED


def test_the_account_of_the_document_is_told_in_its_numbers() -> None:
    units = {"static_balance": 1_000_000, "close_profit": 0, "position_profit": 5_000, "commission": 0}
    money = Figures(**{name: value * 10_000 for name, value in units.items()}, margin=500_000_000, hold=0)
    assert protocol.account_update(money, 1696320001000, 9) == protocol.AccountUpdate(
        balance=1_005_000.0,
        available=955_000.0,
        frozen=50_000.0,
        margin=50_000.0,
        profit=5_000.0,
        risk_ratio=0.049751,
        timestamp=1696320001000,
        seq=9,
    )
