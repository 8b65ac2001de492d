"""What a command has changed in a record is among the changes that it leaves: the tables are written from them."""

from typing import Any

import msgspec
import pytest

from tests.core.model.duel import Duel
from tests.core.model.histories import History
from trading.core.commands import Command
from trading.core.snapshot.records import Snapshot

Records = dict[str, dict[Any, Any]]


class Watched(Duel):
    """Looks at the records before and after every command."""

    def play(self, command: Command, now: int) -> None:
        before = records_of(self.engine.snapshot())
        self.engine.take_changes()
        super().play(command, now)
        after, changes = records_of(self.engine.snapshot()), self.engine.take_changes()
        for what, there in after.items():
            were = before[what]
            changed = {key for key in {*there, *were} if there.get(key) != were.get(key)}
            noted = changes.day and {0} if what == "day" else getattr(changes, what)
            assert changed <= set(noted or ()), f"{type(command).__name__}: {what}"
        new = {key for key in changes.orders if key > changes.after}
        assert set(changes.orders) - new == set(changes.orders) & set(before["orders"]), "those that were live before"


def records_of(found: Snapshot) -> Records:
    """By what the changes go by. Own ids are in the rows of orders."""
    legs = [(each, leg) for each in found.positions for leg in (each.long, each.short)]
    return {
        "accounts": {each.account_id: msgspec.structs.replace(each, client_orders=[]) for each in found.accounts},
        "positions": {
            (each.account_id, each.instrument_id): [
                msgspec.structs.replace(leg, detail=[]) for leg in (each.long, each.short)
            ]
            for each in found.positions
        },
        "lots": {line.number: (each.account_id, line) for each, leg in legs for line in leg.detail},
        "orders": {each.order_id: each for each in found.orders},
        "instruments": {each.contract.instrument_id: each for each in found.instruments},
        "day": {0: found.day},
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "happens"),
    [(903, "ForceClose"), (910, "liquidation stopped"), (914, "liquidation starts"), (901, "expired"), (908, "broken")],
)
def test_all_that_has_changed_is_told(seed: int, happens: str) -> None:
    watched = Watched()
    History(seed, watched).play(60)
    assert watched.seen[happens], "the history is worth playing"
