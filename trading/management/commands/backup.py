"""`manage.py backup [FILE]`: a copy of the database, while the exchange runs."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.management.options import add_market
from trading.storage import backup


class Command(BaseCommand):
    help = "Copy the SQLite database while the exchange runs, check the copy, and print where it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_market(parser)
        parser.add_argument("file", nargs="?", type=Path, help="a new file; a name with the time in DATA_DIR/backups/")

    def handle(self, *args: Any, **options: Any) -> None:
        target = options["file"] or backup.default_path(settings.DATA_DIR, datetime.now(UTC))
        try:
            made = backup.back_up(target.resolve(), options["market"])
        except backup.BackupFailed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{made.path}  {made.size:,} bytes  market {options['market']} at batch {made.batch}")
