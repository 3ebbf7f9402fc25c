"""The plain way of a call: it waits, an agent is asked, they talk, the agent wraps up."""

from __future__ import annotations

from gateway.agents.presence import AgentState
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    Accept,
    AgentReleased,
    Connect,
    EndWrapUp,
    ExtendWrapUp,
    Finished,
    Joined,
    Offer,
    Ring,
)
from tests.fakes.queue_floor import FloorDriver


def test_a_call_goes_from_the_queue_to_an_agent_and_into_wrap_up() -> None:
    floor = FloorDriver(QueueSettings("q", wrap_up_s=10, ring_s=15))
    floor.agent("ann")

    floor.enqueue("e1")
    assert floor.all(Offer) == [Offer("e1-1", "e1", "ann", "q", 15)]
    assert floor.see("e1").state is EntryState.OFFERED
    assert floor.see("e1").agents == ("ann",)
    assert floor.see_agent("ann").state is AgentState.RESERVED

    floor.tell(Ring("e1-1"))
    assert floor.see_agent("ann").state is AgentState.RINGING

    floor.now += 4
    floor.tell(Accept("e1-1"))
    assert floor.all(Connect) == [Connect("e1-1", "e1", "ann")]
    assert floor.see("e1").state is EntryState.OFFERED
    assert floor.see("e1").position == 1
    assert floor.see_agent("ann").state is AgentState.ON_CALL

    floor.tell(Joined("e1-1"))
    assert floor.see("e1").state is EntryState.CONNECTED
    assert floor.see("e1").position is None
    assert floor.see_agent("ann").entry == "e1"
    assert floor.see_queue().connected == 1
    assert floor.last(JournalKind.CONNECTED).details["rang_s"] == 4

    floor.now += 60
    floor.tell(Finished("e1", by="caller"))
    floor.tell(AgentReleased("ann"))
    assert floor.engine.entry("e1") is None
    assert floor.see_queue().connected == 0
    assert floor.see_agent("ann").state is AgentState.WRAP_UP
    assert floor.see_agent("ann").wrap_up_until == floor.now + 10
    assert (floor.see_agent("ann").calls, floor.see_agent("ann").talk_s) == (1, 60)

    assert floor.engine.due_at == floor.now + 10
    floor.wait(10)
    assert floor.see_agent("ann").state is AgentState.IDLE
    assert floor.last(JournalKind.WRAPPED_UP).details["wrap_up_s"] == 10
    assert floor.kinds(entry="e1") == [
        JournalKind.JOINED,
        JournalKind.OFFERED,
        JournalKind.RINGING,
        JournalKind.ACCEPTED,
        JournalKind.CONNECTED,
        JournalKind.FINISHED,
    ]


def test_wrap_up_can_be_extended_and_ended() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1")
    floor.accept("e1-1")
    floor.end("e1", "ann", wrap_up=True)
    floor.enqueue("e2")

    floor.tell(ExtendWrapUp("ann", 30))
    floor.wait(39)
    assert floor.see_agent("ann").state is AgentState.WRAP_UP

    floor.tell(EndWrapUp("ann", disposition="sold"))
    assert floor.offers == [("e2", "ann")]
    assert floor.last(JournalKind.WRAPPED_UP).details["disposition"] == "sold"


def test_those_who_wait_longest_go_first_and_skills_decide_who_can_take_them() -> None:
    floor = FloorDriver()
    floor.agent("ann", skills={"billing": 3})
    floor.agent("bob", skills={"billing": 5})

    floor.enqueue("hard", skills={"billing": 4})
    assert floor.offers == [("hard", "bob")]
    floor.enqueue("harder", skills={"billing": 6})
    assert floor.offers == []
    floor.enqueue("easy")

    assert floor.offers == [("easy", "ann")]
    assert floor.order() == ["hard", "harder", "easy"]
