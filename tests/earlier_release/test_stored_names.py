"""Every name and value that outlives the process, as it was first stored: a rename must not change what is written.

Why: journals, tables and backups of earlier releases are read by later ones. A test that fails here says that a release
would no longer read them, or would give them another meaning. Do not follow it by changing the literal.

How to rename safely:
- A command or an event (`class SubmitOrder(..., tag="SubmitOrder")`): rename the class, keep the tag.
- A field of a stored struct: keep the stored name, `new: int = msgspec.field(name="old")`, or `rename={"new": "old"}`
  for the class. Keep the default too: journals leave fields out that have it (`omit_defaults`).
- The place of a field in the records of a snapshot stays as well: `state_hash` is made from them in this order.
- A member of an enum: rename the member, keep its value.
- A table, a column or a permission needs a migration, which keeps what is in it.

How to add: a field of a command, or of a part of one, must have a default, or old journals cannot be read. Then add
what is new to the literals here.
"""

import enum
import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import msgspec.inspect
import pytest
from django.apps import apps

from trading.core import commands, events, types
from trading.core.codes import Code
from trading.core.commands import AdminCommand, Asked, ClientOrder, Command
from trading.core.events import Event, OrderAccepted, StatementLine
from trading.core.snapshot.records import (
    AccountRecord,
    DayRecord,
    InstrumentRecord,
    LegRecord,
    LotRecord,
    OrderRecord,
    PositionRecord,
    Snapshot,
    SweepRecord,
)
from trading.core.types import (
    AccountRules,
    Announcement,
    CancelReason,
    Contract,
    Direction,
    Fee,
    MarketLimits,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    Phase,
    Restrictions,
    SelfTrade,
    StopKind,
    Terms,
    TimeCondition,
    TradeSide,
    Transfer,
    Trigger,
    stored_name,
)
from trading.observability.order_log import log_answers
from trading.operators import requests

ROOT = Path(__file__).resolve().parents[2]

COMMANDS = {
    "SubmitOrder": "account_id instrument_id direction offset order_type volume price=null"
    ' time_condition="GFD" client_order_id=null handling=null',
    "AmendOrder": "account_id order_id price=null volume=null valid_until=null",
    "CancelOrder": "account_id order_id",
    "CancelAll": "account_id instrument_id=null direction=null",
    "CancelAfter": 'account_id deadline=null reason="COUNTDOWN"',
    "OpenAccount": "user_id",
    "Deposit": "user_id amount correction=false",
    "Withdraw": "user_id amount correction=false",
    "SendTransfer": "transfer",
    "ReceiveTransfer": "transfer",
    "ReturnTransfer": "transfer",
    "ListInstrument": "contract terms",
    "ChangeTerms": "instrument_id terms",
    "HaltInstrument": "instrument_id",
    "ResumeInstrument": "instrument_id",
    "ChangePhase": "phase",
    "SetPhase": "instrument_id phase",
    "FreezeAccount": "user_id frozen",
    "SetAccountRules": "user_id rules",
    "SetFeeGroup": "name factor",
    "CancelAnyOrder": "order_id",
    "CancelOrders": "user_id=null instrument_id=null",
    "SetCloseOnly": "close_only user_id=null",
    "RefuseConnections": "refused",
    "BreakTrade": "trade_id day instrument_id price volume buyer seller give_back_fees",
    "Announce": "text until user_id=null stop_at=null",
    "WithdrawAnnouncement": "number",
    "ForceClose": "user_id instrument_id=null",
    "StopLiquidation": "user_id stopped",
    "Settle": "day next_day prices confirmed=false",
    "PassTime": "",
    "WatchRisk": "warn_at limit everyone=false",
    "SetMarketLimits": "limits",
    "FireStops": "",
    "AdoptRules": "version",
}
"""The `type` in journals and payloads, the kind of operators' commands, the label of metrics, a part of keys; with the
fields, and the defaults in JSON."""

EVENTS = (
    "Refused OrderAccepted OrderRepeated OrderWaiting OrderFired OrderAmended AllCancelled CountdownSet Traded "
    "OrderCancelled AccountOpened Deposited Withdrawn InstrumentListed TermsChanged PhaseChanged PhasesChanged "
    "AuctionUncrossed AccountFrozen RulesSet FeeGroupSet MarketLimitsSet TimePassed RiskWatched RiskWarned RiskEased "
    "LiquidationStarted LiquidationEnded InstrumentSettled PositionExpired Statement DaySettled RulesAdopted "
    "FiringContinued OrdersCancelled CloseOnlySet ConnectionsRefused Announced AnnouncementWithdrawn TradeBroken "
    "TransferSent TransferReceived LiquidationStopped"
)
"""The result of operators' commands."""

