"""An operator who asks for all kinds of things while a market trades or dies, and what he was told. Judges nothing."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from trading.core import commands
from trading.core.commands import AdminCommand
from trading.core.money import RATE, UNIT
from trading.core.types import AccountRules, Fee, Phase, SelfTrade
from trading.operators.demo_market import INSTRUMENTS

if TYPE_CHECKING:
    from tests.chaos.helper import Desk

Orders = Callable[[random.Random], int | None]
"""The number of an order that somebody was told of, to be cancelled by an operator."""


class StaffMemory(msgspec.Struct):
    """What was asked, under which key, and what came of it, over all servers and desks that came and went."""

    asked: dict[str, Any] = {}
    """Key -> the command; None for a settlement, whose prices the desk finds."""
    answered: dict[str, list[Any]] = {}
    """Key -> status and code."""
    amends: list[Any] = []
    """Commands that end what others have begun: an account is not frozen, an instrument not halted for long."""
    day: int = 20260101
    """The next trading day to be settled."""


class Staff(threading.Thread):
    """Asks one thing after another until it is told to stop, or its desk is gone. `spared`: an instrument that is never
    halted, so that whoever trades it is refused by what happens to the exchange alone."""

    def __init__(
        self, desk: Desk, memory: StaffMemory, seed: int, users: Sequence[str], orders: Orders, spared: str = ""
    ) -> None:
        super().__init__(daemon=True, name="staff")
        self.failure: BaseException | None = None
        self.settle = threading.Event()
        """Set it, and the next command settles the trading day."""
        self.settling = threading.Event()
        """The settlement is before the engine."""
        self._desk = desk
        self._memory = memory
        self._dice = random.Random(seed)
        self._users = users
        self._instruments = [each for each in INSTRUMENTS if each.contract.instrument_id != spared]
        self._orders = orders
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        try:
            while not self._stopping and self._ask_next():
                pass
        except BaseException as error:
            self.failure = error
        finally:
            self.settling.set()

    def _ask_next(self) -> bool:
        """False when the desk is gone."""
        memory = self._memory
        key = f"chaos:{len(memory.asked)}"
        settle = self.settle.is_set()
        line: dict[str, Any] = {"key": key}
        if settle:
            self.settle.clear()
            memory.asked[key] = None
            line |= {"settle": [memory.day, memory.day + 1]}
            memory.day += 1
        else:
            memory.asked[key] = msgspec.to_builtins(self._next())
            line |= {"command": memory.asked[key]}
        if self._desk.ask(line) is None:
            return False
        if settle:
            self.settling.set()
        answer = self._desk.listen()
        if answer is None:
            return False
        if answer["status"] != "PENDING":
            memory.answered[key] = [answer["status"], answer["code"]]
            if memory.asked[key] in memory.amends:
                memory.amends.remove(memory.asked[key])
        return True

    def _next(self) -> AdminCommand:
        memory, dice = self._memory, self._dice
        if memory.amends and dice.random() < 0.7:
            again: AdminCommand = msgspec.convert(memory.amends[0], AdminCommand)
            return again
        user, instrument = dice.choice(self._users), dice.choice(self._instruments)
        name = instrument.contract.instrument_id
        number = len(memory.asked)
        match dice.randrange(12):
            case 0 | 1 | 2:
                return commands.Deposit(user, UNIT + number)
            case 3 | 4:
                return commands.Withdraw(user, UNIT + number)
            case 5:
                return commands.Withdraw(user, 10**9 * UNIT)
            case 6:
                return self._for_a_moment(commands.FreezeAccount(user, True), commands.FreezeAccount(user, False))
            case 7:
                return self._for_a_moment(commands.HaltInstrument(name), commands.ResumeInstrument(name))
            case 8:
                auction, continuous = (
                    commands.SetInstrumentPhase(name, phase) for phase in (Phase.AUCTION, Phase.CONTINUOUS)
                )
                return self._for_a_moment(auction, continuous)
            case 9:
                fee = Fee(dice.randrange(3) * UNIT, 0)
                return commands.ChangeTerms(name, msgspec.structs.replace(instrument.terms, fee_open=fee))
            case 10:
                if dice.random() < 0.3:
                    return commands.SetFeeGroup("friends", dice.randrange(RATE))
                rules = AccountRules(stp=dice.choice(list(SelfTrade)), fee_group=dice.choice(("", "friends")))
                return commands.SetAccountRules(user, rules)
            case _:
                return commands.ForceCancelOrder(self._orders(dice) or 1)

    def _for_a_moment(self, begin: AdminCommand, end: AdminCommand) -> AdminCommand:
        self._memory.amends.append(msgspec.to_builtins(end))
        return begin
