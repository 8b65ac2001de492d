"""Accounts whose orders depend on a connection that was lost: after the grace period they are cancelled, unless their
user authenticates before."""

import asyncio
from collections.abc import Callable

from trading.core.codes import Code
from trading.core.commands import CancelAfter
from trading.core.events import Event, Refused
from trading.core.types import CancelReason
from trading.transport.gateway import Gateway

RETRY_SECONDS = 0.1
"""Until an engine that was too busy for a countdown is asked again."""


class DisconnectTimers:
    """Starts countdowns and calls them off. `clock` is Unix milliseconds; times of connections are the event loop's."""

    def __init__(self, gateway: Gateway, clock: Callable[[], int]) -> None:
        self._gateway = gateway
        self._clock = clock
        self._deadlines: dict[int, int | None] = {}
        self._seen_at: dict[int, float] = {}

    def begin(self, account_id: int, since: float, grace_ms: int) -> None:
        """A connection of the account was lost at `since`; whoever has authenticated later is back already. Of several
        countdowns the one that ends first counts."""
        now = self._clock()
        running, deadline = self._deadlines.get(account_id), now + grace_ms
        is_back = self._seen_at.get(account_id, since) > since
        if not is_back and (running is None or running <= now or deadline < running):
            self._ask(account_id, deadline)

    def end(self, account_id: int, at: float, is_counting: bool) -> None:
        """The user has authenticated at `at`. `is_counting`: the database says that a countdown runs; one that was
        asked for here may be there soon."""
        self._seen_at[account_id] = at
        if is_counting or self._deadlines.get(account_id) is not None:
            self._ask(account_id, None)

    def _ask(self, account_id: int, deadline: int | None) -> None:
        self._deadlines[account_id] = deadline
        command = CancelAfter(account_id, deadline, CancelReason.DISCONNECT)

        def reply(event: Event) -> None:
            refused = isinstance(event, Refused) and event.code is Code.UNAVAILABLE
            if refused and self._gateway.closed_because is None:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, again)

        def again() -> None:
            if self._deadlines[account_id] == deadline:
                self._gateway.submit(command, reply)

        again()
