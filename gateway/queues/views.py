"""What can be seen of the queues at a moment: frozen pictures for screens, expressions, estimates. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import AgentProfile
from gateway.queues.entry import EntryState


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry. `position`: from 1, callers and callbacks together; None when it isn't placed any more.

    `skills`: what is asked for now, relaxations applied. `priority`: the effective one.
    """

    id: str
    queue: str
    state: EntryState
    position: int | None
    priority: int
    skills: Mapping[str, int]
    language: str
    identity: str
    enqueued_at: float
    joined_at: float  # of this queue
    callback: bool
    not_before: float | None
    agents: tuple[str, ...]  # who is asked, or who talks with it


@dataclass(frozen=True, slots=True)
class AgentView:
    """One agent. `since`: of the state when it isn't IDLE, else of the presence."""

    profile: AgentProfile
    presence: Presence
    reason: str  # of a break
    state: AgentState
    since: float
    reachable: bool
    entry: str | None  # what they are asked to take, or talk with
    wrap_up_until: float | None
    calls: int  # since they logged in
    talk_s: float  # since they logged in, without the call that they are on
    misses: int  # in a row
    engaged: tuple[str, ...] = ()  # who says that they are on a call that isn't a queue's

    @property
    def id(self) -> str:
        return self.profile.id

    @property
    def free(self) -> bool:
        """Whether a call can be offered to them."""
        return self.presence is Presence.AVAILABLE and self.reachable and self.state is AgentState.IDLE


@dataclass(frozen=True, slots=True)
class QueueView:
    """One queue. `waiting` counts callers, `callbacks` those without media; both count in positions."""

    name: str
    waiting: int
    callbacks: int
    connected: int
    oldest_at: float | None  # enqueue time of who has waited longest
    staffed: int  # agents of this queue who are logged in
    on_duty: int  # of them, not on break
    idle: int  # of them, free to take a call now
