"""Who the browser of the trading page is: signing in and out by Django's session, and the token for the socket.

The page is a client of the public protocol like any other: the session gives it nothing but a token, for minutes, which
it renews. Wrong passwords are counted like those at the admin's door (`logins.py`).
"""

from datetime import timedelta
from typing import Annotated

import msgspec
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.crypto import salted_hmac

from exchange_site.page.demo_accounts import DemoAccounts, is_demo_account
from exchange_site.security.api_errors import JSON, Refusal, answers_posts
from exchange_site.security.client_address import UNKNOWN
from exchange_site.security.login_lockout import client_address
from trading.models import AccessToken, User

UserId = Annotated[str, msgspec.Meta(max_length=255, pattern=r"\A[^\x00]+\Z")]
"""Longer than any: what the count of wrong passwords can hold."""
Text = Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"\A[^\x00]+\Z")]
NAME = "page"
"""How the names of its tokens begin."""
PAGES_OF_A_BROWSER = 20
"""Tokens that one session may have at a time: one or two for each page that is open."""
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: UserId
    password: Text


@answers_posts
def sign_in(request: HttpRequest) -> dict[str, object]:
    """With user id and password."""
    asked = _asked(request)
    user = authenticate(request, username=asked.user_id, password=asked.password)
    if user is None:
        raise Refusal(401, "wrong_password")
    _leave(request)
    return _enter(request, user, timedelta(seconds=settings.SESSION_COOKIE_AGE))


@answers_posts
def end(request: HttpRequest) -> dict[str, object]:
    """Sign out: the session and the tokens that it was given end, and with them their connections."""
    _leave(request)
    return who(request)


@answers_posts
def token(request: HttpRequest) -> dict[str, object]:
    """A token for the socket. It ends with the session, if that is sooner."""
    user = _user(request)
    seconds = min(settings.PAGE_TOKEN_MINUTES * 60, _seconds_left(request))
    _tidy(user, _token_name(request))
    _, text = AccessToken.objects.create(user, expiry=timedelta(seconds=seconds), name=_token_name(request))
    return {**who(request), "token": text, "expires_in": seconds}


def demo_account_routes(accounts: DemoAccounts) -> list[URLPattern]:
    """Accounts for strangers; outside the demo there are none."""

    @answers_posts
    def make(request: HttpRequest) -> dict[str, object]:
        """An account for a stranger, who is signed in to it."""
        _demo_only()
        if request.user.is_authenticated:
            raise Refusal(409, "signed_in")
        return _enter(request, accounts.make(_address(request)), timedelta(days=settings.DEMO_ACCOUNT_DAYS))

    @answers_posts
    def reset(request: HttpRequest) -> dict[str, object]:
        """Back to the starting funds."""
        _demo_only()
        accounts.reset(_user(request), _address(request))
        return who(request)

    return [path("demo-account", make), path("demo-account/reset", reset)]


def who(request: HttpRequest) -> dict[str, object]:
    """What the page is told of its session."""
    user = request.user if request.user.is_authenticated else None
    return {
        "user_id": None if user is None else user.get_username(),
        "demo": settings.DEMO,
        "demo_account": settings.DEMO and user is not None and is_demo_account(user),
    }


def _user(request: HttpRequest) -> User:
    if not request.user.is_authenticated:
        raise Refusal(401, "signed_out")
    return request.user


def _demo_only() -> None:
    if not settings.DEMO:
        raise Refusal(404, "not_found")


def _address(request: HttpRequest) -> str:
    return client_address(request) or UNKNOWN


def _asked(request: HttpRequest) -> SignIn:
    if request.content_type != JSON:
        raise Refusal(400, "malformed")
    try:
        return msgspec.json.decode(request.body, type=SignIn)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refusal(400, "malformed") from None


def _enter(request: HttpRequest, user: User, lifetime: timedelta) -> dict[str, object]:
    """From now on the browser is this user's, for so long: use does not prolong it."""
    login(request, user, backend=MODEL_BACKEND)
    request.session.set_expiry(lifetime)
    return who(request)


def _leave(request: HttpRequest) -> None:
    if request.user.is_authenticated:
        AccessToken.objects.filter(user=request.user, name=_token_name(request)).delete()
    logout(request)


def _token_name(request: HttpRequest) -> str:
    """The same for all tokens of a session, which cannot be told from it."""
    return f"{NAME} {salted_hmac('page token', request.session.session_key or '').hexdigest()[:16]}"


def _seconds_left(request: HttpRequest) -> int:
    """Of the session."""
    return max(1, int((request.session.get_expiry_date() - timezone.now()).total_seconds()))


def _tidy(user: User, name: str) -> None:
    """Tokens that have ended go, and of this session's the oldest if there are too many."""
    mine = AccessToken.objects.filter(user=user)
    mine.filter(name__startswith=f"{NAME} ", expiry__lte=timezone.now()).delete()
    spare = mine.filter(name=name).order_by("-created").values_list("pk", flat=True)[PAGES_OF_A_BROWSER - 1 :]
    mine.filter(pk__in=list(spare)).delete()
