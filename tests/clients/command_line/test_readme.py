"""What the package's README tells of the command line is so: its examples run, its tables are complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from bourse_client.command_line.endings import Ending
from bourse_client.command_line.main import PANELS

from tests.clients.command_line.conftest import Type
from tests.e2e.server import ROOT

README = (ROOT / "clients/python/README.md").read_text(encoding="utf-8")
SAMPLE = "clients/python/sample_message_1.csv"
LINES = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


def test_the_examples_run(types: Type, tmp_path: Path) -> None:
    places = {"sessions": str(tmp_path / "sessions"), SAMPLE: str(ROOT / SAMPLE)}
    assert len(LINES) > 7
    for line in LINES:
        program, *words = (places.get(word, word) for word in shlex.split(line))
        said = types(*words)
        assert program == "bourse" and (said.code, said.err) == (0, ""), line


@pytest.mark.parametrize("command", [each.__name__ for commands in PANELS.values() for each in commands])
def test_every_command_is_in_the_table(command: str) -> None:
    assert re.search(rf"^\| [^|]*`{command}`[^|]* \|", README, re.MULTILINE)


def test_every_exit_code_is_in_the_table() -> None:
    told = re.findall(r"^\| (\d+) \| `(\w+)` \|", README, re.MULTILINE)
    assert told == [(str(int(ending)), ending.name) for ending in Ending]
