"""What higher margin rates would cost, and whom they would warn or liquidate, before they are asked for."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from trading.admin import confirmations
from trading.admin.columns import amount_text
from trading.admin.desk.risk import risk_settings
from trading.admin.engine_requests import present_market
from trading.admin.forms.instruments import ChangeTermsForm, terms_values
from trading.core.commands import ChangeTerms
from trading.core.types import Terms
from trading.models import Instrument
from trading.operators import what_if
from trading.storage.mapping import terms_of


def are_raised(row: Instrument, terms: Terms) -> bool:
    """Whether an instrument's positions may cost more under new terms: a rate goes up, or both sides pay from now."""
    rates = terms.margin_long > row.margin_long or terms.margin_short > row.margin_short
    return rates or (row.larger_side and not terms.larger_side)


def question(form: ChangeTermsForm) -> list[str]:
    """What is said before a form is sent: each term that becomes another, and what higher rates do."""
    row, terms = form.instance, form.terms()
    changed = confirmations.changes(form, terms_values(terms_of(row)), terms_values(terms))
    if terms.last_day and terms.last_day != row.last_day:
        changed.append(_("With the settlement of that day it is delisted, for good."))
    return [
        *changed,
        *(sentences([ChangeTerms(row.pk, terms)]) if are_raised(row, terms) else []),
        confirmations.about_instruments([row]),
    ]


def sentences(commands: Sequence[ChangeTerms]) -> list[str]:
    """What all of them would do together; nothing where there are none, or where the engine refuses them."""
    if not commands:
        return []
    found = what_if.if_terms_were(present_market(), commands, risk_settings())
    if not found.changed:
        return []
    over = [each.user_id for each in found.outcome.liquidated]
    spared = [user for user in over if user in found.spared]
    warned = [each.user_id for each in found.outcome.warned if each.user_id not in over]
    return [
        _("The margin rates of {name} go up at once, for positions and live orders.").format(
            name=_several(found.changed)
        ),
        _(
            "{accounts} with positions will pay {amount} more margin. {over} of them will be at the liquidation level "
            "or above it."
        ).format(
            accounts=confirmations.counted(found.accounts, "account"),
            amount=amount_text(found.more),
            over=f"{len(over):,}",
        ),
        *_named(_("Would be liquidated: {names}."), [user for user in over if user not in found.spared]),
        *_named(_("Would not be, for their liquidation is stopped: {names}."), spared),
        *_named(_("Would be warned: {names}."), warned),
    ]


def _named(sentence: str, users: Sequence[str]) -> list[str]:
    """Who is meant, if anybody."""
    return [sentence.format(names=_several(users))] if users else []


def _several(names: Sequence[str]) -> str:
    """Names; of many the first."""
    others = len(names) - confirmations.NAMED
    first = ", ".join(names[: confirmations.NAMED])
    return first if others <= 0 else _("{names} and {count} more").format(names=first, count=others)
