"""The AsyncAPI document of the socket, made from the messages and from what the tables say of them.

The document speaks as the exchange: it receives what clients send, and sends answers and news.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from django.utils.translation import gettext_noop

from trading.core.codes import Code
from trading.protocol import QueryResponse
from trading.schemas.json_schema import Json, explained, reference, schemas_of, without_null
from trading.websocket.connection import BROKEN_CLOSE, CROWDED_CLOSE, REVOKED_CLOSE
from trading.websocket.contract.operations import PUSHES, REQUESTS, Message, Push, Request, codes_of
from trading.websocket.contract.words import EXAMPLES, word
from trading.websocket.heartbeat import IDLE_CLOSE
from trading.websocket.send_queue import SLOW_CLOSE
from trading.websocket.subscriptions import CHANNELS

VERSION = "1.8.0"
"""Of the contract: whatever changes in the document is a new one, with a file in docs/contracts/."""

DESCRIPTION = gettext_noop(
    """The WebSocket of the exchange: one JSON object a text frame. Prices, volumes and money are numbers, \
times are Unix milliseconds. A field that is not in the document is refused, so that a mistyped one never becomes \
another order; `null` says of an optional field that it is not given. Answers come in the order of the requests and \
carry their `request_id`; what is told has been stored before. Clients ignore messages and fields that they do not \
know: new ones may come without a new first number of the version."""
)
CHANNEL = {"$ref": "#/channels/socket"}
CLOSE_CODES = {
    1008: "It has sent faster than it was read for five seconds, and nobody has signed in on it.",
    BROKEN_CLOSE: "A failure of the exchange. Connect again.",
    1012: "The server stops; an announcement came before. Connect again in a moment.",
    REVOKED_CLOSE: "The token is not valid any more; an error 401 came before.",
    IDLE_CLOSE: "Nothing came from the client for ten seconds.",
    SLOW_CLOSE: "The client does not read as fast as it is told things. Connect again and send `resume`.",
    CROWDED_CLOSE: "Too many connections; an error 429 came before.",
}
RIGHTS = {
    "anybody": "",
    "user": " For whoever has signed in.",
    "trader": " For whoever has signed in with a token that may trade.",
}


def type_of(message: Message) -> str:
    """The word in `type`."""
    return str(message.__struct_config__.tag)


def answer_of(request: Request) -> str | None:
    """The name of its answer in the document: queries are answered by messages of one type with different data."""
    if request.answer is QueryResponse:
        return f"{request.message.__name__}Response"
    return None if request.answer is None else request.answer.__name__


@cache
def document() -> Json:
    """As it is released: the same for everybody."""
    messages, schemas = _messages(), _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Bourse", "version": VERSION, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "demo": {"host": "localhost:8081", "protocol": "ws", "description": "As `make run` serves it."},
            "production": {
                "host": "{host}",
                "protocol": "wss",
                "description": "Behind TLS.",
                "variables": {"host": {"description": "Name of the exchange.", "examples": ["exchange.example"]}},
            },
        },
        "channels": {"socket": _channel(messages)},
        "operations": dict(_operations()),
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "userPassword",
                    "description": "A user and a token of theirs, sent as the message `auth` at any time.",
                }
            },
        },
        "x-codes": {str(int(code)): code.text for code in Code},
        "x-close-codes": {str(code): why for code, why in sorted(CLOSE_CODES.items())},
    }


def served_at(host: str, secure: bool) -> Json:
    """The document as the server at `host` gives it: programs that were made from it come back to that server."""
    here = {"host": host, "protocol": "wss" if secure else "ws", "description": "Where this document comes from."}
    return document() | {"servers": {"here": here}}


def as_json(said: Json | None = None) -> bytes:
    """To be read by people, too. The released document where no other is given."""
    return msgspec.json.format(msgspec.json.encode(said or document()), indent=2) + b"\n"


def _channel(messages: Json) -> Json:
    owner = {
        "type": "string",
        "description": "Whose trades are wanted, once that user has signed in: a wish, not a right.",
        "examples": ["user001"],
    }
    return {
        "address": "/ws",
        "title": "The socket",
        "description": f"One connection for everything. What is told by subscription: {', '.join(CHANNELS)}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"method": "GET", "query": {"type": "object", "properties": {"user_id": owner}}}},
    }


# --- what is done


def _operations() -> Iterator[tuple[str, Json]]:
    for request in REQUESTS:
        yield type_of(request.message), _asked(request)
    for push in PUSHES:
        yield f"on_{type_of(push.message)}", _told(push)


def _asked(request: Request) -> Json:
    codes = codes_of(request)
    told = "; ".join(f"{int(code)}: {code.text}" for code in codes)
    said = {
        "action": "receive",
        "channel": CHANNEL,
        "title": type_of(request.message),
        "summary": request.meaning,
        "description": f"{request.meaning}{RIGHTS[request.right]}\n\nMay be refused with {told}.",
        "tags": [{"name": _subject(request)}],
        "messages": [_message(request.message.__name__)],
        "x-codes": [int(code) for code in codes],
    }
    if request.right != "anybody":
        said["security"] = [{"$ref": "#/components/securitySchemes/token"}]
    answer = answer_of(request)
    if answer is not None:
        said["reply"] = {"channel": CHANNEL, "messages": [_message(answer), _message("Error")]}
    return said


def _subject(request: Request) -> str:
    if request.data:
        return "queries"
    return "orders" if request.right == "trader" else "connection"


def _told(push: Push) -> Json:
    said = {
        "action": "send",
        "channel": CHANNEL,
        "title": type_of(push.message),
        "summary": push.meaning,
        "tags": [{"name": "news"}],
        "messages": [_message(push.message.__name__)],
    }
    return said if push.channel is None else {**said, "x-subscription": push.channel}


def _message(name: str) -> Json:
    return {"$ref": f"#/channels/socket/messages/{name}"}


# --- what is said


def _messages() -> Json:
    found: Json = {}
    for request in REQUESTS:
        found[request.message.__name__] = _said(request.message.__name__, type_of(request.message), request.meaning)
    for request in REQUESTS:
        answer = answer_of(request)
        if request.answer is not None and answer is not None and answer not in found:
            by = f"Answers {', '.join(f'`{type_of(each.message)}`' for each in REQUESTS if answer_of(each) == answer)}."
            found[answer] = _said(answer, type_of(request.answer), by)
    for push in PUSHES:
        found[push.message.__name__] = _said(push.message.__name__, type_of(push.message), push.meaning)
    return found


def _said(name: str, kind: str, meaning: str) -> Json:
    schema = _schemas()[name]
    said = {"name": kind, "title": name, "summary": meaning, "payload": reference(name)}
    if "request_id" in schema["properties"]:
        said["correlationId"] = {"location": "$message.payload#/request_id"}
    examples = [{"type": kind, **example} for example in EXAMPLES.get(name, [])] or [_example(schema)]
    return {**said, "examples": [{"payload": example} for example in examples]}


@cache
def _schemas() -> dict[str, Json]:
    """Of all messages, by name. Queries have an answer each."""
    taken = schemas_of([request.message for request in REQUESTS])
    answers = [request.answer for request in REQUESTS if request.answer is not None]
    given = schemas_of([*answers, *(push.message for push in PUSHES)])
    found = {name: explained(name, schema, word, taken=True) for name, schema in taken.items()}
    found |= {name: _given(name, schema) for name, schema in given.items() if name not in found}
    response, data = found.pop("QueryResponse"), found.pop("QueryData")
    for request in REQUESTS:
        if request.data:
            name = f"{request.message.__name__}Response"
            found[name] = _answer_with(response, data, type_of(request.message), request.data)
    return found


def _given(name: str, schema: Json) -> Json:
    """What the exchange leaves out is never null, but the page that follows."""
    schema = explained(name, schema, word, taken=False)
    for field, inside in schema.get("properties", {}).items():
        if field not in schema["required"] and (name, field) != ("QueryData", "next"):
            schema["properties"][field] = without_null(inside)
    return schema


def _answer_with(response: Json, data: Json, asked: str, fields: Any) -> Json:
    inside = {field: data["properties"][field] for field in fields}
    required = [field for field in fields if field != "archived_until"]
    said = response["properties"]
    narrowed = {
        "type": "object",
        "description": said["data"]["description"],
        "properties": inside,
        "required": required,
    }
    kind = {"const": asked, "description": said["request_type"]["description"]}
    return {**response, "title": f"{asked}_response", "properties": {**said, "request_type": kind, "data": narrowed}}


# --- examples


def _example(schema: Json) -> Any:
    """Of what a message must have."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(_schemas()[schema["$ref"].rpartition("/")[2]])
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0])
    if schema.get("type") == "array":
        return [_example(schema["items"])]
    if schema.get("type") == "object":
        return {
            field: _example(inside) for field, inside in schema["properties"].items() if field in schema["required"]
        }
    return None
