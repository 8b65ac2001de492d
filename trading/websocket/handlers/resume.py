"""`resume`: what a connection that was away has missed, in the order of its numbers, before what happens now."""

import asyncio

import msgspec

from trading import protocol
from trading.access.refusals import NO_ACCOUNT, NOT_AUTHENTICATED
from trading.reads import missed_pushes
from trading.reads.markets import Markets
from trading.reads.readers import Read
from trading.websocket.handlers.responder import Responder
from trading.websocket.send_queue import SendQueue
from trading.websocket.session import Session


class ResumeHandler:
    """Tells what was missed; what happens meanwhile waits, and what is told twice is left out. `page`: commits that are
    read at once."""

    __slots__ = ("_markets", "_page", "_read", "_responder", "_send_queue", "_session", "_told", "may_forward")

    def __init__(
        self,
        session: Session,
        send_queue: SendQueue,
        responder: Responder,
        read: Read,
        page: int,
        markets: Markets,
    ) -> None:
        self._markets = markets
        self._read = read
        self._session = session
        self._send_queue = send_queue
        self._responder = responder
        self._page = page
        self.may_forward = asyncio.Event()
        """Not while it tells what was missed."""
        self.may_forward.set()
        self._told: dict[str | None, int] = {}

    def told(self, market: str | None) -> int:
        """Up to where it has told the private pushes of a market (None: the first)."""
        return self._told.get(market, 0)

    async def resume(self, message: protocol.Resume) -> None:
        refusal = self._markets.refusal(message.market)
        if refusal is not None:
            await self._responder.refuse_message(message, refusal)
            return
        market = None if message.market == self._markets.first else message.market
        if market is not None:
            self._session.named.add(market)
        account_id = await self._session.account_id(market)
        if account_id is None:
            refusal = NOT_AUTHENTICATED if self._session.identity is None else NO_ACCOUNT
            await self._responder.refuse_message(message, refusal)
            return
        self.may_forward.clear()
        try:
            upto = await self._read(missed_pushes.last_push, account_id=account_id)
            self._responder.send(protocol.ResumeResponse(success=True, last_seq=upto, request_id=message.request_id))
            self._told[market] = await self._catch_up(account_id, market, message.last_seq, upto)
        finally:
            self.may_forward.set()

    async def _catch_up(self, account_id: int, market: str | None, after: int | None, upto: int) -> int:
        """Send the pushes after `after`, or a snapshot in place of those that are not kept. The last push told."""
        while after is not None and after < upto:
            page = await self._read(missed_pushes.page, account_id=account_id, after=after, upto=upto, most=self._page)
            if page is None:
                break
            for frame in page.frames:
                self._send_queue.add(frame)
                if self._send_queue.half_full:
                    await self._send_queue.drained()
            await self._send_queue.drained()
            after = page.last_seq
        if after == upto:
            return upto
        snapshot: protocol.Snapshot = await self._read(missed_pushes.snapshot, account_id=account_id)
        self._responder.send(msgspec.structs.replace(snapshot, market=market))
        return snapshot.seq
