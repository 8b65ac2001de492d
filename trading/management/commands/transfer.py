"""`manage.py transfer`: a user's money from one market to another."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.core.money import from_text, to_text
from trading.models import OperatorCommand, Transfer
from trading.operators import inline_engine
from trading.operators.between_markets import transfers


class Command(BaseCommand):
    help = "Transfer a user's money to another market, or carry on a transfer that is in transit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user_id")
        parser.add_argument("amount", help="in the currency, such as 10000 or 0.5")
        parser.add_argument("--from", dest="source", default=settings.MARKET, help="%(default)s where it is not given")
        parser.add_argument("--to", dest="target", required=True, help="the market that gets it")
        parser.add_argument("--id", help="to ask again for the same transfer, after whatever has come between")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asked = transfers.ask(
                options["user_id"],
                from_text(options["amount"]),
                source=options["source"],
                target=options["target"],
                transfer_id=options["id"],
            )
        except (transfers.CannotTransfer, ValueError) as error:
            raise CommandError(f"{error}.") from None
        sent = inline_engine.wait(asked)
        if sent.status == OperatorCommand.Status.REFUSED:
            raise CommandError(f"{sent.result}. Nothing was sent.")
        row = Transfer.objects.filter(pk=sent.payload["transfer"]["transfer_id"]).first()
        if row is None:
            raise CommandError(f"The engine of market {options['source']} has not answered yet; ask for it again.")
        self._carry_on(row)
        what = f"Transfer {row.pk}: {to_text(row.amount)} of {row.user_id} from {row.source_id} to {row.target_id}"
        self.stdout.write(f"{what}, {row.get_status_display().lower()}.")

    def _carry_on(self, row: Transfer) -> None:
        """Until it has arrived, or came back, or an engine does not answer."""
        while row.status == Transfer.Status.IN_TRANSIT:
            step = inline_engine.wait(transfers.carry_on(row))
            row.refresh_from_db()
            if step.status == OperatorCommand.Status.PENDING or ":return" in step.key:
                return
