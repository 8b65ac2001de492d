"""The door of several markets: a command goes to the engine of its account's market."""

from trading.core.codes import Code
from trading.core.commands import Command, TraderCommand
from trading.core.events import Refused
from trading.core.numbers import shard_of_account
from trading.observability.counters import Counters
from trading.transport.gateway import Gateway, Reply, Transport

NOT_THERE = Refused(Code.UNAVAILABLE, "The engine of this market does not run; nothing was done")


class MarketGateways(Gateway):
    """That of the first market, which knows the others, and by the numbers of accounts whose they are."""

    def __init__(self, transport: Transport, counters: Counters) -> None:
        super().__init__(transport, counters)
        self._others: dict[str, Gateway] = {}
        self._own_shard: int | None = None
        self._markets: dict[int, str] = {}

    def add(self, market: str, gateway: Gateway) -> None:
        """The gateway of a further market."""
        self._others[market] = gateway

    def learn(self, market: str, shard: int) -> None:
        """The accounts of this shard are those of `market`: its engine has said so."""
        if market in self._others:
            self._markets[shard] = market
        else:
            self._own_shard = shard

    def closed_at(self, market: str) -> str | None:
        return self._others[market].closed_because if market in self._others else self.closed_because

    def submit(self, command: Command, reply: Reply) -> None:
        """As `Gateway.submit`. 503 for a market whose engine was not heard of yet."""
        shard = shard_of_account(command.account_id) if isinstance(command, TraderCommand) else self._own_shard
        if shard in self._markets:
            self._others[self._markets[shard]].submit(command, reply)
        elif self._own_shard in (None, shard):  # None: this one is closed, and says why
            super().submit(command, reply)
        else:
            self._counters.not_taken(command, NOT_THERE)
            reply(NOT_THERE)
