"""The money of accounts as it is now, and how they stand: in the same words wherever somebody looks."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from trading.admin.columns import amount_text
from trading.admin.engine_requests import present_market
from trading.core.types import Figures
from trading.models import Account, Market
from trading.reads import holdings
from trading.storage.mapping import restrictions_of


def give_figures(accounts: Iterable[Account]) -> None:
    """Compute the money of accounts as it is now, with one query for all, and put it on the rows, with whether an
    operator has stopped their liquidation."""
    rows = list(accounts)
    figures = holdings.account_figures(accounts=rows)
    off = Market.objects.filter(code=present_market()).values_list("restrictions", flat=True).first()
    spared = restrictions_of(off).spared if off else ()
    for row in rows:
        vars(row)["figures"] = figures[row.pk]
        vars(row)["spared"] = row.pk in spared


def figures_of(account: Account) -> Figures:
    """The figures of a row; a list has computed those of its page together."""
    if "figures" not in vars(account):
        give_figures([account])
    figures: Figures = vars(account)["figures"]
    return figures


def is_spared(account: Account) -> bool:
    """Whether an operator has stopped the liquidation of a row's account."""
    if "spared" not in vars(account):
        give_figures([account])
    spared: bool = vars(account)["spared"]
    return spared


def standing_text(account: Account) -> str:
    """What is out of the ordinary; empty where nothing is."""
    debt, words = -figures_of(account).balance, []
    if debt > 0:
        words.append(_("debt {amount}").format(amount=amount_text(debt)))
    if is_spared(account):
        words.append(_("liquidation stopped"))
    if account.liquidating:
        words.append(_("liquidating"))
    elif account.warned:
        words.append(_("warned"))
    if account.frozen:
        words.append(_("frozen"))
    return ", ".join(words)
