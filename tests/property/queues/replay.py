"""The state of every entry and agent, from the journal alone: what it can't tell isn't journalled."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.agents.presence import AgentState, Presence
from gateway.queues.engine import QueueEngine
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.signals import Effect, Journalled

ASKED = {
    EntryState.WAITING: EntryState.OFFERED,
    EntryState.CALLBACK_WAITING: EntryState.CALLBACK_DIALING,
}
BACK = {asked: waiting for waiting, asked in ASKED.items()}
STATES = {
    JournalKind.CONNECTED: EntryState.CONNECTED,
    JournalKind.REQUEUED: EntryState.WAITING,
    JournalKind.CALLBACK_REQUESTED: EntryState.CALLBACK_WAITING,
}
GONE = {JournalKind.ABANDONED, JournalKind.LEFT, JournalKind.FINISHED}


class Replay:
    def __init__(self) -> None:
        self.entries: dict[str, tuple[str, EntryState]] = {}  # queue, state
        self.priorities: dict[str, int] = {}
        self.presences: dict[str, tuple[Presence, str]] = {}
        self.states: dict[str, AgentState] = {}

    def read(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Journalled):
                self._read_agent(effect)
                if effect.entry:
                    self._read_entry(effect)

    def _read_agent(self, line: Journalled) -> None:
        match line.kind:
            case JournalKind.AGENT_PRESENCE:
                self.presences[line.agent] = (Presence(line.details["presence"]), line.details["reason"])
            case JournalKind.AGENT_STATE:
                self.states[line.agent] = AgentState(line.details["state"])
            case _:
                pass

    def _read_entry(self, line: Journalled) -> None:
        kind, (_, state) = line.kind, self.entries.get(line.entry, ("", EntryState.WAITING))
        if kind in GONE:
            del self.entries[line.entry]
            return
        if kind is JournalKind.REFUSED:
            assert line.entry not in self.entries
            return
        if kind is JournalKind.JOINED:
            assert line.entry not in self.entries
            self.priorities[line.entry] = line.details["priority"]
        elif kind is JournalKind.OFFERED:
            state = ASKED.get(state, state)
        elif kind is JournalKind.RETURNED:
            state = EntryState.WAITING if line.details["reason"] == "caller_returned" else BACK[state]
        elif kind is JournalKind.PRIORITY:
            self.priorities[line.entry] = line.details["to"]
        self.entries[line.entry] = (line.queue, STATES.get(kind, state))

    def check(self, engine: QueueEngine) -> None:
        for entry, (queue, state) in self.entries.items():
            view = engine.entry(entry)
            assert view is not None
            assert (view.queue, view.state) == (queue, state)
        shown = [view.id for queue in engine.queues() for view in engine.entries(queue.name)]
        assert set(shown) <= set(self.entries)
        for agent in engine.agents():
            assert (agent.presence, agent.reason) == self.presences.get(agent.id, (Presence.LOGGED_OUT, ""))
            assert agent.state is self.states.get(agent.id, AgentState.IDLE)
