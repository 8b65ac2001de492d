"""The market, for everybody: the time, the instruments, what they trade at."""

import asyncio

import msgspec

from trading import protocol
from trading.core.codes import Code
from trading.protocol.incoming import MOST_ITEMS
from trading.reads import announcements
from trading.rest import messages
from trading.rest.errors import ApiError
from trading.rest.operation import Answer, Call, Operation
from trading.rest.operations.queries import PublicQuery, public
from trading.rest.services import BookAway

TAG = "Market"


class GetTime(Operation):
    """The exchange's clock. (No order needs it: say valid_for_ms.)"""

    method, path, tag = "GET", "time/", TAG
    gives = {200: messages.Time}
    needs_token = False

    @classmethod
    async def run(cls, call: Call) -> Answer:
        return Answer(messages.Time(call.services.clock()))


class ListAnnouncements(Operation):
    """What operators announce now: to everybody, and with a token to its user too."""

    method, path, tag = "GET", "announcements/", TAG
    gives = {200: messages.Announcements}
    needs_token = False

    @classmethod
    async def run(cls, call: Call) -> Answer:
        now = call.services.clock()
        present = await call.read(announcements.present, market=call.services.markets.first, time=now)
        found = announcements.to(call.caller.user_id, present, now)
        return Answer(messages.Announcements([protocol.announcement_data(each) for each in found]))


class ListInstruments(PublicQuery):
    """All instruments, or the one that is named."""

    method, path, tag = "GET", "instruments/", TAG
    takes, gives = protocol.QueryInstruments, {200: messages.Instruments}
    codes = (Code.INSTRUMENT_UNKNOWN,)


class GetBook(Operation):
    """The book as of the last commit, as the socket's `orderbook` tells it."""

    method, path, tag = "GET", "instruments/<str:instrument_id>/book/", TAG
    takes, gives = protocol.QueryInstruments, {200: protocol.OrderBook}
    codes = (Code.INSTRUMENT_UNKNOWN,)
    needs_token = False

    @classmethod
    async def run(cls, call: Call) -> Answer:
        name = call.message.instrument_id
        try:
            frame = await call.services.book(name)
        except BookAway as error:
            raise ApiError(Code.UNAVAILABLE, f"{Code.UNAVAILABLE.text}: try again", retry_after=1.0) from error
        if frame is None:
            raise ApiError(Code.INSTRUMENT_UNKNOWN, f"{Code.INSTRUMENT_UNKNOWN.text} {name}")
        return Answer(frame.encode())


class ListPublicTrades(PublicQuery):
    """The last trades of an instrument, newest first, and nobody's names."""

    method, path, tag = "GET", "instruments/<str:instrument_id>/trades/", TAG
    takes, gives = protocol.QueryPublicTrades, {200: messages.PublicTrades}
    codes = (Code.INSTRUMENT_UNKNOWN,)


class ListBars(Operation):
    """Bars of an instrument, newest first. `next` of a page is `before` of the one that follows; null on the last."""

    method, path, tag = "GET", "instruments/<str:instrument_id>/bars/", TAG
    takes, gives = protocol.QueryBars, {200: messages.Bars}
    codes = (Code.INSTRUMENT_UNKNOWN,)
    needs_token = False

    @classmethod
    async def run(cls, call: Call) -> Answer:
        asked: protocol.QueryBars = call.message
        found = (await public(call, msgspec.structs.replace(asked, limit=asked.limit + 1))).bars or []
        bars = found[: asked.limit]
        return Answer(messages.Bars(bars, bars[-1].start if len(found) > asked.limit else None))


class GetStatistics(PublicQuery):
    """The trading day of an instrument in figures."""

    method, path, tag = "GET", "instruments/<str:instrument_id>/statistics/", TAG
    takes, gives = protocol.QueryStatistics, {200: messages.Statistics}
    codes = (Code.INSTRUMENT_UNKNOWN,)


class GetLimits(Operation):
    """How much may be asked, and what is left of it now; of orders, for whoever shows a token."""

    method, path, tag = "GET", "limits/", TAG
    gives = {200: messages.Limits}
    needs_token = False

    @classmethod
    async def run(cls, call: Call) -> Answer:
        limiter, caller, now = call.services.limiter, call.caller, asyncio.get_running_loop().time()
        orders, requests = [
            limiter.standing(caller.user_id, caller.address, now, orders=orders) for orders in (True, False)
        ]
        return Answer(
            messages.Limits(
                orders_per_second=limiter.limits.orders_per_second,
                orders_at_once=2 * limiter.limits.orders_per_second,
                orders_left=0 if caller.user_id is None else orders.left,
                requests_per_second=limiter.limits.requests_per_second,
                requests_at_once=requests.most,
                requests_left=requests.left,
                wrong_tokens_per_minute=limiter.limits.wrong_tokens_per_minute,
                items_in_batch=MOST_ITEMS,
            )
        )


OPERATIONS = (
    *(GetTime, GetLimits, ListAnnouncements),
    *(ListInstruments, GetBook, ListPublicTrades, ListBars, GetStatistics),
)