PARTS: dict[Any, str] = {
    Fee: "per_lot=0 rate=0",
    Terms: 'name margin_long margin_short fee_open={"per_lot":0,"rate":0} fee_close={"per_lot":0,"rate":0}'
    ' fee_close_today={"per_lot":0,"rate":0} min_volume=1 max_volume=1000 max_position=0 max_orders=0'
    " larger_side=false last_day=0 collar=unset",
    Contract: "instrument_id product_id tick multiplier reference_price limit_rate=0",
    OrderOptions: "expires_at=null valid_until=null post_only=false reduce_only=false display_volume=null"
    ' stop_price=null stop_kind="STOP" trigger="LAST" trail=null oco_group=null stp=null price_levels=null',
    AccountRules: 'stp="CANCEL_MAKER" fee_group="" max_volume=null max_position=null max_orders=null'
    " live_orders=null waiting_orders=null trailing_stops=null",
    MarketLimits: "live_orders=0 waiting_orders=0 trailing_stops=0",
    Restrictions: "close_only=false closing=[] no_connections=false spared=[]",
    Transfer: "transfer_id user_id source target amount",
    Announcement: "number text made_at until user_id=null stop_at=null",
    TradeSide: "account_id order_id offset commission close_profit",
    StatementLine: "instrument_id long short price margin",
}
"""Parts of commands, and what columns of JSON hold: orders' options, accounts' rules, positions of statements."""

RECORDS: dict[Any, str] = {
    Snapshot: "last_id day instruments accounts positions orders rules=0 shard=0",
    DayRecord: "trading_day net_deposits commission fee_groups limits=null restrictions=null"
    " announcements=[] broken=[]",
    InstrumentRecord: "contract terms phase scheduled settlement mark last last_volume last_time sweeps=[]",
    SweepRecord: "trigger rising price number",
    AccountRecord: "account_id user_id pre_balance deposits withdrawals close_profit commission rules={} frozen=false"
    " warned=false liquidating=false cancel_at=null disconnect_at=null client_orders=[]",
    ClientOrder: "order_id asked",
    Asked: "instrument_id direction offset order_type volume price time_condition options",
    PositionRecord: "account_id instrument_id long short",
    LegRecord: "today his today_cost his_cost his_open_cost detail=[]",
    LotRecord: "number lots cost",
    OrderRecord: "order_id account_id instrument_id direction offset order_type time_condition volume price filled"
    " status his_held today_held accepted_at updated_at client_order_id trading_day handling shown stop priority"
    " price_sum=null",
}
"""What `state_hash` is made from."""

ENUMS: dict[Any, str] = {
    Direction: "BUY SELL",
    Offset: "OPEN CLOSE CLOSETODAY CLOSEYESTERDAY",
    OrderType: "LIMIT MARKET",
    TimeCondition: "GFD GTC GTD IOC FOK",
    SelfTrade: "CANCEL_TAKER CANCEL_MAKER CANCEL_BOTH",
    Trigger: "LAST BID ASK",
    StopKind: "STOP TAKE_PROFIT",
    CancelReason: "ASKED UNFILLED SELF_TRADE OCO EXPIRED COUNTDOWN DISCONNECT REFUSED SETTLEMENT AUCTION LIQUIDATION"
    " OPERATOR",
    OrderStatus: "Waiting Submitted PartiallyFilled Filled Cancelled",
    Phase: "closed auction continuous halted delisted",
}
"""Values of the core's words, in journals and in columns."""

