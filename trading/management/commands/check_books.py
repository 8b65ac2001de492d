"""`manage.py check_books`: do tables, ledger, positions and engine agree?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.management.options import known_market
from trading.operators.between_markets import transfers
from trading.storage import reconciliation


class Command(BaseCommand):
    help = "Reconcile tables, ledger, positions and the engine's state. Works beside a running server."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--market", type=known_market, help="one market; without it all of them, and the money between them"
        )
        parser.add_argument("--most", type=int, default=20, help="findings to print")

    def handle(self, *args: Any, **options: Any) -> None:
        market = options["market"]
        findings = reconciliation.check_all_books() if market is None else reconciliation.check_books(market)
        for finding in findings[: options["most"]]:
            self.stdout.write(finding)
        if market is None:
            for sentence in transfers.in_transit()[: options["most"]]:
                self.stdout.write(f"In transit: {sentence}.")
        name = "all markets" if market is None else f"market {market}"
        if findings:
            raise CommandError(f"The books of {name} contradict themselves: {len(findings)} findings.")
        self.stdout.write(f"The books of {name} agree.")
