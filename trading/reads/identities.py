"""Who a token lets in, and the account of a user, from the rows of the last commit."""

from collections.abc import Iterable

import msgspec
from django.db.models import QuerySet
from django.utils import timezone
from knox.crypto import hash_token

from trading.core.types import NAME
from trading.models import AccessToken, Account

LONGEST_TOKEN = 200


class Identity(msgspec.Struct, frozen=True):
    """Who has authenticated, with which token (its digest), and whether it may trade. `account_id` is None as long as
    the user has no account. `disconnected`: his orders will be cancelled, because a connection of his was lost."""

    user_id: str
    account_id: int | None
    token: str
    may_trade: bool
    disconnected: bool = False


def digest_of(token: str) -> str:
    """By which a token is known: its text is kept nowhere. Empty for what can be none of ours."""
    possible = token.isascii() and token.isprintable() and len(token) <= LONGEST_TOKEN
    return str(hash_token(token)) if possible else ""


def identity_of_token(*, token: str, market: str, user_id: str | None = None) -> Identity | None:
    """The user with the account at a market, if the token is valid and not expired, and theirs if somebody is named."""
    digest = digest_of(token)
    if not digest or (user_id is not None and not NAME.match(user_id)):
        return None
    theirs = {} if user_id is None else {"user__username": user_id}
    row = _valid([digest]).select_related("user").filter(**theirs).first()
    if row is None:
        return None
    user_id = row.user.username
    found = Account.objects.filter(user_id=user_id, market=market).values_list("id", "disconnect_at").first()
    number, deadline = found or (None, None)
    may_trade = row.scope == AccessToken.Scope.TRADE
    return Identity(user_id, number, row.digest, may_trade, disconnected=deadline is not None)


def valid_tokens(*, digests: Iterable[str]) -> set[str]:
    """Those tokens that still let their users in."""
    return set(_valid(digests).values_list("pk", flat=True))


def _valid(digests: Iterable[str]) -> QuerySet[AccessToken]:
    known: QuerySet[AccessToken] = AccessToken.objects.filter(pk__in=list(digests), user__is_active=True)
    return known.exclude(expiry__lte=timezone.now())


def tokens(*, user_id: str) -> QuerySet[AccessToken]:
    """A user's tokens that are valid, newest first."""
    mine: QuerySet[AccessToken] = AccessToken.objects.filter(user__username=user_id, user__is_active=True)
    return mine.exclude(expiry__lte=timezone.now()).order_by("-created", "digest")


def account_id(*, user_id: str, market: str) -> int | None:
    """The number of a user's account at a market."""
    return Account.objects.filter(user_id=user_id, market=market).values_list("id", flat=True).first()
