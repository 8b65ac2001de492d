"""Kill -9 under load, many times: `python -m tests.chaos.kill --kills 200 --seed 1`.

Each time: some clients pour orders, amendments and cancels, some days an operator settles, the server is killed at a
random moment, another starts on the same database, and then everything that was acknowledged must be there, once, and
the books must add up. Ends at the first contradiction with status 1 and keeps database, log and what clients were told.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import websocket

from tests.chaos.load import INSTRUMENT, LOST, Memory, Operator, Trader
from tests.e2e.client import Client, Frame, signed_in
from tests.e2e.server import PATIENCE, ROOT, Market, Server, end_with_parent, environment_of

USERS = ("user001", "user002", "user003")
MOMENTS = ("any time", "an answer", "a commit")
"""When a server dies: at a random time, when a client hears a random answer, in the middle of a commit."""
KILLS_A_MARKET = 10
"""Then a fresh market: a replay from empty takes as long as the journal is."""
LOAD_SECONDS = (0.0, 0.4)
"""When the kill comes, after all clients are under way."""
ANSWERS = (10, 400)
"""Or after how many answers to one of them."""
COMMIT_SECONDS = 0.05
"""How long a commit waits before the server is killed in it: long enough to be told what is not stored."""
ASKED = 40
"""Acknowledged orders that each user asks for over the socket after a restart; the database is asked for all."""
SETTLED = 0.3
"""Share of kills during which an operator settles the trading day."""
SETTLE_SECONDS = 1.2
"""Within which the kill comes after the operator has pressed the key."""
FIRST_DAY = 20260101
KILLED_AT_START = 0.15
"""Share of restarts that are killed, too, while they load."""


class Contradiction(Exception):
    """The exchange broke a promise."""


class Examiner:
    """A process that reads a market's database; see `books`."""

    def __init__(self, market: Market) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.books"],
            cwd=ROOT,
            env=environment_of(market.folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_parent,
        )
        self._ready = False

    def ask(self, memories: list[Memory]) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        if not self._ready:
            self._ready = self._process.stdout.readline() == "ready\n"
        told = [msgspec.to_builtins(memory) | {"unanswered": list(memory.unanswered())} for memory in memories]
        self._process.stdin.write(json.dumps({"instrument_id": INSTRUMENT, "memories": told}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or '{"contradictions": ["it crashed"]}')
        return answer

    def close(self) -> None:
        with self._process:
            self._process.kill()


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Somebody else holds the database, so that the server waits in the middle of a commit."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=PATIENCE)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(COMMIT_SECONDS)
        yield
        other.execute("ROLLBACK")


class Run:
    """One market under attack. Use as a context; `cycle` is one kill and everything after it."""

    def __init__(self, market: Market, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self.restart_seconds: list[float] = []
        self._dice = random.Random(seed)
        self._memories = [Memory(user_id) for user_id in USERS]
        self.server = Server(market)
        self._examiner = Examiner(market)
        self._day = self._day_of_names = FIRST_DAY
        self._operators: list[Operator] = []

    def __enter__(self) -> Self:
        try:
            self.server.start()
        except BaseException:
            self._examiner.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.kill()
        self._examiner.close()

    # -- one kill

    def cycle(self, moment: str) -> None:
        """A kill at one of MOMENTS, and all that must hold after it."""
        self._pour_and_kill(moment)
        self._restart()
        self.check()
        self._resend()

    def _pour_and_kill(self, moment: str) -> None:
        dice = self._dice
        answers = dice.randint(*ANSWERS) if moment == "an answer" else None
        traders = [Trader(self.server, memory, dice.randrange(2**32)) for memory in self._memories]
        traders[0].answers_left = answers
        operator = self._settle()
        for trader in traders:
            trader.start()
        for trader in traders:
            assert trader.under_way.wait(PATIENCE), "a client does not get under way"
        if moment == "an answer":
            traders[0].join(PATIENCE)
        else:
            time.sleep(dice.uniform(*LOAD_SECONDS))
            if not all(trader.is_alive() for trader in traders):
                raise Contradiction("a client lost its server before it was killed")
            with locked(self.server.database) if moment == "a commit" else nullcontext():
                self.server.strike()
        self.server.kill()
        for trader in traders:
            trader.join(PATIENCE)
            if trader.failure is not None:
                raise trader.failure
        self._operators += operator
        self.counts["kills"] += 1
        self.counts[f"killed at {moment}"] += 1
        self.counts["unanswered"] += sum(len(memory.unanswered()) for memory in self._memories)

    def _restart(self) -> None:
        if self._dice.random() < KILLED_AT_START:
            self.server.start()
            with suppress(*LOST):
                early = websocket.create_connection(self.server.ws, timeout=self._dice.uniform(0.0, 0.05))
                early.shutdown()
            self.server.kill()
            self.counts["killed at start"] += 1
        self.server.launch()
        started = time.monotonic()
        self.server.wait()
        with signed_in(self.server, USERS[0]) as client:
            client.ask("ping")
        self.restart_seconds.append(time.monotonic() - started)

    def _settle(self) -> list[Operator]:
        """In some cycles the trading day is settled meanwhile."""
        if self._dice.random() > SETTLED:
            return []
        self._day += 1
        operator = Operator(self.server, self._day - 1)
        operator.start()
        time.sleep(self._dice.uniform(0.0, SETTLE_SECONDS))
        return [operator]

    def _hear_operators(self) -> None:
        """A settlement that was asked for is done by the server that came after, if not before."""
        for operator in self._operators:
            operator.join(PATIENCE)
            if f"Trading day {operator.day} is settled" not in operator.said:
                raise Contradiction(f"the settlement of {operator.day} came to: {operator.said}")
            self.counts["days settled"] += 1
        self._operators.clear()

    # -- what must hold

    def check(self) -> None:
        """Contradiction unless everything that clients were told is so, and the books add up."""
        self._hear_operators()
        answer = self._examiner.ask(self._memories)
        wrong = answer["contradictions"]
        if not wrong:
            self.counts["unanswered, done"] += answer["figures"]["unanswered_done"]
            self.counts["commands replayed"] += answer["figures"]["commands"]
            wrong = self._ask_for_orders() + self._compare_book(answer["book"])
        if wrong:
            raise Contradiction("\n".join(wrong[:20]))

    def _ask_for_orders(self) -> list[str]:
        """Over the socket: the last acknowledged orders, and some earlier ones."""
        wrong = []
        for memory in self._memories:
            accepted = list(memory.accepted.items())
            asked = accepted[-ASKED // 2 :] + self._dice.sample(accepted, min(ASKED // 2, len(accepted)))
            with signed_in(self.server, memory.user_id) as client:
                for name, order_id in asked:
                    client.send("query_order", order_id=order_id, request_id=name)
                for name, order_id in asked:
                    answer = client.hear()
                    while "request_id" not in answer:
                        answer = client.hear()
                    order = answer.get("data", {}).get("order", {})
                    cancelled = order_id in memory.cancelled and order.get("status") != "Cancelled"
                    if order.get("client_order_id") != name or order["order_id"] != order_id or cancelled:
                        wrong.append(f"{memory.user_id} asked for {order_id} ({name}) and got {answer}")
            self.counts["orders asked for"] += len(asked)
        return wrong

    def _compare_book(self, replayed: list[list[list[float]]]) -> list[str]:
        with Client(self.server.ws) as client:
            client.send("subscribe", channels=["orderbook"], instruments=[INSTRUMENT])
            frame = client.until("orderbook")
        shown = [
            [[level["price"], level["volume"], level["order_count"]] for level in frame[side]]
            for side in ("bids", "asks")
        ]
        return [] if shown == replayed else [f"the server shows {shown}, a replay gives {replayed}"]

    def _resend(self) -> None:
        """Whoever got no answer sends again under the same name; the next check sees that it made no second order. On
        another trading day the name is free again, so he looks among his orders instead."""
        for memory in self._memories:
            unanswered = memory.unanswered()
            with signed_in(self.server, memory.user_id) as client:
                if self._day != self._day_of_names:
                    self._look_up(client, memory, unanswered)
                    continue
                for name, fields in unanswered.items():
                    client.send("submit_order", request_id=name, **fields)
                for name in unanswered:
                    answer = client.hear()
                    while answer["type"] != "order_response":
                        memory.hear(answer)
                        answer = client.hear()
                    assert answer["request_id"] == name
                    memory.answer(name, answer)
                client.send("ping", request_id="end")
                while (frame := client.hear())["type"] != "pong":
                    memory.hear(frame)

        self._day_of_names = self._day

    def _look_up(self, client: Client, memory: Memory, names: dict[str, Frame]) -> None:
        """Page through all orders of the user: what is not among them was not done, and never will be."""
        before, missing = None, dict(names)
        while missing:
            page = client.ask("query_orders", limit=200, **({"before": before} if before else {}))["data"]
            for order in page["orders"]:
                if missing.pop(order["client_order_id"], None):
                    memory.accepted[order["client_order_id"]] = order["order_id"]
            before = page["next"]
            if before is None:
                break
        memory.refused |= dict.fromkeys(missing, 0)
        self.counts["looked up"] += len(names)

    def figures(self) -> Counter[str]:
        """All counts, with what the clients were told."""
        told = Counter(
            {
                "requests": sum(memory.requests for memory in self._memories),
                "orders acknowledged": sum(len(memory.accepted) for memory in self._memories),
                "orders refused": sum(len(memory.refused) for memory in self._memories),
                "cancels acknowledged": sum(len(memory.cancelled) for memory in self._memories),
                "amendments acknowledged": sum(
                    sum(bool(done) for _, done, _ in memory.amended.values()) for memory in self._memories
                ),
                "trades heard (sides)": sum(len(memory.trades) for memory in self._memories),
            }
        )
        return self.counts + told

    def keep(self, folder: Path, reason: str) -> None:
        """The evidence: database, log, memories."""
        self.server.kill()
        shutil.copytree(self.server.market.folder, folder, dirs_exist_ok=True)
        (folder / "reason.txt").write_text(reason)
        (folder / "memories.json").write_bytes(msgspec.json.encode(self._memories))


# --- the long run

FIGURES = (
    "kills",
    *(f"killed at {moment}" for moment in MOMENTS),
    "killed at start",
    "days settled",
    "requests",
    "orders acknowledged",
    "cancels acknowledged",
    "amendments acknowledged",
    "orders refused",
    "trades heard (sides)",
    "unanswered",
    "unanswered, done",
    "looked up",
    "orders asked for",
    "commands replayed",
)


def attack(kills: int, seed: int, evidence: Path) -> bool:
    """Whether every promise was kept."""
    started = time.monotonic()
    totals: Counter[str] = Counter()
    restarts: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bourse-kill-")))
        seeded = Market.seeded(folder / "seeded")
        for first in range(0, kills, KILLS_A_MARKET):
            with Run(seeded.copy(folder / f"market-{first}"), seed + first) as run:
                try:
                    for number in range(first, min(first + KILLS_A_MARKET, kills)):
                        run.cycle(MOMENTS[number % len(MOMENTS)])
                    run.check()
                except Exception as error:
                    reason = f"seed {seed}, kill {number + 1}: {type(error).__name__}: {error}"
                    run.keep(evidence, reason)
                    print(f"\n{reason}\n\nThe evidence is in {evidence}")
                    return False
                totals += run.figures()
                restarts += run.restart_seconds
            shutil.rmtree(run.server.market.folder)
            seconds = time.monotonic() - started
            print(f"{totals['kills']:5} kills, {seconds / totals['kills']:.2f} s each, all well", flush=True)
    seconds = time.monotonic() - started
    print()
    for name in FIGURES:
        print(f"{name:24} {totals[name]:12,}")
    print(f"{'restart, median':24} {statistics.median(restarts):12.2f} s")
    print(f"{'restart, longest':24} {max(restarts):12.2f} s")
    print(f"{'contradictions':24} {0:12}")
    print(f"{'wall time':24} {seconds:12.0f} s   (seed {seed})")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evidence", type=Path, help="where to keep what a contradiction left (default: a new folder)")
    options = parser.parse_args()
    evidence = options.evidence or Path(tempfile.mkdtemp(prefix="bourse-evidence-"))
    right = attack(options.kills, options.seed, evidence)
    if right and not options.evidence:
        evidence.rmdir()
    sys.exit(not right)


if __name__ == "__main__":
    main()
