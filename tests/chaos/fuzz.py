"""Vandals against a real server, while honest clients trade: `python -m tests.chaos.fuzz --seconds 60 --seed 1`.

Every frame must be answered, whoever sends it; the honest must hear exactly what is due to them all the while; and at
the end the server is ready, its log knows of no failure, and the books add up. Ends with status 1 at the first
contradiction and keeps database and log.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.helper import Examiner
from tests.chaos.load import Memory
from tests.chaos.vandals import Broken, Tally, Vandal, show
from tests.e2e.client import Client, Frame
from tests.e2e.server import PATIENCE, PROGRAMS, Market, Server

VANDALS = 4
BUYER, SELLER = "user001", "user002"
INSTRUMENT = "IC2301"
"""Vandals know nothing of it, so nothing but the honest orders is in its book."""
LIMITS = {"RATE_LIMITS": "on"} | dict.fromkeys(
    ("REQUESTS_PER_SECOND", "WRONG_TOKENS_PER_MINUTE", "CONNECTIONS_PER_USER"), "1000000"
)
"""All come from one address, so what is counted by address would keep the honest out. Frames are limited as ever."""
MIDDLE, TICK = 6_000.0, 0.2
EVERY = 10
"""Rounds between two questions about account and position."""
TROUBLE = re.compile(r"Traceback|\b(ERROR|CRITICAL)\b|(?i:unhandled)")
EXPECTED = re.compile(r"Traceback [^\n]*\n(?:  [^\n]*\n)+django\.core\.exceptions\.BadRequest: ")
"""Django shows where it found a request to be bad, in a warning."""


class Honest(threading.Thread):
    """Two who trade with each other: one opens, the other side too; then both close. Each frame is looked at."""

    def __init__(self, server: Server, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True, name="honest")
        self.failure: BaseException | None = None
        self.memories = {user_id: Memory(user_id) for user_id in (BUYER, SELLER)}
        self.seconds: list[float] = []
        self.rounds = 0
        self._server = server
        self._dice = Random(seed)
        self._stop_asked = stop
        self._clients: dict[str, Client] = {}

    def run(self) -> None:
        try:
            with ExitStack() as stack:
                for user_id in self.memories:
                    client = Client(self._server.ws, user_id, self._server.token(user_id))
                    self._clients[user_id] = stack.enter_context(client)
                while not self._stop_asked.is_set():
                    self._round()
                self._end()
        except BaseException as error:
            self.failure = error
            self._stop_asked.set()

    def _round(self) -> None:
        price = round(MIDDLE + self._dice.randint(-20, 20) * TICK, 1)
        opening = self.rounds % 2 == 0
        first, second = ("BUY", "SELL") if opening else ("SELL", "BUY")
        offset = "OPEN" if opening else "CLOSETODAY"
        resting = self._order(BUYER, first, offset, price)
        self._hear(BUYER, resting, "Submitted")
        taking = self._order(SELLER, second, offset, price)
        self._hear(SELLER, taking, "Submitted", "trade", "Filled")
        self._hear(BUYER, resting, "trade", "Filled")
        same = [client.of("trade")[-1] for client in self._clients.values()]
        _same("the two sides of a trade", *(frame["trade_id"] for frame in same))
        _same("the price of a trade", price, *(frame["price"] for frame in same))
        self._order_and_cancel(price)
        self._refused()
        self.rounds += 1
        if self.rounds % EVERY == 0:
            self._ask(opening)

    def _order(self, user_id: str, direction: str, offset: str, price: float) -> str:
        """The id of an order that must be taken."""
        memory = self.memories[user_id]
        memory.requests += 1
        name = f"c{memory.requests}"
        fields = {
            "instrument_id": INSTRUMENT,
            "direction": direction,
            "offset": offset,
            "volume": 1,
            "price": price,
            "order_type": "LIMIT",
        }
        memory.sent[name] = fields
        began = time.monotonic()
        answer = self._clients[user_id].ask("submit_order", client_order_id=name, **fields)
        self.seconds.append(time.monotonic() - began)
        memory.answer(name, answer)
        if not answer["success"]:
            raise Broken(f"an honest order was refused: {answer}")
        return str(answer["order_id"])

    def _hear(self, user_id: str, order_id: str, *due: str) -> None:
        """The pushes of one order in their order, and the account's after them; nothing else."""
        client = self._clients[user_id]
        found: list[dict[str, Any]] = []
        while not found or found[-1]["type"] != "account_update":
            pushes = [frame for frame in self._pushes(user_id) if frame["type"] != "order_response"]
            found += pushes
            if not pushes:
                client.hear()
        told = [frame.get("status", frame["type"]) for frame in found if frame.get("order_id", order_id) == order_id]
        _same("the pushes of an order", [*due, "account_update"], told)

    def _pushes(self, user_id: str) -> list[Frame]:
        """What was pushed since the last look, without a hole."""
        memory = self.memories[user_id]
        pushes = [frame for frame in self._clients[user_id].take() if "seq" in frame]
        for frame in pushes:
            if memory.seq:
                _same("the number of a push", memory.seq + 1, frame["seq"])
            memory.hear(frame)
        return pushes

    def _order_and_cancel(self, price: float) -> None:
        order_id = self._order(BUYER, "BUY", "OPEN", price)
        self._hear(BUYER, order_id, "Submitted")
        answer = self._clients[BUYER].ask("cancel_order", order_id=order_id)
        self.memories[BUYER].answer_cancel(order_id, answer)
        _same("a cancel", (True, order_id), (answer["success"], answer["order_id"]))
        self._hear(BUYER, order_id, "Cancelled")

    def _refused(self) -> None:
        fields = {"instrument_id": INSTRUMENT, "direction": "BUY", "offset": "OPEN", "order_type": "LIMIT"}
        for wrong, code in (({"volume": 1, "price": 6_000.1}, 1007), ({"volume": 0, "price": MIDDLE}, 1006)):
            answer = self._clients[SELLER].ask("submit_order", **fields, **wrong)
            _same("a refusal", (False, None, code), tuple(answer[key] for key in ("success", "order_id", "error_code")))

    def _ask(self, opening: bool) -> None:
        lots = float(opening)
        for user_id, (long, short) in {BUYER: (lots, 0.0), SELLER: (0.0, lots)}.items():
            data = self._clients[user_id].ask("query_position", instrument_id=INSTRUMENT)["data"]["positions"]
            held = [(each["volume_long_today"], each["volume_short_today"]) for each in data]
            _same("a position", [(long, short)] if opening else [], held)
            account = self._clients[user_id].account()
            pushed = self._clients[user_id].of("account_update")[-1]
            if pushed["seq"] == self.memories[user_id].seq:
                _same("an account", pushed["balance"], account["balance"])

    def _end(self) -> None:
        for user_id, client in self._clients.items():
            client.ask("ping")
            self._pushes(user_id)


