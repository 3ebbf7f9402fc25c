"""Capacity, staffing, maximum waits, overflow; queues that change and go while callers wait."""

from __future__ import annotations

import pytest

from gateway.agents.presence import Presence
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.settings import QueueSettings, Staffing
from gateway.queues.signals import (
    Accept,
    BecomeCallback,
    Configure,
    Dismiss,
    JoinFailed,
    Leaving,
    LogIn,
    Miss,
    Moved,
    Refuse,
    Refused,
    Requeue,
    Tick,
)
from tests.fakes.queue_floor import FloorDriver, profile


def test_a_full_queue_refuses_callers_but_not_those_who_are_forced_nor_callbacks() -> None:
    floor = FloorDriver(QueueSettings("q", capacity=1))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.enqueue("e2")
    assert floor.all(Refuse) == [Refuse("e2", Refused.FULL)]
    assert floor.engine.entry("e2") is None
    assert floor.last(JournalKind.REFUSED).details["reason"] == "full"

    floor.enqueue("e3", forced=True)
    floor.enqueue("e4", callback=True)
    assert floor.order() == ["e1", "e3", "e4"]
    assert (floor.see_queue().waiting, floor.see_queue().callbacks) == (2, 1)


def test_who_became_a_callback_makes_room() -> None:
    floor = FloorDriver(QueueSettings("q", capacity=1))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.tell(BecomeCallback("e1", floor.now + 60))
    floor.enqueue("e2")
    assert floor.order() == ["e1", "e2"]


@pytest.mark.parametrize(
    ("join", "presence", "open_"),
    [
        (Staffing.ALWAYS, Presence.LOGGED_OUT, True),
        (Staffing.LOGGED_IN, Presence.LOGGED_OUT, False),
        (Staffing.LOGGED_IN, Presence.ON_BREAK, True),
        (Staffing.ON_DUTY, Presence.ON_BREAK, False),
        (Staffing.ON_DUTY, Presence.AVAILABLE, True),
    ],
)
def test_a_queue_is_open_when_it_is_staffed_as_it_wants(
    join: Staffing, presence: Presence, open_: bool
) -> None:
    floor = FloorDriver(QueueSettings("q", join=join))
    floor.agent("ann", presence=presence)
    floor.enqueue("e1")
    assert floor.all(Refuse) == ([] if open_ else [Refuse("e1", Refused.CLOSED)])


def test_an_unknown_queue_refuses_everybody() -> None:
    floor = FloorDriver()
    floor.enqueue("e1", "nowhere", forced=True)
    assert floor.all(Refuse) == [Refuse("e1", Refused.UNKNOWN)]
    assert floor.engine.queue("nowhere") is None
    assert list(floor.engine.entries("nowhere")) == []


@pytest.mark.parametrize("presence", [Presence.ON_BREAK, Presence.LOGGED_OUT])
def test_when_the_last_agent_goes_callers_are_let_go_and_callbacks_stay(presence: Presence) -> None:
    floor = FloorDriver(QueueSettings("q", stay=Staffing.ON_DUTY))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.enqueue("e2")
    floor.enqueue("e3", callback=True)

    floor.presence("ann", presence)

    assert floor.all(Dismiss) == [Dismiss("e1", Leaving.EMPTY), Dismiss("e2", Leaving.EMPTY)]
    assert floor.order() == ["e3"]
    assert floor.last(JournalKind.LEFT).details["reason"] == "left_empty"


def test_who_is_being_connected_stays_when_the_last_agent_goes_until_that_fails() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1")
    floor.tell(Accept("e1-1"))
    floor.presence("ann", Presence.LOGGED_OUT)
    assert floor.order() == ["e1"]

    floor.tell(JoinFailed("e1-1", Miss.DISCONNECTED))
    assert floor.all(Dismiss) == [Dismiss("e1", Leaving.EMPTY)]


def test_who_was_let_in_by_force_into_an_unstaffed_queue_may_wait() -> None:
    floor = FloorDriver()
    floor.enqueue("e1", forced=True)
    floor.wait(100)
    floor.agent("ann")
    assert floor.offers == [("e1", "ann")]


