"""Where ccxt is not installed `test_installed.py` says so, and the rest is not there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.e2e.cluster.where import Where
from tests.e2e.server import Server

HAS_CCXT = find_spec("ccxt") is not None
collect_ignore = [] if HAS_CCXT else [file.name for file in Path(__file__).parent.glob("test_[!i]*.py")]


@pytest.fixture(scope="module")
def server(somewhere: Where) -> Server:
    """One for each file."""
    return somewhere()
