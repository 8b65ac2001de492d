"""What is asked of the account."""

from __future__ import annotations

from ccxt.base.errors import BadRequest

from ccxt_bourse.arguments import check_range
from ccxt_bourse.calls.asking import NOTHING, Asking, Questions
from ccxt_bourse.description import MOST
from ccxt_bourse.parsing import Fields


class Account(Questions):
    """Mixed into an exchange class of ccxt."""

    def fetch_balance(self, params: Fields = NOTHING) -> Asking:
        """`params`: `market`, where there are several."""
        answer = yield "private_get_account", self._question(params, "code")
        return self.parse_balance(answer["account"])

    def fetch_positions(self, symbols: list[str] | None = None, params: Fields = NOTHING) -> Asking:
        yield ("load_markets",)
        answer = yield "private_get_positions", {"lots": True, **self._question(params)}
        sides = [side for position in answer["positions"] for side in self.parse_sides(position)]
        return self.filter_by_array_positions(sides, "symbol", self.market_symbols(symbols))

    def fetch_position(self, symbol: str, params: Fields = NOTHING) -> Asking:
        """The larger of both sides, or in `params` the `side` long or short. Where none is held it has no contracts."""
        side = params.get("side")
        if side not in (None, "long", "short"):
            raise BadRequest(f"bourse: side is one of long, short, not {side}")
        held = yield "fetch_positions", [symbol], self.omit(params, "side")
        held = [each for each in held if side in (None, each["side"])]
        return max(held, key=lambda each: each["contracts"]) if held else self.no_position(self.market(symbol))

    def fetch_positions_for_symbol(self, symbol: str, params: Fields = NOTHING) -> Asking:
        return (yield "fetch_positions", [symbol], params)

    def fetch_ledger(
        self,
        code: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """There is one currency: of another `code` there is nothing."""
        check_range(since, limit)
        found = [] if code not in (None, self.money) else (yield from self._entries(since, limit, params))
        return self.parse_ledger(found, None, since, limit)

    def fetch_deposits(
        self,
        code: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield from self._transactions("DEPOSIT", code, since, limit, params))

    def fetch_withdrawals(
        self,
        code: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield from self._transactions("WITHDRAWAL", code, since, limit, params))

    def _transactions(
        self, kind: str, code: str | None, since: int | None, limit: int | None, params: Fields
    ) -> Asking:
        """Looked for in the whole ledger, for they are few among many."""
        check_range(since, limit)
        found = [] if code not in (None, self.money) else (yield from self._entries(since or 0, None, params))
        return self.parse_transactions([entry for entry in found if entry["kind"] == kind], None, since, limit)

    def _entries(self, since: int | None, limit: int | None, params: Fields) -> Asking:
        """The ledger cannot be asked for a time: it is read down to it. The oldest comes first."""
        enough = None if since is not None else limit or MOST
        request = self._question(params)
        return (yield from self._pages("private_get_ledger", "entries", request, enough, since))[::-1]
