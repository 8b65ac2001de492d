"""Who is on a connection: `auth`, `logout`, and what becomes of the user's orders when the connection is lost."""

import logging
from contextlib import nullcontext
from typing import Any

from trading import protocol
from trading.access.rate_limits import RateLimiter
from trading.access.refusals import NO_ACCOUNT, NOT_AUTHENTICATED, READ_ONLY, pause
from trading.core.codes import Code
from trading.core.events import Refused
from trading.delivery.channel_groups import user_group
from trading.observability.event_log import log_event
from trading.reads.identities import Identity
from trading.websocket.handlers.responder import Responder
from trading.websocket.market_subscriptions import MarketSubscriptions
from trading.websocket.server_line import ServerLine
from trading.websocket.session import Session

logger = logging.getLogger(__name__)

TOO_MANY_TOKENS = Refused(Code.TOO_FAST, f"{Code.TOO_FAST.text}: too many invalid credentials from this address")


class AuthenticationHandler:
    """Signs in and out; whoever is signed in hears the user's private pushes on `channel`. `connection`: its number in
    the log."""

    __slots__ = ("_channel", "_connection", "_layer", "_limiter", "_line", "_market_data", "_responder", "_session")

    def __init__(
        self,
        session: Session,
        limiter: RateLimiter,
        responder: Responder,
        layer: Any,
        channel: str,
        connection: int,
        line: ServerLine | None,
        market_data: MarketSubscriptions,
    ) -> None:
        self._session = session
        self._limiter = limiter
        self._responder = responder
        self._layer = layer
        self._channel = channel
        self._connection = connection
        self._line = line
        self._market_data = market_data

    async def authenticate(self, message: protocol.Auth, now: float) -> None:
        asked = self._session.address, message.user_id, now
        wait = await self._limiter.token_anywhere(*asked) if self._limiter.is_shared else self._limiter.token(*asked)
        async with self._limiter.guesses if wait else nullcontext():
            identity = await self._session.identify(message.user_id, message.token, now)
        if identity is None and wait:
            await self._responder.refuse_message(message, TOO_MANY_TOKENS, pause(wait))
            return
        refusal = "Invalid credentials" if identity is None else await self._let_in(identity, now)
        self._responder.send(
            protocol.AuthResponse(
                success=refusal is None,
                user_id=message.user_id if refusal is None else "",
                message=refusal or "Authentication successful",
                request_id=message.request_id,
            )
        )
        if identity is not None and refusal is None:
            await self._session.come_back(now)
            self._trust(True)
            log_event(logger, "signed in", connection=self._connection, user_id=identity.user_id)

    async def _let_in(self, identity: Identity, now: float) -> str | None:
        """Whoever is told that they are signed in hears everything from then on, wherever it comes from. A sentence
        where the user may not be let in."""
        await self._layer.group_add(user_group(identity.user_id), self._channel)
        refusal = self._session.sign_in(identity, now)
        if refusal is not None:
            await self.stop_hearing(identity.user_id)
        return refusal

    def _trust(self, user_is_known: bool) -> None:
        if self._line is not None:
            self._line.trust(user_is_known)

    async def log_out(self, message: protocol.Logout) -> None:
        user_id = self._session.user_id
        if user_id is None:
            await self._responder.refuse_message(message, NOT_AUTHENTICATED)
            return
        await self.stop_hearing(user_id)
        await self._market_data.forget_user(user_id)
        self._session.sign_out()
        self._trust(False)
        self._responder.send(protocol.LogoutResponse(success=True, request_id=message.request_id))

    async def stop_hearing(self, user_id: str) -> None:
        """No more private pushes of this user."""
        await self._layer.group_discard(user_group(user_id), self._channel)

    async def set_session(self, message: protocol.SetSession) -> None:
        identity = self._session.identity
        if identity is None or not identity.may_trade:
            await self._responder.refuse_message(message, NOT_AUTHENTICATED if identity is None else READ_ONLY)
            return
        accounts = await self._session.accounts()
        if not accounts:
            await self._responder.refuse_message(message, NO_ACCOUNT)
            return
        grace_ms = message.grace_ms if message.cancel_on_disconnect else None
        await self._session.cancel_on_disconnect(accounts, grace_ms)
        self._responder.send(
            protocol.SetSessionResponse(
                success=True,
                cancel_on_disconnect=message.cancel_on_disconnect,
                grace_ms=message.grace_ms,
                request_id=message.request_id,
            )
        )
