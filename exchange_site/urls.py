"""HTTP routes."""

from django.contrib import admin
from django.urls import path

from exchange_site import page_session
from exchange_site.logins import password_change
from exchange_site.views import TradingPage

urlpatterns = [
    path("", TradingPage.as_view(), name="page"),
    path("session", page_session.sign_in),
    path("session/end", page_session.end),
    path("session/token", page_session.token),
    path("demo-account", page_session.make_demo_account),
    path("demo-account/reset", page_session.reset_demo_account),
    path("admin/password_change/", admin.site.admin_view(password_change, cacheable=True)),
    path("admin/", admin.site.urls),
]
