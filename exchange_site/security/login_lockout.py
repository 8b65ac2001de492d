"""Guesses at passwords: whose they are, where else a password is asked for, and what a locked-out guesser is told.
django-axes counts them (see the settings) wherever Django's `authenticate` is asked."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import authenticate
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from exchange_site.security.api_errors import JSON, Refusal
from exchange_site.security.client_address import network_of


def client_address(request: HttpRequest) -> str | None:
    """Where a request comes from; None when nobody knows, as on a Unix socket."""
    return network_of(request.META.get("REMOTE_ADDR"), request.META.get("HTTP_X_FORWARDED_FOR"))


def password_change(request: HttpRequest) -> HttpResponse:
    """The admin's page. Whoever finds an open session may not guess its password there."""
    if request.method == "POST":
        authenticate(request, username=request.user.get_username(), password=request.POST.get("old_password", ""))
        if getattr(request, "axes_locked_out", False):
            raise PermissionDenied
    return admin.site.password_change(request)


def locked_out(request: HttpRequest, *_: object) -> HttpResponse:
    """The same for every name, whether there is such a user or not, and whether the name or the address is locked."""
    seconds = settings.LOGIN_LOCK_SECONDS
    if request.content_type == JSON:
        return Refusal(429, "locked", retry_after=seconds).response()
    context = {**admin.site.each_context(request), "title": "Too many wrong passwords", "minutes": -(-seconds // 60)}
    response = render(request, "admin/locked_out.html", context, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response
