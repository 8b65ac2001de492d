#!/usr/bin/env python
"""Django's command line."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # The bots use the client library that lies here; it need not be installed.
    sys.path.insert(0, str(Path(__file__).resolve().parent / "clients/python"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    execute_from_command_line(sys.argv)
