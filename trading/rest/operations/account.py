"""Accounts: money, positions, and what happened to them."""

import msgspec
from channels.db import database_sync_to_async

from trading import protocol
from trading.core.codes import Code
from trading.core.money import to_currency
from trading.reads import histories
from trading.rest import messages
from trading.rest.errors import ApiError
from trading.rest.operation import Answer, Call, Operation
from trading.rest.operations.queries import PrivateQuery, found_by

TAG = "Account"


class GetAccount(PrivateQuery):
    """The own account as it is now."""

    method, path, tag = "GET", "account/", TAG
    takes, gives = protocol.QueryAccount, {200: messages.AccountNow}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.NOT_FOUND)


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


class ListStatements(Operation):
    """Own settled days, newest first. `next` of a page is `to_day` of the one that follows; null on the last."""

    method, path, tag = "GET", "statements/", TAG
    takes, gives = protocol.QueryStatements, {200: messages.Statements}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.NOT_FOUND)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        most = call.message.limit
        query = msgspec.structs.replace(call.message, limit=most + 1)
        data = found_by(await call.read(call.services.markets.answer, call.identity.user_id, query))
        found = data.statements or []
        return Answer(messages.Statements(found[:most], found[most].day if len(found) > most else None))


class ListLedger(Operation):
    """Every change of the own balance, newest first. `next` of a page is `before` of the one that follows; null on the
    last."""

    method, path, tag = "GET", "ledger/", TAG
    takes, gives = messages.QueryLedger, {200: messages.Ledger}
    codes = (Code.ACCOUNT_NOT_FOUND, Code.NOT_FOUND)

    @classmethod
    async def run(cls, call: Call) -> Answer:
        most = call.message.limit
        account_id = await call.account_at(call.message.market)
        rows = await call.read(histories.ledger, account_id=account_id, before=call.message.before, limit=most + 1)
        entries = [
            messages.LedgerData(
                row.pk,
                row.kind,
                to_currency(row.amount),
                None if row.trade_id is None else protocol.trade_id_text(row.trade_id),
                row.time,
            )
            for row in rows[:most]
        ]
        return Answer(messages.Ledger(entries, entries[-1].entry_id if len(rows) > most else None))


class ListTransfers(Operation):
    """Own transfers between markets, the last one sent first. `next` of a page is `before` of the one that follows;
    null on the last."""

    method, path, tag = "GET", "transfers/", TAG
    takes, gives = messages.QueryTransfers, {200: messages.Transfers}

    @classmethod
    async def run(cls, call: Call) -> Answer:
        most = call.message.limit
        asked = {"user_id": call.identity.user_id, "before": call.message.before, "limit": most + 1}
        rows = await call.read(histories.transfers, **asked)
        told = [
            messages.TransferData(
                row.pk, row.source_id, row.target_id, to_currency(row.amount), row.status, row.sent_at, row.ended_at
            )
            for row in rows[:most]
        ]
        return Answer(messages.Transfers(told, told[-1].transfer_id if len(rows) > most else None))


class MakeTransfer(Operation):
    """Bring an account of the demo back to its starting funds. TOP_UP gives what is missing of them; RESET sets them
    exactly, and the account must be flat. To send it again changes nothing more. Only accounts that were made at the
    demo have starting funds."""

    method, path, tag = "POST", "transfers/", TAG
    takes, gives = messages.Transfer, {200: messages.AccountNow}
    codes = (Code.FORBIDDEN, Code.NOT_FOUND, Code.DUPLICATE, Code.ACCOUNT_NOT_FOUND, Code.UNKNOWN_OUTCOME)
    needs_trade = True
    takes_key = True

    @classmethod
    async def run(cls, call: Call) -> Answer:
        user_id, _ = call.identity.user_id, call.account_id
        if call.transfer is None:
            raise ApiError(Code.NOT_FOUND, f"{Code.NOT_FOUND.text}: money is moved by operators here")
        moving = database_sync_to_async(call.transfer, thread_sensitive=False)
        await moving(call.message.kind, user_id, call.caller.address)
        return Answer(found_by(await call.read(call.services.markets.answer, user_id, protocol.QueryAccount())))


OPERATIONS = (GetAccount, ListPositions, ListTrades, ListStatements, ListLedger, ListTransfers, MakeTransfer)
