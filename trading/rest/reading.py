"""From a request to its typed message. Trust ends here: whatever comes in, a message comes out, or an ApiError 400 with
a sentence that names what is wrong.

As on the socket: an unknown field is an error, so is one that is given twice, and null says that one is not given.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, QueryDict

from trading.core.codes import Code
from trading.protocol.decoding import LONGEST_DETAIL, in_words
from trading.protocol.incoming import LARGEST_INTEGER
from trading.rest.errors import ApiError

T = TypeVar("T", bound=msgspec.Struct)
LONGEST_NUMBER = 20
"""Digits of an integer in an address."""
TRUTH = {"true": True, "false": False}
"""As JSON writes it."""
_WRONG = (msgspec.MsgspecError, ValueError, RecursionError)


def malformed(detail: str) -> ApiError:
    return ApiError(Code.MALFORMED, f"{Code.MALFORMED.text}: {detail[:LONGEST_DETAIL]}")


# --- bodies


def read_body(body: bytes, kind: type[T]) -> T:
    """The message in a body of JSON; nothing at all is an empty object."""
    try:
        given = json.loads(
            body.decode() or "{}",
            object_pairs_hook=_fields,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_no_number,
        )
        return msgspec.convert(_without_nulls(given, kind), kind)
    except ApiError:
        raise
    except _WRONG as error:
        raise malformed(in_words(error)) from None


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise malformed(f"{next(name for name in names if names.count(name) > 1)} is given twice")
    return fields


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # Python reads 4,300 digits
        raise malformed("a number has too many digits") from None


def _number(text: str) -> float | int:
    """2.0 is an integer, too, as JSON Schema has it."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= LARGEST_INTEGER else number


def _no_number(word: str) -> float:
    raise malformed(f"{word} is no number of JSON")


def _without_nulls(given: Any, kind: type[msgspec.Struct]) -> Any:
    if not isinstance(given, dict):
        return given
    optional, nested = optional_fields(kind), _items(kind)
    kept = {name: value for name, value in given.items() if value is not None or name not in optional}
    for name, item in nested.items():
        if isinstance(kept.get(name), list):
            kept[name] = [_without_nulls(each, item) for each in kept[name]]
    return kept


@cache
def optional_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that may be left out, and so may be null."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if not field.required)


@cache
def _items(kind: type[msgspec.Struct]) -> Mapping[str, type[msgspec.Struct]]:
    """The fields that are lists of structs, with what the lists hold."""
    lists = {name: getattr(found, "item_type", None) for name, found in _types(kind).items()}
    return {name: item.cls for name, item in lists.items() if isinstance(item, msgspec.inspect.StructType)}


# --- addresses


def asked(request: HttpRequest) -> QueryDict:
    """The fields of an address."""
    try:
        return request.GET
    except TooManyFieldsSent:
        raise malformed("the address has too many fields") from None


def read_query(query: QueryDict, path: Mapping[str, str], kind: type[T]) -> T:
    """The message in the fields of an address, those of its path among them."""
    fields: dict[str, Any] = dict(path)
    for name, values in query.lists():
        if name in path or name == "request_id":
            raise malformed(f"{name} is no known field")
        fields[name] = _value(name, values, kind)
    try:
        return msgspec.convert(fields, kind)
    except _WRONG as error:
        raise malformed(in_words(error)) from None


def _value(name: str, values: list[str], kind: type[msgspec.Struct]) -> Any:
    wanted = _accepted(kind).get(name, ())
    if msgspec.inspect.ListType in wanted:
        return values
    if len(values) > 1:
        raise malformed(f"{name} is given twice")
    text = values[0]
    if msgspec.inspect.BoolType in wanted:
        return TRUTH.get(text, text)
    if msgspec.inspect.IntType not in wanted or not (text.isascii() and text.removeprefix("-").isdigit()):
        return text
    if len(text) > LONGEST_NUMBER:
        raise malformed(f"{name} is a number that is too large")
    return int(text)


@cache
def _accepted(kind: type[msgspec.Struct]) -> Mapping[str, frozenset[type]]:
    """By field: what it may be."""
    return {name: frozenset(map(type, _alternatives(found))) for name, found in _types(kind).items()}


def _types(kind: type[msgspec.Struct]) -> Mapping[str, msgspec.inspect.Type]:
    return {field.name: field.type for field in msgspec.inspect.type_info(kind).fields}  # type: ignore[attr-defined]


def _alternatives(found: msgspec.inspect.Type) -> tuple[msgspec.inspect.Type, ...]:
    return found.types if isinstance(found, msgspec.inspect.UnionType) else (found,)
