"""The trading app: protocol, engine, store, socket and back office."""

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from trading.access.office_address import office_of


def translate_models(app: AppConfig) -> None:
    """What models, columns and choices are called is translated, which no migration has to know."""
    for model in app.get_models():
        model._meta.verbose_name = _(str(model._meta.verbose_name))
        model._meta.verbose_name_plural = _(str(model._meta.verbose_name_plural))
        for field in model._meta.local_fields:
            field.verbose_name = _(str(field.verbose_name))
            if field.choices:
                field.choices = [(value, _(str(label))) for value, label in field.choices]


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = _("Exchange")
    default = True
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Roles are there as soon as the permissions are. What django-axes keeps has a name that people understand."""
        from trading.operators.authority.approvals import hold_settings
        from trading.operators.authority.rights import ensure_roles

        hold_settings()
        post_migrate.connect(ensure_roles, sender=self, dispatch_uid="trading.roles")
        translate_models(self)
        guard = apps.get_app_config("axes")
        guard.verbose_name = _("Log-in protection")
        attempts = guard.get_model("AccessAttempt")._meta
        attempts.verbose_name, attempts.verbose_name_plural = _("failed log-in"), _("failed log-ins")


class BackOfficeConfig(admin_apps.AdminConfig):
    """Django's admin with a home page and pages of our own."""

    default = False
    default_site = "trading.apps.BackOffice"


class BackOffice(AdminSite):
    """Django's admin with our home page. It is made before the models are read, and so imports its pages late."""

    site_header = "Bourse"
    site_title = "Bourse"
    index_title = _("Home")
    index_template = "admin/office/home.html"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        from trading.admin.office import emergency, home

        return [
            path("figures/", self.admin_view(home.figures_view), name="home_figures"),
            path("emergency/", self.admin_view(emergency.emergency_view), name="emergency"),
            *super().get_urls(),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """`office_market`: whose it is, where there are several; `office_markets`: all, with their addresses."""
        from trading.admin.engine_requests import present_market

        first, here = settings.MARKET, present_market()
        codes = [first, *settings.FURTHER_MARKETS]
        several = {
            "office_market": here,
            "office_markets": [(code, office_of(code, first), code == here) for code in codes],
        }
        return {**super().each_context(request), **(several if len(codes) > 1 else {})}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Ours first."""
        return sorted(super().get_app_list(request, app_label), key=lambda app: app["app_label"] != "trading")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from trading.admin.office import home

        figures = home.Home(request).figures() if home.may_see(request) else None
        return super().index(request, {"home": figures, **(extra_context or {})})
