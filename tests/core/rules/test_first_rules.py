"""What the rules of the first release did otherwise, as long as a market has not adopted the present ones: its journal
must lead to the same books."""

from decimal import Decimal

from tests.core.making import NOW, account, contract, do, order, overnight, rate, terms, trade, units
from trading.core.commands import Deposit, ListInstrument, OpenAccount, SetAccountRules, SetFeeGroup
from trading.core.engine import Engine
from trading.core.events import Traded
from trading.core.state import State
from trading.core.types import FIRST_RULES, AccountRules, Contract, Terms


def first_exchange(listed: Contract, under: Terms) -> Engine:
    """An instrument and two accounts with funds."""
    engine = Engine(State(FIRST_RULES))
    engine.apply(ListInstrument(listed, under), NOW)
    for user in ("user1", "user2"):
        engine.apply(OpenAccount(user), NOW)
        engine.apply(Deposit(user, units("9000")), NOW)
    return engine


def commission_of(engine: Engine, number: int) -> Decimal:
    return Decimal(account(engine, number).figures().commission) / 10_000


def test_each_kind_of_lots_was_rounded_for_itself() -> None:
    """0.0012 % of 5.00 are 0.00006, of yesterday's lot and of today's: each was charged as 0.0001."""
    engine = first_exchange(
        contract(tick="1", reference="5", limits="50%"), terms(close_fee="0.0012%", today_fee="0.0012%")
    )
    trade(engine, "5", buyer=1, seller=2)
    overnight(engine, {"IF": units("5")})
    trade(engine, "5", buyer=1, seller=2)
    trade(engine, "5", buyer=2, seller=1, lots=2, offset="CLOSE")
    assert [commission_of(engine, number) for number in (1, 2)] == [Decimal("0.0002")] * 2


def test_the_share_of_a_fee_group_was_taken_of_what_was_rounded() -> None:
    """0.0005 % of 10.00 are 0.00005, charged as 0.0001; half of that was charged as 0.0001 too."""
    engine = first_exchange(contract(tick="1", reference="10", limits="50%"), terms(open_fee="0.0005%"))
    do(engine, SetFeeGroup("vip", rate("50%")))
    do(engine, SetAccountRules("user1", AccountRules(fee_group="vip")))
    trade(engine, "10", buyer=1, seller=2)
    assert [commission_of(engine, number) for number in (1, 2)] == [Decimal("0.0001")] * 2


def test_fok_counted_the_hidden_lots_of_icebergs() -> None:
    for rule in ("", " cancel-taker"):
        engine = first_exchange(contract(), terms())
        do(engine, order(2, "SELL OPEN 5 @ 120 showing 2"))
        events = do(engine, order(1, f"BUY OPEN 5 @ 120 FOK{rule}"))
        assert sum(event.volume for event in events if isinstance(event, Traded)) == 5
