"""The back offices of further markets: `/at/CFFEX/admin/` has the pages of `/admin/`, for another market."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix, reverse, set_script_prefix
from django.utils.translation import gettext as _

from trading.access import office_address

Respond = Callable[[HttpRequest], HttpResponse]
LONGEST_NAME = 64


def office_of_market(get_response: Respond) -> Respond:
    """Middleware: takes the market out of the address, so that the routes are those of `/admin/`, and sees that every
    address that is made meanwhile leads back to it. A page of no market of this server: 404."""

    def respond(request: HttpRequest) -> HttpResponse:
        market, path = office_address.split(request.path_info)
        if market is None:
            return get_response(request)
        if market not in (settings.MARKET, *settings.FURTHER_MARKETS):
            return _no_such_market(request, market)
        before = get_script_prefix()
        request.path_info = path
        set_script_prefix(f"{before.rstrip('/')}{office_address.AT}{market}/")
        try:
            with office_address.asked_for(market):
                return get_response(request)
        finally:
            set_script_prefix(before)

    return respond


def _no_such_market(request: HttpRequest, market: str) -> HttpResponse:
    heading = _("There is no market {name} here").format(name=market[:LONGEST_NAME])
    text = _("This server has the back offices of the markets that its settings name, and no other.")
    return render(request, "error.html", {"heading": heading, "text": text}, status=404)


def route_of(name: str) -> str:
    """The path of a named page as routes have it, whatever market's office it is in."""
    return f"/{reverse(name).removeprefix(get_script_prefix())}"
