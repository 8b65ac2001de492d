"""The core in both forms: it is compiled here, with faults in it, and both have to say and do the very same."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import missing
from trading.compiled import build, form

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "data", "docs", "static", "*.png")
UNTRUE = """

def number(word: object) -> int:
    found: int = word  # type: ignore[assignment]
    return found
"""
HALF_WAY = "    order.account.begin_order(order)\n"
BROKEN = HALF_WAY + '    if order.volume == 496:\n        raise ZeroDivisionError("seeded")\n'

PLAY = "import tests.environment, django; django.setup(); from tests.compiled import both; both.main()"

pytestmark = pytest.mark.slow


def run(folder: Path, wanted: str, *command: str) -> "subprocess.CompletedProcess[str]":
    """A Python in a copy, with the core in this form."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        cwd=folder,
        env={**os.environ, "COMPILED": wanted, "DJANGO_SETTINGS_MODULE": "exchange_site.settings"},
        capture_output=True,
        text=True,
        check=False,
    )


def said(folder: Path, wanted: str, *command: str) -> list[str]:
    done = run(folder, wanted, *command)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy with faults in it, compiled: a minute of the processor. CI has what that takes (.ci/run)."""
    if (lacking := build.missing()) is not None:
        missing(f"what the core is compiled with ({lacking})")
    folder = Path(shutil.copytree(form.ROOT, tmp_path_factory.mktemp("compiled") / "copy", ignore=LEFT_OUT))
    core = folder / "trading" / "core"
    (core / "money.py").write_text((core / "money.py").read_text() + UNTRUE)
    execution = core / "rules" / "execution.py"
    assert execution.read_text().count(HALF_WAY) == 1
    execution.write_text(execution.read_text().replace(HALF_WAY, BROKEN))
    said(folder, "auto", "-m", "trading.compiled.build")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def played(copy: Path) -> tuple[list[str], list[str]]:
    """What came of the source, and of the compiled form."""
    pure, quick = (said(copy, wanted, "-c", PLAY) for wanted in ("off", "on"))
    return pure, quick


def test_both_forms_say_and_do_the_same(played: tuple[list[str], list[str]]) -> None:
    pure, quick = played
    assert pure[0].count(".py") == 2 and quick[0].count(form.SUFFIX) == 2
    assert pure[1] == "a word" and quick[1].startswith("found: int object expected")
    kinds = [line.partition(" ")[0] for line in pure]
    assert [kinds.count(kind) for kind in ("history", "flow", "numbers", "beyond", "log", "by", "worker")] == [
        *(15, 1, 12, 18, 2, 2, 8)
    ]
    assert [line for line in pure[2:] if not line.startswith("by ")] == [
        line for line in quick[2:] if not line.startswith("by ")
    ]


def test_an_error_says_where_it_was(played: tuple[list[str], list[str]]) -> None:
    """In both forms by the same functions; of a value that is not as its annotation says only who was handed it first,
    for Python goes on until somebody works with it."""
    pure, quick = ([line for line in lines if line.startswith("by ")] for lines in played)
    assert pure[0] == quick[0] == "by engine.apply orders.submit execution.enter execution._rest"
    assert all(lines[1].startswith("by engine.apply orders.submit") for lines in (pure, quick))


def test_a_stale_build_is_not_taken(copy: Path) -> None:
    tell = (
        "-c",
        "from trading.compiled.form import SENTENCE; from trading.core.matching import book; "
        "print(SENTENCE, book.__file__)",
    )
    assert "runs compiled" in said(copy, "auto", *tell)[0]
    book = copy / "trading" / "core" / "matching" / "book.py"
    source = book.read_text()
    book.write_text(source + "# one word more\n")
    try:
        (line,) = said(copy, "auto", *tell)
        assert "of other source" in line and line.endswith("book.py")
        refused = run(copy, "on", *tell)
        assert refused.returncode == 1 and "`make compiled` makes it" in refused.stderr
        assert "Traceback" not in refused.stderr
    finally:
        book.write_text(source)
    assert "runs compiled" in said(copy, "on", *tell)[0]


def test_it_is_compiled_once(copy: Path) -> None:
    assert said(copy, "auto", "-m", "trading.compiled.build")[0].startswith("The core is compiled already")
