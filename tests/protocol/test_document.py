"""The JSON of the protocol document itself is compared with the structs: what clients read is what we do."""

import os
import re
from pathlib import Path

import msgspec
import pytest

from trading import protocol
from trading.core.codes import Code

HERE = Path(__file__).resolve()
DOCUMENT = Path(os.environ.get("BOURSE_PROTOCOL_DOC") or HERE.parents[2].parent / "shared" / "websocket-protocol-v1.md")
WITHOUT = f"the protocol document is not at {DOCUMENT}; name it in BOURSE_PROTOCOL_DOC"

SERVER_TYPES = {
    "auth_response": protocol.AuthResponse,
    "subscribe_response": protocol.SubscribeResponse,
    "order_response": protocol.OrderResponse,
    "trade": protocol.Trade,
    "order_status": protocol.OrderStatusFrame,
    "account_update": protocol.AccountUpdate,
    "orderbook": protocol.OrderBook,
    "ticker": protocol.Ticker,
    "error": protocol.Error,
    "pong": protocol.PongFrame,
}

pytestmark = pytest.mark.skipif(not DOCUMENT.is_file(), reason=WITHOUT)


def document() -> str:
    return DOCUMENT.read_text() if DOCUMENT.is_file() else ""


def json_blocks(kind: str) -> list[str]:
    """The JSON blocks whose message type is, or is not, one that only servers send. Comments are taken out."""
    blocks = [re.sub(r"\s*//.*", "", block) for block in re.findall(r"```json\n(.*?)```", document(), re.S)]
    whole = [block for block in blocks if "..." not in block]
    return [block for block in whole if (msgspec.json.decode(block)["type"] in SERVER_TYPES) == (kind == "server")]


def compact(block: str) -> str:
    """The block's text without its layout: numbers and their order stay as they are written."""
    strings_or_space = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')
    return strings_or_space.sub(lambda found: found[1] or "", block)


@pytest.mark.parametrize("block", json_blocks("client"), ids=lambda block: compact(block)[:50])
def test_a_documented_client_message_is_understood(block: str) -> None:
    message = protocol.decode(block)
    said = msgspec.json.decode(block)
    meant = msgspec.to_builtins(message)
    assert {name: meant[name] for name in said} == said


@pytest.mark.parametrize("block", json_blocks("server"), ids=lambda block: compact(block)[:50])
def test_a_documented_server_message_is_what_we_encode(block: str) -> None:
    kind = SERVER_TYPES[msgspec.json.decode(block)["type"]]
    assert protocol.encode(msgspec.json.decode(block, type=kind)) == compact(block)


def test_all_kinds_of_messages_were_found_in_the_document() -> None:
    assert {msgspec.json.decode(block)["type"] for block in json_blocks("server")} == set(SERVER_TYPES)
    assert len({msgspec.json.decode(block)["type"] for block in json_blocks("client")}) == 9


def test_the_documented_query_response_begins_like_ours() -> None:
    (block,) = [block for block in re.findall(r"```json\n(.*?)```", document(), re.S) if "query_response" in block]
    names = re.findall(r'"(\w+)":', block)
    assert names[:4] == ["type", "request_type", "data", "account"]
    assert names[4:] == [field.name for field in msgspec.structs.fields(protocol.AccountData)][: len(names) - 4]


def test_every_documented_error_code_is_ours() -> None:
    codes = re.findall(r"^\| (\d+) \|", document(), re.M)
    assert codes
    assert {int(code) for code in codes} <= set(Code)


def test_every_documented_order_status_is_ours() -> None:
    words = re.findall(r"^- `(\w+)`: 已|^- `(\w+)`: 部分|^- `(\w+)`: 全部", document(), re.M)
    found = {word for line in words for word in line if word}
    assert found == {"Submitted", "PartiallyFilled", "Filled", "Cancelled"}
