"""The AsyncAPI document of the socket: it names every message, explains everything, and does not change unless its
version does."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from tests.authority.tables import table
from tests.contracts.frames import is_in_contract
from tests.contracts.released import (
    CHANGELOG,
    CONTRACTS,
    ROOT,
    Json,
    broken_schemas,
    have_same_first_number,
    read,
    released,
    version_of,
)
from tests.protocol.golden import CLIENT, SERVER
from trading import protocol
from trading.core.codes import Code
from trading.protocol.incoming import ClientMessage
from trading.protocol.outgoing import ServerMessage
from trading.websocket.contract.asyncapi import CLOSE_CODES, VERSION, as_json, document, type_of
from trading.websocket.contract.operations import PUSHES, REQUESTS, codes_of
from trading.websocket.contract.words import EXAMPLES, OF_ONE, WORDS
from trading.websocket.subscriptions import CHANNELS

PARSER = ROOT / "node_modules/@asyncapi/parser"
MESSAGES: Json = document()["components"]["messages"]
SCHEMAS: Json = document()["components"]["schemas"]


# --- it names every message


def test_every_message_of_clients_is_an_operation() -> None:
    assert [request.message for request in REQUESTS] == list(dict.fromkeys(request.message for request in REQUESTS))
    assert {request.message for request in REQUESTS} == set(ClientMessage.__args__)


def test_every_message_of_the_exchange_is_an_answer_or_news() -> None:
    answers = {request.answer for request in REQUESTS if request.answer is not None}
    assert answers | {push.message for push in PUSHES} == set(ServerMessage.__args__)


def test_every_query_has_an_answer_of_its_own() -> None:
    queries = {request.message for request in REQUESTS if request.answer is protocol.QueryResponse}
    assert queries == set(protocol.Query.__args__)
    told = {field for request in REQUESTS for field in request.data}
    assert told == set(protocol.QueryData.__struct_fields__)


def test_every_channel_is_named() -> None:
    told = {push.channel for push in PUSHES if push.channel is not None}
    assert told == set(CHANNELS)
    assert all(name in WORDS["channels"].meaning for name in CHANNELS)


def test_rights_are_those_of_the_table_of_frames() -> None:
    for request in REQUESTS:
        (row,) = [row for row in table("Frames") if row["frame"] == type_of(request.message)]
        right = "trader" if row["read-only"] == "403" else "user" if row["anonymous"] == "401" else "anybody"
        assert request.right == right, request.message
        for code in re.findall(r"\d+", " ".join(cell for name, cell in row.items() if name != "frame")):
            assert int(code) in codes_of(request), request.message


def test_codes_and_close_codes_are_those_of_the_docs() -> None:
    text = (ROOT / "docs/protocol.md").read_text()
    assert document()["x-codes"] == {str(int(code)): code.text for code in Code}
    rows = re.findall(r"^\| (\d+) \|", text.split("## Close codes")[1], re.MULTILINE)
    assert {int(code) for code in rows} <= set(CLOSE_CODES)


# --- it explains everything


def fields() -> list[tuple[str, str, Json]]:
    return [
        (name, field, inside)
        for name, schema in SCHEMAS.items()
        for field, inside in schema.get("properties", {}).items()
    ]


def test_every_field_has_a_meaning_and_nearly_every_one_an_example() -> None:
    for name, field, inside in fields():
        assert inside["description"].endswith("."), f"{name}.{field}"
        holds_others = any(
            word in json.dumps(inside) for word in ('"array"', '"$ref"', '"enum"', '"const"', '"object"')
        )
        assert inside.get("examples") or holds_others, f"{name}.{field}"


def test_numbers_have_a_unit() -> None:
    units = re.compile(
        "currency|lots|milliseconds|YYYYMMDD|share|second|how|number|most|code|`seq`|entries", re.IGNORECASE
    )
    for name, field, inside in fields():
        kinds = {inside.get("type"), *(each.get("type") for each in inside.get("anyOf", ()))}
        if kinds & {"number", "integer"}:
            assert units.search(inside["description"]), f"{name}.{field}: {inside['description']}"


def test_nothing_is_explained_that_is_not_there() -> None:
    there = {(name, field) for name, field, _ in fields()} | {
        ("QueryData", field) for field in protocol.QueryData.__struct_fields__
    }
    assert set(OF_ONE) <= there
    assert set(WORDS) <= {field for _, field in there}
    assert set(EXAMPLES) <= set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_examples_are_what_is_said(name: str) -> None:
    asked = {each["messages"][0]["$ref"].rpartition("/")[2] for each in document()["operations"].values()}
    is_of_clients = name in asked and name in {request.message.__name__ for request in REQUESTS}
    for example in MESSAGES[name]["examples"]:
        assert is_in_contract("receive" if is_of_clients else "send", example["payload"]), example
        if is_of_clients:
            protocol.decode(json.dumps(example["payload"]))


# --- frames are tried by it


def test_golden_frames_are_in_it() -> None:
    for text, _ in CLIENT:
        assert is_in_contract("receive", json.loads(text)), text
    for _, told in SERVER:
        assert is_in_contract("send", json.loads(told)), told


@pytest.mark.parametrize(
    ("side", "frame"),
    [
        ("receive", {"type": "ping", "colour": "red"}),
        ("receive", {"type": "trade"}),
        ("receive", {"type": "cancel_order"}),
        ("receive", {"type": "cancel_after", "timeout_ms": 1.5}),
        ("receive", ["ping"]),
        ("send", {"type": "pong", "late": True}),
        ("send", {"type": "ping", "request_id": None}),
        ("send", {"type": "submit_order"}),
        ("send", {"type": "ticker", "instrument_id": "IX2301", "last_price": 1.0, "volume": "1", "timestamp": 1}),
        ("send", {"type": "query_response", "request_type": "query_account", "data": {"orders": [], "next": None}}),
    ],
    ids=json.dumps,
)
def test_a_frame_that_is_not_in_it_is_found(side: str, frame: Any) -> None:
    assert not is_in_contract(side, frame)


# --- it does not change


def test_the_document_is_the_one_that_was_released() -> None:
    """Whatever changes in it is a new version (VERSION), with a file of its own (`make contracts`) and a line in the
    changelog."""
    file = CONTRACTS / f"asyncapi-{VERSION}.json"
    assert file.exists() and file.read_bytes() == as_json()
    assert file == released("asyncapi")[-1]
    assert f"Socket contract {VERSION}" in CHANGELOG.read_text()


@pytest.mark.parametrize("file", released("asyncapi"), ids=version_of)
def test_clients_of_earlier_documents_find_what_they_know(file: Path) -> None:
    """Of the same first number."""
    if have_same_first_number(version_of(file), VERSION):
        assert broken(read(file), document()) == []


def broken(old: Json, new: Json) -> list[str]:
    """What a client of the old document would miss, or be asked for."""
    found = [f"{name} is gone" for name in set(old["operations"]) - set(new["operations"])]
    for name in set(old["operations"]) & set(new["operations"]):
        had, has = (each["operations"][name].get("reply", {}).get("messages", []) for each in (old, new))
        found += [f"{name} is answered otherwise"] if had != has else []
    found += [f"code {code} is gone" for code in set(old["x-codes"]) - set(new["x-codes"])]
    return found + broken_schemas(old["components"]["schemas"], new["components"]["schemas"])


def test_what_breaks_a_client_is_seen() -> None:
    old, new = json.loads(as_json()), json.loads(as_json())
    del new["operations"]["on_kline"]
    new["operations"]["cancel_all"]["reply"]["messages"].pop(0)
    del new["x-codes"]["1011"]
    new["components"]["schemas"]["SubmitOrder"]["required"].append("price")
    del new["components"]["schemas"]["OrderData"]["properties"]["status"]
    new["components"]["schemas"]["Trade"]["required"].remove("price")
    assert sorted(broken(old, new)) == [
        "OrderData has no status",
        "SubmitOrder needs price",
        "Trade may lack price",
        "cancel_all is answered otherwise",
        "code 1011 is gone",
        "on_kline is gone",
    ]


# --- the official parser


@pytest.mark.slow
def test_the_official_parser_accepts_it() -> None:
    if not PARSER.is_dir():
        pytest.skip("the AsyncAPI parser is not installed (npm ci)")
    script = Path(__file__).with_name("parse.mjs")
    said = subprocess.run(["node", script], input=as_json(), capture_output=True, timeout=120, check=False, cwd=ROOT)
    assert (said.returncode, said.stdout.decode(), said.stderr.decode()) == (
        0,
        f"{len(document()['operations'])}\n",
        "",
    )


# --- where it is


def test_it_is_served_to_programs() -> None:
    asked = Browser().get("/asyncapi.json")
    assert asked["Content-Type"] == "application/json"
    assert asked.json() | {"servers": None} == json.loads(as_json()) | {"servers": None}


@pytest.mark.parametrize(("secure", "protocol"), [(False, "ws"), (True, "wss")])
def test_it_says_where_it_was_asked_for(secure: bool, protocol: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["exchange.example"]
    browser = Browser(headers={"host": "exchange.example:8443"})
    (server,) = browser.get("/asyncapi.json", secure=secure).json()["servers"].values()
    assert (server["protocol"], server["host"]) == (protocol, "exchange.example:8443")
    assert f"{protocol}://exchange.example:8443/ws" in browser.get("/docs/ws/", secure=secure).content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_shows_every_message_and_part(language: str) -> None:
    page = Browser().get("/docs/ws/", headers={"accept-language": language}).content.decode()
    shown = re.findall(r'<section id="(\w+)">', page)
    assert sorted(shown) == sorted(SCHEMAS)
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= {*shown, "parts", "codes", "close-codes"}
    assert ("每个文本帧是一个 JSON 对象" in page) == (language == "zh-hans")
    assert ("交易所主动推送" in page) == (language == "zh-hans") and f'<html lang="{language}">' in page


def test_the_page_tells_in_chinese_what_each_message_field_and_code_means() -> None:
    page = Browser().get("/docs/ws/", headers={"accept-language": "zh-hans"}).content.decode()
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)]
    told = {row[2] for row in rows if row} | set(re.findall(r"<p>([^<]+)</p>", page))
    told |= set(re.findall(r"<li><code>\d+</code> ([^<]+)</li>", page))
    words_of_the_wire = {"|".join(schema["enum"]) for schema in SCHEMAS.values() if "enum" in schema}
    english = {each for each in told if not re.search("[\u4e00-\u9fff]", each)}
    assert len(told) > 200 and {each.replace(" ", "") for each in english} <= words_of_the_wire


def test_the_page_has_no_script_and_only_files_of_ours() -> None:
    page = Browser().get("/docs/ws/").content.decode()
    assert not re.search(r"<script|<style|style=|(?:href|src)=\"https?://", page)


def test_the_pages_of_both_documents_lead_to_each_other() -> None:
    browser = Browser()
    assert 'href="/api/docs/"' in browser.get("/docs/ws/").content.decode()
    assert 'href="/docs/ws/"' in browser.get("/api/docs/").content.decode()
