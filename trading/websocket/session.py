"""Whose connection it is: signing in and out, and what becomes of the user's orders when it ends."""

from typing import Protocol

import msgspec

from trading.access.rate_limits import RateLimiter
from trading.access.token_monitor import TokenMonitor
from trading.observability.counters import Counters
from trading.reads import identities
from trading.reads.markets import Markets
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
        markets: Markets,
        owner: str | None,
        address: str,
        limiter: RateLimiter,
        read: Read,
        tokens: TokenMonitor,
        disconnect_timers: DisconnectTimers,
        counters: Counters,
    ) -> None:
        self.identity: identities.Identity | None = None
        self._armed: list[tuple[int, int]] = []
        self.asked_before = False
        """Whether a token was shown on this connection."""
        self.named: set[str] = set()
        """Markets beside the first that this connection has asked about: it is told of the money there."""
        self.address = address
        self._on_trial, self._is_counted = False, True
        self._connection = connection
        self._markets = markets
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

    async def identify(self, user_id: str, token: str, now: float) -> identities.Identity | None:
        """Who has this token, if he says who he is and the connection may become his."""
        self.asked_before = True
        identity: identities.Identity | None = None
        if self._owner in (None, user_id):
            identity = await self._read(
                identities.identity_of_token, user_id=user_id, token=token, market=self._markets.first
            )
        if identity is None:
            if self._limiter.is_shared:
                await self._limiter.wrong_token_anywhere(self.address, user_id, now)
            else:
                self._limiter.wrong_token(self.address, user_id, now)
        return identity

    def sign_in(self, identity: identities.Identity, now: float) -> str | None:
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

    async def come_back(self, now: float) -> None:
        """The user has signed in: of an exchange with several markets their accounts at the others hear of it, too."""
        identity = self.identity
        if self._markets.several and identity is not None and identity.may_trade:
            for account_id, lost in await self._read(self._markets.lost, user_id=identity.user_id):
                if account_id != identity.account_id:
                    self._disconnect_timers.signed_in(account_id, now, lost)

    async def accounts(self) -> list[int]:
        """All accounts of the user, one a market."""
        if self._markets.several and self.identity is not None:
            return list((await self._read(self._markets.accounts, user_id=self.identity.user_id)).values())
        account_id = await self.account_id()
        return [] if account_id is None else [account_id]

    async def cancel_on_disconnect(self, accounts: list[int], grace_ms: int | None) -> None:
        """How long the user's orders outlive the connection; None: as long as they live."""
        armed = [] if grace_ms is None else [(account, grace_ms) for account in accounts]
        for each in armed:
            await self._disconnect_timers.arm(*each)
        self._disarm()
        self._armed = armed

    def _disarm(self) -> None:
        for each in self._armed:
            self._disconnect_timers.disarm(*each)
        self._armed = []

    def end(self, left_at: float) -> None:
        """The connection has ended; its client was last there at `left_at`."""
        for account_id, grace_ms in self._armed:
            self._disconnect_timers.begin(account_id, left_at, grace_ms)
        self.sign_out()
        self._end_trial()
        self._limiter.leave(self.address if self._is_counted else None)

    async def account_id(self, market: str | None = None) -> int | None:
        """The account of the user, at another market than the first if one is named; it may have been opened after they
        signed in."""
        identity = self.identity
        if identity is not None and market is not None:
            elsewhere: int | None = await self._read(identities.account_id, user_id=identity.user_id, market=market)
            return elsewhere
        if identity is None or identity.account_id is not None:
            return None if identity is None else identity.account_id
        first = self._markets.first
        number: int | None = await self._read(identities.account_id, user_id=identity.user_id, market=first)
        self.identity = msgspec.structs.replace(identity, account_id=number)
        return number
