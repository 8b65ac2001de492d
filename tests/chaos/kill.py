"""Kill -9 under load, many times: `python -m tests.chaos.kill --kills 200 --seed 1`.

Each time: some clients pour orders, amendments and cancels, an operator asks for this and that and some days settles,
the server is killed at a random moment, another starts on the same database, and then everything that was acknowledged
must be there, once, and the books must add up. Ends at the first contradiction with status 1 and keeps database, log
and what clients and operators were told.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import websocket

from tests.chaos.helper import Desk, Examiner
from tests.chaos.load import INSTRUMENT, LOST, Memory, Trader
from tests.chaos.moments import BLOWS, Scene
from tests.chaos.staff import Staff, StaffMemory
from tests.e2e.client import Client, Frame, signed_in
from tests.e2e.server import PATIENCE, Market, Server
from trading.protocol import order_number

USERS = ("user001", "user002", "user003")
MOMENTS = tuple(BLOWS)
KILLS_A_MARKET = 10
"""Then a fresh market: a replay from empty takes as long as the journal is."""
ASKED = 40
"""Acknowledged orders that each user asks for over the socket after a restart; the database is asked for all."""
SETTLED = 0.2
"""Share of the other kills during which an operator settles the trading day."""
DESK_KILLED = 0.3
"""Share of kills that take the operator's own process, too."""
KILLED_AT_START = 0.2
"""Share of restarts that are killed, too, while they start or load."""
START_SECONDS = (0.0, 1.5)
"""Within which; half of them are killed later, when they have begun to load."""
POLL_SECONDS = "0.05"
"""Between the engine's looks for operators' commands: more of them while it lives."""


class Contradiction(Exception):
    """The exchange broke a promise."""


