"""Order flow to measure with: the public workloads where they are, otherwise a seeded flow of the same kinds."""

import importlib.util
import os
import random
from pathlib import Path
from types import ModuleType
from typing import Any

ORACLE = Path(os.environ.get("BOURSE_ORACLE", Path(__file__).resolve().parents[2] / "../shared/oracle"))
Message = tuple[int, ...]


def oracle() -> ModuleType | None:
    """The module that reads and plays the public workloads, if it is there."""
    path = ORACLE / "replay.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("oracle_replay", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def workloads() -> dict[str, list[Message]]:
    """Messages (0 new, 1 cancel, 2 modify; then the arguments of the adapter's method) by workload."""
    found: Any = oracle()
    if found is not None:
        return {name: found.load(name) for name in ("normal", "static", "interleaved")}
    return {"seeded": seeded(100_000, random.Random(7))}


def seeded(count: int, dice: random.Random) -> list[Message]:
    """New orders around a wandering price, cancels and modifies of any of them."""
    messages: list[Message] = []
    middle, orders = 30_000, 0
    for seq in range(count):
        kind = dice.choices((0, 1, 2), (50, 41, 9))[0] if orders else 0
        middle += dice.choice((-1, 0, 1))
        if kind == 1:
            messages.append((1, seq, dice.randint(1, orders)))
            continue
        side = dice.randint(0, 1)
        price = middle + int(dice.expovariate(0.1)) * (1 if side else -1) + dice.randint(-3, 3)
        if kind == 0:
            orders += 1
            messages.append((0, seq, orders, side, price, dice.randint(1, 100), int(dice.random() < 0.15)))
        else:
            messages.append((2, seq, dice.randint(1, orders), side, price, dice.randint(1, 100)))
    return messages
