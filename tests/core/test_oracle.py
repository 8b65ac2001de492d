"""The order book against 160 independent engines: public workloads and conformance cases, and flows of our own.

The public data lies outside of this repository: BOURSE_ORACLE names its folder, `../shared/oracle` when not set.
"""

import importlib.util
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.core.naive import NaiveBook
from tests.core.oracle_adapter import Adapter

ROOT = Path(__file__).resolve().parents[2]
ORACLE = Path(os.environ.get("BOURSE_ORACLE", ROOT.parent / "shared" / "oracle"))

needs_oracle = pytest.mark.skipif(
    not (ORACLE / "replay.py").is_file(), reason=f"no public workloads in {ORACLE}: set BOURSE_ORACLE to their folder"
)

Report = tuple[int, ...]


def replay() -> ModuleType:
    """The oracle's own player, imported from its folder."""
    spec = importlib.util.spec_from_file_location("oracle_replay", ORACLE / "replay.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_oracle
def test_every_conformance_case_holds(capsys: pytest.CaptureFixture[str]) -> None:
    holds = replay().conformance(Adapter)
    said = capsys.readouterr().out
    assert holds, said
    assert "34 of 34" in said


@needs_oracle
@pytest.mark.parametrize("workload", ["normal", "static", "interleaved"])
def test_the_public_workloads_give_the_public_output(workload: str) -> None:
    oracle = replay()
    _, reports = oracle.play(Adapter, oracle.load(workload))
    assert oracle.digest(reports) == json.loads((ORACLE / "hashes.json").read_text())[workload]


# --- flows that no file has


class NaiveAdapter:
    """The same messages for the naive book, and the same reports from it."""

    def __init__(self, report: Callable[[Report], None]) -> None:
        self.report = report
        self.book = NaiveBook()

    def new(self, seq: int, oid: int, side: int, price: int, qty: int, ioc: int) -> None:
        self.report((0, seq, side, oid, price, qty))
        left = self.match(seq, oid, side, price, qty)
        if left and ioc:
            self.report((2, seq, side, oid, price))
        elif left:
            self.book.rest(oid, side == 0, price, left)

    def cancel(self, seq: int, oid: int) -> None:
        found = self.book.cancel(oid)
        self.report((2, seq, 1 - found.is_buy, oid, found.price) if found else (4, seq, oid))

    def modify(self, seq: int, oid: int, side: int, price: int, qty: int) -> None:
        if not self.book.cancel(oid):
            self.report((5, seq, oid))
            return
        self.report((3, seq, side, oid, price, qty))
        if left := self.match(seq, oid, side, price, qty):
            self.book.rest(oid, side == 0, price, left)

    def match(self, seq: int, oid: int, side: int, price: int, qty: int) -> int:
        for maker, at, lots in self.book.match(side == 0, price, qty):
            self.report((1, seq, at, lots, maker, oid))
            qty -= lots
        return qty


def flow(seed: int, messages: int = 1_500) -> list[tuple[str, Report]]:
    """New, cancel and modify messages around a price that wanders."""
    dice = random.Random(seed)
    told: list[tuple[str, Report]] = []
    middle = 1_000
    for seq in range(messages):
        middle += dice.choice((-1, 0, 0, 1))
        side, price, qty = dice.randrange(2), middle + dice.randint(-6, 6), dice.randint(1, 20)
        earlier = dice.randrange(max(0, seq - 60), seq + 1)
        match dice.choices(("new", "cancel", "modify"), (6, 2, 2))[0]:
            case "new":
                told.append(("new", (seq, seq, side, price, qty, int(dice.random() < 0.15))))
            case "cancel":
                told.append(("cancel", (seq, earlier)))
            case "modify":
                told.append(("modify", (seq, earlier, side, price, qty)))
    return told


@pytest.mark.parametrize("seed", range(6))
def test_random_flows_give_the_naive_book_s_output(seed: int) -> None:
    fast: list[Report] = []
    naive: list[Report] = []
    books = Adapter(fast.append), NaiveAdapter(naive.append)
    for kind, numbers in flow(seed):
        for book in books:
            getattr(book, kind)(*numbers)
        assert fast == naive, f"they part at {kind} {numbers}"
        fast.clear()
        naive.clear()
    books[0].book.check()
    assert [each.remaining for each in books[0].book.entries()] == [each.left for each in books[1].book.standing()]


def test_random_flows_trade_rest_and_cancel() -> None:
    """A flow that did nothing would prove nothing."""
    reports: list[Report] = []
    book = NaiveAdapter(reports.append)
    for kind, numbers in flow(0):
        getattr(book, kind)(*numbers)
    seen = [sum(report[0] == kind for report in reports) for kind in range(6)]
    assert min(seen) > 30, seen
