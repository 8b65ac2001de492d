"""Where Django looks for a backend."""

from typing import Any

from django.db.backends.postgresql import base

from trading.storage.heard_postgres import driver


class DatabaseWrapper(base.DatabaseWrapper):
    Database: Any = driver
