"""A broken trade is as if it had never been, for both accounts, to the last unit; what cannot be undone is refused."""

import random

import msgspec
import pytest

from tests.core.making import NOW, account, contract, do, exchange, order, overnight, terms, trade, units
from trading.core.codes import Code
from trading.core.commands import BreakTrade, Command, ForceCancelOrder
from trading.core.engine import Engine
from trading.core.events import Event, Refused, TradeBroken, Traded
from trading.core.snapshot.records import Snapshot
from trading.core.types import Direction, TradeSide

FEES = {"open_fee": "2+0.01%", "close_fee": "3+0.02%", "today_fee": "5"}


def market() -> Engine:
    return exchange(contract(), terms(**FEES), *["100000"] * 4)


def breaking(traded: Traded, day: int = 0, give_back_fees: bool = True) -> BreakTrade:
    sides = {
        fill.direction: TradeSide(fill.account_id, fill.order_id, fill.offset, fill.commission, fill.close_profit)
        for fill in (traded.taker, traded.maker)
    }
    return BreakTrade(
        traded.trade_id,
        day,
        traded.instrument_id,
        traded.price,
        traded.volume,
        sides[Direction.BUY],
        sides[Direction.SELL],
        give_back_fees,
    )


def of(events: list[Event]) -> Traded:
    (found,) = [event for event in events if isinstance(event, Traded)]
    return found


def match(engine: Engine, buy: str, sell: str, buyer: int = 1, seller: int = 2) -> Traded:
    do(engine, order(seller, sell))
    return of(do(engine, order(buyer, buy)))


def standing(engine: Engine) -> list[object]:
    """What accounts have: lots and their costs, money, margin."""
    return [
        (
            one.account_id,
            one.margin,
            one.hold,
            msgspec.structs.asdict(one.figures()) | {"profit": one.position_profit},
            {
                (name, is_long): (leg.today, leg.his, leg.today_cost, leg.his_cost, leg.his_open_cost)
                for name, position in one.positions.items()
                for is_long, leg in ((True, position.long), (False, position.short))
                if not leg.flat
            },
        )
        for one in engine.state.accounts.values()
    ]


def refused(engine: Engine, command: BreakTrade) -> tuple[Code, str]:
    before = engine.state_hash()
    (event,) = engine.apply(command, NOW)
    assert isinstance(event, Refused) and engine.state_hash() == before
    engine.check()
    return event.code, event.detail


def broken(engine: Engine, command: BreakTrade) -> TradeBroken:
    (event,) = do(engine, command)
    assert isinstance(event, TradeBroken)
    return event


def test_both_sides_have_what_they_had() -> None:
    engine = market()
    before = standing(engine)
    traded = match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0")
    event = broken(engine, breaking(traded))
    assert standing(engine) == before
    assert (event.buyer.commission, event.buyer.close_profit) == (traded.taker.commission, 0)


def test_fees_are_kept_where_that_was_chosen() -> None:
    engine = market()
    traded = match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0")
    event = broken(engine, breaking(traded, give_back_fees=False))
    assert event.buyer.commission == event.seller.commission == 0
    assert account(engine, 1).commission == traded.taker.commission > 0
    assert account(engine, 1).positions["IF"].flat


def test_a_closing_is_taken_back_with_its_profit() -> None:
    """1 has made 20 points on 2 lots; broken, the lots are there again for what they cost."""
    engine = market()
    match(engine, "BUY OPEN 5 @ 110.0", "SELL OPEN 5 @ 110.0")
    before = standing(engine)
    traded = match(engine, "BUY OPEN 2 @ 130.0", "SELL CLOSE 2 @ 130.0", buyer=3, seller=1)
    assert traded.maker.close_profit == 2 * 20 * 10_000
    broken(engine, breaking(traded))
    after = standing(engine)
    assert [one[4] for one in after] == [one[4] for one in before]  # type: ignore[index]
    assert [one.close_profit for one in engine.state.accounts.values()] == [0, 0, 0, 0]


def test_yesterdays_lots_come_back_as_todays_for_the_price_they_were_settled_at() -> None:
    engine = market()
    match(engine, "BUY OPEN 2 @ 110.0", "SELL OPEN 2 @ 110.0")
    overnight(engine, {"IF": units("118")})
    traded = match(engine, "BUY CLOSE 2 @ 120.0", "SELL CLOSE 2 @ 120.0", buyer=2, seller=1)
    equity = [one.figures().balance for one in engine.state.accounts.values()]
    broken(engine, breaking(traded, engine.state.day.trading_day))
    leg = account(engine, 1).positions["IF"].long
    assert (leg.today, leg.his, leg.today_cost) == (2, 0, 2 * units("118"))
    given_back = [traded.maker.commission, traded.taker.commission, 0, 0]
    assert [one.figures().balance for one in engine.state.accounts.values()] == [
        had + fees for had, fees in zip(equity, given_back, strict=True)
    ]


