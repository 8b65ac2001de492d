"""The door of the back office, after the password: where staff are signed in is written down, and where it is wanted
they show a code of their authenticator app before they see or do anything."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from exchange_site.security.login_lockout import client_address
from exchange_site.security.office_door import route_of
from trading.access.office_address import BACK_OFFICE
from trading.models import StaffSession

SEEN_EVERY = timedelta(minutes=1)
Respond = Callable[[HttpRequest], HttpResponse]


def staff_door(get_response: Respond) -> Respond:
    """Middleware, after the one that says whether the user is verified."""

    def respond(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(BACK_OFFICE):
            return get_response(request)
        user: Any = request.user
        if not (user.is_authenticated and user.is_staff):
            return get_response(request)
        has_device = _write_down(request, user)
        page = "admin:trading_desk_second_factor"
        open_to_all = {route_of(name) for name in (page, "admin:logout", "admin:login")}
        if request.path_info in open_to_all or user.is_verified():
            return get_response(request)
        if settings.SECOND_FACTOR or has_device:
            return HttpResponseRedirect(reverse(page))
        return get_response(request)

    return respond


def _write_down(request: HttpRequest, user: Any) -> bool:
    """Keep where the user is signed in; whether they have an app is found on the way, in one query."""
    key, now = request.session.session_key, timezone.now()
    devices = TOTPDevice.objects.filter(user=user.pk, confirmed=True)
    known = StaffSession.objects.filter(pk=key).annotate(has_device=Exists(devices))
    found = known.values_list("seen_at", "has_device").first()
    if found is None:
        agent = request.META.get("HTTP_USER_AGENT", "")[:200]
        row = {"user": user, "address": client_address(request) or "", "agent": agent, "seen_at": now}
        StaffSession.objects.get_or_create(pk=key, defaults=row)
        return bool(devices.exists())
    seen_at, has_device = found
    if now - seen_at >= SEEN_EVERY:
        StaffSession.objects.filter(pk=key).update(seen_at=now)
    return bool(has_device)
