"""`manage.py open_account USER --deposit AMOUNT`: a user who can trade. The same words again move no money again."""

import hashlib
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from trading.core import commands
from trading.core.codes import Code
from trading.core.money import from_text, to_text
from trading.management.options import add_market
from trading.models import OperatorCommand, User
from trading.operators import inline_engine


class Command(BaseCommand):
    help = "Make the user if there is none, open their account if they have none, and deposit. Typed again, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_market(parser)
        parser.add_argument("user")
        parser.add_argument("--deposit", default="0", help="amount in the currency, such as 10000000 or 0.5")
        parser.add_argument(
            "--key", default="", help="a word of yours, to deposit the same amount again: once for each"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        amount = _amount(options["deposit"])
        user_id = make_user(options["user"]).username
        opened = inline_engine.carry_out(commands.OpenAccount(user_id), market=options["market"])
        if opened.code != Code.DUPLICATE:
            report(opened)
        words = _deposited(user_id, amount, options["market"], options["key"]) if amount else f"{to_text(0)} deposited"
        self.stdout.write(f"{user_id} has an account; {words}")


def _deposited(user_id: str, amount: int, market: str, word: str) -> str:
    """Deposit, unless the same was deposited here before; say which of the two it was."""
    content = hashlib.sha256(repr((market, user_id, amount, word)).encode()).hexdigest()
    key = f"open_account:{content[:40]}"
    refused = OperatorCommand.objects.filter(key__startswith=key, status=OperatorCommand.Status.REFUSED).count()
    key = f"{key}:{refused}"
    done = OperatorCommand.objects.filter(key=key, status=OperatorCommand.Status.DONE).first()
    if done is not None:
        text = f"{to_text(amount)} was deposited before, by command #{done.pk}: nothing was deposited now"
        return f"{text} (--key WORD deposits it again)"
    report(inline_engine.carry_out(commands.Deposit(user_id, amount), market=market, key=key))
    return f"{to_text(amount)} deposited"


def _amount(text: str) -> int:
    try:
        amount = from_text(text)
    except ValueError as error:
        raise CommandError(f"--deposit: {error}") from None
    if amount < 0:
        raise CommandError("--deposit: the amount must not be negative")
    return amount


def make_user(user_id: str) -> User:
    """The user of this name, made without a password if there is none."""
    user = User.objects.filter(username=user_id).first()
    if user is None:
        user = User(username=user_id)
        user.set_unusable_password()
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError(f"{user_id}: {' '.join(error.messages)}") from None
        user.save()
    return user


def report(row: OperatorCommand) -> None:
    """CommandError unless the command was done."""
    if row.status == OperatorCommand.Status.PENDING:
        raise CommandError(f"{row.kind} waits: an engine runs but has not taken it yet")
    if row.status == OperatorCommand.Status.REFUSED:
        raise CommandError(f"{row.kind} was refused: {row.code} {row.result}")
