"""`make bench`: every figure, with its conditions. Exit status 1 when a goal is missed."""

import gc
import os
import sys
import tempfile

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="bourse-bench-")
os.environ.pop("DATABASE_URL", None)

import django

django.setup()

from tests.bench.figures import conditions, table  # noqa: E402
from tests.bench.rows import core, database, kept, layer, orders, rest, sockets  # noqa: E402


def main() -> int:
    gc.collect()
    gc.freeze()  # the client that measures should not be the one that pauses
    print(f"Conditions: {conditions()}.\n", flush=True)
    wanted = sys.argv[1:]
    figures = []
    for module in (orders, sockets, rest, layer, core, database, kept):
        name = module.__name__.rsplit(".", 1)[1]
        if wanted and name not in wanted:
            continue
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        figures += module.measure()
    print(table(figures))
    return int(not all(figure.met for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
