"""`manage.py seed_demo`: the demo market, as often as you like."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from trading.core import commands
from trading.core.codes import Code
from trading.core.types import stored_name
from trading.management.commands.open_account import make_user, report
from trading.models import AccessToken, OperatorCommand, User
from trading.operators import demo_market, inline_engine, requests


class Command(BaseCommand):
    help = "List the demo instruments, open the demo accounts with their funds, make the operator. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--tokens", action="store_true", help="replace the demo tokens and print them with the addresses"
        )
        parser.add_argument("--port", default="8081", help="port of the addresses that are printed")

    def handle(self, *args: Any, **options: Any) -> None:
        self._seed()
        if options["tokens"]:
            self._print_sheet(options["port"])
        self._make_operator()

    def _seed(self) -> None:
        rows = [self._ask(instrument, instrument.contract.instrument_id) for instrument in demo_market.INSTRUMENTS]
        for user_id in demo_market.USERS:
            make_user(user_id)
            rows.append(self._ask(commands.OpenAccount(user_id), user_id))
            rows.append(self._ask(commands.Deposit(user_id, demo_market.DEPOSIT), user_id))
        for row in rows:
            inline_engine.wait(row)
            if row.code != Code.DUPLICATE:
                report(row)
        instruments, traders = len(demo_market.INSTRUMENTS), len(demo_market.USERS)
        self.stdout.write(f"The demo market is there: {instruments} instruments, {traders} traders.")

    def _ask(self, command: commands.AdminCommand, name: str) -> OperatorCommand:
        """The key makes sure that nobody is given his funds twice."""
        return requests.ask(command, market=settings.MARKET, key=f"demo:{stored_name(command)}:{name}")

    def _make_operator(self) -> None:
        if User.objects.filter(username=demo_market.OPERATOR).exists():
            return
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser(demo_market.OPERATOR, password=password)
        self.stdout.write(f"Operator for the admin: {demo_market.OPERATOR}, password {password} (shown this once)")

    def _print_sheet(self, port: str) -> None:
        host = f"localhost:{port}"
        self.stdout.write(f"\n  Trading page  http://{host}/\n  Admin         http://{host}/admin/")
        self.stdout.write(f"  WebSocket     ws://{host}/ws\n\n  user      token")
        for user_id in demo_market.USERS:
            AccessToken.objects.filter(user__username=user_id, name=demo_market.TOKEN_NAME).delete()
            _, token = AccessToken.objects.create(User.objects.get(username=user_id), name=demo_market.TOKEN_NAME)
            self.stdout.write(f"  {user_id}   {token}")
        self.stdout.write("")
