"""Loaded before Django's settings: tests never see the data, the database or the limits of a real server.

The suite runs on SQLite. With TEST_DATABASE=postgres it runs on a PostgreSQL server of its own (`tests/services.py`),
which the workers of pytest-xdist share; so do the servers that tests start, each with a database of its own.
"""

import atexit
import os
import tempfile

from tests.run_folder import RUN_FOLDER

_data = tempfile.mkdtemp(dir=RUN_FOLDER)
os.environ.update(DATA_DIR=_data, SECRET_KEY="tests only", DEMO="", DEBUG="", HTTPS="")
os.environ.setdefault("COMPILED", "off")  # the source is what is tested; `COMPILED=on` tests the other form, too
for name in ("DATABASE_URL", "REDIS_URL", "RATE_LIMITS", "ALLOWED_HOSTS", "MARKET"):
    os.environ.pop(name, None)

# What it says is then the address of a database on that server; a worker has it from whoever started it.
if os.environ.get("TEST_DATABASE") == "postgres":
    from tests.services import postgres_here

    _server = postgres_here()
    atexit.register(_server.remove)
    os.environ["TEST_DATABASE"] = _server.url("bourse")
_database = os.environ.get("TEST_DATABASE", "sqlite")
if _database.startswith("postgres://"):
    os.environ["DATABASE_URL"] = _database
elif _database != "sqlite":
    raise SystemExit(f"TEST_DATABASE is sqlite or postgres, not {_database!r}")
