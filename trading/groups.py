"""Names of the channel groups, and what is sent to them: encoded once, one `group_send` a group and batch.

A group message is `{"type": "frames", "frames": [(instrument_id or None, text), ...]}`; the instrument is named where a
connection may want frames of some instruments only (trades). Private frames name their `user` too. Knows nothing of
the store.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from trading import protocol
from trading.core.events import (
    Event,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFired,
    OrderWaiting,
    PositionExpired,
    RiskWarned,
    Statement,
    Traded,
)
from trading.core.state import Changes
from trading.core.types import Phase

TaggedFrame = tuple[str | None, str]


class ChannelLayer(Protocol):
    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...


def user_group(user_id: str) -> str:
    """Private pushes of a user."""
    return f"user.{user_id}"


def orderbook_group(instrument_id: str) -> str:
    """Books of an instrument."""
    return f"orderbook.{instrument_id}"


def ticker_group(instrument_id: str) -> str:
    """Trades of an instrument, as the public sees them."""
    return f"ticker.{instrument_id}"


def frames_message(frames: Sequence[TaggedFrame]) -> dict[str, Any]:
    """The group message that carries frames."""
    return {"type": "frames", "frames": frames}


def private_message(user_id: str, frames: Sequence[TaggedFrame]) -> dict[str, Any]:
    """The group message that carries frames for one user."""
    return {"type": "frames", "frames": frames, "user": user_id}


# --- private pushes

TOLD: dict[type[Event], Callable[[Any, int], protocol.ServerMessage]] = {
    OrderAccepted: protocol.submitted,
    OrderWaiting: protocol.waiting,
    OrderFired: protocol.submitted,
    OrderAmended: protocol.amended,
    OrderCancelled: protocol.cancelled,
    RiskWarned: protocol.risk_warning,
    LiquidationStarted: protocol.liquidation,
    LiquidationEnded: protocol.liquidation,
    PositionExpired: protocol.position_expired,
    Statement: protocol.statement,
}
"""Events of one account that its user is told, each with what makes its frame. Trades have two sides."""


class Pushes(msgspec.Struct):
    """The private frames of a batch by user, in order, and the number of each account's last one."""

    layer: ChannelLayer
    frames: dict[str, list[TaggedFrame]] = {}
    seqs: dict[int, int] = {}

    def add(self, user_id: str, message: protocol.ServerMessage, tag: str | None = None) -> None:
        self.frames.setdefault(user_id, []).append((tag, protocol.encode(message)))

    async def send(self) -> None:
        """Tell every user what happened to him, in one message a user."""
        for user_id, frames in self.frames.items():
            await self.layer.group_send(user_group(user_id), private_message(user_id, frames))


class PushEncoder:
    """Numbers and encodes private pushes; the numbers go on where the last commit left them."""

    def __init__(self, layer: ChannelLayer) -> None:
        self._layer = layer
        self._seqs: dict[int, int] = {}

    def resume(self, seqs: dict[int, int]) -> None:
        """Go on after these numbers (account id -> last one)."""
        self._seqs = dict(seqs)

    def encode(self, events: Iterable[Event], changes: Changes, time: int) -> Pushes:
        """The pushes of a batch: what happened, in order, then an account update for every account touched."""
        pushes = Pushes(self._layer)
        accounts = changes.accounts
        for event in events:
            if isinstance(event, Traded):
                for fill in (event.taker, event.maker):
                    user_id, seq = accounts[fill.account_id].user_id, self._next(fill.account_id)
                    pushes.add(user_id, protocol.trade(event, fill, seq), event.instrument_id)
                    pushes.add(user_id, protocol.filled(event, fill, self._next(fill.account_id)))
            elif (tell := TOLD.get(type(event))) is not None:
                account_id = event.account_id  # type: ignore[union-attr]  # all of TOLD have one
                pushes.add(accounts[account_id].user_id, tell(event, self._next(account_id)))
        for account_id, account in accounts.items():
            seq = pushes.seqs[account_id] = self._next(account_id)
            pushes.add(account.user_id, protocol.account_update(account.figures(), time, seq))
        return pushes

    def _next(self, account_id: int) -> int:
        seq = self._seqs[account_id] = self._seqs.get(account_id, 0) + 1
        return seq


# --- market data


class MarketOutlet:
    """Encodes public market data and sends it to its groups."""

    def __init__(self, layer: ChannelLayer) -> None:
        self._layer = layer

    def book_frame(
        self,
        instrument_id: str,
        bids: protocol.Levels,
        asks: protocol.Levels,
        time: int,
        *,
        phase: Phase | None = None,
        indicative: tuple[int, int] | None = None,
    ) -> str:
        """`phase` matters outside continuous trading; `indicative`: price (1/10,000) and lots that an auction would
        trade."""
        return protocol.encode(protocol.orderbook(instrument_id, bids, asks, time, phase, indicative))

    def tick_frame(self, instrument_id: str, price: int, volume: int, time: int) -> str:
        return protocol.encode(protocol.ticker(instrument_id, price, volume, time))

    async def send_book(self, instrument_id: str, frame: str) -> None:
        await self._layer.group_send(orderbook_group(instrument_id), frames_message([(None, frame)]))

    async def send_ticks(self, instrument_id: str, frames: Sequence[str]) -> None:
        await self._layer.group_send(ticker_group(instrument_id), frames_message([(None, f) for f in frames]))

    async def send_phase(self, instrument_id: str, phase: Phase, time: int) -> None:
        """Tell whoever follows the book that its instrument is in another phase of trading."""
        frame = protocol.encode(protocol.instrument_status(instrument_id, phase, time))
        await self._layer.group_send(orderbook_group(instrument_id), frames_message([(None, frame)]))
