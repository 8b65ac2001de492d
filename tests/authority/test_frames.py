"""The table of frames, cell by cell: what is refused changes nothing, and what is done touches one's own only."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from exchange_site.wiring.exchange import Exchange
from tests.authority.frames import ALL, TO_THE_ENGINE, code_in, messages
from tests.authority.tables import table
from tests.builders import NO_ACCOUNT, Founded
from tests.websocket.client import Frame
from tests.websocket.conftest import Join
from trading.core.commands import FreezeAccount
from trading.core.events import Event
from trading.models import AccessToken, Account, Order, User

TABLE = {row.pop("frame"): row for row in table("Frames")}
STATES = list(next(iter(TABLE.values())))
LAST = ["cancel_all", "logout", "auth"]
"""What comes after all others, because it leaves nothing as it was."""
NAMES_AN_ORDER = ["amend_order", "cancel_order", "cancel_orders", "query_order", "query_trades"]


def test_every_frame_is_in_the_table() -> None:
    assert sorted(TABLE) == sorted(ALL) == sorted(messages("", user_id="", token=""))


@pytest.fixture
async def exchange(open_exchange: Any) -> Exchange:
    return await open_exchange(RATE_LIMITS=False)  # type: ignore[no-any-return]


class Stage:
    """A market with an owner of orders, and somebody who tries each frame."""

    def __init__(self, exchange: Exchange, join: Join, market: Founded) -> None:
        self._exchange, self._join, self._tokens = exchange, join, market.tokens

    async def enter(self, state: str) -> None:
        """The connection as the table has it. Orders are those of the `owner`."""
        user_id = {"another's": "user002", "no account": NO_ACCOUNT}.get(state, "user001")
        self.owner = await (await self._join(self._exchange.services)).sign_in("user001", self._tokens["user001"])
        self.tester = await self._join(self._exchange.services)
        self.spare = [await self._place() for _ in NAMES_AN_ORDER]
        self.token = await self._token(state, user_id)
        self.user_id = "user001" if state == "another's" else user_id
        if state == "frozen":
            await self._freeze()
        if state != "anonymous":
            answer = await self.tester.ask(type="auth", user_id=user_id, token=self.token)
            assert answer["success"] is (state not in ("wrong", "expired", "revoked"))

    async def _token(self, state: str, user_id: str) -> str:
        if state == "wrong":
            return "0" * 64
        return await _issue(user_id, state)

    async def _freeze(self) -> None:
        done: list[Event] = []
        self._exchange.gateway.submit(FreezeAccount("user001", True), done.append)
        await self.owner.ask(type="cancel_order", order_id="O17251234567890000001")
        assert len(done) == 1

    async def _place(self) -> str:
        order_id = str((await self.owner.place("BUY OPEN 1 @ 110"))["order_id"])
        await self.owner.rest()
        return order_id

    async def send(self, kind: str) -> Frame | None:
        """The answer to a frame of this type that names an order which lives; None: there is none."""
        order_id = self.spare.pop() if kind in NAMES_AN_ORDER else ""
        message = messages(order_id, user_id=self.user_id, token=self.token)[kind]
        await self.tester.rest()
        await self.tester.say(**message)
        heard = [frame for frame in await self.tester.rest() if is_answer(frame)]
        assert len(heard) <= 1, heard
        return heard[0] if heard else None


@sync_to_async
def _issue(user_id: str, state: str) -> str:
    user = User.objects.get(username=user_id)
    scope = AccessToken.Scope.READ if state == "read-only" else AccessToken.Scope.TRADE
    days = timedelta(days=-1 if state == "expired" else 1)
    row, token = AccessToken.objects.create(user, expiry=days, scope=scope)
    if state == "revoked":
        row.delete()
    return str(token)


def is_answer(frame: Frame) -> bool:
    """No push and no market data."""
    return frame["type"] in ("error", "pong") or frame["type"].endswith("_response")


def said(answer: Frame | None) -> str:
    """As a cell says it."""
    code = None if answer is None else code_in(answer)
    if code is not None:
        return str(code)
    return "no" if answer is not None and answer.get("success") is False else "ok"


async def rows(**of: Any) -> list[Any]:
    tables = (
        Order.objects.filter(**{f"account__{name}": value for name, value in of.items()}),
        Account.objects.filter(**of),
    )
    return [[row async for row in rows.order_by("pk").values()] for rows in tables]


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
async def test_every_cell(
    exchange: Exchange, join: Join, market: Founded, state: str, subtests: pytest.Subtests
) -> None:
    stage = Stage(exchange, join, market)
    await stage.enter(state)
    foreign = "another's" in state or state == "no account"
    for kind in [*sorted(set(ALL) - set(LAST)), *LAST]:
        with subtests.test(frame=kind):
            everybodys, owners = await rows(), await rows(user_id="user001")
            answer = await stage.send(kind)
            assert said(answer) == TABLE[kind][state], answer
            if said(answer) != "ok":
                assert await rows() == everybodys
            elif kind in TO_THE_ENGINE:
                assert await rows() != everybodys
            if foreign:
                assert await rows(user_id="user001") == owners


async def test_private_channels_need_a_token_of_any_scope(exchange: Exchange, join: Join, market: Founded) -> None:
    for state, code in (("anonymous", "401"), ("wrong", "401"), ("read-only", "ok"), ("trade", "ok")):
        stage = Stage(exchange, join, market)
        await stage.enter(state)
        for channel in ("trade", "order_status", "account_update", "portfolio"):
            await stage.tester.rest()
            for kind in ("subscribe", "unsubscribe"):
                assert said(await stage.tester.ask(type=kind, channels=[channel])) == code
