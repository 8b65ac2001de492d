"""vnpy itself, brought in before the tests so that it leaves nothing behind: at its import it makes a folder in HOME
and writes there. Where it is not installed `test_installed.py` says so, and the rest is not there."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.e2e.cluster.where import Where
from tests.e2e.server import Server

HAS_VNPY = find_spec("vnpy") is not None
collect_ignore = [] if HAS_VNPY else [file.name for file in Path(__file__).parent.glob("test_[!i]*.py")]


def bring_in() -> None:
    """Its log goes nowhere: a test reads the events."""
    path = list(sys.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", tempfile.mkdtemp(prefix="vnpy-", dir=os.environ["TESTS_FOLDER"]))
        patch.chdir(os.environ["HOME"])
        importlib.import_module("vnpy.trader.setting").__dict__["SETTINGS"] |= {"log.console": False, "log.file": False}
        importlib.import_module("vnpy.trader.engine")
    sys.path[:] = path


if HAS_VNPY:
    bring_in()


@pytest.fixture(scope="module")
def server(somewhere: Where) -> Server:
    """One for each file."""
    return somewhere()
