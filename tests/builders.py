"""Plain makers that the layers' tests share: a founded market, commands in trader's words, time that does not pass."""

import asyncio
import selectors
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import msgspec

from trading.core.commands import AdoptRules, CancelOrder, Command, Deposit, ListInstrument, OpenAccount, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Event, Refused
from trading.core.money import RATE, UNIT
from trading.core.types import (
    PRESENT_RULES,
    Contract,
    Direction,
    Fee,
    Offset,
    OrderOptions,
    OrderType,
    Terms,
    TimeCondition,
)
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder
from trading.models import AccessToken, User
from trading.storage.store import QUICK, Store
from trading.worker.batch import Batch

T = TypeVar("T")

NOW = 1_700_000_000_000
"""When the market was founded, in Unix milliseconds."""

FUNDS = 1_000_000 * UNIT
TRADERS = ("user001", "user002", "user003")
NO_ACCOUNT = "user009"
"""Has a token, but no account."""

INSTRUMENTS = ("IF2301", "IX2301")


class Founded(msgspec.Struct):
    """What tests need to know of a founded market."""

    tokens: dict[str, str]


# --- commands


def listing(instrument_id: str = "IX2301") -> ListInstrument:
    """Reference 120, tick 0.5, 100 a point, limits and margin 10 %, fees 2 to open, 3 and 0.01 % to close, 5 today."""
    contract = Contract(
        instrument_id=instrument_id,
        product_id=instrument_id[:2],
        tick=UNIT // 2,
        multiplier=100,
        reference_price=120 * UNIT,
        limit_rate=RATE // 10,
    )
    return ListInstrument(contract, terms())


def terms(name: str = "a future", margin: int = RATE // 10, **others: Any) -> Terms:
    return Terms(
        name=name,
        margin_long=margin,
        margin_short=margin,
        fee_open=Fee(2 * UNIT, 0),
        fee_close=Fee(3 * UNIT, RATE // 10_000),
        fee_close_today=Fee(5 * UNIT, 0),
        max_volume=500,
        **others,
    )


def order(
    account_id: int,
    words: str,
    instrument_id: str = "IX2301",
    own_id: str | None = None,
    options: OrderOptions | None = None,
) -> SubmitOrder:
    """An order as a trader says it: "BUY OPEN 10 @ 120.0", "SELL CLOSE 3 @ MARKET", "BUY OPEN 1 @ 120 IOC"."""
    direction, offset, volume, _, price, *condition = words.split()
    market = price == "MARKET"
    return SubmitOrder(
        account_id=account_id,
        instrument_id=instrument_id,
        direction=Direction(direction),
        offset=Offset(offset),
        order_type=OrderType.MARKET if market else OrderType.LIMIT,
        volume=int(volume),
        price=None if market else round(float(price) * UNIT),
        time_condition=TimeCondition(*condition) if condition else TimeCondition.GFD,
        client_order_id=own_id,
        options=options,
    )


def cancel(account_id: int, order_id: int) -> CancelOrder:
    return CancelOrder(account_id, order_id)


def founding() -> list[Command]:
    """A new market as the worker begins it, two instruments and three funded accounts, numbered 1 to 3."""
    commands: list[Command] = [AdoptRules(PRESENT_RULES), *(listing(name) for name in INSTRUMENTS)]
    for user_id in TRADERS:
        commands += [OpenAccount(user_id), Deposit(user_id, FUNDS)]
    return commands


# --- rows


def make_users(names: Iterable[str]) -> dict[str, str]:
    """Users without passwords; returns their tokens."""
    tokens = {}
    for name in names:
        user = User(username=name)
        user.set_unusable_password()
        user.save()
        _, tokens[name] = AccessToken.objects.create(user, name="tests")
    return tokens


def found_market() -> Founded:
    """Make the users, and the market as an engine leaves it after the founding commands."""
    tokens = make_users([*TRADERS, NO_ACCOUNT])
    Books("MAIN").commit(*founding())
    return Founded(tokens)


class Books:
    """An engine and its store without a worker: every `commit` is one batch."""

    def __init__(self, market: str = "MAIN", quick: float = QUICK) -> None:
        self.store = Store(market, quick=quick)
        self.store.take_over()
        self.pushes = PushEncoder(InProcessLayer())
        self.load()

    def load(self) -> None:
        records, restored = self.store.load()
        self.engine = Engine.restore(records)
        self.number = restored.number
        self.now = max(restored.time, NOW)
        self.pushes.resume(restored.push_seqs)

    def batch(self, *commands: Command) -> Batch:
        """Apply commands, none of which may be refused."""
        events: list[Event] = []
        for command in commands:
            events += self.engine.apply(command, self.now)
        assert not any(isinstance(event, Refused) for event in events), f"refused: {events}"
        return self.batch_of(list(commands), events)

    def batch_of(self, commands: list[Command], events: list[Event]) -> Batch:
        changes = self.engine.take_changes()
        return Batch(
            number=self.number + 1,
            time=self.now,
            last_id=self.engine.state.last_id,
            commands=commands,
            events=events,
            changes=changes,
            pushes=self.pushes.encode(events, changes, self.now),
            operator_answers=[],
        )

    def commit(self, *commands: Command) -> list[Event]:
        """Apply and store; returns the events."""
        batch = self.batch(*commands)
        self.store.commit(batch)
        self.number = batch.number
        self.now += 1
        return batch.events


# --- time


class _Skipper(selectors.DefaultSelector):
    """Does not wait, but notes how long it should have."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.skipped += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everybody sleeps, and then at once."""

    def __init__(self) -> None:
        self._skipper = _Skipper()
        super().__init__(self._skipper)

    def time(self) -> float:
        return 1_000.0 + self._skipper.skipped


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop whose sleeps take no time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
