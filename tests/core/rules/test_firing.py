"""Many stops that one price meets: they fire in portions, in one order, whatever comes in between and over restarts."""

from collections.abc import Callable, Iterator

from tests.core.making import NOW, account, contract, do, exchange, order, terms, units
from trading.core.commands import (
    CancelAll,
    CancelOrder,
    Deposit,
    FireStops,
    HaltInstrument,
    OpenAccount,
    ResumeInstrument,
)
from trading.core.engine import Engine
from trading.core.events import Event, OrderFired, OrderWaiting, Refused
from trading.core.rules.stop_orders import PORTION
from trading.core.types import OrderStatus

STOPS = 2 * PORTION + 50
BUYER, SELLER, CROWD = 1, 2, 3


def crowd(how: str = "", stops: int = STOPS) -> Engine:
    """Account 3 has stops to buy at 101 to 103; nobody has traded at more than 100 yet."""
    engine = exchange(contract(tick="1", reference="100", limits="50%"), terms(), *["1000000"] * 3)
    for number in range(stops):
        do_one(engine, order(CROWD, f"BUY OPEN 1 @ 100.0 stop {101 + number % 3}{how} GTC"))
    engine.check()
    return engine


def do_one(engine: Engine, command: object) -> list[Event]:
    events = engine.apply(command, NOW)  # type: ignore[arg-type]  # one of the commands
    assert not isinstance(events[0], Refused), events
    return events


def rise(engine: Engine, price: str) -> list[Event]:
    """A trade at a price."""
    do_one(engine, order(SELLER, f"SELL OPEN 1 @ {price}"))
    return do_one(engine, order(BUYER, f"BUY OPEN 1 @ {price}"))


def fired(events: list[Event]) -> list[int]:
    return [event.order_id for event in events if isinstance(event, OrderFired)]


def go_on(engine: Engine) -> Iterator[list[int]]:
    """Portion after portion, until all have fired."""
    for _ in range(100):
        if not engine.firing:
            return
        yield fired(do_one(engine, FireStops()))
        engine.check()
    raise AssertionError("they fire without end")


def in_turn(engine: Engine) -> list[int]:
    waiting = [each for each in engine.state.orders.values() if each.status is OrderStatus.WAITING]
    return [each.order_id for each in sorted(waiting, key=lambda each: (each.stop, each.order_id))]


def test_they_fire_in_portions_and_in_turn() -> None:
    engine = crowd()
    expected = in_turn(engine)
    portions = [fired(rise(engine, "103.0")), *go_on(engine)]
    assert [len(portion) for portion in portions] == [PORTION, PORTION, 50]
    assert [number for portion in portions for number in portion] == expected


def test_others_are_served_between_them_and_fire_nothing() -> None:
    engine = crowd()
    rise(engine, "103.0")
    assert not fired(do_one(engine, order(BUYER, "BUY OPEN 1 @ 99.0")))
    assert not fired(rise(engine, "104.0"))
    assert [len(portion) for portion in go_on(engine)] == [PORTION, 50]


def test_a_portion_without_need_does_nothing() -> None:
    assert len(do_one(crowd(), FireStops())) == 1


def test_who_comes_meanwhile_stands_behind_or_waits_for_a_price_of_their_own() -> None:
    engine = crowd()
    rise(engine, "103.0")
    rise(engine, "90.0")
    (early,) = waiting(do_one(engine, order(BUYER, "BUY OPEN 1 @ 90.0 stop 102 GTC")))
    (late,) = waiting(do_one(engine, order(BUYER, "BUY OPEN 1 @ 90.0 stop 91 GTC")))
    rise(engine, "91.0")
    portions = list(go_on(engine))
    assert portions[-1][-1] == late
    assert early not in [number for portion in portions for number in portion]
    assert account(engine, BUYER).orders[early].status is OrderStatus.WAITING


def waiting(events: list[Event]) -> list[int]:
    return [event.order_id for event in events if isinstance(event, OrderWaiting)]


def test_a_restart_between_portions_changes_nothing() -> None:
    """Also with trailing stops, which go on moving, and a price that has gone back."""
    plain, broken = played(lambda engine: engine), played(restarted)
    assert len(plain[0]) > STOPS
    assert plain == broken


def played(between: Callable[[Engine], Engine]) -> tuple[list[int], str]:
    """Who has fired, in turn, and the state in the end."""
    engine = crowd()
    for number in range(20):
        do_one(engine, order(BUYER, f"SELL OPEN 1 @ 100.0 trail {2 + number % 4} stop {95 - number % 4} GTC"))
    told = fired(rise(engine, "103.0"))
    engine = between(engine)
    for price in ("105.0", "96.0", "101.0"):
        told += fired(rise(engine, price))
        engine = between(engine)
    while engine.firing:
        told += fired(do_one(engine, FireStops()))
        engine = between(engine)
    return told, engine.state_hash()


def restarted(engine: Engine) -> Engine:
    again = Engine.restore(engine.snapshot())
    again.check()
    assert again.state_hash() == engine.state_hash()
    return again


def test_what_was_met_can_be_cancelled() -> None:
    engine = crowd()
    rise(engine, "103.0")
    (first, *_) = in_turn(engine)
    do(engine, CancelOrder(CROWD, first))
    assert first not in next(go_on(engine))
    do(engine, CancelAll(CROWD))
    assert not engine.firing
    assert not restarted(engine).firing


def test_a_halt_lets_them_stand_in_line() -> None:
    engine = crowd()
    rise(engine, "103.0")
    do(engine, HaltInstrument("IF"))
    assert not engine.firing
    engine = restarted(engine)
    portions = [fired(do(engine, ResumeInstrument("IF"))), *go_on(engine)]
    assert sum(map(len, portions)) == STOPS - PORTION


def test_of_a_group_one_fires_and_the_others_are_cancelled() -> None:
    engine = crowd(" group x")
    assert len(fired(rise(engine, "103.0"))) == 1
    assert not engine.firing


class Counted(list[tuple[int, int]]):
    """The keys of a queue, which count how often one is put in or taken out."""

    moves = 0

    def insert(self, index: object, key: tuple[int, int]) -> None:
        self.moves += 1
        super().insert(index, key)  # type: ignore[arg-type]

    def __delitem__(self, index: object) -> None:
        self.moves += 1
        super().__delitem__(index)  # type: ignore[arg-type]


def test_what_one_price_meets_or_moves_is_taken_out_and_moved_at_once() -> None:
    """Not one by one out of a long list, which would be quadratic."""
    engine = crowd()
    do_one(engine, OpenAccount("user4"))
    do_one(engine, Deposit("user4", units("1000000")))
    for _ in range(50):
        do_one(engine, order(4, "SELL OPEN 1 @ 60.0 trail 30 stop 70 GTC"))
    queues = engine.state.instruments["IF"].waiting._queues
    counted = [Counted(queue.keys) for queue in queues.values()]
    for queue, keys in zip(queues.values(), counted, strict=True):
        queue.keys = keys
    rise(engine, "103.0")
    assert max(keys.moves for keys in counted) <= 1
