"""The log of orders (`LOG_ORDERS`): one line for every command that was answered, once its batch is stored."""

import logging
from collections.abc import Iterable

from trading import protocol
from trading.core.commands import Command, SubmitOrder
from trading.core.events import Event
from trading.core.types import stored_name
from trading.observability.counters import result_of
from trading.observability.event_log import log_event

logger = logging.getLogger("trading.order_log")
"""A name of its own: whoever collects these lines finds them by it."""


def log_answers(batch: int | None, time: int, answers: Iterable[tuple[Command | None, Event]]) -> None:
    """`batch` is None when none of it changed anything; `time` is that of the events."""
    for command, event in answers:
        log_event(
            logger,
            "answered",
            batch=batch,
            kind=None if command is None else stored_name(command),
            account_id=getattr(command, "account_id", None),
            order_id=_order_id(command, event),
            client_order_id=command.client_order_id if isinstance(command, SubmitOrder) else None,
            result=result_of(event),
            event_time=time,
        )


def _order_id(command: Command | None, event: Event) -> str | None:
    """The order that the event or the command is about, if it is one order."""
    number = getattr(event, "order_id", None) or getattr(command, "order_id", None)
    return None if number is None else protocol.order_id_text(number)
