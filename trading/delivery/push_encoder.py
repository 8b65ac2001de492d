"""Private pushes: numbered and encoded before the commit, sent after it, one `group_send` a user and batch."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol, get_args

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
    TradeBroken,
    Traded,
)
from trading.core.state import Changes
from trading.delivery.channel_groups import MONEY, TaggedFrame, private_message, user_group
from trading.worker.batch import KeptPushes


class ChannelLayer(Protocol):
    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...


PUSHED_EVENTS: dict[type[Event], Callable[[Any, int], protocol.NumberedPush]] = {
    OrderFired: protocol.fired,
    OrderAmended: protocol.amended,
    OrderCancelled: protocol.cancelled,
    RiskWarned: protocol.risk_warning,
    LiquidationStarted: protocol.liquidation,
    LiquidationEnded: protocol.liquidation,
    PositionExpired: protocol.position_expired,
    Statement: protocol.statement,
}
"""Events of one account that its user is told, each with what makes its frame. Trades have two sides."""


ABOUT_MONEY = (
    protocol.AccountUpdate
    | protocol.RiskWarning
    | protocol.Liquidation
    | protocol.PositionExpired
    | protocol.TradeBroken
    | protocol.Statement
)
"""What speaks of an account as a whole, or of what became of its money."""
KINDS_ABOUT_MONEY = frozenset(each.__struct_config__.tag for each in get_args(ABOUT_MONEY))
"""The same as the `type` of frames."""


def told_as(market: str, further: Collection[str]) -> str | None:
    """What its private pushes call a market where these are beside the first one. That is not named (None): v1.0 knows
    of no markets."""
    return market if market in further else None


class Pushes(msgspec.Struct):
    """The private frames of a batch by account, in order, and what is kept of them for who is away."""

    layer: ChannelLayer
    market: str | None = None
    frames: dict[int, list[TaggedFrame]] = {}
    users: dict[int, str] = {}
    kept: list[KeptPushes] = []

    def add(self, account_id: int, message: protocol.NumberedPush, tag: str | None = None) -> None:
        if self.market is None:
            frame = protocol.encode(message)
        else:
            frame = protocol.encode_of(self.market, message)
            tag = MONEY if isinstance(message, ABOUT_MONEY) else tag
        self.frames.setdefault(account_id, []).append((tag, frame))

    def keep(self, account_id: int, user_id: str, last_seq: int) -> None:
        """All frames of an account are there."""
        frames = self.frames[account_id]
        self.users[account_id] = user_id
        lines = "\n".join([frame for _, frame in frames])
        self.kept.append(KeptPushes(account_id, last_seq - len(frames) + 1, last_seq, lines))

    async def send(self) -> None:
        """Tell every user what happened to him, in one message a user."""
        for kept in self.kept:
            user_id = self.users[kept.account_id]
            message = private_message(user_id, self.frames[kept.account_id], kept.last_seq, self.market)
            await self.layer.group_send(user_group(user_id), message)


class PushEncoder:
    """Numbers and encodes private pushes; the numbers go on where the last commit left them. `market`: which one, of an
    exchange with several; None: the first."""

    def __init__(self, layer: ChannelLayer, market: str | None = None) -> None:
        self._layer = layer
        self._market = market
        self._seqs: dict[int, int] = {}

    def resume(self, seqs: dict[int, int]) -> None:
        """Go on after these numbers (account id -> last one)."""
        self._seqs = dict(seqs)

    def encode(self, events: Iterable[Event], changes: Changes, time: int) -> Pushes:
        """The pushes of a batch: what happened, in order, then an account update for every account touched."""
        pushes = Pushes(self._layer, self._market)
        accounts = changes.accounts
        for event in events:
            if type(event) is Traded:
                for fill in (event.taker, event.maker):
                    account_id = fill.account_id
                    trade = protocol.trade(event, fill, self._next(account_id))
                    pushes.add(account_id, trade, event.instrument_id)
                    pushes.add(account_id, protocol.filled(event, fill, self._next(account_id)))
            elif type(event) is TradeBroken:
                for is_buyer, side in ((True, event.buyer), (False, event.seller)):
                    told = protocol.trade_broken(event, is_buyer, self._next(side.account_id))
                    pushes.add(side.account_id, told)
            elif type(event) is OrderAccepted or type(event) is OrderWaiting:
                account_id = event.account_id
                pushes.add(account_id, protocol.begun(event, changes.orders[event.order_id], self._next(account_id)))
            elif (tell := PUSHED_EVENTS.get(type(event))) is not None:
                account_id = event.account_id  # type: ignore[union-attr, assignment]  # all of PUSHED_EVENTS have one
                pushes.add(account_id, tell(event, self._next(account_id)))
        for account_id, account in accounts.items():
            seq = self._next(account_id)
            pushes.add(account_id, protocol.account_update(account.figures(), time, seq))
            pushes.keep(account_id, account.user_id, seq)
        return pushes

    def _next(self, account_id: int) -> int:
        seq = self._seqs[account_id] = self._seqs.get(account_id, 0) + 1
        return seq
