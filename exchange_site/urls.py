"""HTTP routes."""

from django.contrib import admin
from django.urls import path

from exchange_site.page import session
from exchange_site.page.views import TradingPage
from exchange_site.security.login_lockout import password_change

urlpatterns = [
    path("", TradingPage.as_view(), name="page"),
    path("session", session.sign_in),
    path("session/end", session.end),
    path("session/token", session.token),
    path("demo-account", session.make_demo_account),
    path("demo-account/reset", session.reset_demo_account),
    path("admin/password_change/", admin.site.admin_view(password_change, cacheable=True)),
    path("admin/", admin.site.urls),
]
