"""What the commands of a cluster are told of markets."""

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from exchange_site.security.environment import hold_markets


def hold_named(codes: Sequence[str]) -> None:
    """CommandError for markets of `--market` that cannot be."""
    try:
        hold_markets(codes)
    except ImproperlyConfigured as error:
        raise CommandError(f"--market: {error}") from error
