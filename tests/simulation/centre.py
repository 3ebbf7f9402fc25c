"""A contact centre in virtual time: callers and agents who do what they do, and Ringback's queue engine."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import AgentProfile
from gateway.queues.engine import QueueEngine
from gateway.queues.journal import JournalEvent
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    Accept,
    AgentReleased,
    Connect,
    Dismiss,
    Effect,
    Enqueue,
    Event,
    Finished,
    Joined,
    Journalled,
    Leave,
    Leaving,
    LogIn,
    Offer,
    Ring,
    SetPresence,
    Tick,
)
from tests.simulation.callers import Caller

START: Final = 1_700_000_000.0
"""The engine's time when the simulation's is 0."""

JournalHandler = Callable[[JournalEvent], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a caller."""

    arrived_at: float
    wait_s: float
    answered: bool


class Centre:
    """Times are seconds since the beginning. `answer_s`: how long an agent's phone rings.

    `journal`: is given everything that the engine has for the journal.
    """

    def __init__(
        self, *queues: QueueSettings, answer_s: float = 0.0, journal: JournalHandler = lambda _event: None
    ) -> None:
        self.engine = QueueEngine(queues)
        self.now = 0.0
        self.outcomes: dict[str, Outcome] = {}
        self._answer_s = answer_s
        self._journal = journal
        self._callers: dict[str, Caller] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    # ---- what is going to happen

    def at(self, time_s: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (time_s, self._count, what))

    def call(self, name: str, queue: str, caller: Caller, skills: Mapping[str, int] | None = None) -> None:
        """A caller who will come."""
        self._callers[name] = caller
        self.at(caller.arrives_at, lambda: self.tell(Enqueue(name, queue, skills=skills or {})))
        if caller.patience_s < math.inf:
            self.at(caller.arrives_at + caller.patience_s, lambda: self._loses_patience(name))

    def calls(self, queue: str, callers: Sequence[Caller]) -> None:
        for number, caller in enumerate(callers):
            self.call(f"{queue}-{number}", queue, caller)

    def shift(self, profile: AgentProfile, begins_s: float, ends_s: float = math.inf) -> None:
        """An agent who comes, and goes when the call at that moment is over."""

        def come() -> None:
            self.tell(LogIn(profile))
            self.tell(SetPresence(profile.id, Presence.AVAILABLE))

        self.at(begins_s, come)
        if ends_s < math.inf:
            self.at(ends_s, lambda: self.tell(SetPresence(profile.id, Presence.ON_BREAK, "home")))

    def every(self, seconds: float, what: Callable[[], None]) -> None:
        def again() -> None:
            what()
            self.at(self.now + seconds, again)

        self.at(self.now + seconds, again)

    # ---- what happens

    def run(self, until_s: float = math.inf) -> None:
        """Until so late, or until nothing is left to happen."""
        while True:
            due_s = math.inf if self.engine.due_at is None else self.engine.due_at - START
            next_s = self._due[0][0] if self._due else math.inf
            if min(due_s, next_s) > until_s or min(due_s, next_s) == math.inf:
                return
            self.now = max(self.now, min(due_s, next_s))
            if due_s <= next_s:
                self.tell(Tick(), START + due_s if self.engine.due_at is None else self.engine.due_at)
            else:
                heapq.heappop(self._due)[2]()

    def tell(self, event: Event, at: float | None = None) -> None:
        """The engine hears of it, and what it wants is done."""
        for effect in self.engine.handle(event, START + self.now if at is None else at):
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Offer():
                self.tell(Ring(effect.offer))
                if self._answer_s:
                    self.at(self.now + self._answer_s, lambda: self.tell(Accept(effect.offer)))
                else:
                    self.tell(Accept(effect.offer))
            case Connect():
                self._connect(effect)
            case Dismiss():
                self._note(effect.entry, answered=False)
            case Journalled():
                at = datetime.fromtimestamp(effect.at, UTC)
                self._journal(
                    JournalEvent(
                        at, effect.kind, effect.queue, effect.entry, "", effect.agent, effect.details
                    )
                )
            case _:
                pass

    def _connect(self, connect: Connect) -> None:
        self.tell(Joined(connect.offer))
        self._note(connect.entry, answered=True)
        ends_at = self.now + self._callers[connect.entry].talk_s
        self.at(ends_at, lambda: self._hang_up(connect.entry, connect.agent))

    def _hang_up(self, entry: str, agent: str) -> None:
        self.tell(Finished(entry))
        self.tell(AgentReleased(agent))

    def _loses_patience(self, entry: str) -> None:
        if entry not in self.outcomes:
            self.tell(Leave(entry, Leaving.ABANDONED))
            self._note(entry, answered=False)

    def _note(self, entry: str, *, answered: bool) -> None:
        arrived_at = self._callers[entry].arrives_at
        self.outcomes.setdefault(entry, Outcome(arrived_at, self.now - arrived_at, answered))

    # ---- what is to be seen

    def busy(self) -> int:
        return sum(agent.state is not AgentState.IDLE for agent in self.engine.agents())
