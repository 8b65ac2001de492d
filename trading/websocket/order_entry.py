"""One connection's way to the engine: commands in, and one answer a message, in the order of the messages."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from trading import protocol
from trading.access.refusals import FAILED, NO_ACCOUNT, NOT_LOOKED_UP
from trading.core.commands import TraderCommand
from trading.core.events import Event, Refused
from trading.reads import answers
from trading.reads.markets import Ways, combined
from trading.reads.readers import Read
from trading.transport.gateway import Gateway, Reply
from trading.websocket.reply_queue import ReplyQueue, Slot

logger = logging.getLogger(__name__)


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
        """Ask the engine. The items of a batch go one after another: nothing of this connection comes between them."""
        now = self._clock() if type(message) is protocol.CancelAfter else 0  # nobody else needs the time
        if type(message) is protocol.SubmitOrders or type(message) is protocol.CancelOrders:
            commands = [protocol.to_command(item, account_id, now) for item in message.items]
            slot = self._replies.reserve()
            begun = partial(self._replies.begin, slot)
            outcomes = Outcomes(len(commands), begun, partial(self._answer, slot, message, (account_id,)))
            for place, command in enumerate(commands):
                self._submit(command, partial(outcomes.put, place))
        else:
            command = protocol.to_command(message, account_id, now)
            slot = self._replies.reserve()
            self._submit(command, lambda event: self._answer(slot, message, (account_id,), (event,)))

    def hand_in_at(self, message: protocol.EngineMessage, ways: Ways) -> None:
        """Ask the engines of several markets: each item goes to the accounts of its way, to several at once where it
        is about all of them."""
        now = self._clock() if type(message) is protocol.CancelAfter else 0
        items = protocol.items_of(message)
        asked = [
            [protocol.to_command(item, account, now) for account in way] for item, way in zip(items, ways, strict=True)
        ]
        commands = [command for of_item in asked for command in of_item or [NO_ACCOUNT]]
        accounts = sorted({account for way in ways for account in way})
        slot = self._replies.reserve()

        def all_there(events: Sequence[Event]) -> None:
            told = iter(events)
            outcomes = [combined([next(told) for _ in of_item or [NO_ACCOUNT]]) for of_item in asked]
            self._answer(slot, message, accounts, outcomes)

        outcomes = Outcomes(len(commands), partial(self._replies.begin, slot), all_there)
        for place, command in enumerate(commands):
            self._submit(command, partial(outcomes.put, place))

    def _submit(self, command: TraderCommand | Refused, reply: Reply) -> None:
        if type(command) is Refused:
            reply(command)
            return
        try:
            self._gateway.submit(command, reply)
        except Exception:
            logger.exception("a command could not be handed in")
            reply(FAILED)

    # -- answers

    def _answer(
        self, slot: Slot, message: protocol.EngineMessage, accounts: Sequence[int], events: Sequence[Event]
    ) -> None:
        for event in events:
            if answers.is_unknown(event):
                self._start(self._answer_unknown(slot, message, accounts, events))
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
        self, slot: Slot, message: protocol.EngineMessage, accounts: Sequence[int], events: Sequence[Event]
    ) -> None:
        """The engine knows live orders only; the rows tell own orders that are finished from those that never were."""
        told: Sequence[protocol.Outcome]
        try:
            told = await self._read(answers.outcomes, accounts, protocol.items_of(message), events)
        except Exception:
            logger.exception("orders could not be looked up")
            told = [NOT_LOOKED_UP if answers.is_unknown(event) else event for event in events]
        self._fill(slot, message, told)
