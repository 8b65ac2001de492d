"""Accounts: money, positions, and what happened to them."""

from trading import protocol
from trading.core.codes import Code
from trading.rest import messages
from trading.rest.operations.queries import PrivateQuery

TAG = "Account"


class GetAccount(PrivateQuery):
    """The own account as it is now."""

    method, path, tag = "GET", "account/", TAG
    takes, gives = protocol.QueryAccount, {200: messages.AccountNow}
    codes = (Code.ACCOUNT_NOT_FOUND,)


class ListPositions(PrivateQuery):
    """Own positions that are not flat."""

    method, path, tag = "GET", "positions/", TAG
    takes, gives = protocol.QueryPosition, {200: messages.Positions}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.INSTRUMENT_UNKNOWN)


class ListTrades(PrivateQuery):
    """Own sides of trades, newest first. `next` of a page is `before` of the one that follows; null on the last."""

    method, path, tag = "GET", "trades/", TAG
    takes, gives = protocol.QueryTrades, {200: messages.Trades}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.INSTRUMENT_UNKNOWN)


OPERATIONS = (GetAccount, ListPositions, ListTrades)
