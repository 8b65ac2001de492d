"""`manage.py seed_demo`: the demo market, as often as you like."""

import os
import re
import secrets
import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.request import urlopen

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from trading.access.office_address import office_of
from trading.core.codes import Code
from trading.core.commands import AdminCommand
from trading.management.commands.open_account import make_user, report
from trading.models import AccessToken, User
from trading.operators import demo_market, demo_past, inline_engine, requests

PATIENCE, LOOK = 60.0, 0.25
"""Seconds that others have to sign in, and between two looks."""


class Command(BaseCommand):
    help = "List the demo instruments, open the demo accounts with their funds, make the operator. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--tokens", action="store_true", help="replace the demo tokens and print them with the addresses"
        )
        parser.add_argument(
            "--past",
            type=int,
            nargs="?",
            const=1,
            metavar="SEED",
            help="let a new market have a year behind it, always the same for a seed",
        )
        parser.add_argument(
            "--connections",
            type=int,
            metavar="COUNT",
            help="wait for a server in which so many have signed in, a minute at most, and print the tokens after that",
        )
        parser.add_argument(
            "--market", default=settings.MARKET, help="seed one of FURTHER_MARKETS, %(default)s where it is not given"
        )
        parser.add_argument("--port", default="8081", help="port of the addresses that are printed")

    def handle(self, *args: Any, **options: Any) -> None:
        market = options["market"]
        if market not in (settings.MARKET, *settings.FURTHER_MARKETS):
            raise CommandError(f"{market} is neither MARKET nor one of FURTHER_MARKETS")
        for user_id in demo_market.USERS:
            make_user(user_id)
        if options["past"] is not None:
            self._play_past(options["past"])
        is_first = market == settings.MARKET
        asks = demo_market.founding() if is_first else demo_market.further_founding(market)
        self._seed(market, asks)
        if options["verbosity"] > 0:
            self._tell_market(market, len(demo_market.INSTRUMENTS) if is_first else 1)
        self._make_operator()
        if options["connections"] is not None:
            wait_for(options["connections"], partial(_connections, options["port"]), partial(time.sleep, LOOK))
        if options["tokens"]:
            self._print_sheet(options["port"])

    def _seed(self, market: str, asks: list[tuple[AdminCommand, str]]) -> None:
        rows = [requests.ask(command, market=market, key=key) for command, key in asks]
        for row in rows:
            inline_engine.wait(row)
            if row.code != Code.DUPLICATE:
                report(row)

    def _tell_market(self, market: str, instruments: int) -> None:
        what = "The demo market" if market == settings.MARKET else f"A demo market {market}"
        listed = f"{instruments} instrument{'s' if instruments > 1 else ''}"
        self.stdout.write(f"{what} is there: {listed}, {len(demo_market.USERS)} traders.")

    def _play_past(self, seed: int) -> None:
        """Once, before anything else has happened."""
        self.stdout.write("The demo market gets a past ... ", ending="")
        self.stdout.flush()
        played = demo_past.play(settings.MARKET, seed, timezone.now(), self._tell)
        self.stdout.write("done." if played else "it has one already.")

    def _tell(self, words: str) -> None:
        self.stdout.write(f"{words} ... ", ending="")
        self.stdout.flush()

    def _make_operator(self) -> None:
        if User.objects.filter(username=demo_market.OPERATOR).exists():
            return
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser(demo_market.OPERATOR, password=password)
        self.stdout.write(f"Operator for the admin: {demo_market.OPERATOR}, password {password} (shown this once)")

    def _print_sheet(self, port: str) -> None:
        host = f"localhost:{port}"
        self.stdout.write(f"\n  Trading page  http://{host}/\n  Admin         http://{host}/admin/")
        for market in settings.FURTHER_MARKETS:
            self.stdout.write(f"  of {market:<11}http://{host}{office_of(market, settings.MARKET)}")
        self.stdout.write(f"  WebSocket     ws://{host}/ws")
        self.stdout.write(
            f"  tqsdk         export TQ_AUTH_URL=http://{host}/diff TQ_INS_URL=http://{host}/diff/symbols.json"
        )
        self.stdout.write(f"                export TQ_MD_URL=ws://{host}/diff/md TQ_TD_URL=ws://{host}/diff/td")
        self.stdout.write("\n  user      token")
        for user_id in demo_market.USERS:
            AccessToken.objects.filter(user__username=user_id, name=demo_market.TOKEN_NAME).delete()
            _, token = AccessToken.objects.create(User.objects.get(username=user_id), name=demo_market.TOKEN_NAME)
            self.stdout.write(f"  {user_id}   {token}")
        self.stdout.write("")


def wait_for(count: int, connections: Callable[[], float], pause: Callable[[], object]) -> None:
    """Until there are so many, for a minute at most; not without our parent, which starts the server."""
    parent, until = os.getppid(), time.monotonic() + PATIENCE
    while connections() < count and time.monotonic() < until:
        if os.getppid() != parent:
            raise CommandError("The server has ended.")
        pause()


def _connections(port: str) -> float:
    """How many have signed in, as the server's metrics tell; none where there is no server yet."""
    try:
        with urlopen(f"http://localhost:{port}/metrics", timeout=LOOK * 4) as answer:  # it is http
            found = re.search(rb"^bourse_connections_authenticated (\S+)", answer.read(), re.MULTILINE)
    except OSError:
        return -1
    return float(found[1]) if found else -1
