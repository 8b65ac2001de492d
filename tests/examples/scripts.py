"""Runs a script as its reader would: in a process of its own, and reads what it prints. Knows no trading."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.server import PATIENCE, environment_of


class Script:
    """A running script; what it takes too long for, or leaves running at the end, is killed."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.said: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, str(path), *arguments],
            env=environment_of(path.parent),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self._alarm = threading.Timer(PATIENCE, self._process.kill)
        self._alarm.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alarm.cancel()
        self._process.kill()
        self._process.communicate()

    def until(self, *phrases: str) -> str:
        """Read on as far as the line that has all these phrases."""
        assert self._process.stdout
        for line in self._process.stdout:
            self.said.append(line)
            if all(phrase in line for phrase in phrases):
                return line
        raise AssertionError(f"it ended without {phrases}:\n{''.join(self.said)}")

    def end(self) -> int:
        """Read on to its end; its exit status. No reader of an example should be shown a traceback."""
        assert self._process.stdout
        self.said += self._process.stdout
        status = self._process.wait()
        assert "Traceback" not in "".join(self.said), "".join(self.said)
        return status
