"""Processes of ours that have Django, and answer each line of JSON with a line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import msgspec

from tests.chaos.load import INSTRUMENT, Memory
from tests.chaos.staff import StaffMemory
from tests.e2e.server import ROOT, Market, environment_of
from tests.processes import end_with_parent

Line = dict[str, Any]


class Helper:
    """`python -m MODULE`, with the settings of the servers of a market. Starts at once; says "ready" when it is. Its
    errors are in a file of the market's folder."""

    def __init__(self, module: str, market: Market) -> None:
        log = (market.folder / f"{module}.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=environment_of(market.folder, market.environment()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=end_with_parent,
        )
        log.close()
        self._ready = False

    def tell(self, line: Line) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Line | None:
        """Its next line; None when it has ended."""
        assert self._process.stdout
        if not self._ready:
            self._ready = self._process.stdout.readline() == "ready\n"
        text = self._process.stdout.readline()
        return dict(json.loads(text)) if text else None

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        with self._process:
            self._process.kill()


class Examiner(Helper):
    """Reads a market's database; see `books`."""

    def __init__(self, market: Market) -> None:
        super().__init__("tests.chaos.books", market)

    def ask(self, memories: list[Memory], staff: StaffMemory | None = None) -> Line:
        told = [msgspec.to_builtins(memory) | {"unanswered": list(memory.unanswered())} for memory in memories]
        asked = None if staff is None else msgspec.to_builtins(staff)
        self.tell({"instrument_id": INSTRUMENT, "memories": told, "staff": asked})
        return self.hear() or {"contradictions": ["it crashed"]}


class Desk(Helper):
    """Asks the engine as an operator does, and is the engine where none runs; see `desk`. Can be killed at any time:
    then nobody knows what became of the command under way."""

    def __init__(self, market: Market) -> None:
        super().__init__("tests.chaos.desk", market)
        self.killed = False

    def kill(self) -> None:
        self.killed = True
        super().kill()

    def ask(self, line: Line) -> Line | None:
        """Its first line of an answer; None when the desk was killed."""
        try:
            self.tell(line)
        except OSError:
            assert self.killed, f"the desk crashed before {line}"
        return self.listen()

    def listen(self) -> Line | None:
        line = self.hear()
        assert line or self.killed, "the desk crashed"
        return line
