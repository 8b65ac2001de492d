"""`manage.py rebuild_bars`: the stored bars, made again from the trades."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketdata.rebuild import Rebuild
from marketdata.store import BarStore
from trading.management.options import add_market
from trading.models import Instrument, Market


class Command(BaseCommand):
    help = "Make the bars again from the trades, and correct those that differ. Works beside a running server."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_market(parser)
        parser.add_argument("--instrument", metavar="INSTRUMENT", help="only this one's")

    def handle(self, *args: Any, **options: Any) -> None:
        market, name = options["market"], options["instrument"]
        if not Market.objects.filter(pk=market).exists():
            raise CommandError(f"There is no market {market}.")
        if name is not None and not Instrument.objects.filter(pk=name, market=market).exists():
            raise CommandError(f"--instrument: there is no instrument {name}")
        report = Rebuild(BarStore(market), name).run()
        self.stdout.write(f"{report.bars:,} bars, {report.corrected:,} of them corrected.")
