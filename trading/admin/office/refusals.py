"""What the engine answers to operators, in the language of the page. The engine speaks English, in one line with the
numbers in it; here are its sentences with a gap for each number or name, as they stand in the catalogue."""

import re
from collections.abc import Iterator
from functools import cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading.core.events import Refused
from trading.models import OperatorCommand

SENTENCES = (
    gettext_noop("a fee group's name has letters, digits, and _ . - only, at most 64"),
    gettext_noop("a settled instrument has a price"),
    gettext_noop("a user's name has letters, digits, and _ . - only, at most 64"),
    gettext_noop("an instrument's name has letters, digits, and _ . - only, at most 64"),
    gettext_noop("commission must not be negative, and its rate below 0.1"),
    gettext_noop("limits on positions and orders must not be negative (0: no limit)"),
    gettext_noop("margin rates must be from 0.001 to 1"),
    gettext_noop("order volumes must satisfy 1 <= smallest <= largest <= {}"),
    gettext_noop("the collar of market orders must be above 0 and at most 1"),
    gettext_noop("the contract is too large: {} lots at twice the reference price must stay below 10^14"),
    gettext_noop("the factor of a fee group must be from 0 to 1"),
    gettext_noop("the last day must be a date, YYYYMMDD"),
    gettext_noop("the multiplier must be from 1 to {}"),
    gettext_noop("the price limit rate must be from 0 (no limit) to below 1"),
    gettext_noop("the reference price must lie on the tick"),
    gettext_noop("tick and reference price must be positive, the tick not larger than the reference price"),
    gettext_noop("A schedule cannot call for the phase {}"),
    gettext_noop("Days are written YYYYMMDD, the next after the settled one"),
    gettext_noop("Insufficient funds: {} asked, {} can be withdrawn"),
    gettext_noop("Limits must not be negative, and the order volume at most {}"),
    gettext_noop("New connections are not refused"),
    gettext_noop("New connections are refused already"),
    gettext_noop("No account may be given more than {}"),
    gettext_noop("Nobody approved it in time."),
    gettext_noop("Nothing that {} holds is traded just now"),
    gettext_noop("Order already finished"),
    gettext_noop("Order not found"),
    gettext_noop("Rejected by {}: {}"),
    gettext_noop("Rejected by {}."),
    gettext_noop("Rules {} cannot follow rules {}"),
    gettext_noop("The account of {} takes no withdrawals now"),
    gettext_noop("The amount must be positive, it is {}"),
    gettext_noop("The liquidation of {} is not stopped"),
    gettext_noop("The liquidation of {} is stopped already"),
    gettext_noop("The market may only close already"),
    gettext_noop("The market may open positions already"),
    gettext_noop("The settlement price of {} must be a positive multiple of {}"),
    gettext_noop("The settlement price of {}, {}, is not from {} to {}; confirm it if it is meant"),
    gettext_noop("The settlement price of {} must be at most {}, confirmed or not"),
    gettext_noop("There is no fee group {}"),
    gettext_noop("Trading day {} is settled already, now is {}"),
    gettext_noop("Unknown instrument {}"),
    gettext_noop("The trade is broken already"),
    gettext_noop("The trade is of trading day {}, which is settled: only money can make good for it"),
    gettext_noop("The command does not describe a trade that can be broken"),
    gettext_noop("A trade has two accounts of this market"),
    gettext_noop("{}: live orders are to close the lots: cancel them first"),
    gettext_noop("{}: the lots are closed since"),
    gettext_noop("{}: the lots are closed since: only money can make good for them"),
    gettext_noop("{} has an account already"),
    gettext_noop("{} has no account"),
    gettext_noop("{} has no price limits, so it can have no auction"),
    gettext_noop("{} holds nothing to be closed"),
    gettext_noop("{} is frozen already"),
    gettext_noop("{} is listed already"),
    gettext_noop("{} is listed at another market"),
    gettext_noop("{} is no phase to set: halt, resume or settle instead"),
    gettext_noop("{} is not frozen"),
    gettext_noop("{} is not halted"),
    gettext_noop("{} is {} already"),
    gettext_noop("{} may do things that you may not."),
    gettext_noop("{} may only close already"),
    gettext_noop("{} may open positions already"),
)
"""Whatever is more exact stands before what would fit too."""


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile("(.+?)".join(map(re.escape, each.split("{}")))), each) for each in SENTENCES]


def said(sentence: str) -> str:
    """A sentence of the engine's, or the name of an event of its, in the language of the page; what nobody has
    translated stays as it is."""
    for pattern, whole in _patterns():
        found = pattern.fullmatch(sentence)
        if found is not None:
            return _(whole).format(*_words(found.groups()))
    return _(sentence) if sentence else ""


def _words(parts: tuple[str, ...]) -> Iterator[str]:
    """Numbers and names stay; a phase is a word of the catalogue."""
    return (_(part) for part in parts)


def result_text(row: OperatorCommand) -> str:
    """What came of a command."""
    if row.code:
        return _with_code(row.result, row.code)
    return said(row.result) or "-"


def answer_text(refused: Refused) -> str:
    """What the engine answers, or would answer."""
    return _with_code(refused.detail, refused.code)


def _with_code(reason: str, code: int) -> str:
    return _("{reason} (code {code})").format(reason=said(reason), code=int(code))
