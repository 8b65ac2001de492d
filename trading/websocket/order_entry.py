"""One connection's way to the engine: commands in, and one answer a message, in the order of the messages."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from trading import protocol
from trading.core.codes import Code
from trading.core.commands import TraderCommand
from trading.core.events import Event, Refused
from trading.core.types import OrderStatus
from trading.reads import selectors
from trading.reads.readers import Read
from trading.transport.gateway import Gateway, Reply
from trading.websocket.reply_queue import ReplyQueue, Slot

logger = logging.getLogger(__name__)

FAILED = Refused(Code.UNAVAILABLE, "The exchange failed on this message; nothing was done")


class Outcomes:
    """Collects what became of each item of a batch: tells `some` of each, and `all_there` when none is missing."""

    __slots__ = ("_all_there", "_events", "_missing", "_some")

    def __init__(self, count: int, some: Callable[[], None], all_there: Callable[[Sequence[Event]], None]) -> None:
        self._events: list[Any] = [None] * count
        self._missing = count
        self._some = some
        self._all_there = all_there

    def put(self, place: int, event: Event) -> None:
        self._some()
        self._events[place] = event
        self._missing -= 1
        if not self._missing:
            self._all_there(self._events)


class OrderEntry:
    """Hands messages in as commands. `start` runs work beside the connection's loops, `read` a function that blocks on
    the database."""

    def __init__(
        self,
        gateway: Gateway,
        clock: Callable[[], int],
        replies: ReplyQueue,
        start: Callable[[Coroutine[Any, Any, None]], object],
        read: Read,
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._replies = replies
        self._start = start
        self._read = read

    def refuse(self, message: protocol.EngineMessage, refusal: Refused, retry_after: float | None = None) -> None:
        """Answer without asking the engine."""
        self._fill(self._replies.reserve(), message, [refusal] * len(protocol.items_of(message)), retry_after)

    def hand_in(self, message: protocol.EngineMessage, account_id: int) -> None:
        """Ask the engine. The items of a batch go one after another, so that nothing comes between them."""
        now = self._clock() if isinstance(message, protocol.CancelAfter) else 0  # nobody else needs the time
        if isinstance(message, protocol.BatchMessage):
            commands = [protocol.to_command(item, account_id, now) for item in message.items]
            slot = self._replies.reserve()
            begun = partial(self._replies.begin, slot)
            outcomes = Outcomes(len(commands), begun, partial(self._answer, slot, message, account_id))
            for place, command in enumerate(commands):
                self._submit(command, partial(outcomes.put, place))
        else:
            command = protocol.to_command(message, account_id, now)
            slot = self._replies.reserve()
            self._submit(command, lambda event: self._answer(slot, message, account_id, (event,)))

    def _submit(self, command: TraderCommand | Refused, reply: Reply) -> None:
        if isinstance(command, Refused):
            reply(command)
            return
        try:
            self._gateway.submit(command, reply)
        except Exception:
            logger.exception("a command could not be handed in")
            reply(FAILED)

    # -- answers

    def _answer(self, slot: Slot, message: protocol.EngineMessage, account_id: int, events: Sequence[Event]) -> None:
        for event in events:
            if _is_unknown(event):
                self._start(self._answer_unknown(slot, message, account_id, events))
                return
        self._fill(slot, message, events)

    def _fill(
        self,
        slot: Slot,
        message: protocol.EngineMessage,
        events: Sequence[protocol.Outcome],
        retry_after: float | None = None,
    ) -> None:
        self._replies.fill(slot, protocol.encode(protocol.answer(message, events, retry_after)))

    async def _answer_unknown(
        self, slot: Slot, message: protocol.EngineMessage, account_id: int, events: Sequence[Event]
    ) -> None:
        """The engine knows live orders only; the rows tell own orders that are finished from those that never were."""
        numbers = [_number_of(item) for item in protocol.items_of(message)]
        finished: dict[int, tuple[str, int]] = {}
        try:
            known = [each for each in numbers if each is not None]
            finished = await self._read(selectors.finished_orders, account_id=account_id, numbers=known)
        except Exception:
            logger.exception("orders could not be looked up")
        told = [
            _finished(*finished[number]) if _is_unknown(event) and number in finished else event
            for number, event in zip(numbers, events, strict=True)
        ]
        self._fill(slot, message, told)


def _number_of(item: protocol.Item) -> int | None:
    """The order that an item speaks of, if it is one that was placed before."""
    return (
        protocol.order_number(item.order_id) if isinstance(item, protocol.AmendOrder | protocol.CancelOrder) else None
    )


def _finished(status: str, filled: int) -> protocol.Finished:
    return protocol.Finished(OrderStatus(status), filled)


def _is_unknown(event: Event) -> bool:
    return isinstance(event, Refused) and event.code is Code.ORDER_NOT_FOUND
