"""The book against a bare book, the engine against its book: in one process, no disk and no socket."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.bench.figures import Figure, at_least, median, paired
from tests.bench.flow import Message, workloads
from tests.bench.yardsticks.baseline_book import Baseline
from tests.bench.yardsticks.heap_book import HeapBook
from tests.core.oracle_adapter import Adapter
from trading.core.commands import CancelOrder, Command, Deposit, ListInstrument, OpenAccount, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import OrderAccepted
from trading.core.money import MAX_MONEY, RATE, UNIT
from trading.core.types import Contract, Direction, Fee, Offset, OrderType, Terms, TimeCondition

START = 1_700_000_000_000
BATCH = 100
"""Commands after which the engine's changes are taken, as the worker does."""
BUY, SELL = Direction.BUY, Direction.SELL
OPEN, LIMIT = Offset.OPEN, OrderType.LIMIT
GFD, IOC = TimeCondition.GFD, TimeCondition.IOC
PAIRS = 9
"""A run is a fifth of a second, and these machines stumble for longer than that."""


def play(adapter: type, messages: list[Message]) -> float:
    """Messages a second through an adapter."""
    reports: list[Message] = []
    book = adapter(reports.append)
    calls = (book.new, book.cancel, book.modify)
    with no_garbage_collection():
        start = time.perf_counter()
        for message in messages:
            calls[message[0]](*message[1:])
        return len(messages) / (time.perf_counter() - start)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """As `timeit` does: the collector would time how many objects the whole benchmark keeps."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def funded_engine(accounts: int = 2) -> Engine:
    """An engine with one instrument (tick 1, no limits, margin and commission) and rich accounts."""
    engine = Engine()
    rate = RATE // 10
    terms = Terms(name="X", margin_long=rate, margin_short=rate, fee_open=Fee(100, 2300), max_volume=1_000_000)
    contract = Contract(instrument_id="X", product_id="X", tick=UNIT, multiplier=1, reference_price=33_000 * UNIT)
    engine.apply(ListInstrument(contract, terms), START)
    for number in range(1, accounts + 1):
        engine.apply(OpenAccount(f"user{number:05}"), START)
        engine.apply(Deposit(f"user{number:05}", MAX_MONEY), START)
    return engine


def engine_rate(messages: list[Message]) -> float:
    """Messages a second through `Engine.apply`: buys and sells from two accounts, modify as cancel and new."""
    engine = funded_engine()
    ids: dict[int, CancelOrder] = {}
    with no_garbage_collection():
        start = time.perf_counter()
        for number, message in enumerate(messages):
            for command, oid in commands(message, ids):
                event = engine.apply(command, START + number // 100)[0]
                if type(event) is OrderAccepted:
                    ids[oid] = CancelOrder(event.account_id, event.order_id)
            if number % BATCH == 0:
                engine.take_changes()
        return len(messages) / (time.perf_counter() - start)


def commands(message: Message, ids: dict[int, CancelOrder]) -> Iterator[tuple[Command, int]]:
    """A message of the workload as the engine's commands. An order that was never accepted is cancelled in vain."""
    kind, _, oid, *order = message
    if kind != 0:
        yield ids.get(oid, CancelOrder(1, 1)), oid
    if kind != 1:
        side, price, volume = order[:3]
        yield (
            SubmitOrder(
                1 + side,
                "X",
                SELL if side else BUY,
                OPEN,
                LIMIT,
                volume,
                price * UNIT,
                IOC if kind == 0 and order[3] else GFD,
            ),
            oid,
        )


YARDSTICKS = {"closure-based pure Python book": (Baseline, 0.6), "heap book": (HeapBook, 0.5)}
"""What the book is held against, and the goals."""


def book_figure(name: str) -> Figure:
    """The workload in which the book is worst against a yardstick."""
    yardstick, goal = YARDSTICKS[name]
    flows = workloads()
    found = [
        (paired(partial(play, Adapter, flow), partial(play, yardstick, flow), PAIRS), each)
        for each, flow in flows.items()
    ]
    pairs, workload = min(found, key=lambda each: median(each[0].ratios))
    return at_least(
        f"bare book, workload {workload} (the worst of {len(flows)})",
        f"{pairs.ours:,.0f} messages/s",
        f"{pairs.theirs:,.0f} of a {name}",
        pairs,
        goal,
    )


def engine_figure() -> Figure:
    name, messages = next(iter(workloads().items()))
    pairs = paired(lambda: engine_rate(messages), lambda: play(HeapBook, messages), PAIRS)
    return at_least(
        f"engine alone: risk, match, events; workload {name}",
        f"{pairs.ours:,.0f} messages/s",
        f"{pairs.theirs:,.0f} of the heap book",
        pairs,
        0.2,
    )


def measure() -> list[Figure]:
    return [*map(book_figure, YARDSTICKS), engine_figure()]