CHOICES = {
    "django_admin_log.action_flag": "1 2 3",
    "trading_accesstoken.scope": "TRADE READ",
    "trading_instrument.phase": "closed auction continuous halted delisted",
    "trading_instrument.scheduled": "closed auction continuous halted delisted",
    "trading_order.direction": "BUY SELL",
    "trading_order.offset": "OPEN CLOSE CLOSETODAY CLOSEYESTERDAY",
    "trading_order.order_type": "LIMIT MARKET",
    "trading_order.time_condition": "GFD GTC GTD IOC FOK",
    "trading_order.status": "Waiting Submitted PartiallyFilled Filled Cancelled",
    "trading_order.cancel_reason": "ASKED UNFILLED SELF_TRADE OCO EXPIRED COUNTDOWN DISCONNECT REFUSED SETTLEMENT"
    " AUCTION LIQUIDATION OPERATOR",
    "trading_trade.direction": "BUY SELL",
    "trading_tradebreak.direction": "BUY SELL",
    "trading_tradebreak.offset": "OPEN CLOSE CLOSETODAY CLOSEYESTERDAY",
    "trading_trade.offset": "OPEN CLOSE CLOSETODAY CLOSEYESTERDAY",
    "trading_ledgerentry.kind": "DEPOSIT WITHDRAWAL COMMISSION CLOSE_PROFIT SETTLEMENT EXPIRY TRANSFER CORRECTION",
    "trading_transfer.status": "IN_TRANSIT ARRIVED RETURNED",
    "trading_riskevent.kind": "WARNED EASED LIQUIDATION_STARTED LIQUIDATION_ENDED",
    "trading_tradingsession.action": "auction continuous closed settle",
    "trading_operatorcommand.status": "HELD PENDING DONE REFUSED",
    "trading_carriedforward.kind": "LEDGER COMMISSION CLOSE_PROFIT LONG SHORT FILLED",
    "trading_healthcheck.kind": "books journal",
    "trading_healthcheck.status": "RUNNING FINE FOUND FAILED",
    "trading_contestbreach.rule": "INSTRUMENT POSITION ORDERS",
    "trading_contest.status": "DRAFT RUNNING ENDED",
    "trading_scheduledcommand.status": "WAITING ASKED CANCELLED NOT_ASKED",
    "otp_totp_totpdevice.digits": "6 8",
    "marketdata_bar.period": "1m 5m 15m 1h 1d",
}
"""What the columns with choices may hold."""

CODES = (
    "400 401 403 404 409 429 503 504 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010 1011 1012 1013 1014 1015 1016"
)
"""Refusals, in the columns `code` and `cancel_code`."""

CLASS_NAME = re.compile(r"\b(?!error\b)\w+\)?\.__name__(?! = )")
"""Where the name of a class is asked for; an error's may be, and a function may be given one."""
CONTRACTS = [ROOT / "trading/rest/schema.py", ROOT / "trading/websocket/contract/asyncapi.py"]
"""Names of operations, bodies and messages are those of classes; the released documents pin them."""


def _stored_fields(kind: Any) -> str:
    """The names of a struct's fields as they are encoded, in their order, with the JSON of what they are left at."""
    return " ".join(map(_stored_field, msgspec.structs.fields(kind)))


def _stored_field(field: msgspec.structs.FieldInfo) -> str:
    if field.default is msgspec.UNSET:
        return f"{field.encode_name}=unset"
    if field.default is not msgspec.NODEFAULT:
        return f"{field.encode_name}={msgspec.json.encode(field.default).decode()}"
    if field.default_factory is not msgspec.NODEFAULT:
        return f"{field.encode_name}={msgspec.json.encode(field.default_factory()).decode()}"
    return field.encode_name


def _values(words: Iterable[Any]) -> str:
    return " ".join(str(word.value) for word in words)


def _within(kind: msgspec.inspect.Type) -> Iterator[type]:
    """The structs and enums that a type is made of, itself included."""
    match kind:
        case msgspec.inspect.StructType():
            yield kind.cls
            for field in kind.fields:
                yield from _within(field.type)
        case msgspec.inspect.EnumType():
            yield kind.cls
        case msgspec.inspect.UnionType():
            for each in kind.types:
                yield from _within(each)
        case msgspec.inspect.DictType():
            yield from _within(kind.key_type)
            yield from _within(kind.value_type)
        case msgspec.inspect.ListType() | msgspec.inspect.VarTupleType() | msgspec.inspect.SetType():
            yield from _within(kind.item_type)
        case msgspec.inspect.TupleType():
            for each in kind.item_types:
                yield from _within(each)


def test_every_command_has_its_name_and_its_fields_for_good() -> None:
    assert {stored_name(kind): _stored_fields(kind) for kind in get_args(Command)} == COMMANDS


def test_every_event_has_its_name_for_good() -> None:
    assert sorted(stored_name(kind) for kind in get_args(Event)) == sorted(EVENTS.split())


@pytest.mark.parametrize("module", [commands, events], ids=["commands", "events"])
def test_names_are_written_out(module: Any) -> None:
    source = Path(module.__file__).read_text()
    assert "tag=True" not in source, "a tag that is made from the name of its class changes with it"
    assert source.count('tag="') == len(get_args(Command if module is commands else Event))


