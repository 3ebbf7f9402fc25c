"""Each way an offer can end: what it means for the entry, and what for the agent."""

from __future__ import annotations

import pytest

from gateway.agents.presence import AgentState, Presence
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    Accept,
    AgentChanged,
    AgentReleased,
    CancelOffer,
    Connect,
    Dismiss,
    Enqueue,
    Event,
    Finished,
    Joined,
    JoinFailed,
    Leave,
    Leaving,
    Miss,
    OfferMissed,
    Requeue,
    Ring,
    SetEngaged,
    SetPriority,
    SetReachable,
)
from tests.fakes.queue_floor import FloorDriver

BY_AGENT = (Miss.DECLINED, Miss.NO_ANSWER, Miss.BUSY, Miss.UNREACHABLE, Miss.DISCONNECTED, Miss.EXPIRED)


def two() -> FloorDriver:
    """Ann is asked for e1, bob is free, e2 would be next."""
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1")
    return floor


@pytest.mark.parametrize("reason", Miss)
def test_after_every_kind_of_miss_the_entry_is_where_it_was_unless_its_caller_is_gone(reason: Miss) -> None:
    floor = two()
    floor.enqueue("e2")
    floor.enqueue("e0", enqueued_at=floor.see("e1").enqueued_at - 1)
    floor.tell(Ring("e1-1"))

    floor.miss("e1-1", reason)

    if reason is Miss.CALLER_GONE:
        assert floor.order() == ["e0", "e2"]
        assert floor.all(Dismiss) == [Dismiss("e1", Leaving.ABANDONED)]
        assert JournalKind.RETURNED not in floor.kinds("e1")
        return
    assert floor.order() == ["e0", "e1", "e2"]
    assert floor.see("e1").state is EntryState.WAITING
    assert floor.last(JournalKind.MISSED).details["reason"] == reason.value
    assert floor.last(JournalKind.RETURNED).entry == "e1"


@pytest.mark.parametrize("reason", BY_AGENT)
def test_who_did_not_take_it_is_passed_over_while_another_could(reason: Miss) -> None:
    floor = FloorDriver(QueueSettings("q", misses_to_break=0))
    floor.agent("ann")
    floor.agent("bob")
    floor.enqueue("busy")
    floor.accept("busy-1")  # ann
    floor.enqueue("e1")
    floor.miss("e1-1", reason)
    floor.wait(40)  # the pause is over, but ann could take it after her call
    assert floor.offers == []

    floor.end("busy", "ann")
    assert floor.offers == [("e1", "ann")]


def test_who_declined_is_asked_again_after_a_pause_when_nobody_else_could_take_it() -> None:
    floor = two()
    floor.miss("e1-1")
    assert floor.engine.due_at == floor.now + 5
    floor.wait(5)
    assert floor.offers == [("e1", "ann")]


def test_who_declined_is_asked_again_as_soon_as_the_others_have_gone() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.agent("bob")
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.enqueue("e1")
    floor.miss("e1-1")
    floor.wait(10)
    assert floor.offers == []

    floor.presence("ann", Presence.LOGGED_OUT)
    assert floor.offers == [("e1", "bob")]


def test_patience_with_the_others_ends() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.agent("bob")
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.enqueue("e1")
    floor.miss("e1-1")
    floor.wait(59)
    assert floor.offers == []
    floor.wait(1)
    assert floor.offers == [("e1", "bob")]


def test_who_declined_one_call_gets_the_next() -> None:
    floor = two()
    floor.enqueue("e2")
    floor.miss("e1-1")
    assert floor.offers == [("e2", "ann")]


def test_missed_calls_put_the_agent_on_break_for_all_to_see() -> None:
    floor = FloorDriver(QueueSettings("q", misses_to_break=2))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.miss("e1-1", Miss.NO_ANSWER)
    assert floor.see_agent("ann").presence is Presence.AVAILABLE
    assert floor.see_agent("ann").misses == 1
    floor.wait(5)
    floor.miss("e1-2", Miss.NO_ANSWER)

    view = floor.see_agent("ann")
    assert (view.presence, view.reason, view.state) == (Presence.ON_BREAK, "rona", AgentState.IDLE)
    assert floor.all(AgentChanged)[-1].reason == "rona"
    assert dict(floor.last(JournalKind.AGENT_PRESENCE).details) == {
        "presence": "on_break",
        "reason": "rona",
        "by": "rona",
    }
    floor.presence("ann", Presence.AVAILABLE)
    assert floor.see_agent("ann").misses == 0


