"""`manage.py revoke_token BEGINNING_OR_USER`: one token, or all of a user."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from knox.settings import CONSTANTS

from trading.models import AccessToken, User

SHORTEST = 4
"""Characters of a beginning: fewer are a slip of the hand."""
KEPT = CONSTANTS.TOKEN_KEY_LENGTH
"""So many are known of a token; whoever says more has seen all of it."""


class Command(BaseCommand):
    help = "Revoke the token that begins so, or all tokens of a user. A running server closes their connections."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("which", metavar="BEGINNING_OR_USER", help="as the admin shows it, or more; or a user id")

    def handle(self, *args: Any, **options: Any) -> None:
        found = _meant(options["which"])
        said = [_said(token) for token in found]
        found.delete()
        for token in said:
            self.stdout.write(f"Revoked {token}")


def _meant(which: str) -> QuerySet[AccessToken]:
    """The tokens to revoke. CommandError where it is not certain which."""
    tokens: QuerySet[AccessToken] = AccessToken.objects.select_related("user").order_by("created")
    of_user = tokens.filter(user__username=which)
    beginning = tokens.filter(token_key__startswith=which[:KEPT]) if len(which) >= SHORTEST else tokens.none()
    if of_user and beginning:
        raise CommandError(f"{which} is a user, and a token begins so: {_list(beginning)}. Say more of the token.")
    if of_user:
        return of_user
    if len(beginning) > 1:
        raise CommandError(f"Several tokens begin with {which}: {_list(beginning)}. Say more of it.")
    if beginning:
        return beginning
    if User.objects.filter(username=which).exists():
        raise CommandError(f"{which} has no token.")
    raise CommandError(f"There is no user {which}, and no token that begins so.")


def _list(tokens: QuerySet[AccessToken]) -> str:
    return ", ".join(map(_said, tokens))


def _said(token: AccessToken) -> str:
    name = f" ({token.name})" if token.name else ""
    return f"{token.token_key}… of {token.user.username}{name}"
