"""Who answers which address, in a process of its own: to import the site's application is to be a server."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASKS = """
import asyncio, json
from exchange_site.asgi import Application
from trading.access.way_in import EXTENSION

async def answer(scope, receive, send):
    pass

site, told = object.__new__(Application), {}
site._rest = site._diff = site._pages = answer
for address in ("/", "/admin/", "/diff/symbols.json", "/api/v1/time/"):
    heard = told[address] = []
    asyncio.run(site._http({"type": "http", "path": address, "extensions": {EXTENSION: heard.append}}, None, None))
print(json.dumps(told))
"""


def test_whoever_is_known_by_rest_is_a_stranger_to_all_else(tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", ASKS],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "exchange_site.settings", "DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    told = json.loads(asked.stdout.splitlines()[-1])
    assert told == {"/": [False], "/admin/": [False], "/diff/symbols.json": [False], "/api/v1/time/": []}
