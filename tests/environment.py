"""Loaded before Django's settings: tests never see the data, the database or the limits of a real server."""

import os
import tempfile

_data = tempfile.mkdtemp(prefix="bourse-tests-")
os.environ.update(DATA_DIR=_data, SECRET_KEY="tests only", DEMO="", DEBUG="", HTTPS="")
for name in ("DATABASE_URL", "REDIS_URL", "RATE_LIMITS", "ALLOWED_HOSTS", "MARKET"):
    os.environ.pop(name, None)
