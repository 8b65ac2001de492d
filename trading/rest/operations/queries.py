"""Queries that the socket has too: the same messages, the same answers."""

from typing import ClassVar

import msgspec

from trading import protocol
from trading.rest.errors import no_answer
from trading.rest.operation import Answer, Call, Operation
from trading.rest.services import Answer as Found


def found_by(found: Found) -> protocol.QueryData:
    """What a query gives; ApiError where it is refused."""
    if isinstance(found, protocol.Error):
        raise no_answer(found)
    return found.data


class PrivateQuery(Operation):
    """About what is one's own."""

    @classmethod
    async def run(cls, call: Call) -> Answer:
        return Answer(found_by(await call.read(call.services.markets.answer, call.identity.user_id, call.message)))


class PublicQuery(Operation):
    """About the market."""

    needs_token: ClassVar[bool] = False
    takes: ClassVar[type[msgspec.Struct]]

    @classmethod
    async def run(cls, call: Call) -> Answer:
        return Answer(await public(call, call.message))


async def public(call: Call, message: protocol.PublicQuery) -> protocol.QueryData:
    """What a query of the market gives, as of now."""
    return found_by(await call.services.public_answer.answer(message, call.read))
