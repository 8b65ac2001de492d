"""The OpenAPI document of REST, made from the operations and from the messages that they take and give."""

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from trading.core.codes import Code
from trading.rest.errors import AnyCode, Failure, HttpCode, status_of
from trading.rest.messages import NamedOrder
from trading.rest.operation import COMMON, KEY_HEADER, LONGEST_KEY, Operation
from trading.schemas.glossary import EXAMPLES, word
from trading.schemas.json_schema import Json, explained, reference, schemas_of, without_null

NAMED = re.compile(r"<str:(\w+)>")
HEADERS = {
    "X-RateLimit-Limit": "How much may be asked at once.",
    "X-RateLimit-Remaining": "How much of it is left.",
    "X-RateLimit-Reset": "Seconds until all of it is there again.",
    "Retry-After": "Seconds until the next request may come; 0: at once.",
    "X-Request-ID": "By which the request is found in the log: the client's own, if it has sent one.",
    "Location": "Where what was made is.",
}
"""Of every answer, but the last."""
WITH_TOKEN: list[Json] = [{"token": []}, {"token": [], "user": []}]
"""Who one is may be shown in two ways, which the settings of the document explain."""


class OperationSchema(AutoSchema):
    """What the document says of one operation."""

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Json:
        operation: type[Operation] = self.view.operations[method]  # type: ignore[attr-defined]  # a Resource has them
        components = _Components(registry)
        said: Json = {
            "operationId": _identifier(operation.__name__),
            "summary": _sentence(operation),
            "description": inspect.getdoc(operation),
            "tags": [operation.tag],
            "parameters": list(_parameters(operation, components)),
            "responses": _responses(operation, components),
            "security": [*WITH_TOKEN, *([] if operation.needs_token else [{}])],
        }
        if operation.has_body():
            schema = components.of(operation.takes, taken=True)
            required = bool(components.schema(operation.takes).get("required"))
            content = {"schema": schema, **_whole_examples(operation.takes.__name__)}
            said["requestBody"] = {"content": {"application/json": content}, "required": required}
        return said


def _whole_examples(message: str) -> Json:
    return {"examples": {"one": {"value": EXAMPLES[message]}}} if message in EXAMPLES else {}


def _identifier(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _sentence(operation: type[Operation]) -> str:
    """The first of its description."""
    return re.split(r"[.:;,]\s", f"{inspect.getdoc(operation)} ".replace("\n", " "))[0]


# --- messages


class _Components:
    """The schemas of messages, each once."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def of(self, kind: Any, *, taken: bool = False) -> Json:
        """A reference to the schema of a message. `taken`: null says of what may be left out that it is not given."""
        for name, schema in schemas_of([kind]).items():
            described = explained(name, schema, word, taken=taken)
            component: Any = ResolvedComponent(name, ResolvedComponent.SCHEMA, described, name)
            self._registry.register_on_missing(component)
        return reference(kind.__name__)

    def schema(self, kind: Any) -> Json:
        return explained(kind.__name__, schemas_of([kind])[kind.__name__], word, taken=False)


# --- what is asked


def _parameters(operation: type[Operation], components: _Components) -> Iterator[Json]:
    in_path = NAMED.findall(operation.path)
    schema = components.schema(operation.takes)
    fields = {} if operation.has_body() else dict(schema["properties"])
    for name in in_path:
        inside = fields.pop(name, None) or _named_in_path(name, components)
        yield _parameter(name, "path", without_null(inside), required=True)
    for name, inside in fields.items():
        if name not in ("request_id", "type"):
            yield _parameter(name, "query", without_null(inside), required=name in schema.get("required", []))
    if operation.takes_key:
        text = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"}
        yield {
            "name": KEY_HEADER,
            "in": "header",
            "schema": text,
            "description": "The same request sent again under the same key is done once.",
        }


def _named_in_path(name: str, components: _Components) -> Json:
    """What an address names, where the body does not have it, is an order."""
    inside: Json = components.schema(NamedOrder)["properties"][name]
    return inside


def _parameter(name: str, where: str, schema: Json, *, required: bool) -> Json:
    schema = dict(schema)
    if schema.get("type") == "string" and "pattern" in schema:
        schema["minLength"] = 1
    description = schema.pop("description")
    examples = schema.pop("examples", [])
    said = {"name": name, "in": where, "required": required, "schema": schema, "description": description}
    return {**said, "examples": {"one": {"value": examples[0]}}} if examples else said


# --- what is answered


def codes_of(operation: type[Operation]) -> list[AnyCode]:
    """Every code with which it may be refused."""
    codes: list[AnyCode] = [*COMMON, Code.NOT_AUTHENTICATED, *operation.codes]
    codes += [Code.FORBIDDEN] if operation.needs_trade else []
    codes += [HttpCode.NOT_JSON] if operation.has_body() else []
    codes += [Code.NOT_FOUND] if NAMED.search(operation.path) else []
    return sorted(set(codes))


def _responses(operation: type[Operation], components: _Components) -> Json:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS if name != "Location"}
    found: Json = {}
    for status, kind in operation.gives.items():
        said = {"description": _sentence(operation), "headers": headers, "content": _json(components.of(kind))}
        if status == 201:
            said["headers"] = {**headers, "Location": {"$ref": "#/components/headers/Location"}}
        links = _links(operation)
        found[str(status)] = {**said, "links": links} if links else said
    by_status: dict[int, list[AnyCode]] = defaultdict(list)
    for code in codes_of(operation):
        by_status[status_of(code)].append(code)
    for status, codes in sorted(by_status.items()):
        text = "; ".join(f"{int(code)}: {code.text}" for code in codes)
        found[str(status)] = {"description": text, "headers": headers, "content": _json(components.of(Failure))}
    return found


def header_components() -> Json:
    """The headers of answers, to which the operations refer."""
    return {
        name: {"description": text, "required": True, "schema": {"type": "string"}} for name, text in HEADERS.items()
    }


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


ORDER, OWN_ID = ("order_id", "order/order_id"), ("client_order_id", "order/client_order_id")
TOKEN = ("token_key", "token_key")
FOLLOWING = {
    "place_order": {"get_order": ORDER, "amend_order": ORDER, "cancel_order": ORDER, "get_own_order": OWN_ID},
    "make_token": {"get_token": TOKEN, "revoke_token": TOKEN},
}
"""What can be asked of that which was just made: by which name, and where the answer has that."""


def _links(operation: type[Operation]) -> Json:
    following = FOLLOWING.get(_identifier(operation.__name__), {})
    return {
        each: {"operationId": each, "parameters": {name: f"$response.body#/{where}"}}
        for each, (name, where) in following.items()
    }