def test_an_answered_call_breaks_the_row_of_misses() -> None:
    floor = FloorDriver(QueueSettings("q", misses_to_break=2))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.miss("e1-1", Miss.NO_ANSWER)
    floor.wait(5)
    floor.accept("e1-2")
    assert floor.see_agent("ann").misses == 0


@pytest.mark.parametrize("reason", [Miss.DECLINED, Miss.BUSY, Miss.UNREACHABLE, Miss.DISCONNECTED])
def test_only_silence_counts_as_a_miss(reason: Miss) -> None:
    floor = two()
    floor.miss("e1-1", reason)
    assert floor.see_agent("ann").presence is Presence.AVAILABLE
    assert floor.see_agent("ann").misses == 0


def test_a_busy_device_is_left_alone_for_a_while() -> None:
    floor = two()
    floor.enqueue("e2")
    floor.miss("e1-1", Miss.BUSY)
    assert floor.offers == []
    assert floor.see_agent("ann").state is AgentState.ON_CALL
    floor.wait(5)
    assert floor.offers == [("e1", "ann")]


def test_a_device_out_of_reach_is_tried_again_ever_later_until_it_rings() -> None:
    floor = two()
    pauses = []
    for number in range(1, 7):
        floor.miss(f"e1-{number}", Miss.UNREACHABLE)
        assert not floor.see_agent("ann").reachable
        since = floor.now
        while not floor.offers:
            floor.wait(0.5)
        pauses.append(floor.now - since)
    assert pauses == [5, 10, 20, 40, 60, 60]

    floor.tell(Ring("e1-7"))
    floor.miss("e1-7", Miss.DISCONNECTED)
    floor.wait(5)
    assert floor.offers == [("e1", "ann")]
    floor.miss("e1-8", Miss.UNREACHABLE)
    floor.tell(SetReachable("ann", True))
    assert floor.see_agent("ann").reachable


def test_a_lease_takes_the_offer_back_by_force() -> None:
    floor = FloorDriver(QueueSettings("q", lease_s=45))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.agent("bob")
    floor.wait(44.9)
    assert floor.offers == []
    floor.wait(0.1)

    assert CancelOffer("e1-1", "ann", Miss.EXPIRED) in floor.out
    assert floor.see_agent("ann").reason == "rona"
    assert floor.offers == [("e1", "bob")]


def test_accepting_gives_the_lease_a_new_term_and_its_end_blames_nobody() -> None:
    floor = two()
    floor.now += 40
    floor.tell(Accept("e1-1"))
    floor.wait(44)
    assert floor.see_agent("ann").state is AgentState.ON_CALL
    floor.wait(1)
    assert CancelOffer("e1-1", "ann", Miss.EXPIRED) in floor.out
    assert floor.see_agent("ann").presence is Presence.AVAILABLE
    assert floor.see("e1").state is EntryState.WAITING


@pytest.mark.parametrize("reason", [reason for reason in Miss if reason is not Miss.CALLER_GONE])
def test_when_connecting_fails_the_entry_is_where_it_was_and_the_agent_is_free_of_it(reason: Miss) -> None:
    floor = two()
    floor.enqueue("e2")
    floor.tell(Accept("e1-1"))

    floor.tell(JoinFailed("e1-1", reason))

    assert floor.order() == ["e1", "e2"]
    assert floor.see_agent("ann").presence is Presence.AVAILABLE
    assert floor.see_agent("ann").calls == 0
    assert JournalKind.MISSED not in floor.kinds("e1")
    assert floor.last(JournalKind.RETURNED).agent == "ann"
    floor.wait(6)
    assert floor.see_agent("ann").entry is not None


