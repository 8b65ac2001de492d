"""What no honest request has in it is refused before anybody looks at it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

LISTS = "_changelist"
"""Ends the names of the admin's lists, which look at all that they are asked for and say on the page what is wrong."""


class NoNul:
    """Middleware: 400 for a NUL in path or query, which PostgreSQL takes in no text. (Forms refuse it themselves.)"""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _refused(request) if "\0" in request.path else self._get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        has_nul = "%00" in request.META.get("QUERY_STRING", "")
        found = request.resolver_match
        is_list = found is not None and (found.url_name or "").endswith(LISTS)
        return _refused(request) if has_nul and not is_list else None


def _refused(request: HttpRequest) -> HttpResponse:
    return bad_request(request, Exception("There is a NUL in the address"))
