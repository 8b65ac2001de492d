"""Options that commands share."""

from argparse import ArgumentParser

from django.conf import settings


def add_market(parser: ArgumentParser) -> None:
    """`--market`: which market a command is about."""
    parser.add_argument("--market", default=settings.MARKET, help="at first the one that a server here runs")
