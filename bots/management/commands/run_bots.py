"""`manage.py run_bots`: programs that trade, so that the market is alive. Makes them users with funds and tokens."""

import asyncio
import secrets
from argparse import ArgumentParser
from functools import partial
from typing import Any

from bourse_client.wire.addresses import socket_address
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bots import run
from bots.world import Identity
from trading.core import commands
from trading.core.codes import Code
from trading.core.money import UNIT
from trading.core.types import AccountRules, stored_name
from trading.management.commands.open_account import make_user, report
from trading.models import AccessToken, Instrument, OperatorCommand, User
from trading.operators import inline_engine, requests
from trading.reads import holdings

FUNDS = 1_000_000_000 * UNIT
"""Enough to stand against all traders of the demo at once."""
FEE_GROUP = "bots"
"""Pays no commission, as makers under contract with an exchange: it would eat up what they trade with."""
TOKEN_NAME = "bots"  # noqa: S105  # a name


class Command(BaseCommand):
    help = "Run bots that trade over the public protocol, until stopped. They wait until the server answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="ws://localhost:8081/ws", help="the socket of a server of this database")
        parser.add_argument("--makers", type=int, default=3, help="bots that quote both sides of every book")
        parser.add_argument("--takers", type=int, default=5, help="bots that trade with whoever quotes")
        parser.add_argument("--seed", default=None, help="of prices and arrivals; at first another each time")
        parser.add_argument("--speed", type=float, default=1.0, help="2: everything happens twice as fast")
        parser.add_argument("--instruments", nargs="+", default=[], help="at first all that are listed and trade")
        parser.add_argument("--parent", type=int, default=None, help="end when this process, which started it, does")

    def handle(self, *args: Any, **options: Any) -> None:
        market = settings.MARKET
        _check(options, market)
        parent = options["parent"]
        if not asyncio.run(run.until_stopped(run.reachable(options["url"]), parent)):
            return
        makers = [make_user(f"bot-maker-{number}") for number in range(1, options["makers"] + 1)]
        takers = [make_user(f"bot-taker-{number}") for number in range(1, options["takers"] + 1)]
        open_accounts([user.username for user in [*makers, *takers]], market)
        seed = options["seed"] or secrets.token_hex(4)
        self.stdout.write(f"Bots trade: {len(makers)} makers, {len(takers)} takers, seed {seed}.")
        self.stdout.flush()
        work = run.trade(
            options["url"],
            [identity(user) for user in makers],
            [identity(user) for user in takers],
            seed=seed,
            speed=options["speed"],
            only=options["instruments"],
        )
        if asyncio.run(run.until_stopped(work, parent)):
            raise CommandError("All bots have stopped; see the log.")


def _check(options: dict[str, Any], market: str) -> None:
    """CommandError for what cannot be meant."""
    if options["makers"] < 0 or options["takers"] < 0 or not options["makers"] + options["takers"]:
        raise CommandError("--makers, --takers: there must be at least one bot")
    if not 0 < options["speed"] <= 100:
        raise CommandError("--speed must be above 0 and at most 100")
    try:
        socket_address(options["url"])
    except ValueError as error:
        raise CommandError(f"--url: {error}") from None
    for name in options["instruments"]:
        if not Instrument.objects.filter(pk=name, market=market).exists():
            raise CommandError(f"--instruments: there is no instrument {name}")


def open_accounts(user_ids: list[str], market: str) -> None:
    """Accounts that pay no commission, with their funds. What is there already stays as it is."""
    ask = partial(_ask, market)
    _done([
        ask(commands.SetFeeGroup(FEE_GROUP, 0), FEE_GROUP),
        *(ask(commands.OpenAccount(user_id), user_id) for user_id in user_ids),
        *(ask(commands.SetAccountRules(user_id, AccountRules(fee_group=FEE_GROUP)), user_id) for user_id in user_ids),
    ])  # fmt: skip
    _done([ask(commands.Deposit(user_id, lacking)) for user_id in user_ids if (lacking := _lacking(user_id, market))])


def _ask(market: str, command: commands.AdminCommand, name: str | None = None) -> OperatorCommand:
    """With a name it is done once for ever: an operator may have changed it since."""
    key = None if name is None else f"bots:{stored_name(command)}:{name}"
    return requests.ask(command, market=market, key=key)


def _done(rows: list[OperatorCommand]) -> None:
    for row in rows:
        inline_engine.wait(row)
        if row.code != Code.DUPLICATE:
            report(row)


def _lacking(user_id: str, market: str) -> int:
    """What brings the funds of a bot that has lost half of them back to the beginning."""
    view = holdings.account_view(user_id=user_id, market=market)
    balance = 0 if view is None else view.figures.balance
    return FUNDS - balance if balance < FUNDS // 2 else 0


def identity(user: User) -> Identity:
    """With a fresh token; those of earlier runs are no longer valid."""
    AccessToken.objects.filter(user=user, name=TOKEN_NAME).delete()
    _, token = AccessToken.objects.create(user, name=TOKEN_NAME)
    return Identity(user.username, token)
