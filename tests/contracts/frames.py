"""Every frame that tests send or hear is one of the released document of the socket. So neither can change alone.

What the exchange tells may have no field that the document does not name; a test that sends what the document does not
take says so.
"""

import json
from functools import cache
from typing import Any

import jsonschema_rs

from tests.contracts.released import Json, read, released

ASKED, TOLD = "receive", "send"


@cache
def contract() -> Json:
    return read(released("asyncapi")[-1])


def assert_sent(text: str) -> None:
    """A frame of a client, as it is written."""
    _assert_known(ASKED, json.loads(text), text)


def assert_heard(frame: Any) -> None:
    """A frame of the exchange."""
    _assert_known(TOLD, frame, frame)


def is_in_contract(side: str, frame: Any) -> bool:
    checks = _checks()[side].get(_kind(frame))
    return checks is not None and checks.is_valid(frame)


def _assert_known(side: str, frame: Any, shown: object) -> None:
    checks = _checks()[side].get(_kind(frame))
    assert checks is not None, f"the contract of the socket has no such message: {shown}"
    if not checks.is_valid(frame):
        told = "; ".join(f"{error.message} at {list(error.instance_path)}" for error in checks.iter_errors(frame))
        raise AssertionError(f"not in the contract of the socket: {shown}: {told}")


def _kind(frame: Any) -> tuple[str, str]:
    """By which a message is found: queries have an answer each."""
    if not isinstance(frame, dict):
        return ("", "")
    return str(frame.get("type")), str(frame.get("request_type", ""))


@cache
def _checks() -> dict[str, dict[tuple[str, str], Any]]:
    """By who speaks, and by kind."""
    messages = contract()["components"]["messages"]
    found: dict[str, dict[tuple[str, str], Any]] = {ASKED: {}, TOLD: {}}
    for operation in contract()["operations"].values():
        answers = operation.get("reply", {"messages": []})["messages"]
        for side, references in ((operation["action"], operation["messages"]), (TOLD, answers)):
            for reference in references:
                message = messages[reference["$ref"].rpartition("/")[2]]
                found[side][_kind_of(message)] = _check(message)
    return found


def _kind_of(message: Json) -> tuple[str, str]:
    schema = contract()["components"]["schemas"][message["title"]]
    return message["name"], schema["properties"].get("request_type", {}).get("const", "")


@cache
def _closed_schemas() -> Json:
    """No message and no part of one has a field that is not named."""
    closed: Json = _closed(contract()["components"]["schemas"])
    return closed


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(each) for name, each in schema.items()}
    return {**found, "additionalProperties": False} if schema.get("type") == "object" else found


def _check(message: Json) -> Any:
    whole = {"$ref": message["payload"]["$ref"], "components": {"schemas": _closed_schemas()}}
    return jsonschema_rs.Draft202012Validator(whole)
