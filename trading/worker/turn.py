"""One turn of the worker: what is asked is applied to the engine, in the order that the market's rules demand."""

from trading.core.commands import (
    AdoptRules,
    CheckRisk,
    Command,
    ExpireDue,
    FireStops,
    SetInstrumentPhase,
    SetMarketLimits,
    SubmitOrder,
    SystemCommand,
)
from trading.core.engine import Engine
from trading.core.events import Event, InstrumentListed, OrderRepeated, Refused
from trading.core.types import PRESENT_RULES, MarketLimits, Phase
from trading.transport.gateway import Envelope
from trading.worker.batch import OperatorAnswer, OperatorAsk
from trading.worker.collaborators import UsedIds
from trading.worker.refusals import BROKEN, UNREADABLE

NOT_DONE = (Refused, OrderRepeated)
"""First events of commands that changed nothing. (Told by their exact type: `isinstance` takes 0.2 µs for each struct
that an event is not.)"""


class Turn:
    """Applies commands at one time (`now`), and keeps what there is to say: every answer with the one who waits for it.
    `broken_asks`: rows of operators' commands that broke the engine; one that does it now is added. `trial`: whether
    this is to find out if a commit succeeds."""

    def __init__(self, engine: Engine, now: int, broken_asks: set[int], trial: bool) -> None:
        self._engine = engine
        self._now = now
        self._broken_asks = broken_asks
        self._trial = trial
        self.replies: list[tuple[Envelope, Event]] = []
        self.operator_answers: list[OperatorAnswer] = []
        self.commands: list[Command] = []
        self.not_done: list[tuple[Command, Event]] = []
        self.events: list[Event] = []

    @property
    def did_something(self) -> bool:
        """Refusals and repeated answers change nothing."""
        return bool(self.commands or self.operator_answers)

    @property
    def to_store(self) -> bool:
        """What changed nothing needs no commit, but where it is tried whether one succeeds."""
        return self._trial or self.did_something

    def apply(
        self,
        envelopes: list[Envelope],
        asks: list[OperatorAsk],
        used: UsedIds,
        limits: MarketLimits | None,
        risk: CheckRisk,
    ) -> None:
        """What is due comes first, what the rest has moved is looked at last. Before anything is done under rules that
        the market has not adopted yet, it adopts them. `used`: own ids of the day that the engine has forgotten.
        `limits`: what the market's shall be; None: as they are."""
        engine = self._engine
        day = engine.state.day.trading_day
        if engine.state.rules != PRESENT_RULES:
            self._apply_one(AdoptRules(PRESENT_RULES))
        if engine.due(self._now):
            self._apply_own(ExpireDue())
        if engine.firing:
            self._apply_own(FireStops())
        if limits is not None and limits != engine.state.day.limits:
            self._apply_one(SetMarketLimits(limits))
        for ask in asks:
            self.operator_answers.append(OperatorAnswer(ask.row_id, self._apply_ask(ask)))
        if engine.state.day.trading_day != day:
            used = {}  # on the new day they are free
        for envelope in envelopes:
            command = envelope.command
            answer = self._apply_used(command, used) if used else self._apply_one(command)
            self.replies.append((envelope, answer))
        if risk.everyone or engine.moved:
            self._apply_own(risk)

    def _apply_used(self, command: Command, used: UsedIds) -> Event:
        """Like `_apply_one`, but of an order whose own id is one of the `used`."""
        if not isinstance(command, SubmitOrder):
            return self._apply_one(command)
        known = used.get((command.account_id, command.client_order_id or ""))
        if known is None:
            return self._apply_one(command)
        answer = self._engine.repeat(command, known)
        self.not_done.append((command, answer))
        return answer

    def _apply_own(self, command: SystemCommand) -> None:
        """A command of the worker's own; one that found nothing to do leaves no trace."""
        events = self._engine.apply(command, self._now)
        if len(events) > 1:
            self.commands.append(command)
            self.events += events

    def _apply_ask(self, ask: OperatorAsk) -> Event:
        """A command that broke the engine before is refused, or it would break it for ever."""
        if ask.command is None:
            return UNREADABLE
        if ask.refusal is not None:
            return ask.refusal
        if ask.row_id in self._broken_asks:
            return BROKEN
        try:
            answer = self._apply_one(ask.command)
            if isinstance(answer, InstrumentListed):
                self._bring_in(answer.instrument_id)
        except Exception:
            self._broken_asks.add(ask.row_id)
            raise
        return answer

    def _bring_in(self, instrument_id: str) -> None:
        """A contract begins in the phase of the others, by a command of its own: listings of old journals did not."""
        phase = self._engine.phase_for(instrument_id)
        if phase is not Phase.CONTINUOUS:
            self._apply_one(SetInstrumentPhase(instrument_id, phase))

    def _apply_one(self, command: Command) -> Event:
        """The first event of a command answers it; one that changed nothing leaves no trace."""
        events = self._engine.apply(command, self._now)
        if type(events[0]) in NOT_DONE:
            self.not_done.append((command, events[0]))
        else:
            self.commands.append(command)
            self.events += events
        return events[0]
