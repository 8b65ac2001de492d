"""Money into an account or out of it: what the engine would make of it, in words, before it is asked for."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from trading.admin.columns import amount_text
from trading.admin.office.refusals import answer_text
from trading.core.commands import Deposit, Withdraw
from trading.models import Account
from trading.operators import what_if


def told(row: Account, command: Deposit | Withdraw) -> list[str]:
    """What the account has and would have. ValidationError with the engine's reason where it would refuse."""
    foreseen = what_if.if_moved(row.market_id, row.pk, command)
    if foreseen.refused is not None:
        raise ValidationError(answer_text(foreseen.refused))
    words = (
        _(
            "{amount} goes into the account of {user}: its balance, with unrealised profit, goes from {before} to "
            "{balance}."
        )
        if isinstance(command, Deposit)
        else _(
            "{amount} leaves the account of {user}: its balance, with unrealised profit, goes from {before} to "
            "{balance}."
        )
    )
    sentences = [
        words.format(
            amount=amount_text(command.amount),
            user=row.user_id,
            before=amount_text(foreseen.before.balance),
            balance=amount_text(foreseen.after.balance),
        ),
        _("Available now: {before}; then: {after}.").format(
            before=amount_text(foreseen.before.available), after=amount_text(foreseen.after.available)
        ),
    ]
    if foreseen.after.balance < 0:
        sentences.append(_("The account stays in debt."))
    return sentences
