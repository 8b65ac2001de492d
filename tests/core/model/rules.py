"""The rules about which the engine and its documents did not agree at first, each with a switch.

`TODAY` is what the engine does, `RIGHT` what it is to do. A rule that the engine has learnt is switched here; when all
are, the switches go.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """True: as it should be."""

    lots_in_turn: bool
    """Of today's lots those opened first are closed first, at what they cost; else at their average."""

    foresees: bool
    """What is checked before a trade is what then trades: groups and self-trade prevention change the book on the
    way, and a check sees that; else it sees all orders but the account's own."""

    frees_margin: bool
    """Liquidation closes only what frees margin; else whatever has the largest margin, freed or not."""

    lots_needed: bool
    """Liquidation closes no lot more than needed, by what the closed lots really cost; else by the leg's average."""

    rounds_once: bool
    """The commission of a fill is rounded once, after the fee group's share; else for each kind of lots, and again."""

    own_is_no_trade: bool
    """A post-only order that meets only orders of its own account is taken, since it cannot trade; else refused."""

    waits_inside: bool
    """A waiting order whose price is outside the new day's limits goes at the settlement; else it stays."""

    auction_amends: bool
    """An amendment in an auction is refused where a new order would be; else options are not looked at."""

    settles_inside: bool
    """A settlement price outside the day's limits is refused; else taken."""


TODAY = Rules(*[False] * 9)
RIGHT = Rules(*[True] * 9)

PRESENT = TODAY
"""What the engine is held against."""
