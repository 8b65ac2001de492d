"""`manage.py replay_journal`: does the journal, played from empty, give the state that a restart would load?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.management.options import add_market
from trading.storage import reconciliation


class Command(BaseCommand):
    help = "Play the journal from empty and compare with the state that a restart would load."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_market(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        replay = reconciliation.replay_journal(options["market"])
        self.stdout.write(f"{replay.commands:,} commands give {replay.replayed}")
        if replay.difference is not None:
            self.stdout.write(f"The tables give {replay.loaded}")
            raise CommandError(f"They differ. {replay.difference}")
        self.stdout.write("The tables give the same.")
