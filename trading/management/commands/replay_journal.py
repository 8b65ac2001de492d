"""`manage.py replay_journal`: does the journal, played from empty, give the state that a restart would load?"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.storage import reconciliation


class Command(BaseCommand):
    help = "Play the journal from empty and compare with the state that a restart would load."

    def handle(self, *args: Any, **options: Any) -> None:
        replay = reconciliation.replay_journal(settings.MARKET)
        self.stdout.write(f"{replay.commands:,} commands give {replay.replayed}")
        if replay.difference is not None:
            self.stdout.write(f"The tables give {replay.loaded}")
            raise CommandError(f"They differ. {replay.difference}")
        self.stdout.write("The tables give the same.")
