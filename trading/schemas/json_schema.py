"""The JSON Schemas of messages, as documents for programs print them: every field explained, each message once."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from trading.schemas.glossary import Word

Json = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
NULL: Json = {"type": "null"}


def reference(name: str) -> Json:
    return {"$ref": REFERENCE.format(name=name)}


def schemas_of(kinds: Iterable[Any]) -> dict[str, Json]:
    """Of messages and of what they are made of, by name, with references to one another."""
    _, found = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    return {name: _readable(schema) for name, schema in found.items()}


def explained(name: str, schema: Json, word: Callable[[str, str], Word], *, taken: bool) -> Json:
    """With what each field means. `taken`: null says of what may be left out that it is not given."""
    required = schema.get("required", [])
    for field, inside in schema.get("properties", {}).items():
        allowed = _or_null(inside) if taken and field not in required else inside
        schema["properties"][field] = _with_word(allowed, word(name, field))
    return schema


def _readable(schema: Any) -> Any:
    """Patterns as JSON Schema writes them, texts without the margins of their source."""
    if isinstance(schema, list):
        return [_readable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _readable(each) for name, each in schema.items()}
    if isinstance(found.get("pattern"), str):
        found["pattern"] = found["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    if isinstance(found.get("description"), str):
        found["description"] = inspect.cleandoc(found["description"])
    return found


def _or_null(schema: Json) -> Json:
    if NULL in schema.get("anyOf", ()):
        return schema
    default = {"default": schema["default"]} if "default" in schema else {}
    return {"anyOf": [{key: value for key, value in schema.items() if key != "default"}, NULL], **default}


def without_null(schema: Json) -> Json:
    """Where nothing is null, but left out."""
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "default") or value is not None}
    options = [each for each in kept.pop("anyOf", []) if each != NULL]
    return {**options[0], **kept} if len(options) == 1 else kept | ({"anyOf": options} if options else {})


def _with_word(schema: Json, said: Word) -> Json:
    examples = {} if said.example is None else {"examples": [said.example]}
    if said.pattern is not None:
        schema = {"type": "string", "pattern": said.pattern}
    return {**schema, "description": said.meaning, **examples}
