"""Accounts whose orders depend on a connection that was lost: after the grace period they are cancelled, unless their
user authenticates before."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from trading.core.codes import AWAY
from trading.core.commands import CancelAfter
from trading.core.events import Event, Refused
from trading.core.types import CancelReason
from trading.transport.gateway import Gateway

RETRY_SECONDS = 0.1
"""Until an engine that was too busy for a countdown is asked again."""


class Elsewhere(Protocol):
    """Others who are to know of what happens here."""

    def signed_in(self, account_id: int) -> None: ...

    async def write(self) -> None: ...


class DisconnectTimers:
    """Starts countdowns and calls them off. `clock` is Unix milliseconds; times of connections are the event loop's.
    `patient`: who is refused because the gateway is closed asks again, for the engine may be elsewhere and come back.
    """

    def __init__(self, gateway: Gateway, clock: Callable[[], int], *, patient: bool = False) -> None:
        self._gateway = gateway
        self._clock = clock
        self._patient = patient
        self.elsewhere: Elsewhere | None = None
        """Who must know of it beside this process."""
        self._armed: dict[int, Counter[int]] = {}
        self._deadlines: dict[int, int | None] = {}
        self._seen_at: dict[int, float] = {}
        self._since: dict[int, float] = {}

    def armed(self) -> dict[int, int]:
        """The accounts whose orders depend on a connection that is open, with the grace that ends first."""
        return {account_id: min(graces) for account_id, graces in self._armed.items()}

    async def arm(self, account_id: int, grace_ms: int) -> None:
        """Orders of the account depend on one connection more. Whoever must know of it does when this returns."""
        self._armed.setdefault(account_id, Counter())[grace_ms] += 1
        if self.elsewhere is not None:
            try:
                await self.elsewhere.write()
            except BaseException:
                self.disarm(account_id, grace_ms)
                raise

    def disarm(self, account_id: int, grace_ms: int) -> None:
        """The connection has ended, or wants it no more."""
        graces = self._armed[account_id]
        graces[grace_ms] -= 1
        if not graces[grace_ms]:
            del graces[grace_ms]
        if not graces:
            del self._armed[account_id]

    def begin(self, account_id: int, since: float, grace_ms: int) -> None:
        """A connection of the account was lost at `since`; whoever has authenticated later is back already. Of several
        countdowns the one that ends first counts."""
        now = self._clock()
        running, deadline = self._deadlines.get(account_id), now + grace_ms
        is_back = self._seen_at.get(account_id, since) > since
        self._since[account_id] = max(since, self._since.get(account_id, since))
        if not is_back and (running is None or running <= now or deadline < running):
            self._ask(account_id, deadline)

    def signed_in(self, account_id: int, at: float, is_counting: bool) -> None:
        """The user has authenticated here."""
        self.end(account_id, at, is_counting)
        if self.elsewhere is not None:
            self.elsewhere.signed_in(account_id)

    def end(self, account_id: int, at: float, is_counting: bool) -> None:
        """The user has authenticated at `at`. `is_counting`: the database says that a countdown runs; one that was
        asked for here may be there soon."""
        self._seen_at[account_id] = at
        if is_counting or self._deadlines.get(account_id) is not None:
            self._ask(account_id, None)

    def seen_elsewhere(self, account_id: int, at: float) -> None:
        """The user has authenticated in another process, at `at`: what was lost before is made good."""
        self._seen_at[account_id] = max(at, self._seen_at.get(account_id, at))
        if self._deadlines.get(account_id) is not None and at > self._since.get(account_id, at):
            self._ask(account_id, None)

    def _ask(self, account_id: int, deadline: int | None) -> None:
        self._deadlines[account_id] = deadline
        command = CancelAfter(account_id, deadline, CancelReason.DISCONNECT)

        def reply(event: Event) -> None:
            refused = isinstance(event, Refused) and event.code in AWAY
            if refused and (self._patient or self._gateway.closed_because is None):
                asyncio.get_running_loop().call_later(RETRY_SECONDS, again)

        def again() -> None:
            if self._deadlines[account_id] == deadline:
                self._gateway.submit(command, reply)

        again()
