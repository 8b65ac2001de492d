"""Own tokens: seen, made and revoked. Texts are told once; what is stored is a hash."""

from datetime import datetime, timedelta
from typing import Any

from channels.db import database_sync_to_async
from django.utils import timezone

from trading.core.codes import Code
from trading.models import AccessToken, User
from trading.reads import identities
from trading.rest import messages
from trading.rest.errors import ApiError
from trading.rest.operation import Answer, Call, Operation

TAG = "Tokens"
MOST_TOKENS = 50
"""Of a user, that may be made here: more than programs that one has."""


def _told(row: Any, text: str | None = None) -> messages.TokenData:
    return messages.TokenData(
        token_key=row.token_key,
        name=row.name,
        scope=row.scope,
        created_at=_milliseconds(row.created),
        expires_at=None if row.expiry is None else _milliseconds(row.expiry),
        used_at=None if row.last_used is None else _milliseconds(row.last_used),
        token=text,
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000)


def _named(user_id: str, token_key: str) -> Any:
    """An own token. Blocks; ApiError where it is none."""
    row = identities.tokens(user_id=user_id).filter(token_key=token_key).first()
    if row is None:
        raise ApiError(Code.NOT_FOUND, f"{Code.NOT_FOUND.text}: you have no such token")
    return row


class ListTokens(Operation):
    """Own tokens that are valid, newest first."""

    method, path, tag = "GET", "tokens/", TAG
    gives = {200: messages.Tokens}

    @classmethod
    async def run(cls, call: Call) -> Answer:
        def find() -> list[messages.TokenData]:
            return [_told(row) for row in identities.tokens(user_id=call.identity.user_id)]

        return Answer(messages.Tokens(await call.read(find)))


class GetToken(Operation):
    """An own token."""

    method, path, tag = "GET", "tokens/<str:token_key>/", TAG
    takes, gives = messages.NamedToken, {200: messages.TokenData}
    codes = (Code.NOT_FOUND,)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        return Answer(_told(await call.read(_named, call.identity.user_id, call.message.token_key)))


class MakeToken(Operation):
    """Make a token. It ends no later than the one that asks for it, and its text is told once, in this answer."""

    method, path, tag = "POST", "tokens/", TAG
    takes, gives = messages.NewToken, {201: messages.TokenData}
    codes = (Code.LIMIT_REACHED,)
    needs_trade = True

    @classmethod
    async def run(cls, call: Call) -> Answer:
        row, text = await database_sync_to_async(_make, thread_sensitive=False)(call.identity, call.message)
        return Answer(_told(row, text), 201, f"tokens/{row.token_key}/")


def _make(identity: identities.Identity, wanted: messages.NewToken) -> tuple[Any, str]:
    mine = identities.tokens(user_id=identity.user_id)
    if mine.count() >= MOST_TOKENS:
        raise ApiError(Code.LIMIT_REACHED, f"At most {MOST_TOKENS} tokens: revoke one first")
    asking = mine.filter(pk=identity.token).first()
    if asking is None:
        raise ApiError(Code.NOT_AUTHENTICATED)
    lifetime = timedelta(days=wanted.days)
    if asking.expiry is not None:
        lifetime = min(lifetime, asking.expiry - timezone.now())
    user = User.objects.get(username=identity.user_id)
    row, text = AccessToken.objects.create(user, expiry=lifetime, name=wanted.name, scope=wanted.scope)
    return row, str(text)


class RevokeToken(Operation):
    """Revoke an own token, be it the one that asks. Connections that were opened with it end."""

    method, path, tag = "DELETE", "tokens/<str:token_key>/", TAG
    takes, gives = messages.NamedToken, {200: messages.TokenData}
    codes = (Code.NOT_FOUND,)
    needs_trade = True

    @classmethod
    async def run(cls, call: Call) -> Answer:
        user_id, token_key = call.identity.user_id, call.message.token_key

        def revoke() -> messages.TokenData:
            row = _named(user_id, token_key)
            told = _told(row)
            row.delete()
            return told

        told = await database_sync_to_async(revoke, thread_sensitive=False)()
        await call.services.tokens.look()
        return Answer(told)


OPERATIONS = (ListTokens, GetToken, MakeToken, RevokeToken)
