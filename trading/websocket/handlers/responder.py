"""How a connection answers: with a message, or with a refusal in the form that the client expects."""

from trading import protocol
from trading.core.events import Refused
from trading.websocket.order_entry import OrderEntry
from trading.websocket.reply_queue import ReplyQueue
from trading.websocket.send_queue import SendQueue


class Responder:
    """Answers of one connection. Errors wait until what was asked before is answered."""

    __slots__ = ("_order_entry", "_replies", "_send_queue")

    def __init__(self, send_queue: SendQueue, replies: ReplyQueue, order_entry: OrderEntry) -> None:
        self._send_queue = send_queue
        self._replies = replies
        self._order_entry = order_entry

    def send(self, message: protocol.ServerMessage) -> None:
        self._send_queue.put(protocol.encode(message))

    async def refuse(self, refusal: Refused, request_id: protocol.RequestId, retry_after: float | None = None) -> None:
        """An error."""
        await self._replies.settled()
        self.send(
            protocol.Error(code=refusal.code, message=refusal.detail, retry_after=retry_after, request_id=request_id)
        )

    async def refuse_message(
        self, message: protocol.ClientMessage, refusal: Refused, retry_after: float | None = None
    ) -> None:
        """What is for the engine is refused by its own answer, everything else by an error."""
        if isinstance(message, protocol.EngineMessage):
            self._order_entry.refuse(message, refusal, retry_after)
        else:
            await self.refuse(refusal, message.request_id, retry_after)
