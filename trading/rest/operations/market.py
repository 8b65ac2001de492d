"""The market, for everybody: the time, the instruments, what they trade at."""

from trading import protocol
from trading.core.codes import Code
from trading.rest import messages
from trading.rest.errors import ApiError
from trading.rest.operation import Answer, Call, Operation
from trading.rest.operations.queries import PublicQuery

TAG = "Market"


class GetTime(Operation):
    """The exchange's clock. (No order needs it: say valid_for_ms.)"""

    method, path, tag = "GET", "time/", TAG
    gives = {200: messages.Time}
    needs_token = False

    @classmethod
    async def run(cls, call: Call) -> Answer:
        return Answer(messages.Time(call.services.clock()))


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
        frame = call.services.present["orderbook"](name)
        if frame is None:
            raise ApiError(Code.INSTRUMENT_UNKNOWN, f"{Code.INSTRUMENT_UNKNOWN.text} {name}")
        return Answer(frame.encode())


OPERATIONS = (GetTime, ListInstruments, GetBook)
