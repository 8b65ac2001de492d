"""Orders: place, look at, change, cancel; alone, many at once, or all."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from trading import protocol
from trading.access.refusals import NO_ACCOUNT
from trading.core.codes import Code
from trading.core.events import AllCancelled, CountdownSet, Event, OrderRepeated, Refused
from trading.reads import answers, from_rows, histories, identities
from trading.reads.markets import Markets, combined
from trading.rest import messages
from trading.rest.errors import ApiError, refused
from trading.rest.operation import LONGEST_KEY, Answer, Call, Operation
from trading.rest.operations.queries import PrivateQuery
from trading.rest.reading import malformed
from trading.schemas.refusals import AMEND_CODES, KNOWN_CODES, ORDER_CODES

FILLS = 200
"""Of an order, in one answer."""
TAG = "Orders"


class ToEngine(Operation):
    """What the engine answers, after it is stored."""

    tag = TAG
    needs_trade = True
    for_engine = True


def placed(identity: identities.Identity, order_id: str, markets: Markets, *, is_new: bool) -> messages.Placed:
    """An own order with its fills; of a new one none can be broken. Blocks; ApiError 1002 where there is none."""
    account_id, number = identity.account_id, protocol.order_number(order_id)
    if markets.several:
        account_id = markets.accounts(user_id=identity.user_id).get(markets.of_number(number))
    row = None
    if account_id is not None and number is not None:
        row = histories.order_now(account_id=account_id, number=number)
    if row is None:
        raise ApiError(Code.ORDER_NOT_FOUND)
    fills, rest = histories.fills(order=row, limit=FILLS)
    return messages.Placed(
        order=from_rows.order_data(row, identity.user_id),
        trades=[from_rows.trade_data(fill) for fill in fills] if is_new else from_rows.trades_data(fills),
        next=None if rest is None else protocol.trade_id_text(rest),
    )


async def _answer(call: Call, order_id: str, status: int = 200) -> Answer:
    is_new = status == 201
    read = partial(placed, call.identity, order_id, call.services.markets, is_new=is_new)
    found = await (call.read_back.read(read) if is_new else call.read(read))
    return Answer(found, status, f"orders/{order_id}/")


def relative(message: Any, now: int) -> Any:
    """With `valid_until` in place of `valid_for_ms`: no client needs a clock."""
    if message.valid_for_ms is None:
        return message
    if message.valid_until is not None:
        raise malformed("valid_until and valid_for_ms are two ways to say one thing: give one of them")
    return msgspec.structs.replace(message, valid_until=now + message.valid_for_ms, valid_for_ms=None)


def named(order: messages.PlaceOrder, key: str | None) -> messages.PlaceOrder:
    """With the key as its own id: by it the engine knows an order that it has taken before."""
    if key is None or order.client_order_id == key:
        return order
    if order.client_order_id is not None:
        raise malformed("Idempotency-Key and client_order_id are two names of one thing: give one, or the same")
    return msgspec.structs.replace(order, client_order_id=key)


async def _told(call: Call, items: Sequence[protocol.Item]) -> Sequence[protocol.Outcome]:
    """What became of each item."""
    now = call.services.clock()
    if call.services.markets.several:
        return await _told_by_several(call, items, now)
    account_id = call.account_id
    events: Sequence[Event] = await call.ask([protocol.to_command(item, account_id, now) for item in items])
    if any(map(answers.is_unknown, events)):
        return await call.read(answers.outcomes, (account_id,), items, events)
    return events


async def _told_by_several(call: Call, items: Sequence[protocol.Item], now: int) -> Sequence[protocol.Outcome]:
    """What became of each item, where each goes to the market that it is about."""
    markets, user_id = call.services.markets, call.identity.user_id
    ways = markets.ways_known(user_id, items)
    if ways is None:
        ways = await call.read(markets.ways, user_id=user_id, items=items)
    asked = [
        [protocol.to_command(item, account, now) for account in way] for item, way in zip(items, ways, strict=True)
    ]
    told = iter(await call.ask([command for of_item in asked for command in of_item or [NO_ACCOUNT]]))
    events = [combined([next(told) for _ in of_item or [NO_ACCOUNT]]) for of_item in asked]
    if any(map(answers.is_unknown, events)):
        accounts = sorted({account for way in ways for account in way})
        return await call.read(answers.outcomes, accounts, items, events)
    return events


async def _done(call: Call, item: protocol.Item) -> Event:
    """What became of one item; ApiError where it was refused."""
    (outcome,) = await _told(call, [item])
    if isinstance(outcome, Refused | protocol.Finished):
        raise refused(outcome)
    return outcome


class PlaceOrder(ToEngine):
    """Place an order. The answer comes when it is stored, with the order's state and its fills.

    A request that is sent again under the same client_order_id (or Idempotency-Key, which is the same thing in a
    header) is done once: it is answered with 200 and the order as it is now. Both hold for the trading day.
    """

    method, path = "POST", "orders/"
    takes, gives = messages.PlaceOrder, {201: messages.Placed, 200: messages.Placed}
    codes = (*ORDER_CODES, Code.UNKNOWN_OUTCOME)
    takes_key = True

    @classmethod
    async def run(cls, call: Call) -> Answer:
        order = relative(named(call.message, call.key), call.services.clock())
        event = await _done(call, order)
        order_id = protocol.order_response(event, None).order_id
        assert order_id is not None, "what is not refused has an id"
        return await _answer(call, order_id, 200 if isinstance(event, OrderRepeated) else 201)


class PlaceOrders(ToEngine):
    """Place up to 50 orders, one after the other: nothing comes between them. Each has a result of its own.

    With an Idempotency-Key the orders that have no client_order_id get the key, a colon and their place as theirs.
    """

    method, path = "POST", "orders/batch/"
    takes, gives = messages.PlaceOrders, {200: messages.Results}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.UNKNOWN_OUTCOME)
    takes_key = True

    @classmethod
    def count(cls, message: Any) -> int:
        return len(message.orders)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        now = call.services.clock()
        orders = [relative(order, now) for order in call.message.orders]
        if call.key is not None:
            orders = [_in_batch(order, call.key, place) for place, order in enumerate(orders)]
        outcomes = await _told(call, orders)
        return _results(orders, outcomes)


def _in_batch(order: messages.PlaceOrder, key: str, place: int) -> messages.PlaceOrder:
    name = f"{key}:{place}"
    if len(name) > LONGEST_KEY:
        raise malformed(f"of a batch Idempotency-Key has at most {LONGEST_KEY - len(name) + len(key)} characters")
    return order if order.client_order_id is not None else named(order, name)


def _results(items: Sequence[protocol.Item], outcomes: Sequence[protocol.Outcome]) -> Answer:
    """The results of a batch; of which nothing is known, as one failure."""
    for outcome in outcomes:
        if isinstance(outcome, Refused) and outcome.code is Code.UNKNOWN_OUTCOME:
            raise refused(outcome)
    return Answer(
        messages.Results([protocol.result(item, outcome) for item, outcome in zip(items, outcomes, strict=True)])
    )


class CancelOrders(ToEngine):
    """Cancel up to 50 orders, named by `order_ids` again and again. Each has a result of its own."""

    method, path = "DELETE", "orders/batch/"
    takes, gives = messages.NamedOrders, {200: messages.Results}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.UNKNOWN_OUTCOME)

    @classmethod
    def count(cls, message: Any) -> int:
        return len(message.order_ids)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        items = [protocol.CancelOrder(order_id=order_id) for order_id in call.message.order_ids]
        return _results(items, await _told(call, items))


class CancelAll(ToEngine):
    """Cancel all own orders, or those of one instrument, or of one side."""

    method, path = "POST", "orders/cancel-all/"
    takes, gives = messages.CancelAll, {200: messages.AllCancelled}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.INSTRUMENT_UNKNOWN, Code.UNKNOWN_OUTCOME)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        asked = call.message
        event = await _done(call, protocol.CancelAll(instrument_id=asked.instrument_id, direction=asked.direction))
        assert isinstance(event, AllCancelled)
        return Answer(messages.AllCancelled(event.count))


class CancelAfter(ToEngine):
    """The dead man's switch: all own orders are cancelled when `timeout_ms` have passed, unless it is set anew before.
    0: not any more."""

    method, path = "POST", "cancel-after/"
    takes, gives = messages.CancelAfter, {200: messages.Deadline}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.UNKNOWN_OUTCOME)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        event = await _done(call, protocol.CancelAfter(timeout_ms=call.message.timeout_ms))
        assert isinstance(event, CountdownSet)
        return Answer(messages.Deadline(event.deadline))


class AmendOrder(ToEngine):
    """Change the price or the volume (all lots, filled ones included) of an own order."""

    method, path = "PATCH", "orders/<str:order_id>/"
    takes, gives = messages.AmendOrder, {200: messages.Placed}
    codes = (*AMEND_CODES, Code.UNKNOWN_OUTCOME)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        asked = relative(call.message, call.services.clock())
        order_id = call.path["order_id"]
        amendment = protocol.AmendOrder(
            order_id=order_id, price=asked.price, volume=asked.volume, valid_until=asked.valid_until
        )
        await _done(call, amendment)
        return await _answer(call, order_id)


class CancelOrder(ToEngine):
    """Cancel what is left of an own order."""

    method, path = "DELETE", "orders/<str:order_id>/"
    takes, gives = messages.NamedOrder, {200: messages.Placed}
    codes = (*KNOWN_CODES, Code.UNKNOWN_OUTCOME)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        await _done(call, protocol.CancelOrder(order_id=call.message.order_id))
        return await _answer(call, call.message.order_id)


class GetOrder(Operation):
    """An own order as it is now, and its fills."""

    method, path, tag = "GET", "orders/<str:order_id>/", TAG
    takes, gives = messages.NamedOrder, {200: messages.Placed}
    codes = (Code.ORDER_NOT_FOUND,)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        return await _answer(call, call.message.order_id)


class GetOwnOrder(Operation):
    """The order that has this client_order_id today, and its fills: what to ask when an answer was lost."""

    method, path, tag = "GET", "orders/by-client-id/<str:client_order_id>/", TAG
    takes, gives = messages.OwnOrder, {200: messages.Placed}
    codes = (Code.ORDER_NOT_FOUND, Code.ACCOUNT_NOT_FOUND)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        if call.services.markets.several:
            known = await call.read(call.services.markets.accounts, user_id=call.identity.user_id)
            accounts = list(known.values())
        else:
            accounts = [call.account_id]
        for account_id in accounts:
            number: int | None = await call.read(
                histories.order_known_as, account_id=account_id, client_order_id=call.message.client_order_id
            )
            if number is not None:
                return await _answer(call, protocol.order_id_text(number))
        raise ApiError(Code.ORDER_NOT_FOUND)


class ListOrders(PrivateQuery):
    """Own orders, newest first. `next` of a page is `before` of the one that follows; null on the last."""

    method, path, tag = "GET", "orders/", TAG
    takes, gives = protocol.QueryOrders, {200: messages.Orders}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.INSTRUMENT_UNKNOWN)


OPERATIONS = (
    PlaceOrder,
    ListOrders,
    PlaceOrders,
    CancelOrders,
    CancelAll,
    GetOwnOrder,
    GetOrder,
    AmendOrder,
    CancelOrder,
    CancelAfter,
)
