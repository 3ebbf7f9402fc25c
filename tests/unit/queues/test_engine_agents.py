"""Presence, calls that aren't ours, devices, wrap-up."""

from __future__ import annotations

import pytest

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import Membership
from gateway.queues.journal import JournalKind
from gateway.queues.settings import QueueSettings, Strategy
from gateway.queues.signals import (
    Accept,
    AgentChanged,
    AgentReleased,
    EndWrapUp,
    ExtendWrapUp,
    JoinFailed,
    Leave,
    Leaving,
    LogIn,
    Miss,
    SetEngaged,
    SetPresence,
    SetReachable,
)
from tests.fakes.queue_floor import FloorDriver, profile


def on_call() -> FloorDriver:
    """Ann talks with e1; e2 waits."""
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1")
    floor.accept("e1-1")
    floor.enqueue("e2")
    return floor


def test_logging_in_leaves_the_presence_to_the_agent() -> None:
    floor = FloorDriver()
    floor.tell(LogIn(profile("ann")))
    assert floor.see_agent("ann").presence is Presence.LOGGED_OUT
    assert floor.see_queue().staffed == 0
    floor.presence("ann", Presence.ON_BREAK, "lunch")
    assert (floor.see_queue().staffed, floor.see_queue().on_duty) == (1, 0)
    assert floor.see_agent("ann").reason == "lunch"
    floor.presence("ann", Presence.AVAILABLE, "ignored")
    assert floor.see_agent("ann").reason == ""
    assert (floor.see_queue().on_duty, floor.see_queue().idle) == (1, 1)
    assert floor.presence("ann", Presence.AVAILABLE) == ()
    assert [view.id for view in floor.engine.agents()] == ["ann"]


def test_who_set_a_presence_is_journalled() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.tell(SetPresence("ann", Presence.LOGGED_OUT, by="boss"))
    assert floor.last(JournalKind.AGENT_PRESENCE).details["by"] == "boss"
    assert floor.all(AgentChanged)[-1].since == floor.now


def test_a_break_during_a_call_begins_after_it() -> None:
    floor = on_call()
    floor.presence("ann", Presence.ON_BREAK, "lunch")
    assert floor.see_agent("ann").state is AgentState.ON_CALL
    floor.end("e1", "ann", wrap_up=True)
    assert floor.see_agent("ann").state is AgentState.WRAP_UP
    floor.wait(10)
    assert floor.see_agent("ann").state is AgentState.IDLE
    assert floor.offers == []
    floor.presence("ann", Presence.AVAILABLE)
    assert floor.offers == [("e2", "ann")]


def test_logging_out_during_a_call_takes_effect_after_it_without_a_wrap_up() -> None:
    floor = on_call()
    floor.agent("bob")
    floor.presence("ann", Presence.LOGGED_OUT)
    assert floor.see_agent("ann").entry == "e1"
    floor.end("e1", "ann", wrap_up=True)
    assert floor.see_agent("ann").state is AgentState.IDLE
    assert floor.see_agent("ann").presence is Presence.LOGGED_OUT


def test_logging_out_ends_a_wrap_up() -> None:
    floor = on_call()
    floor.end("e1", "ann", wrap_up=True)
    floor.presence("ann", Presence.LOGGED_OUT)
    assert floor.see_agent("ann").state is AgentState.IDLE
    assert floor.last(JournalKind.WRAPPED_UP).agent == "ann"


def test_a_queue_without_wrap_up_offers_the_next_call_at_once() -> None:
    floor = on_call()
    floor.configure(wrap_up_s=0)
    floor.end("e1", "ann", wrap_up=True)
    assert floor.offers == [("e2", "ann")]


@pytest.mark.parametrize("event", [ExtendWrapUp("ann", 5), EndWrapUp("ann")])
def test_there_is_no_wrap_up_to_change_outside_of_one(event: ExtendWrapUp | EndWrapUp) -> None:
    floor = on_call()
    assert floor.tell(event) == ()


def test_a_wrap_up_that_is_cut_to_nothing_is_over() -> None:
    floor = on_call()
    floor.end("e1", "ann", wrap_up=True)
    floor.tell(ExtendWrapUp("ann", -30))
    assert floor.offers == [("e2", "ann")]


def test_nobody_is_offered_a_call_while_on_another_one() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.tell(SetEngaged("ann", True))
    floor.enqueue("e1")
    assert floor.offers == []
    assert floor.see_agent("ann").state is AgentState.ON_CALL

    floor.tell(SetEngaged("ann", False))
    assert floor.offers == [("e1", "ann")]
    assert floor.tell(SetEngaged("ann", False)) == ()


def test_another_call_during_ours_is_remembered_when_ours_is_over() -> None:
    floor = on_call()
    floor.tell(SetEngaged("ann", True))
    floor.end("e1", "ann")
    assert floor.offers == []
    floor.tell(SetEngaged("ann", False))
    assert floor.offers == [("e2", "ann")]


def test_another_call_that_ends_during_ours_changes_nothing() -> None:
    floor = on_call()
    floor.tell(SetEngaged("ann", True))
    floor.tell(SetEngaged("ann", False))
    assert floor.see_agent("ann").entry == "e1"
    floor.end("e1", "ann")
    assert floor.offers == [("e2", "ann")]


