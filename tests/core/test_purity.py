"""The core stays pure: what its modules import, and where floats may be, is read off their source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import trading.core

CORE = Path(trading.core.__file__).parent
MODULES = sorted(CORE.rglob("*.py"))
NAMES = [".".join(path.relative_to(CORE).with_suffix("").parts) for path in MODULES]
ROOMS = {".".join(("trading", "core", *path.parent.relative_to(CORE).parts)) for path in MODULES}
PURE = {
    *("bisect", "collections", "dataclasses", "enum", "fractions", "functools", "hashlib", "heapq", "itertools"),
    *("msgspec", "re", "typing"),
}
"""All that the core may import besides itself: no clock, no dice, no files, no network, no Django."""

KNOWS_ONLY: dict[str, set[str]] = {
    "types": set(),
    "numbers": set(),
    "codes": set(),
    "money": set(),
    "matching.book": set(),
    "matching.auction": {"matching.book"},
    "matching.stops": {"types"},
    "commands": {"types"},
    "events": {"codes", "types"},
    "accounts": {"commands", "money", "types"},
    "instruments": {"accounts", "money", "types"},
    "option_rules": {"codes", "types"},
    "snapshot.records": {"commands", "types"},
}
"""What the modules at the bottom may know of the core: the book knows no accounts, accounts and instruments no book."""

COMPILES = "option_rules.py"
"""The module that makes code: of the table that stands in it, when it is imported."""

FLOATS = {
    *("money.to_currency", "money.price_from_float", "money.NOISE"),
    *("money.NOISE_SHARE", "types.risk_ratio", "types.WIPED_OUT"),
}
"""Where a float may come into being."""


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            assert node.module
            if node.module in ROOMS:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def siblings(name: str) -> set[str]:
    found = imports(ast.parse(MODULES[NAMES.index(name)].read_text()))
    return {module.removeprefix("trading.core.") for module in found if module.startswith("trading.core.")}


def makes_float(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(op=ast.Div()) | ast.Constant(value=float()) | ast.Call(func=ast.Name(id="float")):
            return True
    return False


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_imports_only_what_is_pure(path: Path) -> None:
    strange = {
        module
        for module in imports(ast.parse(path.read_text()))
        if module.split(".")[0] not in PURE and not module.startswith("trading.core.")
    }
    assert not strange


@pytest.mark.parametrize("name", KNOWS_ONLY)
def test_the_lowest_modules_know_nothing_above_them(name: str) -> None:
    assert siblings(name) <= KNOWS_ONLY[name]


def test_no_module_imports_itself_by_way_of_others() -> None:
    above = {name: siblings(name) for name in NAMES}
    while free := {name for name, needs in above.items() if not needs & set(above)}:
        above = {name: needs for name, needs in above.items() if name not in free}
    assert not above, f"these import each other in a circle: {sorted(above)}"


def test_floats_come_into_being_in_two_modules_only() -> None:
    found = set()
    for name, path in zip(NAMES, MODULES, strict=True):
        for statement in ast.parse(path.read_text()).body:
            if any(makes_float(node) for node in ast.walk(statement)):
                found.add(f"{name}.{name_of(statement)}")
    assert found == FLOATS


def name_of(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return f"line {statement.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_reads_no_clock_no_files_and_prints_nothing(path: Path) -> None:
    forbidden = {"open", "print", "input", "eval", "exec", "__import__", "id", "hash"}
    nodes = ast.walk(ast.parse(path.read_text()))
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & forbidden == ({"exec"} if path.name == COMPILES else set())


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_the_status_of_an_order_is_moved_in_one_place(path: Path) -> None:
    """`Order.move_to` holds every move against the table; an order begins with one."""
    written = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    places = [node for node in written if node.attr == "status" and isinstance(node.ctx, ast.Store)]
    assert len(places) == (2 if path == CORE / "orders.py" else 0)
