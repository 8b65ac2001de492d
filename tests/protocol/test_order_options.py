"""How an order wants to be handled: what becomes of it in the command, and what can never be right."""

from itertools import islice, product
from typing import Any

import msgspec
import pytest

from tests.builders import listing
from tests.protocol.page_rules import MODULE, page_module
from trading import protocol
from trading.core import commands
from trading.core.codes import Code
from trading.core.engine import Engine
from trading.core.events import Refused
from trading.core.money import UNIT
from trading.core.option_rules import ENGINE_CHECK, OPTION_RULES, OptionRule, Outside, unset_values
from trading.core.types import (
    PLAIN,
    Direction,
    Offset,
    OrderOptions,
    OrderType,
    SelfTrade,
    StopKind,
    TimeCondition,
    Trigger,
)

BASE: dict[str, Any] = {
    "instrument_id": "IX2301",
    "direction": Direction.SELL,
    "offset": Offset.CLOSE,
    "volume": 10.0,
    "price": 120.0,
    "order_type": OrderType.LIMIT,
}
MARKET: dict[str, Any] = {"order_type": OrderType.MARKET, "price": None}
GTD: dict[str, Any] = {"time_condition": TimeCondition.GTD, "expires_at": 5}


def command(**fields: Any) -> commands.TraderCommand | Refused:
    return protocol.to_command(protocol.OrderFields(**(BASE | fields)), 7, 0)


def options(**fields: Any) -> OrderOptions | None:
    made = command(**fields)
    assert isinstance(made, commands.SubmitOrder), made
    return made.options


@pytest.mark.parametrize(
    "fields",
    [
        {},
        *({"time_condition": condition} for condition in TimeCondition if condition is not TimeCondition.GTD),
        {"client_order_id": "mine"},
        {"post_only": False, "reduce_only": False, "stop_price": None, "stp": None},
        MARKET,
        MARKET | {"time_condition": TimeCondition.FOK},
    ],
    ids=str,
)
def test_a_plain_order_has_no_options(fields: dict[str, Any]) -> None:
    assert options(**fields) is None


SET: dict[str, Any] = {
    **GTD,
    "valid_until": 4,
    "post_only": True,
    "reduce_only": True,
    "display_volume": 2.0,
    "stop_price": 121.5,
    "stop_kind": StopKind.TAKE_PROFIT,
    "trigger": Trigger.BID,
    "oco_group": "exit",
    "stp": SelfTrade.CANCEL_BOTH,
}
"""An order that says all that can be said at once: a trail does not go with TAKE_PROFIT, nor levels with LIMIT."""


def test_everything_that_is_said_is_in_the_options() -> None:
    assert options(**SET) == OrderOptions(
        expires_at=5,
        valid_until=4,
        post_only=True,
        reduce_only=True,
        display_volume=2,
        stop_price=1_215_000,
        stop_kind=StopKind.TAKE_PROFIT,
        trigger=Trigger.BID,
        oco_group="exit",
        stp=SelfTrade.CANCEL_BOTH,
    )
    assert options(trail=0.0001) == OrderOptions(trail=1)
    assert options(**MARKET, price_levels=5) == OrderOptions(price_levels=5)


def test_no_option_is_forgotten() -> None:
    """A new one must be on the wire, in its default left out, and in the tests above and below."""
    every = set(OrderOptions.__struct_fields__)
    assert {*SET, "trail", "price_levels"} - {"time_condition"} == every
    assert every == {name for expected in ONE_BY_ONE for name in set_in(expected[1])}
    assert every <= set(protocol.OrderFields.__struct_fields__)
    assert every <= set(protocol.OrderData.__struct_fields__), "query_order tells them"
    assert {value for value in unset_values(protocol.OrderFields).values() if value} == set()


def set_in(found: OrderOptions) -> list[str]:
    return [name for name, nothing in unset_values(OrderOptions).items() if getattr(found, name) != nothing]


def test_options_are_of_the_engines_types() -> None:
    """No float gets into the core."""
    for made in (options(**SET), options(trail=2.5), options(**MARKET, price_levels=1)):
        assert msgspec.convert(msgspec.to_builtins(made), OrderOptions) == made


