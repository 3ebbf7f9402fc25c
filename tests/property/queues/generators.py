"""Made-up queues, agents and wishes, for tests of the engine."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.agents.profile import AgentProfile, Membership
from gateway.queues.settings import PriorityRise, QueueSettings, Relaxation, Staffing, Strategy
from gateway.queues.signals import Miss

QUEUES = ("sales", "help", "vip")
AGENTS = ("ann", "bob", "cat", "dan")

queue_names = st.sampled_from((*QUEUES, *QUEUES, *QUEUES, "nowhere"))
agent_names = st.sampled_from((*AGENTS, *AGENTS, "nobody"))
staffing = st.sampled_from((Staffing.ALWAYS, Staffing.ALWAYS, Staffing.LOGGED_IN, Staffing.ON_DUTY))
pick = st.integers(0, 1_000)
levels = st.sampled_from(({}, {}, {"en": 1}, {"en": 3}, {"law": 2}, {"en": 2, "law": 1}))
lasting = st.sampled_from(({"en": 3, "law": 2}, {"en": 2, "law": 3}, {"en": 1}, {"en": 3}))
identities = st.sampled_from(("", "kim", "kim", "lee"))
wanted_agents = st.sampled_from((None, None, *AGENTS, "nobody"))
offsets = st.none() | st.sampled_from((0.0, 3.0, 30.0, 400.0))
misses = st.sampled_from(Miss)


@st.composite
def queue_settings(draw: st.DrawFn, name: str) -> QueueSettings:
    every_s = draw(st.none() | st.sampled_from((7.0, 0.1, 30.0)))
    return QueueSettings(
        name,
        strategy=draw(st.sampled_from(Strategy)),
        weight=draw(st.integers(0, 2)),
        capacity=draw(st.sampled_from((None, None, None, 1, 4))),
        maximum_wait_s=draw(st.sampled_from((None, None, None, 20.0, 90.0))),
        overflow=draw(st.none() | queue_names),
        join=draw(staffing),
        stay=draw(staffing),
        skills=draw(levels),
        relaxations=tuple(
            Relaxation(after_s, draw(levels)) for after_s in draw(st.sets(st.sampled_from((10.0, 45.0))))
        ),
        priority_rise=None if every_s is None else PriorityRise(every_s, limit=draw(st.integers(0, 4))),
        lease_s=draw(st.sampled_from((15.0, 45.0))),
        retry_s=draw(st.sampled_from((5.0, 12.5))),
        misses_to_break=draw(st.integers(0, 2)),
        wrap_up_s=draw(st.sampled_from((0.0, 10.0))),
        sticky_s=draw(st.sampled_from((0.0, 15.0, 15.0))),
        rejoin_s=draw(st.sampled_from((5.0, 60.0))),
    )


@st.composite
def profiles(draw: st.DrawFn) -> AgentProfile:
    name = draw(st.sampled_from(AGENTS))
    membership = st.builds(Membership, order=st.integers(0, 2), weight=st.integers(0, 3))
    queues = draw(st.sampled_from((QUEUES, QUEUES, QUEUES[:2], QUEUES[1:])))
    memberships = dict.fromkeys(queues, draw(membership))
    return AgentProfile(name, name, skills=draw(lasting), queues=memberships)


@st.composite
def plans(draw: st.DrawFn) -> tuple[QueueSettings, ...]:
    names = draw(st.sampled_from((QUEUES, QUEUES, QUEUES[:2], QUEUES[1:])))
    return tuple(draw(queue_settings(name)) for name in names)