def test_a_wrap_up_goes_on_after_a_call_that_interrupts_it() -> None:
    floor = on_call()
    floor.end("e1", "ann", wrap_up=True)
    floor.tell(SetEngaged("ann", True))
    floor.wait(4)
    floor.tell(SetEngaged("ann", False))
    assert floor.see_agent("ann").state is AgentState.WRAP_UP
    floor.wait(6)
    assert floor.offers == [("e2", "ann")]


def test_a_wrap_up_can_end_during_a_call_that_interrupts_it() -> None:
    floor = on_call()
    floor.end("e1", "ann", wrap_up=True)
    floor.tell(SetEngaged("ann", True))
    floor.wait(20)
    assert floor.see_agent("ann").state is AgentState.ON_CALL
    floor.tell(SetEngaged("ann", False))
    assert floor.offers == [("e2", "ann")]


def test_connecting_that_fails_leaves_an_engaged_agent_engaged() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1")
    floor.tell(Accept("e1-1"))
    floor.tell(SetEngaged("ann", True))
    floor.tell(JoinFailed("e1-1", Miss.DISCONNECTED))
    assert floor.see_agent("ann").state is AgentState.ON_CALL
    assert floor.see_agent("ann").entry is None


def test_unreachable_agents_are_offered_nothing() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.tell(SetReachable("ann", False))
    floor.enqueue("e1")
    assert floor.offers == []
    floor.tell(SetReachable("ann", True))
    assert floor.offers == [("e1", "ann")]


def test_losing_the_device_during_a_call_is_no_reason_to_end_it() -> None:
    floor = on_call()
    floor.tell(SetReachable("ann", False))
    assert floor.see_agent("ann").entry == "e1"
    floor.end("e1", "ann")
    assert floor.offers == []


def test_talk_time_is_counted_when_the_call_is_over() -> None:
    floor = on_call()
    floor.wait(30)
    assert floor.see_agent("ann").talk_s == 0
    floor.end("e1", "ann")
    assert floor.see_agent("ann").talk_s == pytest.approx(30, abs=0.1)


def test_an_agent_may_leave_before_the_caller_and_a_caller_before_the_agent() -> None:
    floor = on_call()
    floor.tell(AgentReleased("ann", wrap_up=False))
    assert floor.offers == [("e2", "ann")]
    floor.accept("e2-1")
    floor.end("e1")
    assert floor.see_agent("ann").entry == "e2"
    floor.end("e2")
    assert floor.see_agent("ann").entry is None
    assert floor.see_agent("ann").state is AgentState.ON_CALL


def test_who_is_away_does_not_miss_calls_of_before() -> None:
    floor = FloorDriver(QueueSettings("q", misses_to_break=1))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.presence("ann", Presence.ON_BREAK, "lunch")
    assert floor.see_agent("ann").reason == "lunch"


def test_nobody_is_released_from_a_call_that_is_over() -> None:
    floor = on_call()
    floor.end("e1", "ann", wrap_up=True)
    assert floor.tell(AgentReleased("ann")) == ()


def test_several_who_become_free_at_once_take_the_first_entries_each_as_the_strategy_wants() -> None:
    floor = FloorDriver(QueueSettings("all", strategy=Strategy.RING_ALL), QueueSettings("q"))
    floor.agent("ann", ("all", "q"), skills={"en": 1})
    floor.agent("bob", ("all", "q"), skills={"en": 1, "law": 1})
    floor.enqueue("e1", "all")
    for entry, skills in (("law", {"law": 1}), ("english", {"en": 1}), ("any", {})):
        floor.enqueue(entry, skills=skills)

    floor.tell(Leave("e1", Leaving.KEY))

    assert floor.offers == [("law", "bob"), ("english", "ann")]


def test_one_who_became_free_looks_on_when_a_better_one_takes_the_first_entry() -> None:
    floor = FloorDriver(
        QueueSettings("all", strategy=Strategy.RING_ALL), QueueSettings("q", strategy=Strategy.ORDERED)
    )
    floor.agent("ann", {"all": Membership(), "q": Membership(order=2)})
    floor.agent("bob", {"all": Membership(), "q": Membership(order=1)})
    floor.enqueue("e1", "all")
    floor.enqueue("first")
    floor.enqueue("second")

    floor.tell(Leave("e1", Leaving.KEY))

    assert floor.offers == [("first", "bob"), ("second", "ann")]


def test_each_who_became_free_gets_one() -> None:
    floor = FloorDriver(QueueSettings("all", strategy=Strategy.RING_ALL), QueueSettings("q"))
    for name in ("ann", "bob", "cat"):
        floor.agent(name, ("all", "q"))
    floor.enqueue("e1", "all")
    floor.enqueue("first")
    floor.enqueue("second")

    floor.tell(Leave("e1", Leaving.KEY))

    assert floor.offers == [("first", "ann"), ("second", "bob")]


def test_who_comes_back_from_a_break_begins_anew_with_what_they_declined() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.agent("bob")
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.enqueue("e1")
    floor.miss("e1-1", Miss.NO_ANSWER)
    assert floor.see_agent("bob").reason == "rona"
    floor.now += 1
    floor.presence("bob", Presence.AVAILABLE)
    assert floor.offers == [("e1", "bob")]
