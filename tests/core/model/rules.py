"""What the rules say at each of their versions, and what they are to say when the engine has learnt the rest.

A market has the rules of the first release until an `AdoptRules` gives it the present ones. A rule that the engine
learns next is switched on in `PRESENT`; what is on in both is no switch any more.
"""

from dataclasses import dataclass, replace


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

    waits_inside: bool = True
    """A waiting order whose price is outside the new day's limits goes at the settlement; else it stays."""

    auction_amends: bool = True
    """An amendment in an auction is refused where a new order would be; else options are not looked at."""


RIGHT = Rules()
FIRST = Rules(*[False] * 10)
PRESENT = replace(RIGHT, waits_inside=False, auction_amends=False)
"""Of versions 0 and 1 of the engine's rules."""

VERSIONS = (FIRST, PRESENT)
