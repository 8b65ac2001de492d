"""`manage.py hand_over`: let the server that stands by run the engine, before the other is stopped."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.management.options import add_market
from trading.operators.hand_over import NotHandedOver, hand_over


class Command(BaseCommand):
    help = "Let the server that stands by run the engine (PostgreSQL)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_market(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = hand_over(options["market"])
        except NotHandedOver as error:
            raise CommandError(f"Nothing was handed over: {error}") from None
        self.stdout.write(f"Market {options['market']} has another engine: epoch {done.before} -> {done.after}.")