def test_it_is_broken_once() -> None:
    engine = market()
    command = breaking(match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0"))
    match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0")
    broken(engine, command)
    assert refused(engine, command)[0] is Code.DUPLICATE
    twin = Engine.restore(msgspec.convert(msgspec.to_builtins(engine.snapshot()), Snapshot))
    assert twin.state_hash() == engine.state_hash()
    assert refused(twin, command)[0] is Code.DUPLICATE


def test_another_trade_at_the_same_price_stays() -> None:
    """Lots of one price are one line of the detail, and any of them are those of the trade."""
    engine = market()
    commands = [breaking(match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0")) for _ in range(3)]
    broken(engine, commands[1])
    assert [account(engine, n).positions["IF"].net_lots for n in (1, 2)] == [6, -6]
    for command in (commands[0], commands[2]):
        broken(engine, command)
    assert account(engine, 1).positions["IF"].flat and not engine.state.instruments["IF"].holders


def test_what_was_closed_since_cannot_be_taken_back() -> None:
    engine = market()
    command = breaking(match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0"))
    match(engine, "BUY OPEN 1 @ 121.0", "SELL CLOSE 1 @ 121.0", buyer=3, seller=1)
    code, detail = refused(engine, command)
    assert code is Code.POSITION_INSUFFICIENT and "user1: the lots are closed since" in detail


def test_other_lots_do_not_stand_for_those_that_were_closed() -> None:
    """1 has three lots again, but of another price."""
    engine = market()
    command = breaking(match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0"))
    match(engine, "BUY OPEN 3 @ 121.0", "SELL CLOSE 3 @ 121.0", buyer=3, seller=1)
    match(engine, "BUY OPEN 3 @ 122.0", "SELL OPEN 3 @ 122.0", buyer=1, seller=4)
    assert "only money" in refused(engine, command)[1]


def test_lots_that_an_order_is_to_close_are_free_when_it_is_cancelled() -> None:
    engine = market()
    command = breaking(match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0"))
    do(engine, order(1, "SELL CLOSE 1 @ 125.0"))
    assert "cancel them first" in refused(engine, command)[1]


def test_a_settled_day_is_over() -> None:
    engine = market()
    traded = match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0")
    overnight(engine, {"IF": units("120")})
    assert refused(engine, breaking(traded))[0] is Code.TOO_LATE
    assert refused(engine, breaking(traded, engine.state.day.trading_day))[0] is Code.POSITION_INSUFFICIENT


def test_a_new_day_forgets_what_was_broken() -> None:
    engine = market()
    broken(engine, breaking(match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0")))
    assert engine.state.day.broken
    overnight(engine, {"IF": units("120")})
    assert engine.state.day.broken == ()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"instrument_id": "none"}, Code.INSTRUMENT_UNKNOWN),
        ({"volume": 0}, Code.MALFORMED),
        ({"price": 0}, Code.MALFORMED),
        ({"price": 1_210_000}, Code.POSITION_INSUFFICIENT),
        ({"volume": 4}, Code.POSITION_INSUFFICIENT),
        ({"trade_id": 1}, Code.POSITION_INSUFFICIENT),
    ],
)
def test_what_was_no_trade_is_refused(changed: dict[str, object], code: Code) -> None:
    engine = market()
    command = breaking(match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0"))
    assert refused(engine, msgspec.structs.replace(command, **changed))[0] is code


def test_a_side_without_an_account_is_refused() -> None:
    engine = market()
    command = breaking(match(engine, "BUY OPEN 3 @ 120.0", "SELL OPEN 3 @ 120.0"))
    strange = msgspec.structs.replace(command.buyer, account_id=9)
    assert refused(engine, msgspec.structs.replace(command, buyer=strange))[0] is Code.ACCOUNT_NOT_FOUND
    assert refused(engine, msgspec.structs.replace(command, seller=command.buyer))[0] is Code.ACCOUNT_NOT_FOUND


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_broken_at_random_leaves_sound_books(seed: int) -> None:
    """After many trades some are broken, the last first and others; each is undone in full or refused in full, nothing
    is lost, and the state is restored and replayed to the same."""
    chance = random.Random(seed)
    engine, trades = market(), []
    said: list[Command] = []
    for _ in range(60):
        buyer, seller = chance.sample(range(1, 5), 2)
        lots, price = chance.randint(1, 4), chance.choice(["118.0", "119.0", "120.0"])
        for who, side in ((seller, "SELL"), (buyer, "BUY")):
            command = order(who, f"{side} {chance.choice(['OPEN', 'OPEN', 'CLOSE'])} {lots} @ {price}")
            said.append(command)
            trades += [event for event in engine.apply(command, NOW) if isinstance(event, Traded)]
        if trades and chance.random() < 0.5:
            at = -1 if chance.random() < 0.5 else chance.randrange(len(trades))
            undo = breaking(trades[at], give_back_fees=chance.random() < 0.5)
            before = engine.state_hash()
            said.append(undo)
            (event,) = engine.apply(undo, NOW)
            assert isinstance(event, TradeBroken) or engine.state_hash() == before
        engine.check()
    twin = market()
    for each in said:
        twin.apply(each, NOW)
    assert twin.state_hash() == engine.state_hash()
    restored = Engine.restore(msgspec.convert(msgspec.to_builtins(engine.snapshot()), Snapshot))
    assert restored.state_hash() == engine.state_hash()
    restored.check()


@pytest.mark.parametrize("seed", range(20))
def test_the_last_trade_broken_is_as_if_it_had_never_been(seed: int) -> None:
    """Held against an engine that has not heard of it."""
    chance = random.Random(seed)
    engine, twin = market(), market()
    for _ in range(20):
        buyer, seller = chance.sample(range(1, 5), 2)
        price = chance.choice(["118.0", "119.0", "120.0"])
        for who, side in ((seller, "SELL"), (buyer, "BUY")):
            for each in (engine, twin):
                each.apply(order(who, f"{side} OPEN 1 @ {price}"), NOW)
    for each in (engine, twin):
        for one in list(each.state.orders.values()):
            each.apply(ForceCancelOrder(one.order_id), NOW)
        trade(each, "119.0", buyer=1, seller=2, lots=1)
    traded = match(engine, "BUY OPEN 3 @ 119.0", "SELL OPEN 3 @ 119.0", buyer=3, seller=4)
    broken(engine, breaking(traded))
    assert standing(engine) == standing(twin)
