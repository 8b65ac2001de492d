"""What an operation is: its place, who may ask it, what it takes, what it gives; and the call that it answers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
from django.http import HttpRequest

from trading.core.codes import Code
from trading.core.commands import Command
from trading.core.events import Event, Refused
from trading.reads.identities import Identity
from trading.rest.callers import Caller
from trading.rest.errors import AnyCode, ApiError, HttpCode
from trading.rest.read_back import ReadBack
from trading.rest.reading import asked, malformed, read_body, read_query
from trading.rest.services import Services
from trading.transport.gateway import Gateway

T = TypeVar("T")
Transfer = Callable[[str, str, str], None]
"""Moves money of a user (kind, user id, address), or raises ApiError. Blocks until the engine has done it."""

ROOT = "/api/v1/"
KEY_HEADER = "Idempotency-Key"
LONGEST_KEY = 64
ANSWER_SECONDS = 10.0
"""A busy engine answers in less than a second; a client, or a proxy before it, waits for half a minute."""
NO_WORD = (
    "The engine has not answered in time. Ask for the order by its client_order_id, or send the request again with the"
    " same client_order_id or Idempotency-Key: it is done once"
)


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Takes no fields."""


class Answer(msgspec.Struct, frozen=True):
    """`body`: a struct, or JSON that is there already. `location`: where what was made is."""

    body: msgspec.Struct | bytes
    status: int = 200
    location: str | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request that may be asked. `message`: what it says. `path`: the names in its address. `read_back`: reads what
    has just been placed."""

    services: Services
    caller: Caller
    path: Mapping[str, str]
    message: Any
    key: str | None
    transfer: Transfer | None
    read_back: ReadBack

    @property
    def identity(self) -> Identity:
        return self.caller.require(trade=False)

    @property
    def account_id(self) -> int:
        return self.caller.account_id()

    async def account_at(self, market: str | None) -> int:
        """The caller's account at a market, the first where none is named. ApiError where there is no such one."""
        markets = self.services.markets
        refusal = markets.refusal(market)
        if refusal is not None:
            raise ApiError(refusal.code, refusal.detail)
        if market in (None, markets.first):
            return self.account_id
        account_id: int | None = (await self.read(markets.accounts, user_id=self.identity.user_id)).get(market)
        if account_id is None:
            raise ApiError(Code.ACCOUNT_NOT_FOUND)
        return account_id

    async def read(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Read from the tables, when it is the caller's turn."""
        return await self.services.readers.run(self.caller.owner, function, *arguments, **named)

    async def ask(self, commands: Sequence[Command | Refused]) -> list[Event]:
        """What the engine says to each, after it is stored. They go in one after another."""
        loop = asyncio.get_running_loop()
        answers = [_submit(self.services.gateway, command, loop.create_future()) for command in commands]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return [await answer for answer in answers]
        except TimeoutError:
            raise ApiError(Code.UNKNOWN_OUTCOME, NO_WORD, retry_after=1.0) from None


def _submit(gateway: Gateway, command: Command | Refused, answer: "asyncio.Future[Event]") -> "asyncio.Future[Event]":
    def reply(event: Event) -> None:
        if not answer.done():
            answer.set_result(event)

    if isinstance(command, Refused):
        reply(command)
    else:
        gateway.submit(command, reply)
    return answer


class Operation:
    """One thing that can be asked. Its docstring is what the document says of it."""

    method: ClassVar[str]
    path: ClassVar[str]
    """Below `/api/v1/`, as Django writes it."""
    tag: ClassVar[str]
    takes: ClassVar[type[msgspec.Struct]] = Nothing
    gives: ClassVar[Mapping[int, Any]]
    """By status."""
    codes: ClassVar[Sequence[AnyCode]] = ()
    """Why it may be refused, beyond what every operation may be refused for."""
    needs_token: ClassVar[bool] = True
    needs_trade: ClassVar[bool] = False
    for_engine: ClassVar[bool] = False
    """Counted as an order or a cancel; all else is a request."""
    takes_key: ClassVar[bool] = False

    @classmethod
    def has_body(cls) -> bool:
        return cls.method in ("POST", "PATCH")

    @classmethod
    def admit(cls, caller: Caller) -> None:
        """ApiError unless the caller may ask it at all."""
        if cls.needs_token:
            caller.require(trade=cls.needs_trade)

    @classmethod
    def read(cls, request: HttpRequest, path: Mapping[str, str]) -> Any:
        """The message of a request."""
        if not cls.has_body():
            if request.body:
                raise malformed(f"{cls.method} takes no body")
            return read_query(asked(request), path, cls.takes)
        if asked(request):
            raise malformed(f"{cls.method} takes its fields in the body")
        if request.body and request.content_type != "application/json":
            raise ApiError(HttpCode.NOT_JSON)
        return read_body(request.body, cls.takes)

    @classmethod
    def key_of(cls, request: HttpRequest) -> str | None:
        key = request.headers.get(KEY_HEADER)
        if key is None:
            return None
        if not cls.takes_key:
            if cls.method == "POST":
                raise malformed(f"{KEY_HEADER} is not taken here")
            return None  # to say it again does no harm
        if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise malformed(f"{KEY_HEADER} is 1 to {LONGEST_KEY} printable ASCII characters")
        return key

    @classmethod
    def count(cls, message: Any) -> int:
        """How many orders or requests it is counted as."""
        return 1

    @classmethod
    async def run(cls, call: Call) -> Answer:
        raise NotImplementedError


COMMON = (Code.MALFORMED, Code.TOO_FAST, Code.UNAVAILABLE, HttpCode.TOO_SLOW, HttpCode.TOO_LARGE, HttpCode.FAILED)
"""Why anything may be refused."""
