"""HTTP routes."""

from django.contrib import admin
from django.urls import path

from exchange_site.views import TradingPage

urlpatterns = [
    path("", TradingPage.as_view(), name="page"),
    path("admin/", admin.site.urls),
]
