"""`manage.py replay_journal`: does the journal give the state that a restart would load?"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.management.options import add_market
from trading.storage import reconciliation
from trading.storage.archive.files import ArchiveFailed


class Command(BaseCommand):
    help = "Play the journal and compare with the state that a restart would load."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_market(parser)
        parser.add_argument("--whole", action="store_true", help="from empty, through all archive files")
        parser.add_argument("--folder", type=Path, default=settings.ARCHIVE_DIR, help="where the archive's files are")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            replay = reconciliation.replay_journal(options["market"], folder=options["folder"], whole=options["whole"])
        except ArchiveFailed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{replay.commands:,} commands give {replay.replayed}")
        if replay.difference is not None:
            self.stdout.write(f"The tables give {replay.loaded}")
            raise CommandError(f"They differ. {replay.difference}")
        self.stdout.write("The tables give the same.")
