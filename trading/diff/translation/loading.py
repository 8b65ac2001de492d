"""What a login asks for: the trading day, and all orders and trades of it, at all markets together."""

from collections.abc import Callable
from typing import Any

from trading import protocol
from trading.core.codes import Code

PAGE = 200
PAGES = 25
"""Of orders and of trades that a login looks at; who has more of a day sees the last ones."""


def at(market: str | None) -> dict[str, str]:
    """Fields of a question; the first market (None) is not named."""
    return {} if market is None else {"market": market}


class Loading:
    """Asks until all is known, then calls `done`; `refused` with a code and a sentence where the user has no account.
    `markets`: all that there are; None: the first."""

    def __init__(
        self,
        ask: Callable[..., None],
        markets: frozenset[str | None],
        refused: Callable[[int, str], None],
        done: Callable[["Loading"], None],
    ) -> None:
        self._ask, self._markets, self._refused, self._done = ask, markets, refused, done
        self.orders: list[protocol.OrderData] = []
        self.trades: list[protocol.TradeData] = []
        self.meanwhile: list[protocol.ServerMessage] = []
        """What was told before all is known, of orders that may not be known yet."""
        self._missing = 3
        self._resume(None)

    def _resume(self, market: str | None) -> None:
        self.home = market
        self._ask(self._resumed, "resume", **at(market))

    def _resumed(self, answer: Any) -> None:
        """What follows is told by pushes; a snapshot, which tells the trading day, comes behind this. Whoever has no
        account at the first market may have one at a further one."""
        if not isinstance(answer, protocol.Error):
            self._ask(self._since, "query_statements", limit=1, **at(self.home))
            return
        further = sorted(each for each in self._markets if each is not None and each > (self.home or ""))
        if answer.code == Code.ACCOUNT_NOT_FOUND and further:
            self._resume(further[0])
        else:
            self._refused(answer.code, answer.message)

    def _since(self, answer: Any) -> None:
        statements = answer.data.statements if isinstance(answer, protocol.QueryResponse) else None
        times = {"from_time": statements[0].timestamp} if statements else {}
        self._page("query_orders", {"status": "LIVE"}, None, 1)
        self._page("query_orders", times, None, 1)
        self._page("query_trades", times, None, 1)

    def _page(self, query: str, fields: dict[str, Any], before: str | None, number: int) -> None:
        last = {} if before is None else {"before": before}

        def take(answer: Any) -> None:
            self._take_page(answer, query, fields, number)

        self._ask(take, query, limit=PAGE, **fields, **last)

    def _take_page(self, answer: Any, query: str, fields: dict[str, Any], number: int) -> None:
        data = answer.data if isinstance(answer, protocol.QueryResponse) else protocol.QueryData()
        self.orders += data.orders or []
        self.trades += data.trades or []
        if isinstance(data.next, str) and number < PAGES:
            self._page(query, fields, data.next, number + 1)
            return
        self._missing -= 1
        if not self._missing:
            self._done(self)
