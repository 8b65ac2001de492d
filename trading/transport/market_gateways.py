"""The door of several markets: a command goes to the engine of its account's market."""

from trading.core.codes import Code
from trading.core.commands import Command, TraderCommand
from trading.core.events import Refused
from trading.core.types import shard_of_account
from trading.observability.counters import Counters
from trading.transport.gateway import Gateway, Reply, Transport

NOT_THERE = Refused(Code.UNAVAILABLE, "The engine of this market does not run; nothing was done")


class MarketGateways(Gateway):
    """That of the first market, which knows the others by the shards of their accounts."""

    def __init__(self, transport: Transport, counters: Counters) -> None:
        super().__init__(transport, counters)
        self.own_shard = 0
        self._others: dict[int, Gateway] = {}

    def add(self, shard: int, gateway: Gateway) -> None:
        """From now on commands for accounts of this shard go there."""
        self._others[shard] = gateway

    def submit(self, command: Command, reply: Reply) -> None:
        """As `Gateway.submit`. 503 for a market whose engine has not started here."""
        shard = shard_of_account(command.account_id) if isinstance(command, TraderCommand) else self.own_shard
        if shard == self.own_shard:
            super().submit(command, reply)
        elif shard in self._others:
            self._others[shard].submit(command, reply)
        else:
            self._counters.not_taken(command)
            reply(NOT_THERE)
