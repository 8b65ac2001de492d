"""Which form of the core is taken: what was compiled of other source, or in another way, never is."""

import importlib
import inspect
import logging
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.worker.making import floor
from trading.compiled import build, form


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """A copy of the source, to change."""
    return Path(shutil.copytree(form.CORE, tmp_path / "core", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def made(tmp_path: Path, core: Path) -> Path:
    """Where there is a compiled form of that source: a file that says so."""
    folder = tmp_path / "made" / form.key(core) / "trading" / "core" / "matching"
    folder.mkdir(parents=True)
    (folder / f"book{form.SUFFIX}").write_text("machine code")
    return tmp_path / "made"


@pytest.mark.parametrize("wanted", ["auto", "on"])
def test_what_was_compiled_of_this_source_is_taken(core: Path, made: Path, wanted: str) -> None:
    finder, sentence = form.choose(wanted, made, core)
    assert finder is not None
    spec = finder.find_spec("trading.core.matching.book")
    assert spec is not None and spec.origin is not None and spec.origin.startswith(str(made))
    assert finder.find_spec("trading.core.types") is None
    assert sentence == f"the core runs compiled, {form.key(core)}"


@pytest.mark.parametrize("edit", ["a line more", "a file more", "a file less", "a module that is not compiled"])
def test_what_was_compiled_of_other_source_is_not(core: Path, made: Path, edit: str) -> None:
    match edit:
        case "a line more":
            (core / "matching" / "book.py").write_text((core / "matching" / "book.py").read_text() + "\n")
        case "a file more":
            (core / "rules" / "another.py").write_text("")
        case "a file less":
            (core / "money.py").unlink()
        case _:
            (core / "types.py").write_text((core / "types.py").read_text().replace("10_000_000", "20_000_000"))
    is_not_taken(core, made)


def test_what_was_compiled_in_another_way_is_not(core: Path, tmp_path: Path) -> None:
    """Each has a name of its own, and only that of this source, this way and this Python is looked for."""
    recipe = tmp_path / "build.py"
    recipe.write_text("")
    names = [form.key(core), form.key(core, (recipe,)), form.key(core, python="3.99.0")]
    assert len({*names}) == 3 and names[0] == form.key()
    assert {path.name for path in form.RECIPE} == {"build.py", "requirements-compile.txt"}
    assert sys.version in form.PYTHON and form.SUFFIX in form.PYTHON


def is_not_taken(core: Path, made: Path) -> None:
    finder, sentence = form.choose("auto", made, core)
    assert finder is None
    assert "of other source or for another Python" in sentence
    with pytest.raises(SystemExit, match="make compiled"):
        form.choose("on", made, core)


def test_it_can_be_switched_off(core: Path, made: Path) -> None:
    finder, sentence = form.choose("off", made, core)
    assert finder is None and "COMPILED=off" in sentence
    with pytest.raises(SystemExit, match="auto, on or off"):
        form.choose("yes", made, core)


def test_where_nothing_is_compiled_the_source_runs(core: Path, tmp_path: Path) -> None:
    assert form.choose("auto", tmp_path / "nowhere", core) == (None, "the core runs from its source")
    with pytest.raises(SystemExit, match="make compiled"):
        form.choose("on", tmp_path / "nowhere", core)


async def test_the_log_says_which_form_runs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with floor(running=False):
            pass
    assert [record.getMessage() for record in caplog.records].count(form.SENTENCE) == 1


# --- what is compiled


def names() -> list[str]:
    return [f"trading.core.{name.replace('/', '.')}" for name in build.MODULES]


def test_no_compiled_module_defines_a_record() -> None:
    """mypyc does not keep what msgspec reads off a class."""
    for name in names():
        kinds = dict(inspect.getmembers(importlib.import_module(name), inspect.isclass)).values()
        assert not [kind for kind in kinds if kind.__module__ == name and hasattr(kind, "__struct_fields__")]


def test_what_goes_through_everybody_is_not_compiled() -> None:
    """No other thread runs while compiled code does; a settlement of a large market, a look at everyone's risk or the
    cancelling of all orders would stop the sign of life that a server which stands by waits for."""
    rules = ("settlement", "liquidation", "restrictions", "phases", "timers", "instruments", "funds", "adoption")
    source = {"snapshot/taking", "snapshot/restoring", "invariants", *(f"rules/{name}" for name in rules)}
    assert source.isdisjoint(build.MODULES)
    assert all((form.CORE / f"{name}.py").is_file() for name in {*source, *build.MODULES})


def test_the_core_says_truly_what_things_are() -> None:
    """Compiled code refuses what is not as its annotation says, where Python goes on. So nothing may keep the type
    checker quiet but what is known to hold: a half of a book holds one kind of entry, and a level is not empty."""
    quiet = {
        path.relative_to(form.CORE).as_posix(): len(found)
        for path in sorted(form.CORE.rglob("*.py"))
        if (found := re.findall(r"# type: ignore|\bcast\(", path.read_text()))
    }
    assert quiet == {"matching/book.py": 6, "rules/foresight.py": 2}


def test_whole_numbers_of_the_core_have_any_size() -> None:
    """mypyc's own kinds of numbers, which are cut off or refused beyond 64 bits, are named after their bits."""
    for path in form.CORE.rglob("*.py"):
        assert "mypy_extensions" not in path.read_text(), path


# --- what it takes to compile


@pytest.mark.parametrize(
    ("compiler", "said"),
    [("no-such-compiler -pthread", "no C compiler, no-such-compiler"), ("false", "no headers of Python or of C")],
)
def test_what_a_machine_lacks_is_said(
    compiler: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", compiler)
    sentence = build.main(tmp_path / "made")
    assert sentence is not None and said in sentence and "apt-get install" in sentence and "\n" not in sentence
    assert capsys.readouterr().out == "" and not (tmp_path / "made").exists()


def test_packages_that_are_missing_are_said() -> None:
    lacking = build.missing(("no_such_mypyc", "sys", "no_such_tools"))
    assert lacking == "there is no no_such_mypyc and no no_such_tools (pip install -r requirements-compile.txt)"


def test_it_is_compiled_with_what_checks_the_types() -> None:
    """One version of mypy: requirements-compile.txt is for machines that run the exchange and are not for its tests."""
    pinned = [
        dict(line.split("==") for line in (form.ROOT / name).read_text().splitlines() if "==" in line)
        for name in ("requirements-compile.txt", "requirements-dev.txt")
    ]
    assert pinned[0]["mypy"] == pinned[1]["mypy"] and "setuptools" in pinned[0]
