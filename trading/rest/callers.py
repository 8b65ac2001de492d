"""Who asks: from the headers of a request to an identity, by the tokens and the limits that the socket has too."""

import asyncio
from collections import OrderedDict
from contextlib import nullcontext

import msgspec

from trading.access.rate_limits import RateLimiter
from trading.access.refusals import NO_ACCOUNT, NOT_AUTHENTICATED, READ_ONLY
from trading.core.codes import Code
from trading.core.events import Refused
from trading.reads import identities
from trading.rest.errors import ApiError
from trading.rest.services import Services

MOST_KNOWN = 2_000
"""Tokens that are remembered: more programs than one engine serves."""
KEPT_SECONDS = 60.0
"""Then a token is looked up again, so that it is seen to be in use. (One that was revoked or has expired is forgotten
by the look at all tokens in use, as the socket's connections end by it.)"""
USER_HEADER = "X-User-ID"
"""The user whose token it is, for whoever wants a token of somebody else refused."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Bourse"'}
TOO_MANY = "Too many wrong tokens"
ANOTHERS = f"Invalid credentials: this is no token of the user in {USER_HEADER}"


class Caller(msgspec.Struct, frozen=True):
    """Somebody at an address; with an identity if a token was shown."""

    address: str
    identity: identities.Identity | None = None

    @property
    def user_id(self) -> str | None:
        return None if self.identity is None else self.identity.user_id

    @property
    def owner(self) -> str:
        """Whose turn it is to read, as on the socket."""
        return f"address {self.address}" if self.user_id is None else f"user {self.user_id}"

    def require(self, *, trade: bool) -> identities.Identity:
        """The identity, if it may do so."""
        if self.identity is None:
            raise ApiError(Code.NOT_AUTHENTICATED, NOT_AUTHENTICATED.detail, headers=CHALLENGE)
        if trade and not self.identity.may_trade:
            raise _refusal(READ_ONLY)
        return self.identity

    def account_id(self) -> int:
        if self.identity is None or self.identity.account_id is None:
            raise _refusal(NO_ACCOUNT)
        return self.identity.account_id


def _refusal(refused: Refused) -> ApiError:
    return ApiError(refused.code, refused.detail)


class _Known:
    """An identity that was found, for as long as its token is valid."""

    __slots__ = ("_forget", "identity", "until")

    def __init__(self, identity: identities.Identity, until: float, forget: "Callers") -> None:
        self.identity = identity
        self.until = until
        self._forget = forget

    def revoke(self) -> None:
        self._forget.forget(self.identity.token)


class Callers:
    """Whoever has shown a token lately. Looked up once, and then remembered while the exchange finds it valid."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def caller(self, authorization: str | None, address: str, user_id: str | None = None) -> Caller:
        """Whoever shows this header. 401 for a token that is none, or that is not the named user's; 429 for too many
        that are none."""
        if authorization is None:
            return Caller(address)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise ApiError(Code.NOT_AUTHENTICATED, "Authorization must be: Bearer <token>", headers=CHALLENGE)
        identity = await self._identify(token.strip(), address)
        if user_id not in (None, identity.user_id):
            raise ApiError(Code.NOT_AUTHENTICATED, ANOTHERS, headers=CHALLENGE)
        return Caller(address, identity)

    async def _identify(self, token: str, address: str) -> identities.Identity:
        now = asyncio.get_running_loop().time()
        known = self._known.get(identities.digest_of(token))
        if known is not None and now < known.until:
            return known.identity
        limiter: RateLimiter = self._services.limiter
        guess = address, "", now
        wait = await limiter.token_anywhere(*guess) if limiter.is_shared else limiter.token(*guess)
        async with limiter.guesses if wait else nullcontext():
            identity: identities.Identity | None = await self._services.readers.run(
                f"address {address}", identities.identity_of_token, token=token, market=self._services.markets.first
            )
        if identity is None:
            if limiter.is_shared:
                await limiter.wrong_token_anywhere(*guess)
            else:
                limiter.wrong_token(*guess)
            if wait:
                raise ApiError(Code.TOO_FAST, TOO_MANY, retry_after=wait)
            raise ApiError(Code.NOT_AUTHENTICATED, "Invalid credentials", headers=CHALLENGE)
        self._remember(identity, now)
        return identity

    def _remember(self, identity: identities.Identity, now: float) -> None:
        """Whoever has no account yet may have one the next time."""
        self.forget(identity.token)
        if identity.account_id is None:
            return
        if len(self._known) >= MOST_KNOWN:
            self.forget(next(iter(self._known)))
        known = self._known[identity.token] = _Known(identity, now + KEPT_SECONDS, self)
        self._services.tokens.add(identity.token, known)

    def forget(self, token: str) -> None:
        known = self._known.pop(token, None)
        if known is not None:
            self._services.tokens.remove(token, known)
