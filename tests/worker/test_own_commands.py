"""What the worker does by itself: what is due comes first, what has moved is looked at last."""

import asyncio

import msgspec
import pytest

from tests.builders import NOW, order
from tests.core.making import contract, terms
from tests.worker.making import floor
from trading.core.commands import (
    AdoptRules,
    CancelAfter,
    CheckRisk,
    ExpireDue,
    FireStops,
    HaltInstrument,
    ListInstrument,
    SetInstrumentPhase,
    SetMarketPhase,
    SubmitOrder,
)
from trading.core.events import OrderAccepted, OrderCancelled, OrderFired, RiskWarned, Traded
from trading.core.money import RATE
from trading.core.rules.stop_orders import PORTION
from trading.core.types import (
    FIRST_RULES,
    PRESENT_RULES,
    CancelReason,
    Direction,
    Offset,
    OrderOptions,
    OrderType,
    Phase,
    TimeCondition,
)
from trading.worker.batch import OperatorAsk


def good_till(time: int) -> SubmitOrder:
    return SubmitOrder(
        1, "IX2301", Direction.BUY, Offset.OPEN, OrderType.LIMIT, 1, 1_190_000, TimeCondition.GTD, None,
        OrderOptions(expires_at=time),
    )  # fmt: skip


async def test_what_is_due_is_done_while_nobody_asks_for_anything() -> None:
    async with floor(operator_poll=60.0) as f:
        await f.answers(good_till(NOW + 20))
        f.now = NOW + 20
        await f.answers(order(2, "BUY OPEN 1 @ 118"))
        assert not f.worker.engine.state.accounts[1].orders


async def test_it_wakes_up_when_something_is_due() -> None:
    async with floor(operator_poll=60.0) as f:
        await f.answers(CancelAfter(1, NOW + 50), order(1, "BUY OPEN 1 @ 119"))
        f.now = NOW + 49
        await asyncio.sleep(0.1)
        assert len(f.worker.engine.state.accounts[1].orders) == 1
        f.now = NOW + 50
        await f.until(lambda: len(f.store.batches) >= 2)
        (cancelled,) = [event for event in f.store.batches[-1].events if isinstance(event, OrderCancelled)]
        assert cancelled.reason is CancelReason.COUNTDOWN
        assert f.store.batches[-1].commands == [ExpireDue()]


async def test_an_order_that_has_expired_trades_with_nobody_who_comes_later() -> None:
    async with floor() as f:
        await f.answers(good_till(NOW + 20))
        f.now = NOW + 20
        (accepted,) = await f.answers(order(2, "SELL OPEN 1 @ 119"))
        assert isinstance(accepted, OrderAccepted)
        await f.until(lambda: len(f.store.batches) >= 2)
        events = [event for batch in f.store.batches for event in batch.events]
        assert not any(isinstance(event, Traded) for event in events)


async def test_risk_is_looked_at_after_what_moved_it_in_the_same_commit() -> None:
    watch = CheckRisk(warn_at=1, limit=RATE)
    async with floor(risk=watch) as f:
        await f.answers(order(3, "BUY OPEN 1 @ 110"))
        await f.answers(order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120"))
        await f.until(lambda: len(f.store.batches) == 2)
        assert f.store.batches[-1].commands[-1] == watch
        warned = [event.account_id for event in f.store.batches[-1].events if isinstance(event, RiskWarned)]
        assert warned == [1, 2]
        assert f.store.batches[-1].changes.accounts[1].warned


@pytest.mark.parametrize(
    ("phase", "limits", "begins"),
    [
        (Phase.CONTINUOUS, "10%", Phase.CONTINUOUS),
        (Phase.CLOSED, "10%", Phase.CLOSED),
        (Phase.AUCTION, "10%", Phase.AUCTION),
        (Phase.AUCTION, "0%", Phase.CLOSED),
    ],
)
async def test_a_contract_is_listed_into_the_phase_of_the_market(phase: Phase, limits: str, begins: Phase) -> None:
    """Whatever an operator has done to one of the others."""
    new = ListInstrument(contract("NEW", limits=limits), terms())
    async with floor() as f:
        f.store.asks = [
            OperatorAsk(1, SetMarketPhase(phase)),
            OperatorAsk(2, HaltInstrument("IX2301")),
            OperatorAsk(3, new),
        ]
        await f.until(lambda: not f.store.asks)
        listed = f.worker.engine.state.instruments["NEW"]
        assert (listed.phase, listed.scheduled) == (begins, begins)
        done = [command for batch in f.store.batches for command in batch.commands]
        assert done[-1] == (new if begins is Phase.CONTINUOUS else SetInstrumentPhase("NEW", begins))
        f.store.asks = [OperatorAsk(4, SetMarketPhase(Phase.CONTINUOUS))]
        await f.until(lambda: not f.store.asks)
        assert listed.phase is Phase.CONTINUOUS


async def test_a_look_that_finds_nothing_leaves_no_trace() -> None:
    async with floor() as f:
        await f.answers(order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120"))
        await f.until(lambda: bool(f.store.batches))
        assert [type(command) for batch in f.store.batches for command in batch.commands] == [SubmitOrder, SubmitOrder]
        assert not f.worker.engine.moved


async def test_after_a_start_everyone_is_looked_at_once_with_the_limits_of_now() -> None:
    async with floor() as f:
        await f.answers(order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120"))
        await f.until(lambda: bool(f.store.batches))
    stricter = CheckRisk(warn_at=1, limit=RATE)
    async with floor(risk=stricter, running=False) as g:
        g.store.state = f.store.state
        await g.worker.load()
        g.run()
        await g.answers(order(3, "BUY OPEN 1 @ 110"))
        await g.until(lambda: bool(g.store.batches))
        assert g.store.batches[0].commands[-1] == CheckRisk(1, RATE, everyone=True)
        await g.answers(order(3, "BUY OPEN 1 @ 110"))
        await g.until(lambda: len(g.store.batches) == 2)
        assert [type(command) for command in g.store.batches[1].commands] == [SubmitOrder]


async def test_stops_fire_in_portions_between_which_others_are_served() -> None:
    """In the turn after, the next portion comes before what has been asked meanwhile."""
    stop = OrderOptions(stop_price=1_210_000)
    stops = [order(3, "BUY OPEN 1 @ 119", options=stop) for _ in range(2 * PORTION + 1)]
    async with floor(operator_poll=60.0) as f:
        await f.answers(*stops)
        await f.answers(order(1, "SELL OPEN 1 @ 121"), order(2, "BUY OPEN 1 @ 121"))

        def fired() -> list[int]:
            """How many each stored batch has fired, if any."""
            counts = (sum(isinstance(event, OrderFired) for event in batch.events) for batch in f.store.batches)
            return [count for count in counts if count]

        await f.until(lambda: sum(fired()) == len(stops))
        told = [command for batch in f.store.batches for command in batch.commands]
        assert told.count(FireStops()) == 2
        assert fired() == [PORTION, PORTION, 1]


async def test_a_market_of_an_earlier_release_adopts_the_rules_before_anything_else() -> None:
    async with floor(operator_poll=60.0) as f:
        f.store.state = msgspec.structs.replace(f.store.state, rules=FIRST_RULES)
        await f.worker.load()
        assert f.worker.engine.state.rules == FIRST_RULES
        await f.answers(order(1, "BUY OPEN 1 @ 119"))
        await f.answers(order(1, "BUY OPEN 1 @ 119"))
        told = [command for batch in f.store.batches for command in batch.commands]
        assert told[0] == AdoptRules(PRESENT_RULES)
        assert told.count(AdoptRules(PRESENT_RULES)) == 1