def test_a_changed_profile_can_leave_a_queue_unstaffed() -> None:
    floor = FloorDriver(QueueSettings("q"), QueueSettings("r"))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.enqueue("e2")
    floor.tell(LogIn(profile("ann", ("r",))))
    assert floor.all(Dismiss) == [Dismiss("e2", Leaving.EMPTY)]


def test_after_the_maximum_wait_an_entry_overflows_with_its_enqueue_time() -> None:
    floor = FloorDriver(QueueSettings("q", maximum_wait_s=60, overflow="r"), QueueSettings("r"))
    floor.agent("ann", ("q",))
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.agent("bob", ("r",), presence=Presence.ON_BREAK)
    floor.presence("bob", Presence.AVAILABLE)
    floor.enqueue("later", "r")
    floor.enqueue("e1")
    enqueued_at = floor.see("e1").enqueued_at
    floor.wait(30)
    floor.accept("later-1")
    floor.enqueue("latest", "r")
    assert floor.engine.due_at == enqueued_at + 60

    floor.wait(30)
    assert floor.all(Moved) == [Moved("e1", "r")]
    assert floor.order("r") == ["e1", "latest"]
    assert floor.see("e1").enqueued_at == enqueued_at
    details = floor.last(JournalKind.OVERFLOWED).details
    assert (details["from"], details["wait_s"]) == ("q", 60)


@pytest.mark.parametrize(
    "target",
    [
        None,
        QueueSettings("r", join=Staffing.ALWAYS, capacity=0),
        QueueSettings("r", join=Staffing.LOGGED_IN),
        QueueSettings("other"),
    ],
)
def test_without_an_overflow_that_takes_it_an_entry_times_out(target: QueueSettings | None) -> None:
    overflow = None if target is None else "r"
    queues = [QueueSettings("q", maximum_wait_s=60, overflow=overflow, stay=Staffing.ALWAYS)]
    floor = FloorDriver(*queues, *([] if target is None else [target]))
    floor.enqueue("e1", forced=True)
    floor.wait(60)
    assert floor.all(Dismiss) == [Dismiss("e1", Leaving.TIMED_OUT)]
    assert floor.last(JournalKind.LEFT).details["reason"] == "timed_out"


def test_overflows_in_a_circle_end() -> None:
    open_ = Staffing.ALWAYS
    floor = FloorDriver(
        QueueSettings("q", maximum_wait_s=60, overflow="r", join=open_, stay=open_),
        QueueSettings("r", maximum_wait_s=60, overflow="q", join=open_, stay=open_),
    )
    floor.enqueue("e1")
    floor.wait(60)
    assert floor.see("e1").queue == "r"
    floor.wait(60)
    assert floor.all(Dismiss) == [Dismiss("e1", Leaving.TIMED_OUT)]


def test_the_limit_of_the_caller_ends_the_wait_without_an_overflow() -> None:
    floor = FloorDriver(QueueSettings("q", maximum_wait_s=60, overflow="r"), QueueSettings("r"))
    floor.agent("ann", ("q", "r"))
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.enqueue("e1", maximum_wait_s=30)
    floor.wait(30)
    assert floor.all(Dismiss) == [Dismiss("e1", Leaving.TIMED_OUT)]


def test_who_is_being_asked_for_is_not_sent_away_by_the_clock() -> None:
    floor = FloorDriver(QueueSettings("q", misses_to_break=0))
    floor.agent("ann")
    floor.enqueue("e1", maximum_wait_s=10)
    floor.enqueue("e2", maximum_wait_s=10)
    floor.wait(15)
    assert floor.order() == ["e1"]
    floor.miss("e1-1", Miss.NO_ANSWER)
    assert floor.all(Dismiss) == [Dismiss("e1", Leaving.TIMED_OUT)]


def test_callbacks_have_no_maximum_wait() -> None:
    floor = FloorDriver(QueueSettings("q", maximum_wait_s=60))
    floor.enqueue("e1", callback=True)
    floor.wait(1_000)
    assert floor.see("e1").state is EntryState.CALLBACK_WAITING


