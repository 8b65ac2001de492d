"""`manage.py reset_second_factor`: a member of staff has lost the phone."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_otp.plugins.otp_totp.models import TOTPDevice

from trading.models import User


class Command(BaseCommand):
    help = "Forget the authenticator app of a user; they set it up anew at the next sign-in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")

    def handle(self, *args: Any, **options: Any) -> None:
        member = User.objects.filter(username=options["user"]).first()
        if member is None:
            raise CommandError(f"There is no user {options['user']}.")
        count, _ = TOTPDevice.objects.filter(user=member).delete()
        self.stdout.write(f"Forgot the second factor of {member.username}." if count else "There was none.")
