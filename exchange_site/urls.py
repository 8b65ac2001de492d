"""HTTP routes."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, path
from django.views.i18n import set_language

from exchange_site.documents import pages as documents
from exchange_site.documents import search_pages
from exchange_site.page import contest, session
from exchange_site.page.api_documents import document_routes
from exchange_site.page.demo_accounts import DemoAccounts
from exchange_site.page.socket_document import socket_document_routes
from exchange_site.page.views import TradingPage
from exchange_site.security.login_lockout import password_change


def routes(market: str, demo_accounts: DemoAccounts) -> list[URLPattern | URLResolver]:
    """All of them; the trading page is of one market."""
    return [
        path("", TradingPage.as_view(market=market), name="page"),
        path("contest/", contest.ranking, {"market": market}, name="contest"),
        path("session", session.sign_in),
        path("session/end", session.end),
        path("session/token", session.token),
        *session.demo_account_routes(demo_accounts),
        *document_routes(),
        *socket_document_routes(),
        *search_pages.routes(),
        *documents.routes(),
        path("admin/password_change/", admin.site.admin_view(password_change, cacheable=True)),
        path("admin/language/", set_language, name="set_language"),
        path("admin/", admin.site.urls),
    ]


DEMO_ACCOUNTS = DemoAccounts.from_settings()
urlpatterns = routes(settings.MARKET, DEMO_ACCOUNTS)
