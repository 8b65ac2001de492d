"""What is played in both forms of the core and has to come out the same (`test_build.py`): a line for each thing.

Two faults are made in the copy that is compiled: `money.number` says of anything that it is a number, and an order of
496 lots breaks the engine half-way, when its account has it and the book has not.
"""

import asyncio
import logging
import random
import traceback
from pathlib import Path

from msgspec.structs import replace

from tests.bench.flow import seeded
from tests.bench.rows.core import START, commands, funded_engine
from tests.builders import cancel, order
from tests.core.model.duel import Duel
from tests.core.model.histories import History
from tests.core.model.hunt import rules_of
from tests.worker.making import floor
from trading.core import money, state
from trading.core.commands import CancelOrder, Command, Settle, SubmitOrder
from trading.core.events import OrderAccepted
from trading.core.matching import book

HUGE = (2**62 - 1, 2**62, 2**63 - 1, 2**63, -(2**63) - 1, 10**30)
"""About where a machine word ends, and where mypyc's short numbers do."""


def histories() -> None:
    """Everything there is, beside the model, which finds what is not as its annotation says."""
    for seed in range(1, 16):
        duel = Duel(rules_of(seed))
        History(seed, duel).play(60)
        print("history", seed, duel.engine.state_hash(), sorted(duel.seen.items()))


def flow() -> None:
    engine = funded_engine()
    ids: dict[int, CancelOrder] = {}
    for number, message in enumerate(seeded(20_000, random.Random(11))):
        for command, oid in commands(message, ids):
            event = engine.apply(command, START + number // 100)[0]
            if type(event) is OrderAccepted:
                ids[oid] = CancelOrder(event.account_id, event.order_id)
    print("flow", engine.state_hash())


def numbers() -> None:
    """No whole number is cut off."""
    for huge in HUGE:
        print("numbers", huge, money.share(huge, money.RATE), money.share_up(huge, 3), money.part(huge, huge, 7))
        print("numbers", money.commission(huge, huge, money.RATE // 2), money.to_text(huge))


def attempt(command: Command) -> str:
    """What the engine says to a command that no decoder would let in."""
    engine = funded_engine()
    before = engine.state_hash()
    said = [str(event) for event in engine.apply(command, START)]
    return f"{said} {engine.state_hash() == before}"


def beyond_words() -> None:
    for huge in HUGE:
        print("beyond", attempt(order(huge, "BUY OPEN 1 @ 33000", "X")), attempt(cancel(1, huge)))
        for words in (f"BUY OPEN {abs(huge)} @ 33000", f"SELL OPEN 1 @ {abs(huge)}"):
            print("beyond", words, attempt(order(1, words, "X")))


class Kept(logging.Handler):
    """What was logged as an error: the sentence, the kind of error, and by which functions of the core it came."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        frames = traceback.extract_tb(error.__traceback__ if error else None)
        print("log", record.getMessage(), type(error).__name__)
        print("by", *(f"{Path(each.filename).stem}.{each.name}" for each in frames if "core/" in each.filename))


async def faults() -> None:
    """A worker whose engine breaks in the midst of an order, and is then handed what no decoder would let in."""
    async with floor() as f:
        for command in (
            order(1, "BUY OPEN 2 @ 119"),
            order(1, "BUY OPEN 496 @ 119"),
            order(2, "SELL OPEN 1 @ 119"),
            wrong(order(2, "SELL OPEN 1 @ 119")),
            Settle(20300102, 20300103, {}),
            order(2, "SELL OPEN 1 @ 119"),
        ):
            (event,) = await f.answers(command)
            print("worker", str(event))
        print("worker", f.worker.engine.state_hash(), [batch.number for batch in f.store.batches], f.worker.trouble)
        print(
            "worker", f.counters.batches_failed, [len(each.orders) for each in f.worker.engine.state.accounts.values()]
        )
        f.worker.engine.check()


def wrong(command: SubmitOrder) -> SubmitOrder:
    """With a word where a number belongs."""
    return replace(command, volume="one")


def main() -> None:
    print(book.__file__, state.__file__)
    try:
        print(money.number("a word"))  # type: ignore[attr-defined]  # it is in the copy
    except TypeError as error:
        print("found:", error)
    histories()
    flow()
    numbers()
    beyond_words()
    logging.getLogger("trading.worker").addHandler(Kept(logging.ERROR))
    asyncio.run(faults())
