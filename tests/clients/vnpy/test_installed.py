"""Where vnpy is not installed, the tests of its gateway are skipped with one line; in CI that is a failure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.clients.test_words import imported
from tests.clients.vnpy.conftest import HAS_VNPY
from tests.e2e.server import ROOT
from tests.services import missing

PACKAGE = ROOT / "clients/vnpy_bourse/vnpy_bourse"


def test_vnpy_is_here_and_leaves_nothing_behind() -> None:
    if not HAS_VNPY:
        missing("vnpy")
    utility = pytest.importorskip("vnpy.trader.utility")
    assert Path(utility.TEMP_DIR).is_relative_to(os.environ["TESTS_FOLDER"])


def test_the_gateway_is_made_of_the_client_and_vnpy() -> None:
    found = {name for file in PACKAGE.rglob("*.py") for name in imported(file)}
    assert found - sys.stdlib_module_names == {"bourse_client", "vnpy", "vnpy_bourse"}