def _same(what: str, *values: object) -> None:
    if any(value != values[0] for value in values[1:]):
        raise Broken(f"{what}: {' is not '.join(map(str, values))}")


class Siege:
    """One server, its vandals and its honest clients, for some seconds."""

    def __init__(self, market: Market, seed: int, program: str = "daphne") -> None:
        self.server = Server(market, extra=LIMITS, program=program)
        self.tally = Tally()
        self.stop = threading.Event()
        self.honest = Honest(self.server, seed, self.stop)
        self.vandals = [Vandal(self.server, self.tally, seed * VANDALS + each, self.stop) for each in range(VANDALS)]

    def hold(self, seconds: float, enough: Callable[[], bool] = lambda: True) -> None:
        """Broken, or whatever a client ran into, unless everything was right all along. On a slow machine it goes on
        until there was `enough`."""
        self.server.start()
        try:
            threads: list[Any] = [self.honest, *self.vandals]
            for thread in threads:
                thread.start()
            self.stop.wait(seconds)
            deadline = time.monotonic() + PATIENCE
            while not enough() and time.monotonic() < deadline:
                self.stop.wait(0.1)
            self.stop.set()
            for thread in threads:
                thread.join(PATIENCE)
                if thread.is_alive():
                    raise Broken(f"{thread.name} got no answer")
                if thread.failure is not None:
                    raise thread.failure
            self._is_ready()
        finally:
            self.stop.set()
            self.server.stop()
        self._log_is_clean()
        self._books_add_up()

    def _is_ready(self) -> None:
        with urllib.request.urlopen(self.server.http + "/readyz", timeout=PATIENCE) as answer:
            _same("/readyz", 200, answer.status)

    def _log_is_clean(self) -> None:
        wrong = [line for line in EXPECTED.sub("", self.server.log()).splitlines() if TROUBLE.search(line)]
        if wrong:
            raise Broken("the server's log says:\n" + "\n".join(wrong[:20]))

    def _books_add_up(self) -> None:
        examiner = Examiner(self.server.market)
        try:
            wrong = examiner.ask(list(self.honest.memories.values()))["contradictions"]
        finally:
            examiner.close()
        if wrong:
            raise Broken("\n".join(wrong[:20]))


def attack(seconds: float, seed: int, program: str, evidence: Path) -> bool:
    """Whether every promise was kept."""
    with tempfile.TemporaryDirectory(prefix="bourse-fuzz-") as folder:
        siege = Siege(Market.seeded(Path(folder) / "market"), seed, program)
        try:
            siege.hold(seconds)
        except Exception as error:
            shutil.copytree(siege.server.market.folder, evidence, dirs_exist_ok=True)
            (evidence / "reason.txt").write_text("".join(traceback.format_exception(error)))
            print(f"seed {seed}: {type(error).__name__}: {error}\n\nThe evidence is in {evidence}")
            return False
    print("\n".join(show(siege.tally)))
    times = siege.honest.seconds
    print(f"\nhonest orders answered {len(times):,}, median {statistics.median(times) * 1000:.1f} ms,", end=" ")
    print(f"longest {max(times) * 1000:.0f} ms; rounds {siege.honest.rounds:,}; contradictions 0 (seed {seed})")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", choices=PROGRAMS, default="daphne")
    parser.add_argument("--evidence", type=Path, help="where to keep what a contradiction left (default: a new folder)")
    options = parser.parse_args()
    evidence = options.evidence or Path(tempfile.mkdtemp(prefix="bourse-evidence-"))
    right = attack(options.seconds, options.seed, options.program, evidence)
    if right and not options.evidence:
        evidence.rmdir()
    sys.exit(not right)


if __name__ == "__main__":
    main()