def test_a_queue_that_is_taken_away_serves_who_is_in_it_and_is_gone_with_the_last() -> None:
    floor = FloorDriver(QueueSettings("q"), QueueSettings("r"))
    floor.agent("ann", ("q", "r"))
    floor.agent("bob", ("r",))
    floor.enqueue("e1")
    floor.enqueue("e2")
    floor.tell(Configure((QueueSettings("r"),)))
    assert floor.tell(Configure((QueueSettings("r"),))) == ()
    floor.enqueue("e3")
    assert floor.all(Refuse) == [Refuse("e3", Refused.UNKNOWN)]

    floor.accept("e1-1")
    floor.end("e1", "ann")
    assert floor.offers == [("e2", "ann")]
    floor.accept("e2-1")
    assert floor.see_queue().connected == 1
    floor.end("e2", "ann", wrap_up=True)
    assert floor.engine.queue("q") is None
    assert [view.name for view in floor.engine.queues()] == ["r"]
    assert floor.see_agent("ann").wrap_up_until is not None


def test_a_queue_that_comes_back_has_its_callers_still() -> None:
    floor = FloorDriver(QueueSettings("q"))
    floor.agent("ann")
    floor.agent("bob", ("other",))
    floor.enqueue("e1")
    floor.tell(Configure(()))
    floor.configure(weight=1)
    floor.enqueue("e2")
    assert floor.order() == ["e1", "e2"]


def test_a_new_queue_finds_its_agents() -> None:
    floor = FloorDriver(QueueSettings("q"))
    floor.agent("ann", ("q", "new"))
    floor.agent("bob")
    floor.tell(Configure((QueueSettings("q"), QueueSettings("new"))))
    floor.enqueue("e1", "new")
    assert floor.offers == [("e1", "ann")]
    assert floor.last(JournalKind.CONFIGURED).details["change"] == "added"


def test_a_stricter_staffing_lets_callers_go_at_once() -> None:
    floor = FloorDriver(QueueSettings("q", stay=Staffing.LOGGED_IN))
    floor.agent("ann")
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.enqueue("e1")
    floor.presence("ann", Presence.ON_BREAK)
    assert floor.order() == ["e1"]
    floor.configure(stay=Staffing.ON_DUTY)
    assert floor.all(Dismiss) == [Dismiss("e1", Leaving.EMPTY)]


def test_a_requeued_entry_stands_where_its_enqueue_time_puts_it() -> None:
    floor = FloorDriver(QueueSettings("q"), QueueSettings("r"))
    floor.agent("ann")
    floor.agent("bob", ("r",), skills={"law": 2})
    floor.enqueue("e1", maximum_wait_s=20)
    floor.accept("e1-1")
    floor.enqueue("busy", "r")
    floor.enqueue("e2", "r")
    floor.wait(30)

    floor.tell(Requeue("e1", "r", priority=0, skills={"law": 1}, by="ann"))

    assert floor.all(Moved) == [Moved("e1", "r")]
    assert floor.order("r") == ["e1", "busy", "e2"]
    assert dict(floor.see("e1").skills) == {"law": 1}
    details = floor.last(JournalKind.REQUEUED).details
    assert (details["from"], details["by"], details["skills"]) == ("q", "ann", {"law": 1})
    floor.tell(Tick())
    assert floor.order("r") == ["e1", "busy", "e2"]


def test_whom_an_entry_comes_back_from_is_asked_last_and_an_unknown_queue_is_the_old_one() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1")
    floor.accept("e1-1")
    floor.tell(Requeue("e1", "nowhere"))
    floor.end("gone", "ann")
    assert floor.order() == ["e1"]
    assert floor.offers == []
    floor.wait(5)
    assert floor.offers == [("e1", "ann")]


def test_an_entry_can_be_requeued_after_its_agent_has_gone() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("e1")
    floor.accept("e1-1")
    floor.end("gone", "ann")
    floor.tell(Requeue("e1"))
    floor.wait(5)
    assert floor.offers == [("e1", "ann")]
    assert floor.tell(Requeue("e1")) == ()


def test_an_entry_that_is_sent_to_one_agent_waits_for_that_one_for_a_while() -> None:
    floor = FloorDriver()
    for name in ("ann", "bob"):
        floor.agent(name)
        floor.enqueue(f"of {name}")
        floor.accept(f"of {name}-1")
    floor.agent("cat")

    floor.tell(Requeue("of ann", sticky="bob"))
    assert floor.offers == []
    floor.wait(30)
    assert floor.offers == [("of ann", "cat")]
