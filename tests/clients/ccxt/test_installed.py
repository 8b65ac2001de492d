"""Where ccxt is not installed, the tests of its class are skipped with one line; in CI that is a failure."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.clients.ccxt.conftest import HAS_CCXT
from tests.clients.test_words import imported
from tests.e2e.server import PATIENCE, ROOT
from tests.services import missing

PACKAGE = ROOT / "clients/ccxt_bourse/ccxt_bourse"


def test_ccxt_is_here() -> None:
    if not HAS_CCXT:
        missing("ccxt")


def test_the_class_is_made_of_ccxt_alone() -> None:
    found = {name for file in PACKAGE.rglob("*.py") for name in imported(file)}
    assert found - sys.stdlib_module_names == {"ccxt", "ccxt_bourse"}


@pytest.mark.skipif(not HAS_CCXT, reason="ccxt is not installed")
def test_a_program_that_looks_exchanges_up_by_name_finds_it() -> None:
    """In a process of its own, for it changes ccxt."""
    program = (
        "import ccxt, ccxt.async_support, ccxt.pro, ccxt_bourse; ccxt_bourse.register(); ccxt_bourse.register();"
        "print(*(getattr(module, 'bourse')().id for module in (ccxt, ccxt.async_support, ccxt.pro)),"
        "*(module.exchanges.count('bourse') for module in (ccxt, ccxt.async_support, ccxt.pro)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["bourse"] * 3 + ["1"] * 3, "")