class Run:
    """One market under attack. Use as a context; `cycle` is one kill and everything after it."""

    def __init__(self, market: Market, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self.restart_seconds: list[float] = []
        self._dice = random.Random(seed)
        self._memories = [Memory(user_id) for user_id in USERS]
        self.server = Server(market, extra={"OPERATOR_POLL_SECONDS": POLL_SECONDS})
        self._examiner = Examiner(market)
        self._desk = Desk(market)
        self._operator = StaffMemory()
        self._day_of_names = self._operator.day

    def __enter__(self) -> Self:
        try:
            self.server.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.server.kill()
        self._examiner.close()
        self._desk.close()

    # -- one kill

    def cycle(self, moment: str) -> None:
        """A kill at one of MOMENTS, and all that must hold after it."""
        staff = self._pour_and_kill(moment)
        self._restart()
        self._catch_up()
        self._hear(staff)
        self.check()
        self._resend()

    def _pour_and_kill(self, moment: str) -> Staff:
        dice = self._dice
        traders = [Trader(self.server, memory, dice.randrange(2**32)) for memory in self._memories]
        staff = Staff(self._desk, self._operator, dice.randrange(2**32), USERS, self._some_order)
        for trader in traders:
            trader.sweeps = True
        for each in (*traders, staff):
            each.start()
        for trader in traders:
            assert trader.under_way.wait(PATIENCE), "a client does not get under way"
        if dice.random() < SETTLED:
            staff.settle.set()
        if not all(trader.is_alive() for trader in traders):
            raise Contradiction("a client lost its server before it was killed")
        BLOWS[moment](Scene(self.server, traders, staff, dice))
        staff.stop()
        if dice.random() < DESK_KILLED:
            self._desk.kill()
            self.counts["desk killed"] += 1
        self.server.kill()
        for trader in traders:
            trader.join(PATIENCE)
            if trader.failure is not None:
                raise trader.failure
        self.counts["kills"] += 1
        self.counts[f"killed at {moment}"] += 1
        self.counts["unanswered"] += sum(len(memory.unanswered()) for memory in self._memories)
        return staff

    def _some_order(self, dice: random.Random) -> int | None:
        """One that somebody was told of lately."""
        told = list(dice.choice(self._memories).accepted.values())[-50:]
        return order_number(dice.choice(told)) if told else None

    def _restart(self) -> None:
        if self._dice.random() < KILLED_AT_START:
            self._start_and_kill()
        self.server.launch()
        started = time.monotonic()
        self.server.wait()
        with signed_in(self.server, USERS[0]) as client:
            client.ask("ping")
        self.restart_seconds.append(time.monotonic() - started)

    def _start_and_kill(self) -> None:
        self.server.launch()
        if self._dice.random() < 0.5:
            time.sleep(self._dice.uniform(*START_SECONDS))
        else:
            self.server.wait()
            with suppress(*LOST):
                early = websocket.create_connection(self.server.ws, timeout=self._dice.uniform(0.0, 0.05))
                early.shutdown()
        self.server.kill()
        self.counts["killed at start"] += 1

    def _hear(self, staff: Staff) -> None:
        """What an operator has asked for is done by the server that came after, if not before."""
        staff.join(PATIENCE)
        if staff.failure is not None:
            raise staff.failure
        if self._desk.killed:
            self._desk.close()
            self._desk = Desk(self.server.market)
        if self._desk.ask({"idle": True}) != {"idle": True}:
            raise Contradiction("what operators have asked for is not done")

    def _catch_up(self) -> None:
        """Everybody resumes after the last push that he has heard: the rest comes in order, or a snapshot."""
        for memory in self._memories:
            with signed_in(self.server, memory.user_id) as client:
                client.send("resume", last_seq=memory.seq)
                last = client.until("resume_response")["last_seq"]
                while memory.seq < last:
                    frame = client.hear()
                    if frame["type"] == "snapshot":
                        memory.seq = frame["seq"]
                        self.counts["snapshots"] += 1
                    elif "seq" in frame:
                        if frame["seq"] != memory.seq + 1:
                            raise Contradiction(f"{memory.user_id} resumes after {memory.seq} and hears {frame}")
                        memory.hear(frame)
                        self.counts["pushes resumed"] += 1

    # -- what must hold

    def check(self) -> None:
        """Contradiction unless everything that clients were told is so, and the books add up."""
        shown, answer = self._book(), self._examiner.ask(self._memories, self._operator)
        while shown != (shown := self._book()):  # a dead man's switch was carried out meanwhile
            answer = self._examiner.ask(self._memories, self._operator)
        wrong = answer["contradictions"]
        if not wrong:
            self.counts["unanswered, done"] += answer["figures"]["unanswered_done"]
            self.counts["commands replayed"] += answer["figures"]["commands"]
            wrong = self._ask_for_orders()
        if not wrong and shown != answer["book"]:
            wrong = [f"the server shows {shown}, a replay gives {answer['book']}"]
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

    def _book(self) -> list[list[list[float]]]:
        """As the server shows it."""
        with Client(self.server.ws) as client:
            client.send("subscribe", channels=["orderbook"], instruments=[INSTRUMENT])
            frame = client.until("orderbook")
        return [
            [[level["price"], level["volume"], level["order_count"]] for level in frame[side]]
            for side in ("bids", "asks")
        ]

    def _resend(self) -> None:
        """Whoever got no answer sends again under the same name; the next check sees that it made no second order. On
        another trading day the name is free again, so he looks among his orders instead."""
        for memory in self._memories:
            unanswered = memory.unanswered()
            with signed_in(self.server, memory.user_id) as client:
                if self._operator.day != self._day_of_names:
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

        self._day_of_names = self._operator.day

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
                "orders swept": sum(len(memory.swept) for memory in self._memories),
                "operators' commands answered": len(self._operator.answered),
                "operators' commands done": sum(told[0] == "DONE" for told in self._operator.answered.values()),
                "operators' commands unanswered": len(self._operator.asked) - len(self._operator.answered),
                "days settled": self._settled(),
                "trades heard (sides)": sum(len(memory.trades) for memory in self._memories),
            }
        )
        return self.counts + told

    def _settled(self) -> int:
        """As far as the operator was told."""
        answers = self._operator.answered
        return sum(answers.get(key, [""])[0] == "DONE" for key, asked in self._operator.asked.items() if asked is None)

    def keep(self, folder: Path, reason: str) -> None:
        """The evidence: database, log, memories."""
        self.server.kill()
        shutil.copytree(self.server.market.folder, folder, dirs_exist_ok=True)
        (folder / "reason.txt").write_text(reason)
        (folder / "memories.json").write_bytes(msgspec.json.encode([self._memories, self._operator]))


# --- the long run

FIGURES = (
    "kills",
    *(f"killed at {moment}" for moment in MOMENTS),
    "killed at start",
    "desk killed",
    "operators' commands answered",
    "operators' commands done",
    "operators' commands unanswered",
    "days settled",
    "requests",
    "orders acknowledged",
    "cancels acknowledged",
    "amendments acknowledged",
    "orders swept",
    "orders refused",
    "trades heard (sides)",
    "pushes resumed",
    "snapshots",
    "unanswered",
    "unanswered, done",
    "looked up",
    "orders asked for",
    "commands replayed",
)


def attack(kills: int, seed: int, evidence: Path | None) -> bool:
    """Whether every promise was kept. Where not, `evidence` is where what is left is kept (None: a new folder)."""
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
                    evidence = evidence or Path(tempfile.mkdtemp(prefix="bourse-evidence-"))
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
        print(f"{name:32} {totals[name]:12,}")
    print(f"{'restart, median':32} {statistics.median(restarts):12.2f} s")
    print(f"{'restart, longest':32} {max(restarts):12.2f} s")
    print(f"{'contradictions':32} {0:12}")
    print(f"{'wall time':32} {seconds:12.0f} s   (seed {seed})")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evidence", type=Path, help="where to keep what a contradiction left (default: a new folder)")
    options = parser.parse_args()
    sys.exit(not attack(options.kills, options.seed, options.evidence))


if __name__ == "__main__":
    main()
