"""The AsyncAPI document of the socket, and the page that shows it: plain HTML, made here, without a script."""

from functools import cache
from typing import Any, NamedTuple

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView

from trading.schemas.json_schema import Json
from trading.websocket.contract.asyncapi import as_json, document, served_at


class Field(NamedTuple):
    """A row. `refers_to`: the message or part that it is made of, if it is."""

    name: str
    kind: str
    refers_to: str
    needed: bool
    meaning: str
    example: str


class Shown(NamedTuple):
    """A message, or a part of messages."""

    name: str
    kind: str
    meaning: str
    fields: list[Field]
    examples: list[str]


class Asked(NamedTuple):
    """An operation of clients."""

    kind: str
    signed_in: bool
    message: Shown
    answers: list[str]
    codes: list[tuple[str, str]]


class Told(NamedTuple):
    """News of the exchange, and the channel where one subscribes to it."""

    kind: str
    message: Shown
    channel: str


@require_safe
@cache_control(no_cache=True)
def asyncapi(request: HttpRequest) -> HttpResponse:
    """For programs."""
    said = served_at(request.get_host(), request.is_secure())
    return HttpResponse(as_json(said), content_type="application/json")


class SocketPage(TemplateView):
    """For people."""

    template_name = "socket_docs.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        scheme = "wss" if self.request.is_secure() else "ws"
        contents = _contents(get_language() or "en")
        return super().get_context_data(address=f"{scheme}://{self.request.get_host()}/ws", **contents, **kwargs)


def socket_document_routes() -> list[URLPattern]:
    return [
        path("asyncapi.json", asyncapi, name="asyncapi"),
        path("docs/ws/", SocketPage.as_view(), name="socket-docs"),
    ]


@cache
def _contents(language: str) -> dict[str, Any]:
    """What the page shows in a language: each message once, then what messages are made of."""
    with override(language):
        return _shown_now()


def _shown_now() -> dict[str, Any]:
    """In the present language."""
    operations = document()["operations"]
    asked = {name: each for name, each in operations.items() if each["action"] == "receive"}
    told = [each for each in operations.values() if each["action"] == "send"]
    answers = dict.fromkeys(name for each in asked.values() for name in _answers(each) if name != "Error")
    groups: dict[str, list[Asked]] = {}
    for each in asked.values():
        groups.setdefault(each["tags"][0]["name"], []).append(_asked(each))
    schemas = document()["components"]["schemas"]
    messages = document()["components"]["messages"]
    return {
        "info": document()["info"],
        "groups": groups,
        "answers": [_message(name) for name in answers],
        "news": [
            Told(each["title"], _message(_named(each["messages"][0])), each.get("x-subscription", "")) for each in told
        ],
        "parts": [_shown(name, schemas[name]) for name in sorted(set(schemas) - set(messages))],
        "codes": {code: _(text) for code, text in document()["x-codes"].items()},
        "close_codes": {code: _(text) for code, text in document()["x-close-codes"].items()},
    }


def _named(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _answers(operation: Json) -> list[str]:
    return [_named(each) for each in operation.get("reply", {"messages": []})["messages"]]


def _asked(operation: Json) -> Asked:
    codes = document()["x-codes"]
    return Asked(
        kind=operation["title"],
        signed_in="security" in operation,
        message=_message(_named(operation["messages"][0])),
        answers=_answers(operation),
        codes=[(str(code), _(codes[str(code)])) for code in operation["x-codes"]],
    )


def _message(name: str) -> Shown:
    said = document()["components"]["messages"][name]
    shown = _shown(name, document()["components"]["schemas"][name])
    examples = [msgspec.json.encode(each["payload"]).decode() for each in said["examples"]]
    return shown._replace(kind=said["name"], meaning=_(said["summary"]), examples=examples)


def _shown(name: str, schema: Json) -> Shown:
    required = schema.get("required", ())
    fields = [
        _field(field, inside, needed=field in required)
        for field, inside in schema.get("properties", {}).items()
        if field != "type"
    ]
    meaning = " | ".join(schema["enum"]) if "enum" in schema else schema.get("description", "")
    return Shown(name, "", _(meaning) if meaning else "", fields, [])


def _field(name: str, schema: Json, *, needed: bool) -> Field:
    examples = schema.get("examples", ())
    return Field(
        name=name,
        kind=_kind(schema),
        refers_to=_refers_to(schema),
        needed=needed,
        meaning=_(schema["description"]),
        example=msgspec.json.encode(examples[0]).decode() if examples else "",
    )


def _kind(schema: Json) -> str:
    """In words: `number`, `list of OrderData`, `string or null`."""
    if "$ref" in schema:
        return _named(schema)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return _(" or ").join(map(_kind, schema["anyOf"]))
    if schema.get("type") == "array":
        return _("list of {kind}").format(kind=_kind(schema["items"]))
    if schema.get("type") == "object":
        return ", ".join(f"{field}: {_kind(inside)}" for field, inside in schema["properties"].items())
    return str(schema["type"])


def _refers_to(schema: Json) -> str:
    found: list[Json] = [
        schema,
        *schema.get("anyOf", ()),
        schema.get("items", {}),
        *schema.get("properties", {}).values(),
    ]
    found += [each.get("items", {}) for each in schema.get("properties", {}).values()]
    return next((_named(each) for each in found if "$ref" in each), "")
