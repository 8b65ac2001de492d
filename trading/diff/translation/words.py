"""What a DIFF client says, as typed messages; and small words that both sides share.

A field that is not named here is not read: the fingerprint of the machine, which a client sends with its login, is
never more than a piece of text that was received.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Literal

import msgspec

from trading.core.codes import Code
from trading.protocol import ProtocolError
from trading.protocol.decoding import in_words

Patch = dict[str, Any]
"""What is merged into the client's tree; None deletes."""

UNKNOWN = "-"
"""In place of a number that there is none of: the client takes the default of the field, which is NaN."""

BEIJING = timezone(timedelta(hours=8))
"""Times that people read are told in it."""
NANOSECONDS = 1_000_000
"""In a millisecond."""

Text = Annotated[str, msgspec.Meta(max_length=64)]
Volume = Annotated[int, msgspec.Meta(ge=-(10**9), le=10**9)]


class _Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="aid"):
    pass


class PeekMessage(_Said, frozen=True, tag="peek_message"):
    """The client has merged what it was told: it may be told more."""


class ReqLogin(_Said, frozen=True, tag="req_login"):
    """`password`: an access token."""

    user_name: str
    password: str


def account_of_sign_in(name: str, password: str) -> str:
    """What the sign-in calls the account of a `TqKq`, which says it on the socket as its name and as its password."""
    return f"{name}:{password}"


def who(said: ReqLogin) -> tuple[str, str]:
    """The user and the access token of a login."""
    name, colon, token = said.user_name.partition(":")
    return (name, token) if colon and said.password == said.user_name else (said.user_name, said.password)


class ConfirmSettlement(_Said, frozen=True, tag="confirm_settlement"):
    pass


class InsertOrder(_Said, frozen=True, kw_only=True, tag="insert_order"):
    order_id: Text
    exchange_id: Text
    instrument_id: Text
    direction: Literal["BUY", "SELL"]
    offset: Literal["OPEN", "CLOSE", "CLOSETODAY"]
    volume: Volume
    price_type: Literal["LIMIT", "ANY", "BEST", "FIVELEVEL"]
    limit_price: float | None = None
    time_condition: Literal["GFD", "IOC"] = "GFD"
    volume_condition: Literal["ANY", "ALL"] = "ANY"
    user_id: str | None = None


class CancelOrder(_Said, frozen=True, kw_only=True, tag="cancel_order"):
    order_id: Text
    user_id: str | None = None


class SubscribeQuote(_Said, frozen=True, tag="subscribe_quote"):
    """`ins_list`: all symbols that the client wants, with commas between them."""

    ins_list: str


class InsQuery(_Said, frozen=True, tag="ins_query"):
    """`query`: GraphQL; empty where the client needs the answer no more."""

    query_id: Text
    query: str = ""
    variables: dict[str, Any] | None = None


class SetChart(_Said, frozen=True, kw_only=True, tag="set_chart"):
    """`duration`: nanoseconds of a bar; 0: ticks. `view_width`: how many the client wants to see. Without `ins_list`
    the chart is not wanted any more. The others: a part of the past, which only downloads ask for."""

    chart_id: Text
    ins_list: str
    duration: Annotated[int, msgspec.Meta(ge=0, le=10**18)] = 0
    view_width: int = 0
    focus_datetime: int | None = None
    left_kline_id: int | None = None


Said = PeekMessage | ReqLogin | ConfirmSettlement | InsertOrder | CancelOrder | SubscribeQuote | SetChart | InsQuery

_decoder: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


def decode(text: str) -> Said:
    """What a client says. Raises ProtocolError 400 with a sentence that names what is wrong."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ProtocolError(Code.MALFORMED, f"{Code.MALFORMED.text}: {in_words(error)}"[:200]) from None


def number(value: float | None) -> float | str:
    return UNKNOWN if value is None else value


def clock_text(time: int) -> str:
    """Unix ms as people in Beijing read it."""
    moment = datetime.fromtimestamp(time // 1000, UTC).astimezone(BEIJING)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time % 1000:03d}000"
