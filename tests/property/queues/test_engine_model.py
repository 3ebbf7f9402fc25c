"""Whatever happens, in whatever order: nobody is lost, nobody is rung twice, nobody is forgotten.

Hypothesis makes up callers, agents, phones and operators, races included (offers are accepted after their
end, callers hang up while they are being connected, queues are taken away from under their entries). After
each step the engine is compared with a plain model and with what its own journal says.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.agents.presence import Presence
from gateway.agents.profile import AgentProfile
from gateway.queues.engine import QueueEngine
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    Accept,
    AgentReleased,
    BecomeCallback,
    Claim,
    Configure,
    EndWrapUp,
    Enqueue,
    Event,
    ExtendWrapUp,
    Finished,
    Joined,
    JoinFailed,
    Leave,
    Leaving,
    LogIn,
    Miss,
    Move,
    Offer,
    OfferMissed,
    Postpone,
    Requeue,
    ReturnToWait,
    Ring,
    SetEngaged,
    SetPresence,
    SetPriority,
    SetReachable,
    Tick,
)
from tests.property.queues.generators import (
    AGENTS,
    QUEUES,
    agent_names,
    identities,
    levels,
    misses,
    offsets,
    pick,
    plans,
    profiles,
    queue_names,
    wanted_agents,
)
from tests.property.queues.model import Model
from tests.property.queues.replay import Replay

MAX_ENTRIES = 12
STEPS = 100
EXAMPLES = 560
LEAST_EVENTS = 50_000

any_entry = precondition(lambda floor: bool(floor.model.entries))
any_offer = precondition(lambda floor: bool(floor.offers))
any_room = precondition(lambda floor: len(floor.model.entries) < MAX_ENTRIES)


class Floor(RuleBasedStateMachine):
    """One contact centre, for a hundred steps."""

    told: ClassVar[int] = 0  # events, in all

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.offers: list[str] = []  # all there ever were
        self.entries: list[str] = []

    @initialize(queues=plans(), agents=st.lists(profiles(), min_size=1, max_size=4))
    def open(self, queues: tuple[QueueSettings, ...], agents: list[AgentProfile]) -> None:
        self.engine = QueueEngine(queues, seed=7)
        self.model = Model(self.engine, queues)
        self.replay = Replay()
        for agent in agents:
            self.tell(LogIn(agent))
            self.tell(SetPresence(agent.id, Presence.AVAILABLE))
        for queue in (*QUEUES, *QUEUES):
            self.tell(Enqueue(self.new_entry(), queue))

    def tell(self, event: Event) -> None:
        if not isinstance(event, Tick):
            self.pass_time(0.0)
        Floor.told += 1
        effects = self.engine.handle(event, self.now)
        self.offers += [effect.offer for effect in effects if isinstance(effect, Offer)]
        self.model.take(event, effects, self.now)
        self.replay.read(effects)
        self.model.check()
        self.replay.check(self.engine)

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while (due_at := self.engine.due_at) is not None and due_at <= until:
            assert due_at >= self.now
            self.now = due_at
            self.tell(Tick())
            following = self.engine.due_at
            assert following is None or following > due_at, "what was due is due again"
        self.now = until

    def offer(self, choice: int) -> str:
        """Mostly one that is open, sometimes one that is over."""
        live = tuple(self.model.offers)
        if live and choice % 8:
            return live[choice % len(live)]
        return self.offers[-1 - choice % len(self.offers)] if self.offers else "none-1"

    def entry(self, choice: int) -> str:
        """Mostly one that is there, sometimes one that is gone."""
        live = tuple(self.model.entries)
        if live and choice % 8:
            return live[choice % len(live)]
        return self.entries[-1 - choice % len(self.entries)] if self.entries else "none"

    def new_entry(self) -> str:
        self.entries.append(f"e{len(self.entries)}")
        return self.entries[-1]

    def at(self, offset: float | None) -> float | None:
        return None if offset is None else self.now + offset

    # ---- time

    @rule(seconds=st.sampled_from((0.5, 5.0, 16.0, 61.0)))
    def wait(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule()
    def wait_for_what_is_due(self) -> None:
        if (due_at := self.engine.due_at) is not None:
            self.pass_time(due_at - self.now)

    # ---- callers

    @any_room
    @rule(
        queue=queue_names,
        priority=st.integers(0, 2),
        skills=levels,
        identity=identities,
        sticky=wanted_agents,
        limit_s=st.none() | st.sampled_from((8.0, 50.0)),
        earned=offsets,
        later=offsets,
        kind=st.sampled_from(("caller", "caller", "caller", "forced", "callback")),
    )
    def enqueue(
        self,
        queue: str,
        priority: int,
        skills: dict[str, int],
        identity: str,
        sticky: str | None,
        limit_s: float | None,
        earned: float | None,
        later: float | None,
        kind: str,
    ) -> None:
        self.pass_time(0.0)
        self.tell(
            Enqueue(
                self.new_entry(),
                queue,
                priority=priority,
                skills=skills,
                sticky=sticky,
                identity=identity,
                enqueued_at=None if earned is None else self.now - earned,
                maximum_wait_s=limit_s,
                callback=kind == "callback",
                not_before=self.at(later),
                forced=kind == "forced",
            )
        )

    @any_room
    @rule(queue=queue_names, identity=identities)
    def call(self, queue: str, identity: str) -> None:
        self.tell(Enqueue(self.new_entry(), queue, identity=identity))

    @any_room
    @rule(choice=pick)
    def three_calls(self, choice: int) -> None:
        for number in range(3):
            self.tell(Enqueue(self.new_entry(), QUEUES[choice % 3], identity=("", "kim", "lee")[number]))

    @any_entry
    @rule(choice=pick, reason=st.sampled_from(Leaving))
    def leave(self, choice: int, reason: Leaving) -> None:
        self.tell(Leave(self.entry(choice), reason))

    @any_entry
    @rule(choice=pick, later=offsets)
    def become_callback(self, choice: int, later: float | None) -> None:
        self.tell(BecomeCallback(self.entry(choice), self.at(later)))

    @any_room
    @rule(queue=st.sampled_from(QUEUES), later=offsets, again=offsets)
    def ask_twice_to_be_called_back(self, queue: str, later: float | None, again: float | None) -> None:
        for offset in (later, again):
            entry = self.new_entry()
            self.tell(Enqueue(entry, queue, identity="kim"))
            self.tell(BecomeCallback(entry, self.at(offset)))

    @rule()
    def empty_the_queues(self) -> None:
        for entry in [each.id for each in self.model.entries.values() if not each.talking]:
            self.tell(Leave(entry, Leaving.REMOVED))

    @any_room
    @rule(queue=st.sampled_from(QUEUES), agent=st.sampled_from(AGENTS))
    def call_twice_for_one_agent(self, queue: str, agent: str) -> None:
        """The second waits while the first talks, although others may be idle."""
        for _ in range(2):
            entry = self.new_entry()
            self.tell(Enqueue(entry, queue, sticky=agent, forced=True))
            for event in (Accept(f"{entry}-1"), Joined(f"{entry}-1")):
                self.tell(event)

    @any_entry
    @rule(choice=pick)
    def return_to_wait(self, choice: int) -> None:
        self.tell(ReturnToWait(self.entry(choice)))

    @any_entry
    @rule(choice=pick, later=st.sampled_from((0.0, 5.0, 100.0)))
    def postpone(self, choice: int, later: float) -> None:
        self.tell(Postpone(self.entry(choice), self.now + later))

    @any_entry
    @rule(choice=pick, agent=agent_names)
    def claim(self, choice: int, agent: str) -> None:
        self.tell(Claim(self.entry(choice), agent))

    # ---- agents and their phones

    @any_offer
    @rule(choice=pick)
    def ring(self, choice: int) -> None:
        self.tell(Ring(self.offer(choice)))

    @any_offer
    @rule(choice=pick)
    def accept(self, choice: int) -> None:
        self.tell(Accept(self.offer(choice)))

    @any_offer
    @rule(choice=pick)
    def accept_and_talk(self, choice: int) -> None:
        offer = self.offer(choice)
        for event in (Ring(offer), Accept(offer), Joined(offer)):
            self.tell(event)

    @any_offer
    @rule(choice=pick)
    def talk_and_part(self, choice: int) -> None:
        offer = self.offer(choice)
        entry, agent = self.model.offers.get(offer, ("none", "nobody"))
        for event in (Accept(offer), Joined(offer), Finished(entry), AgentReleased(agent)):
            self.tell(event)

    @any_offer
    @rule(choice=pick)
    def join(self, choice: int) -> None:
        self.tell(Joined(self.offer(choice)))

    @any_offer
    @rule(choice=pick, reason=misses, kind=st.sampled_from((OfferMissed, JoinFailed)))
    def miss(self, choice: int, reason: Miss, kind: type[OfferMissed | JoinFailed]) -> None:
        self.tell(kind(self.offer(choice), reason))

    @any_offer
    @rule(choice=pick)
    def decline(self, choice: int) -> None:
        self.tell(OfferMissed(self.offer(choice), Miss.DECLINED))

    @rule(agent=agent_names, wrap_up=st.booleans())
    def release(self, agent: str, wrap_up: bool) -> None:
        self.tell(AgentReleased(agent, wrap_up))

    @rule(agent=agent_names, presence=st.sampled_from(Presence), reason=st.sampled_from(("", "lunch")))
    def choose(self, agent: str, presence: Presence, reason: str) -> None:
        self.tell(SetPresence(agent, presence, reason))

    @rule(agent=st.sampled_from(AGENTS), reachable=st.booleans())
    def go_away(self, agent: str, reachable: bool) -> None:
        self.tell(SetPresence(agent, Presence.ON_BREAK) if reachable else SetReachable(agent, False))

    @rule(agent=agent_names)
    def come_back(self, agent: str) -> None:
        self.tell(SetPresence(agent, Presence.AVAILABLE))

    @rule(agent=agent_names, engaged=st.booleans(), by=st.sampled_from(["call", "pbx"]))
    def engage(self, agent: str, engaged: bool, by: str) -> None:
        self.tell(SetEngaged(agent, engaged, by))

    @rule(agent=agent_names, reachable=st.booleans())
    def reach(self, agent: str, reachable: bool) -> None:
        self.tell(SetReachable(agent, reachable))

    @rule(agent=agent_names, by_s=st.sampled_from((-20.0, 5.0, 60.0)))
    def extend_wrap_up(self, agent: str, by_s: float) -> None:
        self.tell(ExtendWrapUp(agent, by_s))

    @rule(agent=agent_names)
    def end_wrap_up(self, agent: str) -> None:
        self.tell(EndWrapUp(agent))

    # ---- calls

    @any_entry
    @rule(choice=pick)
    def finish(self, choice: int) -> None:
        self.tell(Finished(self.entry(choice)))

    @any_entry
    @rule(
        choice=pick,
        queue=st.none() | queue_names,
        priority=st.none() | st.integers(0, 2),
        skills=st.none() | levels,
        sticky=st.none() | agent_names,
    )
    def requeue(
        self,
        choice: int,
        queue: str | None,
        priority: int | None,
        skills: dict[str, int] | None,
        sticky: str | None,
    ) -> None:
        self.tell(Requeue(self.entry(choice), queue, priority, skills, sticky))

    # ---- operators

    @rule(profile=profiles())
    def log_in(self, profile: AgentProfile) -> None:
        self.tell(LogIn(profile))

    @any_entry
    @rule(choice=pick, priority=st.integers(0, 4))
    def set_priority(self, choice: int, priority: int) -> None:
        self.tell(SetPriority(self.entry(choice), priority))

    @any_entry
    @rule(choice=pick, queue=queue_names)
    def move(self, choice: int, queue: str) -> None:
        self.tell(Move(self.entry(choice), queue))

    @rule(queues=plans())
    def configure(self, queues: tuple[QueueSettings, ...]) -> None:
        self.tell(Configure(queues))


@pytest.mark.timeout(900)  # a minute of CPU; more on a machine that does other things
class TestFloor(Floor.TestCase):  # type: ignore[misc,valid-type] # made by Hypothesis
    settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def runTest(self) -> None:  # noqa: N802 - unittest's name
        before = Floor.told
        super().runTest()

        assert Floor.told - before >= LEAST_EVENTS
