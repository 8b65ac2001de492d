"""From what a message to the engine has come to, to the one answer to it."""

from collections.abc import Sequence

import msgspec

from trading.core.codes import Code
from trading.core.events import (
    AllCancelled,
    CountdownSet,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRepeated,
    OrderWaiting,
    Refused,
)
from trading.core.types import OrderStatus
from trading.protocol.ids import order_id_text
from trading.protocol.incoming import (
    AmendOrder,
    CancelAfter,
    CancelAll,
    CancelOrder,
    CancelOrders,
    EngineMessage,
    Item,
    OrderFields,
    RequestId,
    SubmitOrder,
    SubmitOrders,
    items_of,
)
from trading.protocol.outgoing import ServerMessage
from trading.protocol.responses import (
    CancelAfterResponse,
    CancelAllResponse,
    OrderResponse,
    OrderResult,
    OrdersResponse,
)


class Finished(msgspec.Struct, frozen=True, gc=False):
    """The refusal of what comes too late for an order, with what the order is."""

    status: OrderStatus
    filled: int


Outcome = Event | Finished
"""What a command has come to: an event of the engine, or what the tables say of an order that it has forgotten."""


def answer(message: EngineMessage, outcome: Sequence[Outcome], retry_after: float | None = None) -> ServerMessage:
    """The one answer to a message to the engine: told by the first event of each of its commands."""
    match message:
        case SubmitOrder() | AmendOrder() | CancelOrder():
            return order_response(outcome[0], message.request_id, _client_id(message), retry_after)
        case SubmitOrders() | CancelOrders():
            results = [result(item, event) for item, event in zip(items_of(message), outcome, strict=True)]
            return OrdersResponse(results=results, retry_after=retry_after, request_id=message.request_id)
        case CancelAll():
            code, detail = _failure(outcome[0])
            return CancelAllResponse(
                success=code is None,
                cancelled=outcome[0].count if isinstance(outcome[0], AllCancelled) else 0,
                error_code=code,
                error_message=detail,
                retry_after=retry_after,
                request_id=message.request_id,
            )
        case CancelAfter():
            code, detail = _failure(outcome[0])
            return CancelAfterResponse(
                success=code is None,
                deadline=outcome[0].deadline if isinstance(outcome[0], CountdownSet) else None,
                error_code=code,
                error_message=detail,
                retry_after=retry_after,
                request_id=message.request_id,
            )


def order_response(
    event: Outcome, request_id: RequestId, client_order_id: str | None = None, retry_after: float | None = None
) -> OrderResponse:
    """The answer to an order message."""
    order_id, code, detail, status, filled = _outcome(event)
    return OrderResponse(
        success=code is None,
        order_id=order_id,
        error_code=code,
        error_message=detail,
        client_order_id=client_order_id,
        status=status,
        filled_volume=filled,
        retry_after=retry_after,
        request_id=request_id,
    )


def result(item: Item, event: Outcome) -> OrderResult:
    """What became of an item of a batch."""
    order_id, code, detail, status, filled = _outcome(event)
    return OrderResult(
        success=code is None,
        order_id=order_id,
        error_code=code,
        error_message=detail,
        client_order_id=_client_id(item),
        status=status,
        filled_volume=filled,
    )


def _outcome(event: Outcome) -> tuple[str | None, int | None, str | None, OrderStatus | None, float | None]:
    """Order id, error code and error message; what the order is and what of it has traded, where that is news."""
    match event:
        case OrderAccepted() | OrderCancelled() | OrderRepeated() | OrderWaiting() | OrderAmended():
            return order_id_text(event.order_id), None, None, None, None
        case Refused():
            return None, *_failure(event), None, None
        case Finished():
            return None, Code.ORDER_FINISHED, Code.ORDER_FINISHED.text, event.status, float(event.filled)
    raise AssertionError(f"{event!r} answers no order message")


def _client_id(item: Item) -> str | None:
    return item.client_order_id if isinstance(item, OrderFields) else None


def _failure(event: Outcome) -> tuple[int | None, str | None]:
    """Error code and error message."""
    return (event.code, event.detail) if isinstance(event, Refused) else (None, None)
