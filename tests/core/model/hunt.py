"""Plays histories and says where the engine and the model part.

    python -m tests.core.model.hunt --histories 1000 --seed 1

Prints a line a hundred. A history that fails is told without the commands that it can fail without.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable

from tests.core.model.duel import Duel
from tests.core.model.histories import History
from tests.core.model.rules import FIRST, PRESENT, Rules
from trading.core.commands import Command

STEPS = 60
BOUNDED = 100
"""Histories of `make test`: seeds 1, 2, ..."""

Asked = list[tuple[Command | None, int]]


def rules_of(seed: int) -> Rules:
    """Every fifth history begins under the rules of the first release."""
    return FIRST if seed % 5 == 0 else PRESENT


def play(seed: int, rules: Rules | None = None, steps: int = STEPS) -> Counter[str]:
    """One history; what has been seen in it. An error tells the commands that it needs."""
    rules = rules or rules_of(seed)
    seen = _played(History(seed, Duel(rules)), lambda history: history.play(steps))
    return seen + _played(History(seed, Duel(rules)), History.play_at_first) if rules == FIRST else seen


def _played(history: History, play: Callable[[History], None]) -> Counter[str]:
    try:
        play(history)
    except Exception as error:
        error.add_note(f"history {history.seed} parts after {len(history.asked)} commands")
        error.asked = history.asked  # type: ignore[attr-defined]
        raise
    return history.duel.seen


def parts(asked: Asked, rules: Rules) -> str | None:
    """How these commands end, if it is badly."""
    duel = Duel(rules)
    try:
        for command, now in asked:
            if command is None:
                duel.restore()
            else:
                duel.play(command, now)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def smallest(asked: Asked, rules: Rules) -> Asked:
    """The commands without those that can be left out and it still fails."""
    length = len(asked) // 2
    while length:
        start = len(asked) - length
        while start >= 0:
            fewer = asked[:start] + asked[start + length :]
            if parts(fewer, rules):
                asked = fewer
            start -= length
        length //= 2
    return asked


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--brief", action="store_true", help="stop at the first that fails, and do not make it smaller")
    asked = parser.parse_args()
    seen: Counter[str] = Counter()
    failed, began = 0, time.monotonic()
    for number in range(1, asked.histories + 1):
        seed = asked.seed + number - 1
        rules = rules_of(seed)
        try:
            seen += play(seed, rules)
        except Exception as error:
            failed += 1
            print(f"history {seed}: {type(error).__name__}: {error}", flush=True)
            if asked.brief:
                return 1
            needed = smallest(error.asked, rules)  # type: ignore[attr-defined]
            print(*(f"  {command}" for command, _ in needed), f"  {parts(needed, rules)}", sep="\n", flush=True)
        if number % 100 == 0:
            took = time.monotonic() - began
            print(f"{number} histories, {failed} failed, {seen['trade']} trades, {took:.0f} s", flush=True)
    print(", ".join(f"{what}: {times}" for what, times in sorted(seen.items())))
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
