"""Tokens in use: when each was used last, and the end of connections whose token is not valid any more."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Protocol

from channels.db import database_sync_to_async
from django.db.models import Q
from django.utils import timezone

from trading.models import AccessToken
from trading.reads import identities
from trading.reads.readers import Read

logger = logging.getLogger(__name__)

USE_NOTED = timedelta(minutes=1)
"""A use that comes so soon after another is not written down: a robot that reconnects must not keep the disk busy."""
TOKENS_A_QUERY = 500


class Holder(Protocol):
    """A connection that has authenticated with a token."""

    def revoke(self) -> None: ...


class TokenMonitor:
    """Looks every `seconds` whether the tokens of live connections are still valid: not revoked, not expired, and their
    users active. Then it writes down which were used: nobody waits for that, and nobody suffers when it fails. `read`
    reads the database, whatever Django's own thread is busy with."""

    def __init__(self, seconds: float, read: Read) -> None:
        self._seconds = seconds
        self._read = read
        self._holders: defaultdict[str, set[Holder]] = defaultdict(set)
        self._used: set[str] = set()

    def add(self, token: str, holder: Holder) -> None:
        self._holders[token].add(holder)
        self._used.add(token)

    def remove(self, token: str, holder: Holder) -> None:
        self._holders[token].discard(holder)
        if not self._holders[token]:
            del self._holders[token]

    async def run(self) -> None:
        """Look after the tokens until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.look()
            except Exception:
                logger.exception("tokens cannot be looked up")
            try:
                await self.note()
            except Exception:
                logger.exception("the use of tokens cannot be noted")

    async def look(self) -> None:
        """End the connections whose token has gone."""
        for some in _parts(self._holders):
            valid = await self._read(identities.valid_tokens, digests=some)
            for token in some:
                if token not in valid:
                    for holder in list(self._holders.get(token, ())):
                        holder.revoke()

    async def note(self) -> None:
        """Write down which tokens have let somebody in. In a thread of its own: a locked database must not keep
        everybody else's queries waiting."""
        used, self._used = self._used, set()
        for some in _parts(used):
            await database_sync_to_async(_note_uses, thread_sensitive=False)(some)


def _parts(tokens: Iterable[str]) -> Iterator[list[str]]:
    """As many as go into a query."""
    every = list(tokens)
    for start in range(0, len(every), TOKENS_A_QUERY):
        yield every[start : start + TOKENS_A_QUERY]


def _note_uses(tokens: list[str]) -> None:
    now = timezone.now()
    due = Q(last_used=None) | Q(last_used__lt=now - USE_NOTED)
    AccessToken.objects.filter(due, pk__in=tokens).update(last_used=now)
