"""`resume`: what a connection that was away has missed, in the order of its numbers, before what happens now."""

import asyncio

from trading import protocol
from trading.access.refusals import NO_ACCOUNT, NOT_AUTHENTICATED
from trading.reads import missed_pushes
from trading.reads.readers import Read
from trading.websocket.handlers.responder import Responder
from trading.websocket.send_queue import SendQueue
from trading.websocket.session import Session


class ResumeHandler:
    """Tells what was missed; what happens meanwhile waits, and what is told twice is left out. `page`: commits that are
    read at once."""

    __slots__ = ("_page", "_read", "_responder", "_send_queue", "_session", "may_forward", "told_seq")

    def __init__(self, session: Session, send_queue: SendQueue, responder: Responder, read: Read, page: int) -> None:
        self._read = read
        self._session = session
        self._send_queue = send_queue
        self._responder = responder
        self._page = page
        self.may_forward = asyncio.Event()
        """Not while it tells what was missed."""
        self.may_forward.set()
        self.told_seq = 0
        """Private pushes up to here were told by it."""

    async def resume(self, message: protocol.Resume) -> None:
        account_id = await self._session.account_id()
        if account_id is None:
            refusal = NOT_AUTHENTICATED if self._session.identity is None else NO_ACCOUNT
            await self._responder.refuse_message(message, refusal)
            return
        self.may_forward.clear()
        try:
            upto = await self._read(missed_pushes.last_push, account_id=account_id)
            self._responder.send(protocol.ResumeResponse(success=True, last_seq=upto, request_id=message.request_id))
            self.told_seq = await self._catch_up(account_id, message.last_seq, upto)
        finally:
            self.may_forward.set()

    async def _catch_up(self, account_id: int, after: int | None, upto: int) -> int:
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
        self._responder.send(snapshot)
        return snapshot.seq
