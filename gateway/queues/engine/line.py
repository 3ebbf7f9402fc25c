"""One queue, as the engine keeps it: who is in it in order, who serves it. Pure."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from sortedcontainers import SortedKeyList, SortedList

from gateway.queues.engine.lane import Lane
from gateway.queues.engine.skills import Requirement, satisfied
from gateway.queues.settings import QueueSettings, Staffing
from gateway.queues.views import QueueView

if TYPE_CHECKING:
    from gateway.queues.engine.agent import Agent
    from gateway.queues.engine.draws import Draws
    from gateway.queues.engine.place import Key, Place

MAX_EMPTY_LANES: Final = 32
"""So many lanes are kept although nobody is in them: making one looks at every agent of the queue."""


class Line:
    """Mutable. A queue that isn't configured any more is `retired`: nobody joins; who is in it is served."""

    def __init__(self, settings: QueueSettings) -> None:
        self.settings = settings
        self.retired = False
        self.order: SortedKeyList[Place, Key] = SortedKeyList(key=attrgetter("key"))
        self.times: SortedList[float] = SortedList()  # enqueue times of those in `order`
        self.callers = 0
        self.connected = 0
        self.turn = 0  # offers so far, for round robin
        self.members: dict[Agent, None] = {}
        self.on_staff = 0
        self.on_duty = 0
        self.free = 0
        self._lanes: dict[Requirement, Lane] = {}
        self._empty: dict[Lane, None] = {}

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def is_used(self) -> bool:
        return bool(self.order) or self.connected > 0

    def is_staffed(self, staffing: Staffing) -> bool:
        match staffing:
            case Staffing.ALWAYS:
                return True
            case Staffing.LOGGED_IN:
                return self.on_staff > 0
            case Staffing.ON_DUTY:
                return self.on_duty > 0

    @property
    def is_open(self) -> bool:
        """Whether somebody is there for new callers."""
        return self.is_staffed(self.settings.join)

    @property
    def is_full(self) -> bool:
        """Callers count; callbacks hold no line, and are the way out when a queue is full."""
        return self.settings.capacity is not None and self.callers >= self.settings.capacity

    def position(self, place: Place) -> int:
        return self.order.index(place) + 1

    # ---- lanes

    def enter_lane(self, required: Requirement, draws: Draws) -> Lane:
        """One more entry asks for this."""
        lane = self._lanes.get(required)
        if lane is None:
            lane = self._lanes[required] = Lane(self, required)
            for agent in self.members:
                if satisfied(required, agent.profile.skills):
                    lane.admit(agent, draws)
        self._empty.pop(lane, None)
        lane.size += 1
        return lane

    def leave_lane(self, lane: Lane) -> None:
        lane.size -= 1
        if lane.size > 0:
            return
        self._empty[lane] = None
        if len(self._empty) > MAX_EMPTY_LANES:
            self._drop_lane(next(iter(self._empty)))

    def rerank(self, draws: Draws) -> None:
        """The strategy has changed: free agents are sorted anew."""
        for lane in self._lanes.values():
            for agent in tuple(lane.free()):
                lane.remove_free(agent)
                lane.add_free(agent, draws)

    def drop_empty_lanes(self) -> None:
        for lane in tuple(self._empty):
            self._drop_lane(lane)

    def _drop_lane(self, lane: Lane) -> None:
        del self._empty[lane]
        del self._lanes[lane.required]
        for agent in tuple(lane.crew):
            lane.dismiss(agent)

    # ---- agents

    def admit(self, agent: Agent, draws: Draws) -> None:
        """The agent serves this queue."""
        self.members[agent] = None
        agent.lines[self] = None
        self.on_staff += agent.on_staff
        self.on_duty += agent.on_duty
        self.free += agent.free
        for lane in self._lanes.values():
            if satisfied(lane.required, agent.profile.skills):
                lane.admit(agent, draws)

    def dismiss(self, agent: Agent) -> None:
        """The agent doesn't serve this queue any more."""
        for lane in tuple(agent.lanes):
            if lane.line is self:
                lane.dismiss(agent)
        self.on_staff -= agent.on_staff
        self.on_duty -= agent.on_duty
        self.free -= agent.free
        del self.members[agent]
        del agent.lines[self]

    def view(self) -> QueueView:
        dialling = len(self.order) - self.callers
        return QueueView(
            name=self.name,
            waiting=self.callers,
            callbacks=dialling,
            connected=self.connected,
            oldest_at=self.times[0] if self.times else None,
            staffed=self.on_staff,
            on_duty=self.on_duty,
            idle=self.free,
        )
