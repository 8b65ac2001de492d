"""What REST is compared with: a stock view of Django REST framework that writes one row, on the same server and
database. It asks nobody who he is, and looks nothing up."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402


class RowSerializer(serializers.ModelSerializer[Session]):
    class Meta:
        model = Session
        fields = ["session_key", "session_data", "expire_date"]


class Rows(generics.CreateAPIView[Session]):
    queryset: Any = Session.objects.all()
    serializer_class = RowSerializer
    authentication_classes = ()
    permission_classes = ()


urlpatterns = [path("rows/", Rows.as_view())]
settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
application = get_asgi_application()
