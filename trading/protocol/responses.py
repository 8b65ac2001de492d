"""What a client is answered: one answer a request."""

import msgspec

from trading.core.types import OrderStatus
from trading.protocol.envelope import Outgoing
from trading.protocol.incoming import RequestId


class AuthResponse(Outgoing, frozen=True, tag="auth_response"):
    success: bool
    user_id: str
    message: str
    request_id: RequestId = None


class LogoutResponse(Outgoing, frozen=True, tag="logout_response"):
    success: bool
    request_id: RequestId = None


class ResumeResponse(Outgoing, frozen=True, tag="resume_response"):
    """What was missed follows, up to the push `last_seq`."""

    success: bool
    last_seq: int
    request_id: RequestId = None


class SetSessionResponse(Outgoing, frozen=True, tag="set_session_response"):
    success: bool
    cancel_on_disconnect: bool
    grace_ms: int
    request_id: RequestId = None


class SubscribeResponse(Outgoing, frozen=True, tag="subscribe_response"):
    success: bool
    channels: list[str]
    instruments: list[str]
    message: str
    error_code: int | None = None
    request_id: RequestId = None


class OrderResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What became of an order or a cancel. `status`, `filled_volume`: what an order is that was finished before."""

    success: bool
    order_id: str | None
    error_code: int | None
    error_message: str | None
    client_order_id: str | None = None
    status: OrderStatus | None = None
    filled_volume: float | None = None


class OrderResponse(OrderResult, frozen=True, kw_only=True, tag_field="type", tag="order_response"):
    retry_after: float | None = None
    request_id: RequestId = None


class OrdersResponse(Outgoing, frozen=True, tag="orders_response"):
    """One result an item, in their order."""

    results: list[OrderResult]
    retry_after: float | None = None
    request_id: RequestId = None


class CancelAllResponse(Outgoing, frozen=True, tag="cancel_all_response"):
    success: bool
    cancelled: int
    error_code: int | None
    error_message: str | None
    retry_after: float | None = None
    request_id: RequestId = None


class CancelAfterResponse(Outgoing, frozen=True, tag="cancel_after_response"):
    success: bool
    deadline: int | None
    error_code: int | None
    error_message: str | None
    retry_after: float | None = None
    request_id: RequestId = None


class Error(Outgoing, frozen=True, tag="error"):
    code: int
    message: str
    retry_after: float | None = None
    request_id: RequestId = None


class PongFrame(Outgoing, frozen=True, tag="pong"):
    request_id: RequestId = None
