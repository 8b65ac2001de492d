"""`manage.py issue_token USER`: prints a fresh token, alone."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.models import AccessToken, User


class Command(BaseCommand):
    help = "Issue a token for a user and print it alone. It is stored as a hash and cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", default="shell", help="what the token is for")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}; open_account makes one.")
        _, token = AccessToken.objects.create(user, name=options["name"])
        self.stdout.write(token)
