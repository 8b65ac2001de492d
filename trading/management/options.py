"""Options that commands share."""

from argparse import ArgumentParser, ArgumentTypeError

from django.conf import settings

from trading.models import Market


def add_market(parser: ArgumentParser) -> None:
    """`--market`: which market a command is about."""
    parser.add_argument(
        "--market", type=known_market, default=settings.MARKET, help="at first the one that a server here runs"
    )


def known_market(code: str) -> str:
    """The code of a market that a server here runs, or that the database has: a mistyped one would be another market,
    founded by whatever was asked of it. ArgumentTypeError for it."""
    if code not in (settings.MARKET, *settings.FURTHER_MARKETS) and not Market.objects.filter(pk=code).exists():
        raise ArgumentTypeError(f"there is no market {code!r}")
    return code
