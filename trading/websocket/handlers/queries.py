"""Queries: of everybody about the market, and of users about what is theirs."""

from collections.abc import Callable

from trading import protocol
from trading.reads import answers
from trading.reads.readers import Read
from trading.websocket.handlers.responder import NOT_AUTHENTICATED, Responder
from trading.websocket.session import Session

PublicAnswer = Callable[[protocol.PublicQuery], protocol.QueryResponse | protocol.Error]


class QueryHandler:
    """Answers from the rows of the last commit. `public_answer` blocks on the database."""

    __slots__ = ("_market", "_public_answer", "_read", "_responder", "_session")

    def __init__(
        self, session: Session, responder: Responder, read: Read, market: str, public_answer: PublicAnswer
    ) -> None:
        self._read = read
        self._market = market
        self._session = session
        self._responder = responder
        self._public_answer = public_answer

    async def answer(self, message: protocol.Query) -> None:
        if isinstance(message, protocol.PublicQuery):
            self._responder.send(await self._read(self._public_answer, message))
        elif self._session.user_id is None:
            await self._responder.refuse_message(message, NOT_AUTHENTICATED)
        else:
            asker = answers.Asker(self._session.user_id, self._market)
            self._responder.send(await self._read(answers.answer, asker, message))