def test_every_command_is_told_by_a_field_named_type() -> None:
    assert {kind.__struct_config__.tag_field for kind in get_args(Command)} == {"type"}
    journalled = msgspec.msgpack.decode(msgspec.msgpack.encode([commands.Deposit("user001", 1)]))
    assert journalled == [{"type": "Deposit", "user_id": "user001", "amount": 1}]


@pytest.mark.parametrize("kind", [*PARTS, *RECORDS], ids=lambda kind: kind.__name__)
def test_what_is_stored_keeps_the_names_and_the_order_of_its_fields(kind: Any) -> None:
    assert _stored_fields(kind) == (PARTS | RECORDS)[kind]


def test_what_was_asked_is_stored_as_a_list() -> None:
    asked = Asked("IX2301", Direction.BUY, Offset.OPEN, OrderType.LIMIT, 5, None, TimeCondition.GFD, None)
    stored = msgspec.msgpack.encode(("IX2301", "BUY", "OPEN", "LIMIT", 5, None, "GFD", None))
    assert msgspec.msgpack.encode(asked) == stored


@pytest.mark.parametrize("words", ENUMS, ids=lambda words: words.__name__)
def test_words_keep_their_values(words: Any) -> None:
    assert _values(words) == ENUMS[words]


def test_nothing_that_commands_and_records_are_made_of_is_left_out() -> None:
    made_of = {each for kind in msgspec.inspect.multi_type_info([Command, Snapshot]) for each in _within(kind)}
    structs = {each for each in made_of if issubclass(each, msgspec.Struct)}
    assert structs - {*get_args(Command)} == {*PARTS, *RECORDS} - {StatementLine}
    assert {each for each in made_of if issubclass(each, enum.Enum)} == set(ENUMS)


def test_columns_with_choices_keep_what_they_may_hold() -> None:
    fields = [field for model in apps.get_models() for field in model._meta.concrete_fields if field.choices]
    found = {f"{field.model._meta.db_table}.{field.column}": field.flatchoices for field in fields}
    assert {column: " ".join(str(value) for value, _ in choices) for column, choices in found.items()} == CHOICES


def test_codes_keep_their_numbers() -> None:
    assert _values(Code) == CODES


def test_no_name_of_a_class_is_written_anywhere() -> None:
    """`stored_name` is asked instead."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for package in ("bots", "exchange_site", "marketdata", "trading")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path not in CONTRACTS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if CLASS_NAME.search(line) or "__qualname__" in line
    ]
    assert not found


class GivenAnotherName(msgspec.Struct, frozen=True, tag="Deposit"):
    """A command whose class was renamed."""

    user_id: str
    amount: int


@pytest.mark.django_db
def test_an_operators_command_is_kept_under_its_stored_name() -> None:
    renamed: Any = GivenAnotherName("user001", 1)
    row = requests.ask(renamed, market="MAIN", key="k1")
    row.refresh_from_db()
    assert (row.kind, row.payload) == ("Deposit", {"type": "Deposit", "user_id": "user001", "amount": 1})
    assert msgspec.convert(row.payload, AdminCommand) == commands.Deposit("user001", 1)


def test_the_log_of_orders_tells_the_stored_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trading.order_log")
    renamed: Any = GivenAnotherName("user001", 1)
    log_answers(1, 2, [(renamed, OrderAccepted(1, 1, 1, 2))])
    (record,) = caplog.records
    assert record.name == "trading.order_log" and vars(record)["ids"]["kind"] == "Deposit"


def test_a_renamed_field_keeps_its_stored_name() -> None:
    """What the text above says of `msgspec.field` is so."""

    class Renamed(msgspec.Struct, tag="Deposit", omit_defaults=True):
        account: str = msgspec.field(name="user_id")
        amount: int
        correction: bool = False

    stored = msgspec.msgpack.encode(commands.Deposit("user001", 1))
    assert msgspec.msgpack.encode(Renamed("user001", 1)) == stored
    assert msgspec.msgpack.decode(stored, type=Renamed) == Renamed("user001", 1)
    assert _stored_fields(Renamed) == COMMANDS["Deposit"]


def test_all_words_of_the_core_are_here() -> None:
    words = {each for each in vars(types).values() if isinstance(each, type) and issubclass(each, enum.StrEnum)}
    assert words - {enum.StrEnum} == set(ENUMS)
