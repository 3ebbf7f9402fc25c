"""The journal of the real engine: what a crashed node would read is what the engine knew, at every moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given, settings

from gateway.agents.presence import Presence
from gateway.agents.profile import AgentProfile, Membership
from gateway.clock import SteadyEpoch
from gateway.queues.engine import QueueEngine
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalEvent
from gateway.queues.open_entries import OpenEntry, follow
from gateway.queues.reports import Figures
from gateway.queues.settings import QueueSettings, Staffing
from gateway.queues.signals import (
    Accept,
    AgentReleased,
    BecomeCallback,
    Configure,
    Connect,
    Enqueue,
    Event,
    Finished,
    Joined,
    JoinFailed,
    Journalled,
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
    SetPresence,
    SetPriority,
    Tick,
)
from gateway.queues.views import EntryView
from tests.fakes.clock import START, ManualClock

QUEUES = ("sales", "support")
AGENTS = ("ann", "bob")
SOMEBODY = "somebody"  # of those who are there, whoever it is when it is played
BEGIN = START.timestamp()

queues, agents, entries = st.sampled_from(QUEUES), st.sampled_from(AGENTS), st.just(SOMEBODY)
moves = st.one_of(
    st.builds(
        Enqueue,
        entries,
        queues,
        priority=st.integers(0, 3),
        identity=st.sampled_from(("", "joe", "jane")),
        enqueued_at=st.none() | st.floats(BEGIN - 100, BEGIN),
        callback=st.booleans(),
    ),
    st.builds(Leave, entries, st.sampled_from(Leaving)),
    st.builds(SetPriority, entries, st.integers(0, 9)),
    st.builds(Move, entries, queues),
    st.builds(BecomeCallback, entries, st.none() | st.floats(BEGIN, BEGIN + 500)),
    st.builds(Postpone, entries, st.floats(BEGIN, BEGIN + 500)),
    st.builds(ReturnToWait, entries),
    st.builds(Requeue, entries, st.none() | queues, st.none() | st.integers(0, 9)),
    st.builds(Finished, entries),
    st.builds(AgentReleased, agents),
    st.builds(SetPresence, agents, st.sampled_from(Presence)),
    st.just(Tick()),
    # What the agent's side says of the latest offer.
    st.sampled_from(("ring", "accept", "joined", "failed", "missed", "talk", "talk", "break")),
)


class Node:
    """An engine, and what its journal makes of it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.epoch = SteadyEpoch(self.clock)
        self.engine = QueueEngine()
        self.open: dict[str, OpenEntry] = {}
        self.figures = Figures()
        self.offer = "none"
        self.joined = 0
        sales = QueueSettings("sales", join=Staffing.ALWAYS, stay=Staffing.ALWAYS, wrap_up_s=5.0)
        self.handle(Configure((sales, QueueSettings("support", join=Staffing.ALWAYS, stay=Staffing.ALWAYS))))
        for agent in AGENTS:
            serves = {queue: Membership() for queue in QUEUES}
            self.handle(LogIn(AgentProfile(agent, agent, device="sip:x", queues=serves)))
            self.handle(SetPresence(agent, Presence.AVAILABLE))

    def handle(self, event: Event) -> None:
        for effect in self.engine.handle(event, self.epoch.now()):
            match effect:
                case Offer() | Connect():
                    self.offer = effect.offer
                case Journalled():
                    self._follow(effect)

    def play(self, move: Event | str, whom: int) -> None:
        match move:
            case Enqueue():
                self.joined += 1
                self.handle(replace(move, entry=f"e{self.joined}"))
            case "ring":
                self.handle(Ring(self.offer))
            case "accept":
                self.handle(Accept(self.offer))
            case "joined":
                self.handle(Joined(self.offer))
            case "failed":
                self.handle(JoinFailed(self.offer, Miss.UNREACHABLE))
            case "talk":
                self.handle(Accept(self.offer))
                self.handle(Joined(self.offer))
            case "break":
                self.handle(Accept(self.offer))
                self.handle(JoinFailed(self.offer, Miss.CALLER_GONE))
            case "missed":
                self.handle(OfferMissed(self.offer, Miss.NO_ANSWER))
            case str():
                raise AssertionError(move)
            case SetPresence() | AgentReleased() | Tick():
                self.handle(move)
            case _:
                if there := self.views():
                    self.handle(replace(move, entry=there[whom % len(there)].id))  # type: ignore[arg-type]

    def views(self) -> list[EntryView]:
        """Everybody whom the engine knows of."""
        names = (f"e{number}" for number in range(1, self.joined + 1))
        return [view for name in names if (view := self.engine.entry(name)) is not None]

    def _follow(self, effect: Journalled) -> None:
        at = self.epoch.utc_of(effect.at)
        event = JournalEvent(at, effect.kind, effect.queue, effect.entry, "", effect.agent, effect.details)
        self.figures.add(event)
        if effect.entry:
            now = follow(self.open.get(effect.entry), event)
            self.open.pop(effect.entry, None)
            if now is not None:
                self.open[effect.entry] = now


steps = st.tuples(moves, st.integers(0, 7), st.sampled_from((0.0, 0.5, 7.0, 60.0)))


@settings(deadline=None)
@given(st.lists(steps, min_size=10, max_size=60))
def test_what_a_crashed_node_would_read_is_what_the_engine_knew(
    played: Sequence[tuple[Event | str, int, float]],
) -> None:
    node = Node()
    for move, whom, pause_s in played:
        node.clock.advance(pause_s)
        node.play(move, whom)

        views = node.views()
        assert {
            entry.id: (entry.queue, entry.state, entry.priority, entry.enqueued_at, entry.not_before)
            for entry in node.open.values()
        } == {
            view.id: (view.queue, view.state, view.priority, view.enqueued_at, view.not_before)
            for view in views
        }
        for queue in QUEUES:
            one = node.figures.queue(queue, START)
            there = sum(view.queue == queue and view.state is not EntryState.CONNECTED for view in views)
            gone = (
                one.answered + one.given_up + one.left_by_key + one.overflowed_out + one.moved_out
                + one.callbacks_kept + one.callbacks_missed + one.callbacks_cancelled
            )  # fmt: skip
            assert one.offered == gone + there
