"""What the client says and hears is what the exchange hears and says; and it is made of nothing of the exchange."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import msgspec
import pytest
from bourse_client import errors, messages
from bourse_client.private import PUSHES

from tests.e2e.server import ROOT
from trading import protocol
from trading.core.codes import Code
from trading.protocol import market_data, pushes, query_data

PACKAGE = ROOT / "clients/python/bourse_client"
OUTSIDE = {"bourse_client", "msgspec", "websockets"}
FOR_THE_COMMAND = {"typer", "rich"}
FOR_FILES = {"pyarrow"}


def test_there_is_an_exception_for_each_code_and_it_is_named_after_it() -> None:
    named = {code.name.title().replace("_", ""): code.value for code in Code}
    assert {kind.__name__: number for number, kind in errors.BY_CODE.items()} == named


@pytest.mark.parametrize("code", Code)
def test_a_refusal_is_raised_under_its_name(code: Code) -> None:
    frame = {"type": "order_response", "success": False, "error_code": int(code), "error_message": code.text}
    refused = errors.refusal(frame)
    assert type(refused) is errors.BY_CODE[code] and refused.code == code and refused.message == code.text


def test_a_code_that_is_not_known_is_a_refusal_too() -> None:
    refused = errors.refusal({"type": "error", "code": 1999, "message": "new", "retry_after": 2.0})
    assert type(refused) is errors.Refused and (refused.code, refused.retry_after) == (1999, 2.0)


def test_a_batch_is_refused_where_the_exchange_was_too_busy_for_all_of_it() -> None:
    busy, wrong = {"error_code": 429, "error_message": "too fast"}, {"error_code": 1007, "error_message": "off"}
    frame = {"type": "orders_response", "retry_after": 0.5, "results": [busy, busy]}
    refused = errors.refusal(frame)
    assert type(refused) is errors.TooFast and refused.retry_after == 0.5
    assert errors.refusal(frame | {"results": [busy, wrong]}) is None
    doubt = {"error_code": 504, "error_message": "nobody knows"}
    for results in ([busy, doubt], [doubt, busy]):
        assert type(errors.refusal(frame | {"results": results})) is errors.UnknownOutcome, "one of them may be done"


def test_what_nobody_knows_is_no_refusal() -> None:
    """Whoever catches refusals takes it not for one, and whoever looks after a lost answer looks after it, too."""
    assert issubclass(errors.UnknownOutcome, errors.Lost) and not issubclass(errors.UnknownOutcome, errors.Refused)


SAME: list[tuple[type[msgspec.Struct], type[msgspec.Struct]]] = [
    (messages.Order, query_data.OrderData),
    (messages.OrderState, pushes.OrderStatusFrame),
    (messages.Trade, pushes.Trade),
    (messages.Trade, query_data.TradeData),
    (messages.Account, pushes.AccountUpdate),
    (messages.Account, query_data.AccountData),
    (messages.Position, query_data.PositionData),
    (messages.Snapshot, query_data.Snapshot),
    (messages.Instrument, query_data.InstrumentData),
    (messages.Bar, market_data.BarData),
    (messages.Ticker, market_data.Ticker),
    (messages.Day, market_data.StatisticsData),
    (messages.BookChange, market_data.OrderBookDelta),
    (messages.Level, market_data.BookLevel),
]
ONLY_PUSHED = {"seq", "market", "market_seq"}
"""Of trades and accounts: a query has none."""


@pytest.mark.parametrize(("ours", "theirs"), SAME, ids=lambda kind: kind.__name__)
def test_a_message_has_the_fields_that_the_exchange_gives_it(
    ours: type[msgspec.Struct], theirs: type[msgspec.Struct]
) -> None:
    given = {field.name: field for field in msgspec.structs.fields(theirs)}
    fields = [field for field in msgspec.structs.fields(ours) if field.name in given or field.name not in ONLY_PUSHED]
    assert {field.name for field in fields} <= given.keys()
    # What may be left out there may be left out here; but `seq`, which each push has.
    left_out = {name for name, field in given.items() if not field.required}
    assert {field.name for field in fields if field.required} & left_out <= {"seq", "prev_seq"}


def test_every_numbered_push_is_known() -> None:
    """One that is not would be a hole, and the client would never catch up."""
    kinds = protocol.ServerMessage.__args__
    numbered = {kind.__struct_config__.tag for kind in kinds if "market_seq" in kind.__struct_fields__}
    assert numbered == PUSHES


def test_an_order_may_have_the_options_that_the_exchange_knows() -> None:
    usual = {"instrument_id", "direction", "offset", "volume", "price", "order_type", "client_order_id"}
    known = {field.name for field in msgspec.structs.fields(protocol.OrderFields)}
    assert messages.OrderOptions.__annotations__.keys() == known - usual


def imported(file: Path) -> set[str]:
    """The packages that a file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return {name.split(".")[0] for name in plain | {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}}


def test_the_client_is_made_of_little() -> None:
    command = set((PACKAGE / "command_line").rglob("*.py"))
    files = set((PACKAGE / "research").rglob("*.py"))
    library = {name for file in set(PACKAGE.rglob("*.py")) - command - files for name in imported(file)}
    assert library - sys.stdlib_module_names == OUTSIDE
    assert {name for file in files for name in imported(file)} - sys.stdlib_module_names <= OUTSIDE | FOR_FILES
    assert {name for file in command for name in imported(file)} - sys.stdlib_module_names <= OUTSIDE | FOR_THE_COMMAND
