"""Every sentence about money, worked out again with a pocket calculator; and the rules of rounding."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core import making
from tests.core.making import NOW, account, contract, do, exchange, order, overnight, terms, trade, units
from trading.core.commands import AdoptRules, CancelOrder, Deposit, ListInstrument, OpenAccount, Withdraw
from trading.core.engine import Engine
from trading.core.events import OrderAccepted, Refused
from trading.core.money import (
    MAX_PRICE,
    RATE,
    from_text,
    part,
    price_from_float,
    share,
    share_up,
    to_currency,
    to_text,
    whole_from_float,
)
from trading.core.state import State
from trading.core.types import FIRST_RULES, PRESENT_RULES, WIPED_OUT, Figures, risk_ratio

D = Decimal
UNIT = D("0.0001")


def figures(engine: Engine, number: int) -> Figures:
    return account(engine, number).figures()


def amounts(engine: Engine, number: int, *names: str) -> list[Decimal]:
    """Figures of an account in the currency."""
    found = figures(engine, number)
    return [D(getattr(found, name)) * UNIT for name in names]


def up(amount: Decimal) -> Decimal:
    """What is held: rounded up to 1/10,000."""
    return amount.quantize(UNIT, ROUND_CEILING)


def half_up(amount: Decimal) -> Decimal:
    """What is charged: rounded half up to 1/10,000."""
    return amount.quantize(UNIT, ROUND_HALF_UP)


# --- the protocol's sample


def test_the_sample_of_the_protocol() -> None:
    """A lot of 5000 × 100 at 10 %, 50 up: what `account_update` shows in the protocol."""
    engine = exchange(contract(multiplier="100", reference="5000"), terms(margin="10%"), *["1000000"] * 3)
    trade(engine, "5000", buyer=1, seller=2)
    trade(engine, "5050", buyer=2, seller=3)
    shown = amounts(engine, 1, "balance", "margin", "frozen", "available", "profit")
    assert shown == [D(1_005_000), D(50_000), D(50_000), D(955_000), D(5_000)]
    assert round(figures(engine, 1).risk_ratio, 2) == 0.05
    assert to_currency(figures(engine, 1).balance) == 1005000.0


# --- holds and margin

ODD = terms(margin="7.3%", short_margin="8.1%", open_fee="1.23+0.0031%", close_fee="0.77+0.0017%", today_fee="2.5")
"""Terms under which nothing comes out even."""

VALUE = D("120.6") * 7
"""What a lot is worth at 120.6."""


def odd_exchange(*funds: str) -> Engine:
    return exchange(contract(multiplier="7"), ODD, *funds or ("9000", "9000", "9000"))


@pytest.mark.parametrize(("side", "rate"), [("BUY", "0.073"), ("SELL", "0.081")])
def test_an_opening_holds_margin_and_commission_rounded_up_a_lot(side: str, rate: str) -> None:
    engine = odd_exchange()
    do(engine, order(1, f"{side} OPEN 3 @ 120.6"))
    held = 3 * (up(VALUE * D(rate)) + D("1.23") + up(VALUE * D("0.000031")))
    assert amounts(engine, 1, "hold", "frozen", "available", "margin") == [held, held, 9000 - held, 0]


def test_a_fill_swaps_the_hold_for_margin_at_its_price() -> None:
    engine = odd_exchange()
    trade(engine, "120.6", buyer=1, seller=2, lots=3)
    paid = 3 * D("1.23") + half_up(3 * VALUE * D("0.000031"))
    assert amounts(engine, 1, "hold", "margin", "commission") == [0, half_up(3 * VALUE * D("0.073")), paid]
    assert amounts(engine, 2, "hold", "margin", "commission") == [0, half_up(3 * VALUE * D("0.081")), paid]


def test_a_better_price_releases_the_difference() -> None:
    engine = odd_exchange()
    do(engine, order(2, "SELL OPEN 3 @ 120.6"))
    do(engine, order(1, "BUY OPEN 3 @ 125.0"))
    assert amounts(engine, 1, "hold", "margin") == [0, half_up(3 * VALUE * D("0.073"))]


def test_a_cancel_releases_the_rest() -> None:
    engine = odd_exchange()
    accepted, *_ = do(engine, order(1, "BUY OPEN 5 @ 120.6"))
    do(engine, order(2, "SELL OPEN 2 @ 120.6"))
    a_lot = up(VALUE * D("0.073")) + D("1.23") + up(VALUE * D("0.000031"))
    assert amounts(engine, 1, "hold") == [3 * a_lot]
    assert isinstance(accepted, OrderAccepted)
    do(engine, CancelOrder(1, accepted.order_id))
    assert amounts(engine, 1, "hold", "margin") == [0, half_up(2 * VALUE * D("0.073"))]


def test_margin_does_not_move_with_the_last_price() -> None:
    engine = odd_exchange()
    trade(engine, "120.6", buyer=1, seller=2)
    margin = figures(engine, 1).margin
    trade(engine, "130.0", buyer=3, seller=2)
    assert figures(engine, 1).margin == margin == units(str(half_up(VALUE * D("0.073"))))
    assert figures(engine, 1).position_profit == units("65.8")


def test_both_legs_of_a_hedge_add_margin() -> None:
    engine = odd_exchange()
    trade(engine, "120.6", buyer=1, seller=2)
    trade(engine, "130.0", buyer=2, seller=1, lots=2)
    assert amounts(engine, 1, "margin") == [half_up(VALUE * D("0.073")) + half_up(2 * 7 * D(130) * D("0.081"))]


# --- commission


def test_commission_of_opening_closing_and_closing_today() -> None:
    """Per lot plus a share of the notional, rounded once a fill and kind."""
    engine = odd_exchange()
    trade(engine, "120.6", buyer=1, seller=2, lots=3)
    overnight(engine, {"IF": units("121.4")})
    trade(engine, "120.6", buyer=1, seller=2, lots=2)
    opened = 2 * D("1.23") + half_up(2 * VALUE * D("0.000031"))
    assert amounts(engine, 1, "commission") == [opened]
    trade(engine, "120.6", buyer=2, seller=1, lots=4, offset="CLOSE")
    his = 3 * D("0.77") + half_up(3 * VALUE * D("0.000017"))
    today = D("2.5")
    assert amounts(engine, 1, "commission") == amounts(engine, 2, "commission") == [opened + his + today]


# --- profit


def test_profits_are_measured_against_position_cost_and_float_profit_against_open_cost() -> None:
    engine = odd_exchange()
    trade(engine, "120.6", buyer=1, seller=2, lots=3)
    overnight(engine, {"IF": units("121.4")})
    trade(engine, "122.0", buyer=2, seller=1, offset="CLOSE")
    assert amounts(engine, 1, "close_profit", "position_profit") == [D("0.6") * 7, 2 * D("0.6") * 7]
    assert amounts(engine, 2, "close_profit", "position_profit") == [-D("0.6") * 7, -2 * D("0.6") * 7]
    long, short = (account(engine, number).positions["IF"] for number in (1, 2))
    assert (long.long.his_cost, long.long.open_cost) == (2 * units("849.8"), 2 * units("844.2"))
    assert long.float_profit == -short.float_profit == units("19.6")  # 2 lots × 7 × (122.0 - 120.6)
    assert (long.leg_profit(True), short.leg_profit(False)) == (units("8.4"), units("-8.4"))
    assert (long.leg_float_profit(True), short.leg_float_profit(False)) == (units("19.6"), units("-19.6"))
    assert long.leg_profit(False) == short.leg_float_profit(True) == 0


def test_lots_are_closed_in_the_order_in_which_they_were_opened() -> None:
    """Two lots for 120.2, then one for 120.4: each closing gains above what that very lot has cost."""
    engine = exchange(contract(), terms(), *["9000"] * 2)
    trade(engine, "120.2", buyer=1, seller=2, lots=2)
    trade(engine, "120.4", buyer=1, seller=2)
    profits = []
    for _ in range(3):
        trade(engine, "121.0", buyer=2, seller=1, offset="CLOSE")
        profits.append(amounts(engine, 1, "close_profit")[0])
    assert profits == [D("0.8"), D("1.6"), D("2.2")]
    assert amounts(engine, 2, "close_profit") == [D("-2.2")]


def test_under_the_rules_of_the_first_release_they_are_closed_at_their_average() -> None:
    """Lots for 120.2, 120.2 and 120.4 cost 120.26666 each: rounded half up, the last takes what is left. What is left
    when the present rules are adopted is one line at that average."""
    engine = Engine(State(FIRST_RULES))
    engine.apply(ListInstrument(contract(), terms()), NOW)
    for user in ("user1", "user2"):
        engine.apply(OpenAccount(user), NOW)
        engine.apply(Deposit(user, units("9000")), NOW)
    trade(engine, "120.2", buyer=1, seller=2, lots=2)
    trade(engine, "120.4", buyer=1, seller=2)
    trade(engine, "121.0", buyer=2, seller=1, offset="CLOSE")
    assert amounts(engine, 1, "close_profit") == [D("0.7333")]
    before = [account(engine, number).figures() for number in (1, 2)]
    do(engine, AdoptRules(PRESENT_RULES))
    assert [account(engine, number).figures() for number in (1, 2)] == before
    (line,) = account(engine, 1).positions["IF"].long.detail
    assert (line.lots, line.cost) == (2, units("240.5333"))
    trade(engine, "120.4", buyer=1, seller=2)
    trade(engine, "121.0", buyer=2, seller=1, offset="CLOSE")
    assert amounts(engine, 1, "close_profit") == [D("1.4666")]
    trade(engine, "121.0", buyer=2, seller=1, lots=2, offset="CLOSE")
    assert amounts(engine, 1, "close_profit") == [D("2.8")]


def test_the_present_rules_are_adopted_once() -> None:
    engine = Engine(State(FIRST_RULES))
    do(engine, AdoptRules(PRESENT_RULES))
    for version in (FIRST_RULES, PRESENT_RULES, PRESENT_RULES + 1):
        assert isinstance(engine.apply(AdoptRules(version), NOW)[0], Refused)


def test_the_equations() -> None:
    """balance, frozen, available, profit and risk ratio from what they are made of."""
    engine = odd_exchange()
    do(engine, Deposit("user1", units("123.45")))
    do(engine, Withdraw("user1", units("1000")))
    trade(engine, "120.6", buyer=1, seller=2, lots=4)
    trade(engine, "123.0", buyer=2, seller=1, lots=1, offset="CLOSE")
    do(engine, order(1, "BUY OPEN 2 @ 119.0"))
    static, commission, margin, hold = amounts(engine, 1, "static_balance", "commission", "margin", "hold")
    profit = 4 * (D("123.0") - D("120.6")) * 7
    assert static == 9000 + D("123.45") - 1000
    assert amounts(engine, 1, "profit", "balance", "frozen") == [profit, static + profit - commission, margin + hold]
    assert amounts(engine, 1, "available") == [static + profit - commission - margin - hold]
    assert D(str(figures(engine, 1).risk_ratio)) == round(margin / (static + profit - commission), 6)


def test_the_balance_of_yesterday_counts() -> None:
    engine = odd_exchange()
    trade(engine, "120.6", buyer=1, seller=2)
    evening = figures(engine, 1).balance
    overnight(engine, {"IF": units("120.6")})
    assert (figures(engine, 1).static_balance, figures(engine, 1).balance) == (evening, evening)
    do(engine, Deposit("user1", 5))
    assert figures(engine, 1).static_balance == evening + 5


@pytest.mark.parametrize(
    ("margin", "balance", "ratio"),
    [
        (0, 0, 0.0),
        (0, -5, 0.0),
        (1, 0, WIPED_OUT),
        (1, -5, WIPED_OUT),
        (1, 1, 1.0),
        (1, 3, 0.333333),
        (2, 3, 0.666667),
        (10**9, 1, WIPED_OUT),
    ],
)
def test_risk_ratio(margin: int, balance: int, ratio: float) -> None:
    assert risk_ratio(margin, balance) == ratio


@pytest.mark.parametrize(("profit", "withdrawable"), [(30, 60), (0, 60), (-30, 30)])
def test_unrealised_gains_stay_in_and_unrealised_losses_count(profit: int, withdrawable: int) -> None:
    """100 paid in, 40 frozen."""
    found = Figures(static_balance=100, close_profit=0, position_profit=profit, commission=0, margin=30, hold=10)
    assert found.withdrawable == withdrawable


# --- rounding

notionals = st.integers(0, 10**16)
rates = st.integers(0, RATE)


@given(notionals, rates)
def test_shares_are_rounded_half_up_and_holds_up(amount: int, rate: int) -> None:
    exact = D(amount) * rate / RATE
    assert share(amount, rate) == exact.to_integral_value(ROUND_HALF_UP)
    assert share_up(amount, rate) == exact.to_integral_value(ROUND_CEILING)


def test_a_half_is_rounded_up_and_less_is_not() -> None:
    assert [share(amount, RATE // 10) for amount in (4, 5, 14, 15)] == [0, 1, 1, 2]
    assert [share_up(amount, RATE // 10) for amount in (0, 1, 10, 11)] == [0, 1, 1, 2]


@given(st.integers(-(10**24), 10**24), st.integers(0, 2 * RATE))
def test_shares_of_all_numbers_are_those_of_one_division(amount: int, rate: int) -> None:
    """Negative ones, too, and those that no machine word holds."""
    assert share(amount, rate) == (amount * rate + RATE // 2) // RATE
    assert share_up(amount, rate) == -(-amount * rate // RATE)
    assert [part(amount, 1, 2) for amount in (0, 1, 2, 3)] == [0, 1, 1, 2]


@given(notionals, st.integers(1, 10**6), st.integers(0, 10**6))
def test_parts(amount: int, of: int, more: int) -> None:
    whole = of + more
    assert part(amount, of, whole) == (D(amount) * of / whole).to_integral_value(ROUND_HALF_UP)
    assert part(amount, whole, whole) == amount


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 50)), min_size=1, max_size=8), rates, rates)
def test_no_way_of_filling_costs_more_than_the_holds(fills: list[tuple[int, int]], margin: int, fee: int) -> None:
    """Fills of (lot value, lots): margin is charged on the sum of costs, commission on each fill, holds on each lot."""
    held = sum(lots * (share_up(value, margin) + share_up(value, fee)) for value, lots in fills)
    charged = share(sum(value * lots for value, lots in fills), margin)
    charged += sum(share(value * lots, fee) for value, lots in fills)
    assert charged <= held


# --- text and floats


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (0, "0.00"),
        (1, "0.0001"),
        (1_200_000, "120.00"),
        (1_205_000, "120.50"),
        (1_200_050, "120.005"),
        (-1, "-0.0001"),
        (-12_500, "-1.25"),
    ],
)
def test_amounts_as_text(units: int, text: str) -> None:
    assert to_text(units) == text
    assert from_text(text) == units


@given(st.integers(-(10**16), 10**16), st.sampled_from([10_000, RATE]))
def test_text_comes_back_as_it_went(units: int, scale: int) -> None:
    assert from_text(to_text(units, scale=scale), scale=scale) == units


@pytest.mark.parametrize("text", ["", "ten", "1,5", "1.00001", "0x10", "NaN", "sNaN", "--1"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|more than 4 decimals"):
        from_text(text)


def test_rates_have_eight_decimals() -> None:
    assert from_text("0.1", scale=RATE) == 10_000_000
    assert from_text("0.00000001", scale=RATE) == 1
    with pytest.raises(ValueError, match="more than 8 decimals"):
        from_text("0.000000001", scale=RATE)


@given(st.integers(-(10**13), 10**13))
def test_prices_survive_the_wire(price: int) -> None:
    assert price_from_float(to_currency(price)) == price


@pytest.mark.parametrize("value", [0.00001, 120.00001, 0.1 + 0.2 + 2e-9, 119.999999998, 1e-300, 5e-324, -1e-10])
def test_prices_between_units_are_none(value: float) -> None:
    assert price_from_float(value) is None


@pytest.mark.parametrize("tick", ["0.0001", "0.005", "0.2", "0.3", "0.5", "2.5", "10"])
def test_every_tick_that_a_client_computes_in_doubles_is_that_tick(tick: str) -> None:
    units = from_text(tick)
    for count in (*range(1, 30_000, 7), MAX_PRICE // units - 1):
        for computed in (count * float(tick), count / (1 / float(tick)), (count + 1) * float(tick) - float(tick)):
            assert price_from_float(computed) == count * units


def test_a_double_that_is_none_of_the_ticks_near_it_stays_between_them() -> None:
    assert price_from_float(0.007) == 70, "whether that is on the tick is for the instrument to say"
    assert price_from_float(3991.20005) is None


@pytest.mark.parametrize("price", [0.0005, 110.5, 3991.2])
def test_a_double_stands_for_the_price_that_is_a_thousand_millionth_away_and_no_further(price: float) -> None:
    for off in (9e-10, -9e-10):
        assert price_from_float(price + off) == units(str(price))
    for off in (2e-9, -2e-9):
        assert price_from_float(price + off) is None


@pytest.mark.parametrize(
    ("value", "lots"), [(0.1 * 30, 3), (1e9, 10**9), (-0.0, 0), (2.000000002, None), (1e-10, None)]
)
def test_lots_that_a_client_computes_in_doubles(value: float, lots: int | None) -> None:
    assert whole_from_float(value) == lots


def test_making_reads_numbers_as_the_core_does() -> None:
    assert making.units("120.05") == from_text("120.05")
    assert making.rate("0.0031%") == from_text("0.000031", scale=RATE)
