"""`manage.py issue_token USER`: prints a fresh token, alone."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from trading.models import AccessToken, User


class Command(BaseCommand):
    help = "Issue a token for a user and print it alone. It is stored as a hash and cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", default="shell", help="what the token is for")
        parser.add_argument(
            "--scope",
            default="trade",
            choices=[scope.lower() for scope in AccessToken.Scope],
            help="read: changes nothing",
        )
        parser.add_argument("--days", type=int, default=settings.TOKEN_DAYS, help="until it expires")

    def handle(self, *args: Any, **options: Any) -> None:
        user = _user_named(options["user"])
        name, days = options["name"], options["days"]
        if not 1 <= days <= AccessToken.LONGEST_DAYS:
            raise CommandError(f"--days: from 1 to {AccessToken.LONGEST_DAYS}, not {days}")
        try:
            AccessToken._meta.get_field("name").clean(name, None)
        except ValidationError as error:
            raise CommandError(f"--name: {' '.join(error.messages)}") from None
        _, token = AccessToken.objects.create(
            user, expiry=timedelta(days=days), name=name, scope=options["scope"].upper()
        )
        self.stdout.write(token)


def _user_named(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user {name}; open_account makes one.")
    if not user.is_active:
        raise CommandError(f"{name} is not active.")
    return user
