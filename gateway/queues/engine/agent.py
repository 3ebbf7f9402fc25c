"""One agent, as the engine keeps them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import AgentProfile
from gateway.queues.views import AgentView

if TYPE_CHECKING:
    from gateway.queues.engine.lane import Crew
    from gateway.queues.engine.line import Line
    from gateway.queues.engine.offer import OpenOffer
    from gateway.queues.engine.place import Place


@dataclass(slots=True, eq=False)
class Agent:
    """Mutable. `on_staff`, `on_duty`, `able` and `free` are what the queues have been told (`duty.sync`)."""

    seq: int
    profile: AgentProfile
    presence_since: float
    presence: Presence = Presence.LOGGED_OUT
    reason: str = ""
    state: AgentState = AgentState.IDLE
    state_since: float = 0.0
    reachable: bool = True
    reachable_at: float | None = None  # when an unreachable device is tried again
    failures: int = 0  # of the device, in a row
    engaged_by: set[str] = field(default_factory=set)  # who says that they are on another call
    disengaged_at: float | None = None  # when a device that was busy is taken for free again
    offer: OpenOffer | None = None
    place: Place | None = None  # whom they talk with
    call_line: Line | None = None  # whose wrap-up follows
    talking_since: float = 0.0
    wrap_up_since: float = 0.0
    wrap_up_until: float | None = None
    last_call_at: float = 0.0  # end of the last call, or when they came on duty
    calls: int = 0
    talk_s: float = 0.0
    misses: int = 0
    turns: dict[str, int] = field(default_factory=dict)
    held: dict[Place, None] = field(default_factory=dict)  # entries that wait for this agent alone
    crews: dict[Line, Crew] = field(default_factory=dict)
    on_staff: bool = False  # logged in
    on_duty: bool = False  # and not on break
    able: bool = False  # and their device can be reached
    free: bool = False  # and not on a call

    @property
    def id(self) -> str:
        return self.profile.id

    @property
    def engaged(self) -> bool:
        return bool(self.engaged_by)

    @property
    def since(self) -> float:
        return self.presence_since if self.state is AgentState.IDLE else self.state_since

    def view(self) -> AgentView:
        place = self.place if self.offer is None else self.offer.place
        return AgentView(
            profile=self.profile,
            presence=self.presence,
            reason=self.reason,
            state=self.state,
            since=self.since,
            reachable=self.reachable,
            entry=None if place is None else place.id,
            wrap_up_until=self.wrap_up_until,
            calls=self.calls,
            talk_s=self.talk_s,
            misses=self.misses,
            engaged=tuple(sorted(self.engaged_by)),
        )
