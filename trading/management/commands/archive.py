"""`manage.py archive`: settled days leave the database for compressed files, while the exchange runs."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.management.options import add_market
from trading.storage.archive.archiver import Archiver, give_back
from trading.storage.archive.files import ArchiveFailed


class Command(BaseCommand):
    help = "Move the journal, finished orders, trades and ledger of settled days to files, and print what was made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_market(parser)
        parser.add_argument("--keep", type=int, default=settings.ARCHIVE_KEEP_DAYS, help="settled days that stay")
        parser.add_argument("--folder", type=Path, default=settings.ARCHIVE_DIR, help="where the files are")
        parser.add_argument("--gently", action="store_true", help="with the processor time that nobody else wants")
        parser.add_argument(
            "--vacuum", action="store_true", help="shrink the SQLite file; nobody can trade until it is done"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["keep"] < 0:
            raise CommandError("--keep: a number of days, 0 or more")
        if options["gently"]:
            os.nice(19)
        try:
            made = Archiver(options["market"], options["folder"]).run(options["keep"])
        except ArchiveFailed as error:
            raise CommandError(str(error)) from None
        for file in made:
            self.stdout.write(
                f"{file.name}  {file.size:,} bytes  batches {file.first_batch} to {file.last_batch}"
                f"  state {file.state_hash[:16]}  SHA-256 {file.sha256}"
            )
        if not made:
            self.stdout.write(f"Nothing to archive: the newest {options['keep']} settled days stay.")
        if options["vacuum"]:
            freed = give_back("default")
            self.stdout.write(
                "PostgreSQL uses the space again by itself." if freed is None else f"{freed:,} bytes freed"
            )
