"""The OpenAPI document of REST, and the page that shows it. The page has no script of its own but files of ours."""

from functools import cache
from typing import Any

import msgspec
import yaml
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, include, path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator

from trading.rest.operation import ROOT
from trading.rest.routes import routes as rest_routes
from trading.rest.schema import header_components


@cache
def document() -> dict[str, Any]:
    """The same for everybody: it does not depend on who asks."""
    make = SchemaGenerator(patterns=[path(ROOT[1:], include(rest_routes(None)))])
    found: dict[str, Any] = make.get_schema(public=True)
    found["components"]["headers"] = header_components()
    return found


@cache
def as_json() -> bytes:
    return msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n"


@cache
def as_yaml() -> str:
    return yaml.safe_dump(msgspec.json.decode(as_json()), sort_keys=False, allow_unicode=True)


@require_safe
@cache_control(no_cache=True)
def schema(request: HttpRequest) -> HttpResponse:
    """As YAML for people, or with `?format=json` for programs."""
    if request.GET.get("format") == "json" or "json" in request.headers.get("Accept", ""):
        return HttpResponse(as_json(), content_type="application/vnd.oai.openapi+json")
    return HttpResponse(as_yaml(), content_type="application/vnd.oai.openapi")


def document_routes() -> list[URLPattern]:
    return [
        path("api/schema/", schema, name="schema"),
        path("api/docs/", TemplateView.as_view(template_name="api_docs.html"), name="api-docs"),
    ]
