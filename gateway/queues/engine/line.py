"""One queue, as the engine keeps it: who is in it in order, who serves it. Pure."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final, assert_never

from sortedcontainers import SortedKeyList, SortedList

from gateway.queues.engine.lane import Crew, Lane, kind_of
from gateway.queues.settings import QueueSettings, Staffing, Strategy
from gateway.queues.views import QueueView

if TYPE_CHECKING:
    from gateway.queues.engine.agent import Agent
    from gateway.queues.engine.lane import Kind, Rank
    from gateway.queues.engine.place import Key, Place
    from gateway.queues.engine.skills import Requirement

MAX_EMPTY_LANES: Final = 32
"""So many lanes are kept although nobody is in them: making one looks at every crew of the queue."""


class Line:
    """Mutable. A queue that isn't configured any more is `retired`: nobody joins; who is in it is served."""

    def __init__(self, settings: QueueSettings) -> None:
        self.settings = settings
        self.retired = False
        self.holds_callbacks = False  # see `HoldCallbacks`
        self.order: SortedKeyList[Place, Key] = SortedKeyList(key=attrgetter("key"))
        self.times: SortedList[float] = SortedList()  # enqueue times of those in `order`
        self.callers = 0
        self.connected = 0
        self.turn = 0  # offers so far, for round robin
        self.on_staff = 0
        self.on_duty = 0
        self.ranks: dict[Agent, Rank] = {}  # of those who are free
        self._crews: dict[Kind, Crew] = {}
        self._lanes: dict[Requirement, Lane] = {}
        self._empty: dict[Lane, None] = {}

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def free(self) -> int:
        """How many of its agents could take a call now."""
        return len(self.ranks)

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
            case _:
                assert_never(staffing)

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

    def enter_lane(self, required: Requirement) -> Lane:
        """One more entry asks for this."""
        lane = self._lanes.get(required)
        if lane is None:
            lane = self._lanes[required] = Lane(self, required)
            for crew in self._crews.values():
                crew.serve(lane)
        self._empty.pop(lane, None)
        lane.size += 1
        return lane

    def leave_lane(self, lane: Lane) -> None:
        lane.size -= 1
        if lane.size > 0:
            return
        self._empty[lane] = None
        if len(self._empty) > MAX_EMPTY_LANES:
            oldest = next(iter(self._empty))
            del self._empty[oldest]
            del self._lanes[oldest.required]
            oldest.close()

    # ---- agents

    def admit(self, agent: Agent) -> None:
        """The agent serves this queue."""
        kind = kind_of(agent.profile, self.name)
        crew = self._crews.get(kind)
        if crew is None:
            crew = self._crews[kind] = Crew(self, agent.profile)
            for lane in self._lanes.values():
                crew.serve(lane)
        crew.size += 1
        agent.crews[self] = crew
        self.on_staff += agent.on_staff
        self.on_duty += agent.on_duty
        crew.able += agent.able
        if agent.free:
            self.add_free(agent)

    def dismiss(self, agent: Agent) -> None:
        """The agent doesn't serve this queue any more."""
        if agent.free:
            self.remove_free(agent)
        crew = agent.crews.pop(self)
        crew.able -= agent.able
        crew.size -= 1
        self.on_staff -= agent.on_staff
        self.on_duty -= agent.on_duty
        if crew.size == 0:
            crew.close()
            del self._crews[kind_of(agent.profile, self.name)]

    def add_free(self, agent: Agent) -> None:
        """The agent can take a call. What their rank is made of changes only while they can't."""
        rank = (self._merit(agent), agent.last_call_at, agent.seq, agent)
        self.ranks[agent] = rank
        agent.crews[self].free.add(rank)

    def remove_free(self, agent: Agent) -> None:
        agent.crews[self].free.remove(self.ranks.pop(agent))

    def rerank(self) -> None:
        """The strategy has changed: free agents are sorted anew."""
        for agent in tuple(self.ranks):
            self.remove_free(agent)
            self.add_free(agent)

    def _merit(self, agent: Agent) -> float:
        """The least of a crew is asked first."""
        match self.settings.strategy:
            case Strategy.ROUND_ROBIN:
                return agent.turns.get(self.name, 0)
            case Strategy.FEWEST_CALLS:
                return agent.calls
            case Strategy.LEAST_TALK_TIME:
                return agent.talk_s
            case _:
                return 0.0

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
