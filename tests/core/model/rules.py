"""What the rules say at each of their versions.

A market has the rules of the first release until an `AdoptRules` gives it the present ones; so the model has a switch
for every rule in which they differ.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """True: as it should be."""

    lots_in_turn: bool = True
    """Lots that were opened first are closed first, at what they cost; else at their average."""

    foresees: bool = True
    """What is checked before a trade is what then trades: groups and self-trade prevention change the book on the
    way, and a check sees that; else it sees all orders but the account's own."""

    frees_margin: bool = True
    """Liquidation closes only what frees margin; else whatever has the largest margin, freed or not."""

    lots_needed: bool = True
    """Liquidation closes no lot more than needed, by what the closed lots really cost; else by the leg's average."""

    rounds_once: bool = True
    """The commission of a fill is rounded once, after the fee group's share; else for each kind of lots, and again."""

    collar: bool = True
    """Without price limits MARKET orders trade inside a collar around the last price; else at any."""

    settles_inside: bool = True
    """A settlement price at which a MARKET order could not trade is refused, if it is not confirmed; else taken."""

    own_is_no_trade: bool = True
    """A post-only order that meets only orders of its own account is taken, since it cannot trade; else refused."""

    auction_amends: bool = True
    """In an auction icebergs and post-only orders can only be made smaller; else options are not looked at."""

    derived_stops: bool = True
    """A trailing stop must begin above zero; else it may begin anywhere."""

    portions: bool = True
    """After one command at most 100 waiting orders fire, and the others at the next `FireStops`; else all."""


FIRST = Rules(*[False] * 11)
PRESENT = Rules()

VERSIONS = (FIRST, PRESENT)
"""By the number that the engine has for them."""
