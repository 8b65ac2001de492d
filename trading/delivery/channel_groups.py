"""Names of the channel groups, and the shapes of the messages that are sent to them.

Market data is `{"type": "frames", "group": name, "frames": [text, ...]}`. Private messages name their `user` and the
number of the last frame, and have `(instrument_id or None, text)`: the instrument where a connection may want frames of
some only (trades). Knows nothing of the store.
"""

from collections.abc import Sequence
from typing import Any

ALL_INSTRUMENTS = ""
"""In place of an instrument, where a public channel speaks of all of them."""

MONEY = "*"
"""In place of an instrument, where a private push of another market than the first speaks of money: only connections
that have named that market are told, for others know of one account."""

PORTFOLIO = "portfolio"
"""The channel that has a user in place of an instrument."""

TaggedFrame = tuple[str | None, str]


def user_group(user_id: str) -> str:
    """Private pushes of a user."""
    return f"user.{user_id}"


def portfolio_group(user_id: str) -> str:
    """A user's account while the market moves: like market data of a channel, but theirs alone."""
    return market_group(PORTFOLIO, user_id)


def market_group(channel: str, instrument_id: str) -> str:
    """Market data of a public channel and an instrument."""
    return f"{channel}.{instrument_id}"


def market_message(group: str, frames: Sequence[str]) -> dict[str, Any]:
    """The message that carries market data to a `market_group`."""
    return {"type": "frames", "group": group, "frames": frames}


def private_message(
    user_id: str, frames: Sequence[TaggedFrame], last_seq: int, market: str | None = None
) -> dict[str, Any]:
    """The group message that carries frames for one user; the last of them has the number `last_seq`. `market`: whose
    numbers these are, where it is not the first."""
    message = {"type": "frames", "frames": frames, "user": user_id, "last_seq": last_seq}
    return message if market is None else {**message, "market": market}
