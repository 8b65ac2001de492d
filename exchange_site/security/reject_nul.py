"""What no honest request has in it is refused before anybody looks at it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request


def no_nul(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: 400 for a NUL in path or query, which PostgreSQL takes in no text. (Forms refuse it themselves.)"""

    def respond(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request, Exception("There is a NUL in the address"))
        return get_response(request)

    return respond