def test_a_caller_who_hangs_up_while_being_connected_is_gone_and_the_agent_has_the_next() -> None:
    floor = two()
    floor.enqueue("e2")
    floor.tell(Accept("e1-1"))

    floor.tell(JoinFailed("e1-1", Miss.CALLER_GONE))

    assert floor.engine.entry("e1") is None
    assert floor.offers == [("e2", "ann")]
    assert floor.kinds("e1")[-1] is JournalKind.ABANDONED


def test_a_caller_who_hangs_up_takes_the_offer_away_from_the_agent() -> None:
    for accepted in (False, True):
        floor = two()
        if accepted:
            floor.tell(Accept("e1-1"))
        floor.tell(Leave("e1", Leaving.ABANDONED))

        assert CancelOffer("e1-1", "ann", Miss.CALLER_GONE) in floor.out
        assert floor.all(Dismiss) == [Dismiss("e1", Leaving.ABANDONED)]
        assert floor.see_agent("ann").state is AgentState.IDLE
        assert floor.tell(Accept("e1-1")) == (CancelOffer("e1-1", "ann", Miss.CALLER_GONE),)


def test_what_comes_too_late_or_out_of_order_changes_nothing() -> None:
    floor = two()
    early: tuple[Event, ...] = (
        Joined("e1-1"),
        AgentReleased("ann"),
        Finished("e1"),
        Ring("none"),
        Accept("none"),
        Joined("none"),
    )
    assert [floor.tell(event) for event in early] == [()] * len(early)
    floor.tell(Ring("e1-1"))
    assert floor.tell(Ring("e1-1")) == ()
    floor.tell(Accept("e1-1"))
    assert floor.all(Connect) == [Connect("e1-1", "e1", "ann")]
    assert floor.tell(Ring("e1-1")) == ()
    assert floor.tell(Accept("e1-1")) == ()
    assert floor.tell(AgentReleased("ann")) == ()
    floor.tell(Joined("e1-1"))
    late: tuple[Event, ...] = (
        *(Accept("e1-1"), OfferMissed("e1-1", Miss.DECLINED), JoinFailed("e1-1", Miss.EXPIRED)),
        *(Joined("e1-1"), Leave("e1", Leaving.ABANDONED), Enqueue("e1", "q")),
        *(Leave("gone", Leaving.KEY), Requeue("gone"), SetEngaged("nobody", True), SetPriority("e1", 9)),
    )
    assert [floor.tell(event) for event in late] == [()] * len(late)
    assert floor.see("e1").state is EntryState.CONNECTED


def test_only_so_many_ends_are_remembered() -> None:
    floor = FloorDriver(QueueSettings("q", misses_to_break=0, retry_s=1, lease_s=2))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.wait(3 * 4_200)
    assert floor.tell(Accept("e1-1")) == ()
    assert floor.tell(Accept("e1-4000")) == (CancelOffer("e1-4000", "ann", Miss.EXPIRED),)


def test_a_break_or_logging_out_while_it_rings_says_no() -> None:
    for presence in (Presence.ON_BREAK, Presence.LOGGED_OUT):
        floor = FloorDriver()
        floor.agent("ann")
        floor.enqueue("e1")
        floor.agent("bob")
        floor.presence("ann", presence)
        assert CancelOffer("e1-1", "ann", Miss.DECLINED) in floor.out
        assert floor.offers == [("e1", "bob")]


def test_a_device_that_is_lost_while_it_rings_gives_the_call_to_the_next() -> None:
    floor = two()
    floor.agent("bob")
    floor.tell(SetReachable("ann", False))
    assert CancelOffer("e1-1", "ann", Miss.DISCONNECTED) in floor.out
    assert floor.offers == [("e1", "bob")]
    floor.wait(1_000)
    assert not floor.see_agent("ann").reachable


def test_another_call_on_the_device_while_it_rings_gives_the_call_to_the_next() -> None:
    floor = two()
    floor.agent("bob")
    floor.tell(Ring("e1-1"))
    floor.tell(SetEngaged("ann", True))
    assert CancelOffer("e1-1", "ann", Miss.BUSY) in floor.out
    assert floor.see_agent("ann").state is AgentState.ON_CALL
    assert floor.offers == [("e1", "bob")]