ONE_BY_ONE: list[tuple[dict[str, Any], OrderOptions]] = [
    (GTD, OrderOptions(expires_at=5)),
    ({"valid_until": 0}, OrderOptions(valid_until=0)),
    ({"post_only": True}, OrderOptions(post_only=True)),
    ({"reduce_only": True}, OrderOptions(reduce_only=True)),
    ({"reduce_only": True, "time_condition": TimeCondition.IOC}, OrderOptions(reduce_only=True)),
    ({"display_volume": 1}, OrderOptions(display_volume=1)),
    ({"display_volume": 9.0, "time_condition": TimeCondition.GTC}, OrderOptions(display_volume=9)),
    ({"stop_price": 119.5}, OrderOptions(stop_price=1_195_000)),
    ({"stop_price": 119.5, "stop_kind": StopKind.STOP, "trigger": Trigger.LAST}, OrderOptions(stop_price=1_195_000)),
    (
        {"stop_price": 119.5, "stop_kind": StopKind.TAKE_PROFIT},
        OrderOptions(stop_price=1_195_000, stop_kind=StopKind.TAKE_PROFIT),
    ),
    ({"trail": 2.5, "trigger": Trigger.ASK}, OrderOptions(trail=25_000, trigger=Trigger.ASK)),
    ({"trail": 2.5, "stop_price": 119}, OrderOptions(trail=25_000, stop_price=1_190_000)),
    ({"oco_group": "x" * 64}, OrderOptions(oco_group="x" * 64)),
    ({"stp": SelfTrade.CANCEL_MAKER}, OrderOptions(stp=SelfTrade.CANCEL_MAKER)),
    (MARKET | {"stop_price": 119.5}, OrderOptions(stop_price=1_195_000)),
    (MARKET | {"stop_price": 119.5, "time_condition": TimeCondition.GTC}, OrderOptions(stop_price=1_195_000)),
    (MARKET | GTD | {"trail": 1}, OrderOptions(expires_at=5, trail=10_000)),
    (
        MARKET | {"valid_until": 3, "stp": SelfTrade.CANCEL_TAKER},
        OrderOptions(valid_until=3, stp=SelfTrade.CANCEL_TAKER),
    ),
    (MARKET | {"price_levels": 1}, OrderOptions(price_levels=1)),
    (MARKET | {"price_levels": 5, "time_condition": TimeCondition.FOK}, OrderOptions(price_levels=5)),
    (MARKET | GTD | {"price_levels": 5, "trail": 1}, OrderOptions(expires_at=5, trail=10_000, price_levels=5)),
]


@pytest.mark.parametrize(("fields", "expected"), ONE_BY_ONE, ids=str)
def test_each_wish_alone(fields: dict[str, Any], expected: OrderOptions) -> None:
    assert options(**fields) == expected


NEVER: list[tuple[dict[str, Any], str]] = [
    ({"time_condition": TimeCondition.GTD}, "A GTD order needs expires_at"),
    ({"expires_at": 5}, "expires_at is for GTD orders"),
    ({"expires_at": 5, "time_condition": TimeCondition.GTC}, "expires_at is for GTD orders"),
    (MARKET | {"time_condition": TimeCondition.GTC}, "A MARKET order does not rest"),
    (MARKET | GTD, "A MARKET order does not rest"),
    (MARKET | {"post_only": True}, "post_only is for LIMIT orders that may rest"),
    ({"post_only": True, "time_condition": TimeCondition.IOC}, "post_only is for LIMIT orders that may rest"),
    ({"post_only": True, "time_condition": TimeCondition.FOK}, "post_only is for LIMIT orders that may rest"),
    ({"reduce_only": True, "offset": Offset.OPEN}, "reduce_only is for orders that close"),
    (MARKET | {"display_volume": 1}, "display_volume is for LIMIT orders that may rest"),
    ({"display_volume": 1, "time_condition": TimeCondition.IOC}, "display_volume is for LIMIT orders that may rest"),
    ({"display_volume": 1, "time_condition": TimeCondition.FOK}, "display_volume is for LIMIT orders that may rest"),
    *(({"display_volume": shown}, "display_volume must be whole lots") for shown in (1.5, 10, 11, 0, -0.0, -1, 1e9)),
    ({"stop_kind": StopKind.STOP}, "stop_kind and trigger need a stop_price or a trail"),
    ({"stop_kind": StopKind.TAKE_PROFIT}, "stop_kind and trigger need a stop_price or a trail"),
    ({"trigger": Trigger.LAST}, "stop_kind and trigger need a stop_price or a trail"),
    ({"trail": 1, "stop_kind": StopKind.TAKE_PROFIT}, "trail is for STOP, not for TAKE_PROFIT"),
    ({"trail": 1, "stop_price": 1, "stop_kind": StopKind.TAKE_PROFIT}, "trail is for STOP, not for TAKE_PROFIT"),
    ({"trail": 0}, "trail must be more than 0"),
    ({"trail": -0.0}, "trail must be more than 0"),
    ({"trail": -0.5}, "trail must be more than 0"),
    ({"price_levels": 1}, "price_levels is for MARKET orders"),
    ({"price_levels": 5, "time_condition": TimeCondition.IOC}, "price_levels is for MARKET orders"),
]


