"""Entries whose callers have hung up on purpose."""

from __future__ import annotations

import pytest

from gateway.agents.presence import AgentState, Presence
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    Accept,
    BecomeCallback,
    CancelOffer,
    Claim,
    Dismiss,
    HoldCallbacks,
    Joined,
    JoinFailed,
    Leave,
    Leaving,
    Miss,
    Move,
    Offer,
    OfferMissed,
    Postpone,
    Refuse,
    Refused,
    Requeue,
    ReturnToWait,
)
from tests.fakes.queue_floor import FloorDriver


def busy() -> FloorDriver:
    """Ann talks; e1 (kim) and e2 wait."""
    floor = FloorDriver(QueueSettings("q"), QueueSettings("r"))
    floor.agent("ann", ("q", "r"))
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.enqueue("e1", identity="kim")
    floor.enqueue("e2")
    return floor


def test_a_callback_keeps_its_place_and_is_offered_like_everybody() -> None:
    floor = busy()
    floor.tell(BecomeCallback("e1"))
    assert floor.order() == ["e1", "e2"]
    assert floor.see("e1").state is EntryState.CALLBACK_WAITING
    assert floor.engine.callback_of("q", "kim") == "e1"
    assert floor.last(JournalKind.CALLBACK_REQUESTED).details["not_before"] is None

    floor.end("busy", "ann")
    assert floor.all(Offer)[0].callback
    assert floor.see("e1").state is EntryState.CALLBACK_DIALING
    floor.tell(Accept("e1-1"))
    floor.tell(Joined("e1-1"))
    assert floor.see("e1").state is EntryState.CONNECTED
    assert floor.see("e1").callback
    assert floor.engine.callback_of("q", "kim") is None

    floor.tell(Requeue("e1"))
    assert floor.see("e1").state is EntryState.WAITING
    assert not floor.see("e1").callback


def test_a_callback_is_not_dialled_before_its_time_and_stops_nobody_meanwhile() -> None:
    floor = busy()
    floor.enqueue("slot", callback=True, not_before=floor.now + 100, enqueued_at=floor.now - 500)
    assert floor.engine.position("slot") == 1
    floor.end("busy", "ann")
    assert floor.offers == [("e1", "ann")]
    floor.accept("e1-1")
    floor.agent("bob")
    floor.accept("e2-1")
    floor.agent("cat")
    assert floor.offers == []
    assert floor.engine.due_at == floor.see("slot").not_before
    floor.wait(100)
    assert floor.offers == [("slot", "cat")]


def test_asking_for_a_callback_while_an_agent_is_asked_lets_that_one_go() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1")
    floor.tell(Accept("e1-1"))
    floor.tell(BecomeCallback("e1", floor.now + 60))
    assert CancelOffer("e1-1", "ann", Miss.WITHDRAWN) in floor.out
    assert floor.see("e1").state is EntryState.CALLBACK_WAITING
    assert floor.see_agent("ann").state is AgentState.IDLE


def test_one_live_callback_an_identity_the_second_wish_updates_the_first() -> None:
    floor = busy()
    floor.tell(BecomeCallback("e1", floor.now + 500))
    floor.enqueue("again", callback=True, identity="kim", not_before=floor.now + 100, enqueued_at=900.0)
    assert floor.all(Refuse) == [Refuse("again", Refused.DUPLICATE)]
    assert floor.see("e1").not_before == pytest.approx(floor.now + 100, abs=0.01)
    assert floor.see("e1").enqueued_at == 900
    assert floor.last(JournalKind.CALLBACK_UPDATED).details["by"] == "again"

    floor.enqueue("third", identity="kim")
    floor.tell(BecomeCallback("third"))
    assert floor.all(Dismiss) == [Dismiss("third", Leaving.MERGED)]
    assert floor.see("e1").not_before is None
    assert floor.see("e1").enqueued_at == 900
    assert floor.order() == ["e1", "e2"]
    floor.enqueue("other queue", "r", callback=True, identity="kim")
    floor.enqueue("nobody", callback=True)
    floor.enqueue("nobody either", callback=True)
    assert floor.all(Refuse) == []


