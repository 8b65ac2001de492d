"""Where the desk's pages hang: one entry of the admin, with a list of what its reader may open."""

from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from trading.admin.base import ModelAdmin
from trading.admin.desk import audit, checks, contest, funds, people, risk, settlement, statements
from trading.admin.desk.page import Page, address, show
from trading.admin.desk.staff import approvals, roles, second_factor, sessions
from trading.admin.venue import announcements, drafts, instruments, instruments_file, later, orders, trades
from trading.models import Desk, User
from trading.operators.authority.rights import may

PAGES: list[Page] = [
    *funds.PAGES,
    *statements.PAGES,
    *people.PAGES,
    *approvals.PAGES,
    *audit.PAGES,
    *checks.PAGES,
    *risk.PAGES,
    *settlement.PAGES,
    *contest.PAGES,
    *orders.PAGES,
    *trades.PAGES,
    *instruments.PAGES,
    *instruments_file.PAGES,
    *drafts.PAGES,
    *announcements.PAGES,
    *later.PAGES,
    *roles.PAGES,
    *sessions.PAGES,
    *second_factor.PAGES,
]


@admin.register(Desk)
class DeskAdmin(ModelAdmin):
    """No rows: every page has its own view and its own permissions."""

    def get_urls(self) -> list[URLPattern]:
        first = path("", self.admin_site.admin_view(self.index_view), name="trading_desk_changelist")
        return [first, *(self._route(page) for page in PAGES)]

    def _route(self, page: Page) -> URLPattern:
        def view(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
            if not may(cast(User, request.user), *page.needs):
                raise PermissionDenied
            return page.view(request, **arguments)

        return path(page.route, self.admin_site.admin_view(view), name=f"trading_desk_{page.name}")

    def index_view(self, request: HttpRequest) -> HttpResponse:
        """The pages that the reader may open."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return show(request, "index", _("Desk"), pages=[(page, address(page.name)) for page in _open_to(request)])

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(_open_to(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _open_to(request: HttpRequest) -> list[Page]:
    """The pages with a title that somebody may open."""
    user = request.user
    if not user.is_staff:
        return []
    return [page for page in PAGES if page.title and may(user, *page.needs)]


def desk() -> DeskAdmin:
    """The one that is registered."""
    return cast(DeskAdmin, admin.site.get_model_admin(Desk))
