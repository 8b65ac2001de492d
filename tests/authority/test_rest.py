"""The table of REST, cell by cell: what is refused changes nothing, and what is done touches one's own only."""

import re
from typing import Any

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.authority.frames import ITEM
from tests.authority.tables import Row, table
from tests.authority.test_frames import _issue, exchange, rows
from tests.builders import NO_ACCOUNT, Founded
from tests.rest.client import Client, Reply
from trading.core.commands import FreezeAccount
from trading.core.events import Event
from trading.models import AccessToken
from trading.rest.routes import OPERATIONS

__all__ = ["exchange"]
TABLE: dict[str, Row] = {row.pop("operation"): row for row in table("REST")}
STATES = list(next(iter(TABLE.values())))
LAST = ["POST orders/cancel-all/", "POST cancel-after/", "DELETE tokens/<token_key>/"]
"""What comes after all others, because it leaves nothing as it was."""

CONTENTS: dict[str, Any] = {
    "POST orders/": ITEM,
    "POST orders/batch/": {"orders": [ITEM, ITEM]},
    "PATCH orders/<order_id>/": {"volume": 2},
    "DELETE orders/batch/": {"order_ids": ["<order_id>"]},
    "POST cancel-after/": {"timeout_ms": 60_000},
    "POST transfers/": {"kind": "RESET"},
}
"""What an honest request says beyond its address."""


def test_every_operation_is_in_the_table() -> None:
    assert sorted(TABLE) == sorted(f"{each.method} {each.path.replace('str:', '')}" for each in OPERATIONS)


class Stage:
    """A market with an owner of orders, and somebody who tries each operation."""

    def __init__(self, exchange: Exchange, market: Founded) -> None:
        self._exchange = exchange
        self._anybody = Client(exchange.services)
        self._owner = self._anybody.as_(market.tokens["user001"])

    async def enter(self, state: str) -> None:
        user_id = {"another's": "user002", "no account": NO_ACCOUNT}.get(state, "user001")
        names = [f"own {number}" for number in range(len(TABLE))]
        self._spare = [(await self._place(name), name) for name in names]
        tokens = {"anonymous": None, "wrong": "0" * 64}
        token = tokens[state] if state in tokens else await _issue(user_id, state)
        self.tester = self._anybody.as_(token)
        if state == "frozen":
            await self._freeze()

    async def _place(self, name: str) -> str:
        placed = await self._owner.post("orders/", ITEM | {"volume": 2, "client_order_id": name})
        return str(placed.json["order"]["order_id"])

    async def _freeze(self) -> None:
        done: list[Event] = []
        self._exchange.gateway.submit(FreezeAccount("user001", True), done.append)
        await self._owner.delete("orders/O17251234567890000001/")
        assert len(done) == 1

    async def send(self, operation: str) -> Reply:
        """The answer to a request that names an order which lives."""
        method, path = operation.split(" ")
        order_id, name = self._spare.pop()
        owners = await AccessToken.objects.filter(user__username="user001").alast()
        names = {
            "order_id": order_id,
            "client_order_id": name,
            "instrument_id": "IX2301",
            "token_key": owners.token_key,
        }
        for field, value in names.items():
            path = path.replace(f"<{field}>", value)
        content = CONTENTS.get(operation)
        if method in ("POST", "PATCH"):
            return await self.tester.ask(method, path, content)
        query = {field: [order_id] for field in content or ()}
        return await self.tester.ask(method, path, query=query)


async def _tokens() -> list[str]:
    return [row.pk async for row in AccessToken.objects.order_by("pk")]


def said(reply: Reply) -> str:
    """As a cell says it."""
    codes = [reply.code, *(result["error_code"] for result in (reply.json or {}).get("results", ()))]
    return next((str(code) for code in codes if code is not None), "ok")


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
async def test_every_cell(exchange: Exchange, market: Founded, state: str, subtests: pytest.Subtests) -> None:
    stage = Stage(exchange, market)
    await stage.enter(state)
    foreign = state in ("another's", "no account")
    for operation in [*sorted(set(TABLE) - set(LAST)), *LAST]:
        with subtests.test(operation=operation):
            everybodys, owners, tokens = await rows(), await rows(user_id="user001"), await _tokens()
            reply = await stage.send(operation)
            assert said(reply) == TABLE[operation][state]
            if said(reply) != "ok" or operation.startswith("GET"):
                assert (await rows(), await _tokens()) == (everybodys, tokens)
            if foreign:
                assert await rows(user_id="user001") == owners


def test_nothing_names_an_account() -> None:
    """Whose account it is, the token says alone."""
    fields = {field for each in OPERATIONS for field in each.takes.__struct_fields__}
    assert not {field for field in fields if re.search("user|account", field)}