def test_a_second_wish_with_a_time_lets_the_agent_go_who_is_asked_but_not_a_running_dial() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1", callback=True, identity="kim")
    floor.enqueue("e2", callback=True, identity="kim", not_before=floor.now + 100)
    assert CancelOffer("e1-1", "ann", Miss.WITHDRAWN) in floor.out
    assert floor.see("e1").state is EntryState.CALLBACK_WAITING

    floor.wait(100)
    floor.tell(Accept("e1-2"))
    floor.enqueue("e3", callback=True, identity="kim", not_before=floor.now + 100)
    assert floor.see("e1").state is EntryState.CALLBACK_DIALING
    floor.enqueue("e4", callback=True, identity="kim")
    assert floor.see("e1").agents == ("ann",)


def test_moving_a_callback_to_where_its_customer_has_one_makes_them_one() -> None:
    floor = busy()
    floor.tell(BecomeCallback("e1"))
    floor.enqueue("e3", "r", callback=True, identity="kim")
    floor.tell(Move("e1", "r"))
    assert floor.all(Dismiss) == [Dismiss("e1", Leaving.MERGED)]
    assert floor.order("r") == ["e3"]
    assert floor.see("e3").enqueued_at < floor.see("e3").joined_at

    floor.tell(Move("e3", "q"))
    assert floor.engine.callback_of("q", "kim") == "e3"
    assert floor.engine.callback_of("r", "kim") is None


def test_a_customer_who_calls_while_their_callback_waits_or_is_dialled_has_their_place() -> None:
    floor = busy()
    floor.tell(BecomeCallback("e1", floor.now + 1_000))
    floor.tell(ReturnToWait("e1"))
    assert floor.see("e1").state is EntryState.WAITING
    assert floor.see("e1").not_before is None
    assert floor.last(JournalKind.RETURNED).details["reason"] == "caller_returned"
    assert floor.tell(ReturnToWait("e1")) == ()

    floor.tell(BecomeCallback("e1"))
    floor.end("busy", "ann")
    floor.tell(Accept("e1-1"))
    floor.tell(ReturnToWait("e1"))
    assert CancelOffer("e1-1", "ann", Miss.WITHDRAWN) in floor.out
    assert floor.all(Offer) == [Offer("e1-2", "e1", "ann", "q", 20.0)]


@pytest.mark.parametrize(
    "reason", [Miss.NO_ANSWER, Miss.BUSY, Miss.UNREACHABLE, Miss.DECLINED, Miss.CALLER_GONE, Miss.EXPIRED]
)
def test_a_customer_who_is_not_reached_is_no_fault_of_the_agent(reason: Miss) -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1", callback=True)
    floor.tell(Accept("e1-1"))

    floor.tell(JoinFailed("e1-1", reason))

    view = floor.see_agent("ann")
    assert (view.presence, view.state, view.reachable) == (Presence.AVAILABLE, AgentState.IDLE, True)
    assert floor.see("e1").state is EntryState.CALLBACK_WAITING
    assert floor.see("e1").not_before == floor.now + 5
    floor.wait(5)
    assert floor.offers == [("e1", "ann")]


def test_an_agent_who_misses_a_callback_is_treated_as_with_any_call() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1", callback=True)
    floor.miss("e1-1", Miss.NO_ANSWER)
    assert floor.see_agent("ann").reason == "rona"
    assert floor.see("e1").not_before is None

    floor.presence("ann", Presence.AVAILABLE)
    floor.wait(5)
    floor.tell(Accept("e1-2"))
    floor.tell(JoinFailed("e1-2", Miss.DISCONNECTED))
    assert not floor.see_agent("ann").reachable


def test_customer_first_a_customer_who_hangs_up_is_tried_again() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1", callback=True)
    floor.tell(OfferMissed("e1-1", Miss.CALLER_GONE))
    assert floor.see("e1").state is EntryState.CALLBACK_WAITING
    assert floor.see("e1").not_before == floor.now + 5


def test_a_dial_may_take_longer_than_a_ring() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1", callback=True)
    floor.tell(Accept("e1-1"))
    floor.wait(179)
    assert floor.see_agent("ann").state is AgentState.ON_CALL
    floor.wait(1)
    assert CancelOffer("e1-1", "ann", Miss.EXPIRED) in floor.out


