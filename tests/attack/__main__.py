"""`make attack`: each attack against a server of its own, with an honest trader beside it; a table of what they had to
wait, what the server took, and what became of the attackers. Bounded, loopback only.

Goals: p99 of the honest at most 50 ms, the longest at most 250 ms. Everything runs on the same machine, so attackers
take the server's processor too; they are started with a lower priority.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.attack.attacks import ATTACKS, MIB
from tests.attack.honest import Honest, Movers, Waits
from tests.e2e.server import ROOT, Market, Server
from tests.processes import processor_seconds

WARM, LEAD = 1.0, 0.3
"""Seconds of trading before anything is measured, and of an attack before the honest are."""
USER = "user001"
PAUSE_SECONDS = 12.0
GOAL_P99, GOAL_LONGEST = 0.050, 0.250
SETTINGS = {"RATE_LIMITS": "on"}
OF_ATTACK = {"passwords": {"BEHIND_PROXY": "on"}}
MOVING = {"charts"}
"""Attacks that need a market that moves."""
QUIET, PAUSE = "quiet", "pause"
ROWS = (QUIET, *ATTACKS, PAUSE)


@dataclass
class Row:
    """What one attack did. Memory in MiB: most of the server meanwhile, and what it had before."""

    waits: Waits
    sign_in: float
    before: float
    most: float
    processor: float
    """Share of one that the server took meanwhile."""
    ends: dict[str, int]

    @property
    def is_good(self) -> bool:
        return self.waits.share(0.99) <= GOAL_P99 and self.waits.longest <= GOAL_LONGEST and not self.waits.closed


class Memory(threading.Thread):
    """Looks how large a process is until it is asked for the most."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._statm = Path(f"/proc/{pid}/statm")
        self._end = threading.Event()
        self.before = self.most = self.now()
        self.start()

    def now(self) -> float:
        return int(self._statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB

    def run(self) -> None:
        while not self._end.wait(0.05):
            self.most = max(self.most, self.now())

    def end(self) -> None:
        self._end.set()
        self.join()


async def under(attack: str, server: Server, seconds: float) -> Row:
    """An honest trader who is there already, another who signs in meanwhile, and the attack."""
    honest, late = (Honest(server.port, user_id, server.token(user_id)) for user_id in (USER, "user002"))
    await honest.enter()
    await honest.trade(WARM)
    memory, attacker = Memory(server.pid), None
    movers = Movers(*(Honest(server.port, user_id, server.token(user_id)) for user_id in ("user003", "user004")))
    moving = asyncio.ensure_future(movers.move()) if attack in MOVING else None
    try:
        if attack in ATTACKS:
            attacker = start(attack, server.port, seconds + LEAD)
            await asyncio.sleep(LEAD)
        elif attack == PAUSE:
            server_pid = server.pid
            os.kill(server_pid, signal.SIGSTOP)
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, os.kill, server_pid, signal.SIGCONT)
            await honest.trade(PAUSE_SECONDS + 1)
        began, spent = time.monotonic(), processor_seconds(server.pid)
        trading = asyncio.ensure_future(honest.trade(seconds))
        await asyncio.sleep(seconds / 2)
        sign_in = await late.enter()
        waits = await trading
        share = (processor_seconds(server.pid) - spent) / (time.monotonic() - began)
        ends = {}
        if attacker is not None:
            out, _ = await asyncio.to_thread(attacker.communicate)
            ends = json.loads(out)["ends"]
    finally:
        memory.end()
        if attacker is not None:
            attacker.kill()
        if moving is not None:
            moving.cancel()
            await asyncio.wait({moving})
    honest.leave()
    late.leave()
    return Row(waits, sign_in, memory.before, memory.most, share, ends)


def start(attack: str, port: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.attack.attacks", attack, str(port), str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.nice(5))


def tell(program: str, attack: str, row: Row) -> str:
    waits = row.waits
    ends = ", ".join(f"{count} {end}" for end, count in sorted(row.ends.items(), key=lambda each: -each[1])[:4])
    notes = [f"{waits.unanswered} unanswered"] * bool(waits.unanswered) + ["honest closed"] * waits.closed
    return (
        f"{'ok' if row.is_good else 'MISS':4} {program:8} {attack:16} {waits.share(0.5) * 1e3:8.1f} "
        f"{waits.share(0.99) * 1e3:8.1f} {waits.longest * 1e3:8.0f} {row.sign_in * 1e3:8.0f} "
        f"{row.before:6.0f} {row.most:6.0f} {row.processor:5.0%}  {'; '.join([ends, *notes])}"
    )


HEAD = f"     {'server':8} {'attack':16}   p50 ms   p99 ms  longest  sign in    MiB   most   cpu  attackers"


def run(program: str, attack: str, market: Market, seconds: float, folder: Path) -> Row:
    extra = SETTINGS | OF_ATTACK.get(attack, {})
    server = Server(market.copy(folder), extra=extra, program=program)
    try:
        server.start()
        return asyncio.run(under(attack, server, seconds))
    finally:
        if attack == PAUSE:
            os.kill(server.pid, signal.SIGCONT)
        server.kill()
        if "Traceback" in server.log():
            print(server.log()[server.log().index("Traceback") - 300 :][:3_000])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each attack")
    parser.add_argument("--programs", nargs="+", default=["daphne", "uvicorn"])
    parser.add_argument("--only", nargs="+", default=list(ROWS), choices=ROWS)
    options = parser.parse_args()
    good, began = True, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bourse-attack-") as folder:
        market = Market.seeded(Path(folder, "seeded"))
        print(HEAD, flush=True)
        for program in options.programs:
            for attack in options.only:
                row = run(program, attack, market, options.seconds, Path(folder, f"{program}-{attack}"))
                good = good and row.is_good
                print(tell(program, attack, row), flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