@pytest.mark.parametrize(("fields", "sentence"), NEVER, ids=str)
def test_what_can_never_be_right_is_refused(fields: dict[str, Any], sentence: str) -> None:
    refusal = command(**fields)
    assert isinstance(refusal, Refused) and refusal.code is Code.MALFORMED
    assert refusal.detail.startswith(sentence)


def test_every_rule_has_a_case() -> None:
    """And every sentence is said by its own rule."""
    said = {refusal.detail for fields, _ in NEVER if isinstance(refusal := command(**fields), Refused)}
    assert said == {rule.sentence for rule in OPTION_RULES}


def by_hand(order: protocol.OrderFields, rule: OptionRule) -> bool:
    """Whether an order breaks a rule, as the table is to be read."""
    unset = unset_values(protocol.OrderFields)

    def is_so(field: str, wanted: object) -> bool:
        value = getattr(order, field)
        match wanted:
            case tuple():
                return value in wanted
            case Outside(above, below, whole):
                if value is None:
                    return False
                most = order.volume if below == "volume" else float("inf")
                return not (above < value < most) or (whole and value % 1 != 0)
        return (value != unset[field]) is wanted

    return all(is_so(field, wanted) for field, wanted in rule.wrong.items())


WAYS: dict[str, tuple[Any, ...]] = {
    "order_type": tuple(OrderType),
    "time_condition": tuple(TimeCondition),
    "offset": (Offset.OPEN, Offset.CLOSE),
    "expires_at": (None, 5),
    "post_only": (False, True),
    "reduce_only": (False, True),
    "display_volume": (None, 2.0, 1.5, 10.0),
    "stop_price": (None, 121.5),
    "stop_kind": (None, *StopKind),
    "trigger": (None, Trigger.ASK),
    "trail": (None, 0.0, 1.0),
    "price_levels": (None, 5),
}


def test_the_protocol_and_the_engine_hold_orders_against_the_table() -> None:
    """Combinations of all that the table speaks of. What the protocol lets through, the engine lets through."""
    spoken_of = {field for rule in OPTION_RULES for field in rule.wrong}
    assert spoken_of == set(WAYS)
    refused = taken = 0
    for combination in islice(product(*WAYS.values()), 0, None, 7):  # a few seconds; shares no factor with the ways
        fields = BASE | dict(zip(WAYS, combination, strict=True))
        order = protocol.OrderFields(**(fields | ({"price": None} if fields["order_type"] == "MARKET" else {})))
        broken = [rule for rule in OPTION_RULES if by_hand(order, rule)]
        made = protocol.to_command(order, 7, 0)
        if broken:
            refused += 1
            assert made == Refused(Code.MALFORMED, broken[0].sentence)
        else:
            taken += 1
            assert isinstance(made, commands.SubmitOrder)
            assert ENGINE_CHECK.sentence(made, made.options or PLAIN) is None
    assert refused > 3_000 and taken > 100


@pytest.mark.parametrize(("fields", "sentence"), NEVER, ids=str)
def test_the_engine_refuses_by_the_same_table(fields: dict[str, Any], sentence: str) -> None:
    """An order that did not come through the protocol, with the same wish."""
    (rule,) = {rule.sentence: rule for rule in OPTION_RULES if rule.sentence.startswith(sentence)}.values()
    order = protocol.OrderFields(**(BASE | fields))
    said = {name: getattr(order, name) for name in unset_values(OrderOptions) if getattr(order, name) is not None}
    asked = commands.SubmitOrder(
        1,
        "IX2301",
        order.direction,
        order.offset,
        order.order_type,
        10,
        None if order.price is None else 120 * UNIT,
        order.time_condition,
        options=OrderOptions(**said),
    )
    engine = Engine()
    engine.apply(listing(), 0)
    engine.apply(commands.OpenAccount("user001"), 0)
    event = engine.apply(asked, 0)[0]
    assert (event == Refused(Code.MALFORMED, rule.sentence)) is rule.engine


def test_every_rule_speaks_of_fields_that_orders_have() -> None:
    for rule in OPTION_RULES:
        assert {rule.field, *rule.wrong} <= set(protocol.OrderFields.__struct_fields__)


def test_the_page_has_the_table() -> None:
    assert MODULE.read_text() == page_module(), "write it anew: python -m tests.protocol.page_rules"


@pytest.mark.parametrize("name", ["stop_price", "trail"])
def test_prices_of_stops_have_four_decimals_at_most(name: str) -> None:
    detail = f"{name} has more than four decimals, so it is on no tick"
    assert command(**{name: 1.00001}) == Refused(Code.OFF_TICK, detail)


@pytest.mark.parametrize("price", [-1.0, 0.0, 1e9])
def test_odd_stop_prices_are_left_to_the_engine(price: float) -> None:
    assert options(stop_price=price) == OrderOptions(stop_price=round(price * 10_000))
