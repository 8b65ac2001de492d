"""The way from a frame to its message.

Trust ends here: whatever text comes in, `decode` gives a message or raises `ProtocolError`, never anything else. A
frame that names a field twice means two things, so it means nothing; null says that a field is not given; 5.0 is 5.
"""

import json
import re
from typing import Any

import msgspec
import msgspec.inspect

from trading.core.codes import Code
from trading.core.types import TimeCondition
from trading.protocol.incoming import LATEST_MOMENT, ClientMessage, OrderFields, RequestId, SubmitOrder

LONGEST_DETAIL = 200
"""Characters of an error's detail: it may quote the frame, which may be long."""

LONGEST_REFERENCE = 64
"""Characters of a request id that was a number nobody can take, and comes back as text."""


class ProtocolError(Exception):
    """A frame that is refused. `code` is stable, `detail` a sentence, `request_id` the frame's own if it had one."""

    def __init__(self, code: Code, detail: str, request_id: RequestId = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.request_id = request_id


class _Reference(msgspec.Struct):
    request_id: msgspec.Raw = msgspec.Raw(b"null")


class _NamedTwice(ValueError):
    """Of a field."""


_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_object_decoder: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_reference_decoder = msgspec.json.Decoder(_Reference)
_request_id_decoder: msgspec.json.Decoder[RequestId] = msgspec.json.Decoder(RequestId)
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


def decode(text: str) -> ClientMessage:
    """The message in a text frame. Raises ProtocolError 400 with a sentence that names what is wrong."""
    try:
        message = _decoder.decode(text)
    except _UNREADABLE as error:
        message = _decode_in_other_words(text, error)
    if text.count(":") != _fewest_names(message):
        _check_names(text)
    return message


def decode_frame(text: str | None, most: int) -> ClientMessage:
    """The message in a frame of any kind and size. `text`: None if it has none; of at most so many characters."""
    if text is None:
        raise ProtocolError(Code.MALFORMED, "Malformed message: binary frames are not taken, send JSON text")
    if len(text) > most:
        raise ProtocolError(Code.MALFORMED, f"Malformed message: a frame has at most {most} characters")
    return decode(text)


# --- null, and whole numbers in doubles


class _Fields:
    """Of a message: which may be left out, and which are whole numbers."""

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        described = msgspec.inspect.type_info(struct)
        assert isinstance(described, msgspec.inspect.StructType)
        self.optional = {field.name for field in described.fields if not field.required}
        self.whole = {field.name for field in described.fields if _is_whole(field.type)} - {"request_id"}

    def put_right(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {
            name: int(value) if type(value) is float and value.is_integer() and name in self.whole else value
            for name, value in fields.items()
            if value is not None or name not in self.optional
        }


def _is_whole(kind: msgspec.inspect.Type) -> bool:
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return any(isinstance(each, msgspec.inspect.IntType) for each in kinds)


_STRUCTS: tuple[type[msgspec.Struct], ...] = ClientMessage.__args__
_FIELDS = {struct.__struct_config__.tag: _Fields(struct) for struct in _STRUCTS}
"""By type."""
_FIELDS_OF_ITEMS = _Fields(OrderFields)


def _decode_in_other_words(text: str, error: Exception) -> ClientMessage:
    """What is not given may be null, whatever else the field takes, and a whole number may be written as 5.0 or 5e3, as
    languages write it that have doubles only. `error`: what was wrong with the frame as it is."""
    if "null" in text or "got `float`" in str(error):
        try:
            message: ClientMessage = msgspec.convert(_put_right(_object_decoder.decode(text)), ClientMessage)
            return message
        except _UNREADABLE as deeper:
            error = deeper
    raise _malformed(in_words(error), _reference(text)) from None


def _put_right(fields: dict[str, Any]) -> dict[str, Any]:
    tag = fields.get("type")
    known = _FIELDS.get(tag) if isinstance(tag, str) else None
    if known is None:
        return fields
    fields = known.put_right(fields)
    orders = fields.get("orders")
    if isinstance(orders, list):
        fields["orders"] = [_FIELDS_OF_ITEMS.put_right(each) if isinstance(each, dict) else each for each in orders]
    return fields


# --- fields that are named twice

_FEWEST = {struct: 1 + sum(field.required for field in msgspec.structs.fields(struct)) for struct in _STRUCTS}
"""By message: how many names its shortest frame has, its type too."""
_GFD = TimeCondition.GFD


def _fewest_names(message: ClientMessage) -> int:
    """How many names the frame of a message has at least: where it has as many colons, it has no name twice. Only the
    frequent optional fields of orders are counted, for the sake of speed."""
    fewest = _FEWEST[type(message)]
    if type(message) is SubmitOrder:
        fewest += (
            (message.price is not None)
            + (message.client_order_id is not None)
            + (message.request_id is not None)
            + (message.time_condition is not _GFD)
        )
    return fewest


def _check_names(text: str) -> None:
    """Raises ProtocolError where the (readable) frame names a field twice. Each name has a colon: only where there are
    more of them than different names, which a text with a colon does too, it is worth a slow look."""
    fields = _object_decoder.decode(text)
    orders = fields.get("orders", ())
    if len(fields) + sum(map(len, orders)) == text.count(":"):
        return
    try:
        json.loads(text, object_pairs_hook=_check_pairs, parse_int=str, parse_float=str)
    except _NamedTwice as error:
        name = str(error)
        raise _malformed(f"{name} is given twice", None if name == "request_id" else _reference(text)) from None


def _check_pairs(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _value in pairs:
        if name in seen:
            raise _NamedTwice(name)
        seen.add(name)


# --- refusals

_PLACE = re.compile(r"(.*) - at `\$\.?([^`]*)`", re.DOTALL)
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_GIVEN = _KINDS | {"int": "a number", "float": "a fraction", "null": "null", "NoneType": "null"}
_BOUNDS = {">=": "at least", "<=": "at most"}
_PARTS = {"str": "characters", "array": "entries"}
_SENTENCES = {
    r"Object missing required field `(?P<field>.+)`": "{inside}{field} is missing",
    r"Object contains unknown field `(?P<field>.+)`": "{inside}{field} is no known field",
    r"Invalid (enum )?value (?P<value>.+)": "{name} cannot be {value}",
    rf"Expected `int` <= {LATEST_MOMENT}": "{name} must be a time in Unix milliseconds, before the year 10000",
    r"Expected `\w+` (?P<bound>..) (?P<limit>-?\d+)(\.0)?": "{name} must be {bound} {limit}",
    r"Expected `\w+` of length >= 1": "{name} must not be empty",
    r"Expected `(?P<parts>\w+)` of length (?P<bound>..) (?P<limit>\d+)": "{name} must have {bound} {limit} {parts}",
    r"Expected `str` matching regex .+": "{name} must be printable ASCII characters, at least one",
    r"Expected `(?P<kinds>[^`]+)`, got `(?P<given>\w+)`": "{name} must be {kinds}, not {given}",
    r"Expected `(?P<kinds>[^`]+)`": "{name} must be {kinds}",
    r"(Number|Integer value) out of range": "{name} is a number that is too large",
    r"JSON is malformed: (?P<why>.+)": "this is no JSON: {why}",
    r"Input data was truncated": "this is no JSON: it ends too early",
}
"""Of the library, with ours. Names have the only pattern."""
_OURS = [(re.compile(theirs, re.DOTALL), ours) for theirs, ours in _SENTENCES.items()]


def in_words(error: Exception) -> str:
    """What is wrong with a message, as a sentence that begins with the field. `error`: of whoever read it."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return "this is no text: half a character, or bytes that are no UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"this is no JSON: {error}"
    said, name = str(error), ""
    if placed := _PLACE.fullmatch(said):
        said, name = placed.groups()
    for theirs, ours in _OURS:
        if found := theirs.fullmatch(said):
            parts = {part: _in_word(part, value) for part, value in found.groupdict().items()}
            return ours.format(name=name or "the message", inside=f"{name}." if name else "", **parts)
    return said


def _in_word(part: str, value: str) -> str:
    match part:
        case "kinds":
            return " or ".join(_KINDS[kind] for kind in value.split(" | ") if kind in _KINDS)
        case "given":
            return _GIVEN.get(value, value)
        case "bound":
            return _BOUNDS[value]
        case "parts":
            return _PARTS[value]
    return value


def _malformed(detail: str, request_id: RequestId) -> ProtocolError:
    return ProtocolError(Code.MALFORMED, f"{Code.MALFORMED.text}: {detail[:LONGEST_DETAIL]}", request_id)


def _reference(text: str) -> RequestId:
    """The request id of a frame that is refused, if it can be found. A number that can be none comes back as text."""
    try:
        written = _reference_decoder.decode(text).request_id
    except _UNREADABLE:
        return None
    try:
        return _request_id_decoder.decode(written)
    except _UNREADABLE:
        number = bytes(written).decode()
        return number[:LONGEST_REFERENCE] if number[0] in "-0123456789" else None
