"""Money of a user from one market to another: which engine is asked for what.

    send (source) -> in transit -> receive (target) -> arrived
                                   where the target refuses: return (source) -> returned

Each step is a command of the operators' door under a key that names the transfer, so it is done once, however often it
is asked for. All that is known is in the tables: whoever looks carries on what is in transit.
"""

import itertools
import uuid

from trading.core.commands import AdminCommand, OpenAccount, ReceiveTransfer, ReturnTransfer, SendTransfer
from trading.core.types import NAME, Transfer
from trading.models import Account, Market, OperatorCommand, User
from trading.models import Transfer as TransferRow
from trading.operators import requests

Status = OperatorCommand.Status
AGAIN_MS = 60_000
"""After which a transfer is tried again that both ends have refused, the first time."""


class CannotTransfer(Exception):
    """There is no such way for money."""


def ask(
    user_id: str,
    amount: int,
    *,
    source: str,
    target: str,
    transfer_id: str | None = None,
    asked_by: User | None = None,
    reason: str = "",
    address: str = "",
) -> OperatorCommand:
    """Ask the source's engine to send `amount` (1/10,000). The same `transfer_id` again is the same transfer.
    CannotTransfer where a market is not there, or the id was used for something else."""
    known = set(Market.objects.filter(code__in=(source, target)).values_list("code", flat=True))
    for market in (source, target):
        if market not in known:
            raise CannotTransfer(f"There is no market {market}")
    if source == target:
        raise CannotTransfer("The money is at that market already")
    if transfer_id is not None and not NAME.match(transfer_id):
        raise CannotTransfer("The id of a transfer has letters, digits, and _ . - only, at most 64")
    transfer = Transfer(transfer_id or uuid.uuid4().hex, user_id, source, target, amount)
    command = SendTransfer(transfer)
    row = requests.ask(
        command,
        market=source,
        asked_by=asked_by,
        key=f"transfer:{transfer.transfer_id}:send",
        reason=reason,
        address=address,
    )
    if not requests.is_of(row, command):
        raise CannotTransfer(f"The id {transfer.transfer_id} was used for another transfer")
    return row


def look(now: int = 0) -> None:
    """Carry on everything that is in transit. Can be called at any time, by any number of processes. `now`: Unix ms;
    without it nothing is tried again that was refused at both ends."""
    for row in TransferRow.objects.filter(status=TransferRow.Status.IN_TRANSIT).order_by("sent_at"):
        carry_on(row, now)


def carry_on(row: TransferRow, now: int = 0) -> OperatorCommand:
    """Ask for the next step of a transfer that is in transit, unless it was asked for. The step. What target and source
    have both refused is tried again, each time after twice as long: one step at a time, and money comes in once."""
    transfer = Transfer(row.pk, row.user_id, row.source_id, row.target_id, row.amount)
    if not Account.objects.filter(user_id=row.user_id, market=row.target_id).exists():
        _step(OpenAccount(row.user_id), row.target_id, row, "open")
    for attempt in itertools.count():
        again = f":{attempt + 1}" if attempt else ""
        received = _step(ReceiveTransfer(transfer), row.target_id, row, f"receive{again}")
        if received.status != Status.REFUSED:
            return received
        returned = _step(ReturnTransfer(transfer), row.source_id, row, f"return{again}")
        if returned.status != Status.REFUSED or now - (returned.finished_at or now) < AGAIN_MS << attempt:
            return returned
    raise AssertionError("it goes on until a step is not over")


def _step(command: AdminCommand, market: str, row: TransferRow, name: str) -> OperatorCommand:
    return requests.ask(command, market=market, key=_key(row.pk, name))


def _key(transfer_id: str, name: str) -> str:
    return f"transfer:{transfer_id}:{name}"


def in_transit() -> list[str]:
    """Of each transfer that is on its way a sentence that says what it waits for."""
    found = TransferRow.objects.filter(status=TransferRow.Status.IN_TRANSIT).order_by("sent_at", "pk")
    return [
        f"transfer {row.pk} of {row.user_id}, {row.source_id} to {row.target_id}: {_waits_for(row)}" for row in found
    ]


def _waits_for(row: TransferRow) -> str:
    steps = OperatorCommand.objects.filter(key__startswith=_key(row.pk, "")).exclude(kind="SendTransfer")
    last = steps.order_by("-id").first()
    if last is None:
        return "no server of any market runs that would carry it on"
    if last.status == Status.REFUSED:
        words = ", ".join(f"{step.market_id} said {step.result}" for step in steps.order_by("-id")[:2])
        return f"refused at both ends ({words}); it is tried again by itself"
    return f"waits for the engine of market {last.market_id}"
