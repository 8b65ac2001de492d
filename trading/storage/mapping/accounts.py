"""Accounts, their positions and the lines of these."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from trading.core.commands import ClientOrder
from trading.core.orders import Account
from trading.core.snapshot.records import AccountRecord, LegRecord, LotRecord, PositionRecord
from trading.core.types import AccountRules
from trading.models import Account as AccountRow
from trading.models import Position as PositionRow
from trading.models import PositionDetail
from trading.storage.sql import GIVEN, Columns, Table, json_text

_ACCOUNT = [
    name for name in AccountRecord.__struct_fields__ if name not in ("account_id", "user_id", "rules", "client_orders")
]
"""What an account, its record and its row have under the same name."""


def _rules_text(account: Account) -> str:
    return json_text(account.rules)


ACCOUNT = Columns(
    fixed={"id": "account_id", "user": "user_id", "market": GIVEN},
    changing={
        **{name: name for name in _ACCOUNT},
        "margin": "margin",
        "hold": "hold",
        "rules": _rules_text,
        "push_seq": GIVEN,
    },
)
ACCOUNTS = Table(AccountRow, ACCOUNT, key=("id",))
LOADED_ACCOUNT_FIELDS = tuple(
    {"account_id": "id", "rules": "rules_text"}.get(name, name) for name in AccountRecord.__struct_fields__[:-1]
)
"""`rules_text`: its rules as a text, which is made once of many."""
_RULES = LOADED_ACCOUNT_FIELDS.index("rules_text")


def account_record(row: tuple[Any, ...], client_orders: list[tuple[str, ClientOrder]]) -> AccountRecord:
    """An account's row as the engine restores it. `client_orders`: its own ids that are used up."""
    rules = _rules_of_text(row[_RULES])
    return AccountRecord(*row[:_RULES], rules, *row[_RULES + 1 :], client_orders)  # type: ignore[call-arg]  # as many as there are


@cache
def _rules_of_text(text: str) -> AccountRules:
    """Most accounts have the same."""
    return msgspec.json.decode(text, type=AccountRules)


def rules_of(stored: Any) -> AccountRules:
    """What an operator has set on an account."""
    return msgspec.convert(stored, AccountRules)


# --- positions

_LEG = [name for name in LegRecord.__struct_fields__ if name != "detail"]
_SIDES = ("long", "short")

POSITION = Columns(
    fixed={"account": GIVEN, "instrument": "instrument_id"},
    changing={f"{side}_{name}": f"{side}.{name}" for side in _SIDES for name in (*_LEG, "margin")},
)
POSITIONS = Table(PositionRow, POSITION, key=("account", "instrument"))
LOADED_POSITION_FIELDS = ("account_id", "instrument_id", *(f"{side}_{name}" for side in _SIDES for name in _LEG))


DETAIL = Columns(
    fixed={"id": "number", "account": GIVEN, "instrument": GIVEN}, changing={"lots": "lots", "cost": "cost"}
)
DETAILS = Table(PositionDetail, DETAIL, key=("id",))
LOADED_DETAIL_FIELDS = (
    *("account_id", "instrument_id"),
    *("id" if name == "number" else name for name in LotRecord.__struct_fields__),
)

Details = dict[tuple[int, str, bool], list[LotRecord]]
"""The lines of positions' details, by account, instrument and whether they are long."""


def details(rows: Iterable[tuple[Any, ...]]) -> Details:
    """The rows of positions' details as the engine restores them, in their order."""
    found: Details = {}
    for account_id, instrument_id, *line in rows:
        lot = LotRecord(*line)
        found.setdefault((account_id, instrument_id, lot.number > 0), []).append(lot)
    return found


def position_record(row: tuple[Any, ...], lines: Details) -> PositionRecord:
    """A position's row, and the lines of its detail, as the engine restores it."""
    account_id, instrument_id, *legs = row
    long, short = (lines.get((account_id, instrument_id, is_long), []) for is_long in (True, False))
    return PositionRecord(
        account_id, instrument_id, _leg_record(legs[: len(_LEG)], long), _leg_record(legs[len(_LEG) :], short)
    )


def _leg_record(found: list[int], detail: list[LotRecord]) -> LegRecord:
    return LegRecord(**dict(zip(_LEG, found, strict=True)), detail=detail)
