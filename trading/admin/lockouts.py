"""Wrong passwords, as django-axes counts them. Whoever is locked out is let in again by deleting his."""

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from trading.admin.base import AskedDeletion, Question, ShownAdmin
from trading.admin.columns import date, number


@admin.register(AccessAttempt)
class WrongPasswordsAdmin(AskedDeletion, ShownAdmin):
    actions = ()
    list_display = ("username", "ip_address", number("failures_since_start", "wrong passwords"), date("attempt_time"))
    search_fields = ("^username", "^ip_address")
    search_help_text = "The beginning of the name that was typed, or of the address."
    sections = ((None, {"fields": (*list_display, "user_agent", "path_info")}),)

    def heading(self, obj: Any) -> str:
        return _("{user} from {address}").format(user=obj.username, address=obj.ip_address or "-")

    def delete_question(self, rows: list[Any]) -> Question:
        names = _("Forgotten: {names}.").format(names="; ".join(map(self.heading, rows)))
        told = _("Whoever is locked out by these wrong passwords may try again at once.")
        return Question(_("Forget failed log-ins"), _("Forget them"), [names, told])

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("axes.delete_accessattempt")

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        found = actions.get("delete_selected")
        if found is not None:
            actions["delete_selected"] = (found[0], found[1], "Unlock the selected")
        return actions
