"""Which events a user is told of: all that happen to an account, and nothing is forgotten."""

from typing import Any, get_args

from trading.core import events
from trading.core.events import Event
from trading.delivery.push_encoder import PUSHED_EVENTS

WITH_THEIR_ORDER = {events.OrderAccepted, events.OrderWaiting}
WITH_TWO_SIDES = {events.Traded, events.TradeBroken}
ANSWERS = {
    *(events.Refused, events.OrderRepeated, events.AllCancelled, events.CountdownSet),
    *(events.AccountOpened, events.AccountFrozen, events.RulesSet, events.FeeGroupSet),
    *(events.InstrumentListed, events.TermsChanged, events.PhasesChanged, events.TimePassed, events.RiskWatched),
    *(events.MarketLimitsSet, events.FiringContinued, events.RulesAdopted),
    *(events.OrdersCancelled, events.CloseOnlySet, events.ConnectionsRefused, events.LiquidationStopped),
    *(events.Announced, events.AnnouncementWithdrawn),
}
"""They tell whoever asked what came of it."""

PUBLIC = {events.PhaseChanged, events.AuctionUncrossed, events.InstrumentSettled, events.DaySettled}
"""They belong to no account; market data tells of them."""

IN_THE_ACCOUNT = {events.Deposited, events.Withdrawn, events.RiskEased, events.TransferSent, events.TransferReceived}
"""The account update that ends every batch tells the money after it."""


def test_every_event_is_pushed_or_there_is_a_reason() -> None:
    """A new event must be put somewhere."""
    kinds: list[set[Any]] = [set(PUSHED_EVENTS), WITH_THEIR_ORDER, WITH_TWO_SIDES, ANSWERS, PUBLIC, IN_THE_ACCOUNT]
    assert set[Any]().union(*kinds) == set(get_args(Event))
    assert sum(map(len, kinds)) == len(get_args(Event)), "each in one place"


def test_what_is_pushed_has_an_account() -> None:
    for kind in (*PUSHED_EVENTS, *WITH_THEIR_ORDER):
        assert "account_id" in kind.__struct_fields__