def test_postponing_lets_an_agent_go_who_is_asked_but_not_a_running_dial() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1", callback=True)
    floor.tell(Postpone("e1", floor.now + 60))
    assert CancelOffer("e1-1", "ann", Miss.WITHDRAWN) in floor.out
    floor.wait(60)
    floor.tell(Accept("e1-2"))
    floor.tell(Postpone("e1", floor.now + 60))
    assert floor.all(CancelOffer) == []
    floor.tell(JoinFailed("e1-2", Miss.NO_ANSWER))
    assert floor.see("e1").not_before == floor.now + 60

    floor.tell(BecomeCallback("e1", floor.now + 90))
    assert floor.see("e1").not_before == floor.now + 90
    assert floor.tell(BecomeCallback("e1")) == ()


def test_what_does_not_fit_changes_nothing() -> None:
    floor = busy()
    for event in (Postpone("e2", floor.now), BecomeCallback("busy"), ReturnToWait("e2"), Move("busy", "r")):
        assert floor.tell(event) == ()


@pytest.mark.parametrize("reason", [Leaving.CANCELLED, Leaving.EXHAUSTED, Leaving.ABANDONED])
def test_a_callback_that_is_given_up_has_left(reason: Leaving) -> None:
    floor = busy()
    floor.tell(BecomeCallback("e1"))
    floor.end("busy", "ann")
    floor.tell(Leave("e1", reason, by="kim"))
    assert floor.all(Dismiss) == [Dismiss("e1", reason)]
    assert dict(floor.last(JournalKind.LEFT).details)["reason"] == reason.value
    assert floor.engine.callback_of("q", "kim") is None
    floor.enqueue("e5", identity="kim")
    assert floor.see("e5").enqueued_at == floor.see("e5").joined_at


def test_a_callback_waits_for_the_agent_of_before_when_its_time_has_come() -> None:
    floor = FloorDriver(QueueSettings("q", sticky_s=30))
    floor.agent("ann")
    floor.agent("bob")
    floor.enqueue("slot", callback=True, sticky="ann", not_before=floor.now + 100)
    floor.enqueue("e1")
    floor.accept("e1-1")
    floor.end("e1", "ann")
    assert floor.offers == []
    floor.enqueue("e2", sticky="ann")
    floor.accept("e2-1")

    floor.wait(110)
    assert floor.offers == []
    floor.wait(20)
    assert floor.offers == [("slot", "bob")]


def test_an_agent_takes_a_callback_before_its_time_and_it_keeps_its_time_if_that_fails() -> None:
    floor = FloorDriver(QueueSettings("q"))
    floor.agent("ann")
    floor.agent("bob", ("r",))
    chosen = floor.now + 100
    floor.enqueue("slot", callback=True, not_before=chosen)
    assert floor.tell(Claim("slot", "bob")) == ()
    assert floor.tell(Claim("slot", "nobody")) == ()
    floor.tell(Claim("slot", "ann", by="sue"))
    assert floor.offers == [("slot", "ann")]
    assert floor.last(JournalKind.OFFERED).details["claimed_by"] == "sue"
    assert floor.tell(Claim("slot", "ann")) == ()

    floor.tell(OfferMissed("slot-1", Miss.DECLINED))
    assert floor.see("slot").state is EntryState.CALLBACK_WAITING
    assert floor.see("slot").not_before == chosen
    floor.wait(99)
    assert floor.offers == []
    floor.wait(1)
    assert floor.offers == [("slot", "ann")]


def test_a_claimed_callback_goes_out_of_its_turn() -> None:
    floor = busy()
    for entry in ("e1", "e2"):
        floor.tell(BecomeCallback(entry, floor.now + 50))
    floor.end("busy", "ann")
    floor.tell(Claim("e2", "ann"))
    assert floor.see("e2").state is EntryState.CALLBACK_DIALING
    assert floor.order() == ["e1", "e2"]


def test_held_callbacks_are_offered_to_nobody_until_they_are_released() -> None:
    floor = FloorDriver()
    floor.tell(HoldCallbacks())
    floor.agent("ann")
    floor.enqueue("later", callback=True)
    floor.enqueue("e1")
    assert floor.offers == [("e1", "ann")]
    floor.accept("e1-1")
    floor.end("e1", "ann")
    assert floor.tell(Claim("later", "ann")) == ()
    assert floor.order() == ["later"]

    floor.tell(HoldCallbacks(held=False))
    assert floor.offers == [("later", "ann")]
