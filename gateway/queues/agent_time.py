"""How long agents were in which state, divided where intervals meet. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.agents.presence import AgentState, Presence
from gateway.queues.figures import AgentFigures
from gateway.queues.intervals import Span

_FIELDS: Final = {
    AgentState.RESERVED.value: "ringing_s",
    AgentState.RINGING.value: "ringing_s",
    AgentState.ON_CALL.value: "on_call_s",
    AgentState.WRAP_UP.value: "in_wrap_up_s",
}

FiguresOf = Callable[[Span, str], AgentFigures]
SpanOf = Callable[[datetime], Span]


@dataclass(slots=True)
class _Standing:
    """What an agent does since `since`; what was before is counted already."""

    since: datetime
    presence: str = Presence.LOGGED_OUT.value
    state: str = AgentState.IDLE.value


class AgentTime:
    """The clocks of all agents. `span_of` and `figures_of` say where time is to be counted."""

    def __init__(self, span_of: SpanOf, figures_of: FiguresOf) -> None:
        self._span_of = span_of
        self._figures_of = figures_of
        self._agents: dict[str, _Standing] = {}

    def set_presence(self, agent: str, presence: str, at: datetime) -> None:
        self._moved(agent, at).presence = presence

    def set_state(self, agent: str, state: str, at: datetime) -> None:
        self._moved(agent, at).state = state

    def settle(self, until: datetime) -> None:
        """Count what agents do now up to `until`. Doing it oftener changes nothing."""
        for agent in self._agents:
            self._moved(agent, until)

    def stop(self, at: datetime) -> None:
        """The node is gone: nobody is known to do anything after `at`."""
        self.settle(at)
        self._agents.clear()

    def _moved(self, agent: str, at: datetime) -> _Standing:
        standing = self._agents.get(agent)
        if standing is None:
            standing = self._agents[agent] = _Standing(at)
        while standing.since < at:
            span = self._span_of(standing.since)
            end = min(at, span.end)
            _count(self._figures_of(span, agent), standing, (end - standing.since).total_seconds())
            standing.since = end
        return standing


def _count(figures: AgentFigures, standing: _Standing, seconds: float) -> None:
    """A call counts as one whatever the presence: a break that is chosen in it begins after it."""
    field = _FIELDS.get(standing.state)
    if field is not None:
        setattr(figures, field, getattr(figures, field) + seconds)
    if standing.presence == Presence.LOGGED_OUT.value:
        return
    figures.logged_in_s += seconds
    if field is not None:
        return
    if standing.presence == Presence.ON_BREAK.value:
        figures.on_break_s += seconds
    else:
        figures.idle_s += seconds
