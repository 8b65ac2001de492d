"""Whose connection it is: signing in and out, and what becomes of the user's orders when it ends."""

from typing import Protocol

import msgspec

from trading.access.rate_limits import RateLimiter
from trading.access.token_monitor import TokenMonitor
from trading.observability.counters import Counters
from trading.reads import selectors
from trading.reads.readers import Read
from trading.websocket.cancel_on_disconnect import DisconnectTimers


class Connection(Protocol):
    def revoke(self) -> None: ...


class Session:
    """The user of one connection to a market, if it has one. It belongs to one user alone: to the `owner` that it named
    in its URL, or to whoever authenticates on it first. Times are the event loop's. `read` runs a function that blocks
    on the database."""

    def __init__(
        self,
        connection: Connection,
        *,
        market: str,
        owner: str | None,
        address: str,
        limiter: RateLimiter,
        read: Read,
        tokens: TokenMonitor,
        disconnect_timers: DisconnectTimers,
        counters: Counters,
    ) -> None:
        self.identity: selectors.Identity | None = None
        self._armed: tuple[int, int] | None = None
        self.asked_before = False
        """Whether a token was shown on this connection."""
        self.address = address
        self._on_trial, self._is_counted = False, True
        self._connection = connection
        self._market = market
        self._owner = owner
        self._limiter = limiter
        self._read = read
        self._tokens = tokens
        self._disconnect_timers = disconnect_timers
        self._counters = counters

    @property
    def user_id(self) -> str | None:
        return None if self.identity is None else self.identity.user_id

    def begin_trial(self) -> None:
        """There was no room for the connection: it stays if somebody signs in on it."""
        self._on_trial, self._is_counted = True, False

    def _end_trial(self) -> None:
        if self._on_trial:
            self._on_trial = False
            self._limiter.end_trial(self.address)

    async def identify(self, user_id: str, token: str, now: float) -> selectors.Identity | None:
        """Who has this token, if he says who he is and the connection may become his."""
        self.asked_before = True
        identity: selectors.Identity | None = None
        if self._owner in (None, user_id):
            identity = await self._read(selectors.identity_of_token, user_id=user_id, token=token, market=self._market)
        if identity is None:
            if self._limiter.is_shared:
                await self._limiter.wrong_token_anywhere(self.address, user_id, now)
            else:
                self._limiter.wrong_token(self.address, user_id, now)
        return identity

    def sign_in(self, identity: selectors.Identity, now: float) -> str | None:
        """From now on the connection is this user's. The limit that it would break, as a sentence, if it cannot be."""
        if self.identity is None:
            broken_limit = self._limiter.sign_in(identity.user_id, now)
            if broken_limit is not None:
                self._counters.connections_refused["connections of a user"] += 1
                return broken_limit
            self._end_trial()
        else:
            self._tokens.remove(self.identity.token, self._connection)
        self._tokens.add(identity.token, self._connection)
        self.identity, self._owner = identity, identity.user_id
        if identity.may_trade and identity.account_id is not None:
            self._disconnect_timers.signed_in(identity.account_id, now, identity.disconnected)
        return None

    def sign_out(self) -> None:
        """From now on the connection is nobody's."""
        if self.identity is not None:
            self._limiter.sign_out(self.identity.user_id)
            self._tokens.remove(self.identity.token, self._connection)
            self._disarm()
            self.identity = None

    async def cancel_on_disconnect(self, account_id: int, grace_ms: int | None) -> None:
        """How long the user's orders outlive the connection; None: as long as they live."""
        if grace_ms is not None:
            await self._disconnect_timers.arm(account_id, grace_ms)
        self._disarm()
        self._armed = None if grace_ms is None else (account_id, grace_ms)

    def _disarm(self) -> None:
        if self._armed is not None:
            self._disconnect_timers.disarm(*self._armed)
            self._armed = None

    def end(self, left_at: float) -> None:
        """The connection has ended; its client was last there at `left_at`."""
        if self._armed is not None:
            account_id, grace_ms = self._armed
            self._disconnect_timers.begin(account_id, left_at, grace_ms)
        self.sign_out()
        self._end_trial()
        self._limiter.leave(self.address if self._is_counted else None)

    async def account_id(self) -> int | None:
        """The account of the user; it may have been opened after he signed in."""
        identity = self.identity
        if identity is None or identity.account_id is not None:
            return None if identity is None else identity.account_id
        number: int | None = await self._read(selectors.account_id, user_id=identity.user_id, market=self._market)
        self.identity = msgspec.structs.replace(identity, account_id=number)
        return number
