"""How a question is written, for both ways to ask: as a generator.

It yields the name of a method of the exchange class and its arguments, and is sent what that gave. The `way` of a class
makes of it what ccxt's classes of its kind have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ccxt_bourse.arguments import check_moment
from ccxt_bourse.calls.requests import Requests
from ccxt_bourse.description import MOST
from ccxt_bourse.parsing import Fields

Asking = Any
"""A generator of calls here, and in the classes made of it what ccxt's own give, of which it tells no types."""
Way = Callable[[Callable[..., Asking]], Callable[..., Any]]
NOTHING: Fields = {}
"""Of params; nobody changes it."""
SO_ANYWAY = (
    *("paginate", "paginationCalls", "paginationDirection"),
    *("type", "subType", "defaultType", "marginMode"),
)
"""ccxt's words for what a question has here anyway: all pages, of all kinds of markets."""


class Questions(Requests):
    """What all questions share. Of every method `params` goes to the exchange as it is, unless it says otherwise."""

    def _question(self, params: Fields, *known_here: str) -> Fields:
        """Of `params` what goes to the exchange."""
        return dict(self.omit(params, [*known_here, *SO_ANYWAY]))

    # -- pages, which come newest first

    def _history(
        self, name: str, key: str, market: Fields | None, since: int | None, limit: int | None, params: Fields
    ) -> Asking:
        """With `since` all from there on, of which ccxt wants the first; without it the newest. The oldest comes first:
        ccxt sorts by time, and leaves those of one ms as they come."""
        check_moment("until", params.get("until"))
        request = {
            "instrument_id": None if market is None else market["id"],
            "from_time": since,
            "to_time": params.get("until"),
            **self._question(params, "until", "trigger", "stop"),
        }
        found = yield from self._pages(name, key, request, None if since is not None else limit or MOST)
        return found[::-1]

    def _pages(
        self,
        name: str,
        key: str,
        request: Fields,
        enough: int | None,
        down_to: int | None = None,
        *,
        moment: str = "timestamp",
        most: int = MOST,
    ) -> Asking:
        """All there are, or until there are `enough`, or down to a time, which `moment` names. `most`: of one page."""
        found: list[Fields] = []
        while True:
            answer = yield name, {"limit": most if enough is None else min(most, enough - len(found)), **request}
            found += answer[key]
            is_there = down_to is not None and found and found[-1][moment] < down_to
            if answer["next"] is None or is_there or (enough is not None and len(found) >= enough):
                return found
            request = {**request, "before": answer["next"]}
