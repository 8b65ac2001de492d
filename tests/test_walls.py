"""Every import rule holds what it says: each is broken on purpose, in a copy, and has to be found."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
PATIENCE = 300.0
"""Seconds that a busy machine may take to draw the house."""

BROKEN_BY = {
    "The site imports everything and is imported by nothing": ("trading.reads.fault_site", "marketdata.models"),
    "Bots know the exchange by its protocol; only their command makes them users of it": (
        "bots.fault_exchange",
        "trading.core.types",
    ),
    "Nothing needs bots": ("trading.reads.fault_bots", "bots.run"),
    "What a bot thinks is pure": ("bots.path", "os"),
    "Data travels one way through the trading app; every room has its place": (
        "trading.core.fault_worker",
        "trading.worker.batch",
    ),
    "Shell commands only may be the engine for a moment; a thread that serves a request never is": (
        "trading.websocket.fault_inline",
        "trading.operators.inline_engine",
    ),
    "The core: the engine on top, then the rules of the market, then what they work on": (
        "trading.core.types",
        "trading.core.engine",
    ),
    "Matching: the auction looks at a book, and waiting orders at none": (
        "trading.core.matching.stops",
        "trading.core.matching.book",
    ),
    "Snapshots: the ways from the state and back to it stand on the records, and do not know each other": (
        "trading.core.snapshot.restoring",
        "trading.core.snapshot.taking",
    ),
    "The core, the protocol and what documents say of it know no framework and no I/O": (
        "trading.protocol.fault_django",
        "django",
    ),
    "DIFF: the sockets and the sign-in stand on a translation that is pure": (
        "trading.diff.translation.fault_consumer",
        "trading.diff.consumer",
    ),
    "The translation of DIFF knows the protocol and nothing behind it": (
        "trading.diff.translation.fault_django",
        "django",
    ),
    "Between an order and the engine there is no Django: worker and transport are handed what they work with": (
        "trading.worker.fault_django",
        "django",
    ),
    "Data travels one way through market data; every module has its place": (
        "marketdata.models",
        "marketdata.publisher",
    ),
    "What hears of batches is handed where it stores and whom it tells": ("marketdata.feed", "django"),
    "The site: where objects meet stands above what it puts together": (
        "exchange_site.security.fault_wiring",
        "exchange_site.wiring",
    ),
    "The composition root: a server's exchange, on a market's engine, on what any process needs": (
        "exchange_site.wiring.process",
        "exchange_site.wiring.engine_host",
    ),
}
"""Of each rule a module, and what it must not import."""


def test_every_rule_is_broken_here() -> None:
    assert [rule["name"] for rule in RULES["contracts"]] == list(BROKEN_BY)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy with a fault for every rule, and a room that has no place."""
    house = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", house)
    for package in RULES["root_packages"]:
        shutil.copytree(ROOT / package, house / package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    for module, imported in BROKEN_BY.values():
        with (house / (module.replace(".", "/") + ".py")).open("a") as source:
            source.write(f"\nimport {imported}\n")
    (house / "trading" / "attic").mkdir()
    (house / "trading" / "attic" / "__init__.py").touch()
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=house,
        env={"PATH": "", "COLUMNS": "500"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", BROKEN_BY)
def test_a_rule_that_is_broken_is_found(report: str, name: str) -> None:
    module, imported = BROKEN_BY[name]
    _, _, broken = report.partition("Broken contracts\n")
    said = re.search(rf"^{re.escape(name)}\n-+\n(.*?)(?=^-+\n|\Z)", broken, re.MULTILINE | re.DOTALL)
    assert said is not None, report
    assert f"{module} -> {imported}" in said[1]


def test_a_room_without_a_place_is_found(report: str) -> None:
    assert "trading.attic" in report
