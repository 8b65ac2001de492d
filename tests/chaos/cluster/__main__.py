"""Every part of a cluster struck in turn: `python -m tests.chaos.cluster --kills 38 --seed 1 --only engine lines`.

Redis, PostgreSQL, an engine, a standby and two gateways on private ports; clients that record what they are told on
both gateways, an operator, and settlements. A table: what was done, for how long the part was away, the gap until an
order was acknowledged again, what was lost and doubled. Ends at the first contradiction with status 1, and keeps logs.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.cluster.attack import Row, Run
from tests.chaos.cluster.events import EVENTS, Event
from tests.e2e.server import Market
from tests.services import Postgres, Redis, new_redis, postgres_here

EVENTS_A_MARKET = 20
"""Then a fresh market: a replay from empty takes as long as the journal is."""
HEAD = "     what                       settled  away s   gap s longest s unknown refused  lost doubled"


def line_of(number: int, row: Row) -> str:
    return (
        f"{number:4} {row.name:26}{'yes' if row.settled else '':>8}{row.away:8.2f}{row.gap:8.2f}{row.longest:10.2f}"
        f"{row.unknown:8}{row.refused:8}{row.lost:6}{row.doubled:8}"
    )


def chosen(only: list[str]) -> list[Event]:
    found = [event for event in EVENTS if not only or event.part in only or event.name in only]
    if not found:
        raise SystemExit(f"--only: some of {sorted({event.part for event in EVENTS})}, or {[e.name for e in EVENTS]}")
    return found


def summary(rows: list[Row]) -> None:
    print(f"\n{'gap after':30}{'times':>6}{'p50 s':>8}{'p95 s':>8}{'longest s':>10}")
    for name in dict.fromkeys(row.name for row in rows):
        gaps = sorted(row.gap for row in rows if row.name == name)
        late = gaps[min(len(gaps) - 1, int(len(gaps) * 0.95))]
        print(f"{name:30}{len(gaps):6}{statistics.median(gaps):8.2f}{late:8.2f}{gaps[-1]:10.2f}")


def attack(options: argparse.Namespace, postgres: Postgres, redis: Redis, folder: Path) -> bool:
    """Whether every promise was kept."""
    events, dice, rows = chosen(options.only), random.Random(options.seed), list[Row]()
    url = postgres.url(postgres.create())
    seeded = Market.seeded(folder / "seeded", url)
    print(HEAD, flush=True)
    started, orders = time.monotonic(), 0
    for first in range(0, options.kills, EVENTS_A_MARKET):
        with Run(folder / f"market-{first}", seeded, postgres, redis, options.seed + first) as run:
            for number in range(first, min(first + EVENTS_A_MARKET, options.kills)):
                event = events[number % len(events)]
                wait = dice.uniform(0.0, 2 * options.wait) if options.wait else 0.0
                try:
                    rows.append(run.cycle(event, wait))
                except Exception as error:
                    reason = f"seed {options.seed}, event {number + 1}, {event.name}: {type(error).__name__}: {error}"
                    evidence = options.evidence or Path(tempfile.mkdtemp(prefix="bourse-evidence-"))
                    run.keep(evidence, reason + "\n\n" + traceback.format_exc())
                    print(f"\n{reason}\n\nThe evidence is in {evidence}")
                    return False
                print(line_of(number + 1, rows[-1]), flush=True)
            orders += run.orders
    summary(rows)
    print(f"\n{len(rows)} events, {orders:,} orders, 0 lost, 0 doubled; {time.monotonic() - started:.0f} s")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=len(EVENTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="parts or names of events")
    parser.add_argument("--wait", type=float, default=0.0, help="mean seconds of quiet before each event")
    parser.add_argument("--evidence", type=Path, help="where to keep what a contradiction left (default: a new folder)")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bourse-chaos-")))
        folder.chmod(0o711)
        postgres, redis = postgres_here(), new_redis()
        stack.callback(postgres.remove)
        stack.callback(redis.remove)
        kept = attack(options, postgres, redis, folder)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
