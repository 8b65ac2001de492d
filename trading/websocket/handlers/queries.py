"""Queries: of everybody about the market, and of users about what is theirs."""

from typing import Protocol

from trading import protocol
from trading.access.refusals import NOT_AUTHENTICATED
from trading.reads.markets import Markets
from trading.reads.readers import Read
from trading.websocket.handlers.responder import Responder
from trading.websocket.session import Session

Answer = protocol.QueryResponse | protocol.Error


class PublicAnswer(Protocol):
    """Answers queries of the market."""

    async def answer(self, query: protocol.PublicQuery, read: Read) -> Answer:
        """As of now; `read` gives a turn at the tables."""


class QueryHandler:
    """Answers from the rows of the last commit."""

    __slots__ = ("_markets", "_public_answer", "_read", "_responder", "_session")

    def __init__(
        self, session: Session, responder: Responder, read: Read, markets: Markets, public_answer: PublicAnswer
    ) -> None:
        self._read = read
        self._markets = markets
        self._session = session
        self._responder = responder
        self._public_answer = public_answer

    async def answer(self, message: protocol.Query) -> None:
        if isinstance(message, protocol.PublicQuery):
            self._responder.send(await self._public_answer.answer(message, self._read))
        elif self._session.user_id is None:
            await self._responder.refuse_message(message, NOT_AUTHENTICATED)
        else:
            if isinstance(message, protocol.QueryAccount | protocol.QueryStatements) and message.market:
                self._session.named.add(message.market)
            self._responder.send(await self._read(self._markets.answer, self._session.user_id, message))
