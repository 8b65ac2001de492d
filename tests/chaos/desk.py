"""An operator's shell that stays open: `python -m tests.chaos.desk`.

Gets commands of operators, one a line of JSON, puts them before the engine under their key and says so, waits as the
admin does, and tells what came of them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

MARKET = "MAIN"
PATIENCE = 30.0


def command_of(line: dict[str, Any]) -> Any:
    import msgspec

    from trading.core.commands import AdminCommand
    from trading.operators import settlement

    if "settle" in line:
        day, next_day = line["settle"]
        return settlement.settle(MARKET, day, next_day, {})
    return msgspec.convert(line["command"], AdminCommand)


def carry_out(line: dict[str, Any]) -> dict[str, Any]:
    from trading.operators import inline_engine, requests

    row = requests.ask(command_of(line), market=MARKET, key=line["key"])
    print(json.dumps({"asked": row.pk}), flush=True)
    inline_engine.wait(row)
    return {"status": row.status, "code": row.code}


def wait_until_idle() -> dict[str, Any]:
    """Whether an engine has done all that operators have asked."""
    from trading.models import OperatorCommand

    deadline = time.monotonic() + PATIENCE
    while OperatorCommand.objects.filter(status="PENDING").exists():
        if time.monotonic() > deadline:
            return {"idle": False}
        time.sleep(0.01)
    return {"idle": True}


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    django.setup()
    print("ready", flush=True)
    for text in sys.stdin:
        line = json.loads(text)
        print(json.dumps(wait_until_idle() if "idle" in line else carry_out(line)), flush=True)


if __name__ == "__main__":
    main()
