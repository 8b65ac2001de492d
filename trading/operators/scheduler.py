"""Asks the engine for what the calendar says, through the operators' door, under a key that names the moment, or the
day that is settled: each action is done once, however often the server is started.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from channels.db import database_sync_to_async

from trading.core.commands import SetMarketPhase
from trading.core.types import Phase
from trading.models import Market, OperatorCommand
from trading.operators import at_a_time, contests, requests, settlement
from trading.operators.between_markets import transfers
from trading.operators.calendar import Action, calendar_of, days_to_settle, number_of, that_matter

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=14)
"""How long a server may have been away and still make up for what it has missed."""
LOOK_SECONDS = 1.0


class Scheduler:
    """Asks for what the schedule of a market says, each action once. After a pause only the last phase matters, but
    every settlement is made up for. `clock`: Unix ms."""

    def __init__(self, market: str, clock: Callable[[], int], seconds: float = LOOK_SECONDS) -> None:
        self._market = market
        self._clock = clock
        self._seconds = seconds
        self._until = self._now() - LOOK_BACK
        self._due: list[Action] = []
        self._asked: OperatorCommand | None = None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1000, UTC)

    async def run(self) -> None:
        """Look every `seconds`, until cancelled. A database that is away is looked for again."""
        while True:
            try:
                await database_sync_to_async(self.look, thread_sensitive=False)()
            except Exception:
                logger.exception("the schedule cannot be read")
            await asyncio.sleep(self._seconds)

    def look(self) -> None:
        """Ask for what is due, one action after the other is done. Blocks on the database."""
        market = Market.objects.filter(code=self._market).first()
        if market is None:
            return
        now = self._now()
        self._due = that_matter([*self._due, *calendar_of(market).due(self._until, now)])
        self._until = max(self._until, now)
        while not self._waiting() and self._due:
            market.refresh_from_db()
            self._ask(market, self._due[0])
            self._due.pop(0)
        transfers.look(self._clock())
        contests.look(self._market, now)
        at_a_time.look(self._market, now)

    def _waiting(self) -> bool:
        """Whether the engine is yet to answer what was asked last."""
        row = self._asked
        if row is None:
            return False
        row.refresh_from_db()
        if row.status == OperatorCommand.Status.PENDING:
            return True
        if row.status == OperatorCommand.Status.REFUSED:
            logger.error("the schedule's %s was refused: %s", row.key, row.result)
        self._asked = None
        return False

    def _ask(self, market: Market, action: Action) -> None:
        if action.settles:
            self._settle(market, action)
        else:
            key = f"schedule:{market.code}:{action.at:%Y%m%dT%H%M%SZ}:{action.action}"
            self._asked = requests.ask(SetMarketPhase(Phase(action.action)), market=market.code, key=key)

    def _settle(self, market: Market, action: Action) -> None:
        """Unless an operator was quicker."""
        day, next_day = days_to_settle(market, action.day)
        if day <= number_of(action.day):
            command = settlement.settle(market.code, day, next_day, {}, now=self._clock())
            self._asked = settlement.ask(command, market=market.code)
