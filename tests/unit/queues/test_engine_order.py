"""Who is next: priorities, waiting, weights, skills that are relaxed, places that are kept."""

from __future__ import annotations

from gateway.agents.presence import Presence
from gateway.queues.journal import JournalKind
from gateway.queues.settings import PriorityRise, QueueSettings, Relaxation
from gateway.queues.signals import (
    Leave,
    Leaving,
    LogIn,
    Move,
    Moved,
    SetPriority,
)
from tests.fakes.queue_floor import FloorDriver, profile


def test_entries_stand_by_priority_then_by_enqueue_time_then_by_arrival() -> None:
    floor = FloorDriver(QueueSettings("q", join=QueueSettings("x").stay))
    floor.agent("ann", presence=Presence.ON_BREAK)

    floor.enqueue("third")
    floor.enqueue("first", priority=1)
    floor.enqueue("second", enqueued_at=floor.now - 60)
    floor.enqueue("fourth", enqueued_at=floor.see("third").enqueued_at)

    assert floor.order() == ["first", "second", "third", "fourth"]
    assert floor.engine.position("third") == 3
    assert [view.position for view in floor.engine.entries("q")] == [1, 2, 3, 4]
    assert floor.see_queue().oldest_at == floor.see("second").enqueued_at


def test_a_priority_changes_at_once_and_is_journalled() -> None:
    floor = FloorDriver()
    floor.agent("ann")
    floor.enqueue("busy")
    floor.enqueue("e1")
    floor.enqueue("e2")

    floor.tell(SetPriority("e2", 5, by="boss"))

    assert floor.order() == ["e2", "busy", "e1"]
    details = floor.last(JournalKind.PRIORITY).details
    assert (details["from"], details["to"], details["by"]) == (0, 5, "boss")
    assert floor.tell(SetPriority("e2", 5)) == ()
    assert floor.tell(SetPriority("gone", 5)) == ()


def test_a_priority_rises_with_the_wait_up_to_its_limit() -> None:
    floor = FloorDriver(QueueSettings("q", priority_rise=PriorityRise(60, by=2, limit=3)))
    floor.agent("ann")
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.enqueue("old")
    floor.wait(59)
    floor.enqueue("new", priority=1)
    assert floor.order() == ["new", "old"]

    floor.wait(1)
    assert floor.see("old").priority == 2
    assert floor.order() == ["old", "new"]
    floor.wait(300)
    assert floor.see("old").priority == 3
    floor.enqueue("vip", priority=7)
    assert floor.see("vip").priority == 7
    assert floor.last(JournalKind.PRIORITY).details["by"] == "rule"


def test_across_queues_the_heaviest_goes_first_then_the_longest_wait() -> None:
    floor = FloorDriver(QueueSettings("light"), QueueSettings("heavy", weight=5), QueueSettings("q"))
    floor.agent("ann", ("light", "heavy", "q"))
    floor.enqueue("busy", "light")
    for entry, queue in (("e1", "q"), ("e2", "light"), ("e3", "heavy"), ("e4", "heavy")):
        floor.enqueue(entry, queue)

    served = []
    current = "busy"
    for _ in range(4):
        floor.accept(f"{current}-1")
        floor.end(current, "ann")
        ((current, _),) = floor.offers
        served.append(current)

    assert served == ["e3", "e4", "e1", "e2"]


def test_an_entry_that_nobody_can_take_stops_nobody() -> None:
    floor = FloorDriver()
    floor.agent("ann", skills={"en": 5})
    floor.enqueue("latin", skills={"la": 1})
    floor.enqueue("english", skills={"en": 5})

    assert floor.offers == [("english", "ann")]
    assert floor.order() == ["latin", "english"]


def test_skills_are_relaxed_step_by_step_at_the_exact_time() -> None:
    steps = (Relaxation(90, {"en": 0}), Relaxation(30, {"en": 2, "other": 1}), Relaxation(60, {"en": 4}))
    floor = FloorDriver(QueueSettings("q", skills={"en": 3}, relaxations=steps))
    floor.agent("ann", skills={"en": 2})
    floor.agent("bob")
    floor.enqueue("e1", skills={"en": 5})
    assert dict(floor.see("e1").skills) == {"en": 5}

    floor.wait(29)
    assert floor.offers == []
    floor.wait(1)
    assert floor.offers == [("e1", "ann")]
    assert dict(floor.see("e1").skills) == {"en": 2}
    assert floor.last(JournalKind.RELAXED).details["skills"] == {"en": 2}

    floor.enqueue("e2", enqueued_at=floor.now - 90)
    assert floor.offers == [("e2", "bob")]


def test_rules_that_are_edited_apply_to_those_who_wait() -> None:
    floor = FloorDriver(QueueSettings("q", skills={"en": 5}))
    floor.agent("ann", skills={"en": 1})
    floor.enqueue("e1")
    floor.enqueue("e2", enqueued_at=floor.now - 100)
    assert floor.offers == []

    floor.configure(priority_rise=PriorityRise(100))
    assert floor.see("e2").priority == 1
    floor.configure(skills={"en": 1})
    assert floor.offers == [("e2", "ann")]
    floor.configure(skills={}, maximum_wait_s=50)
    floor.wait(51)
    assert floor.kinds("e1")[-1] is JournalKind.LEFT


def test_who_hung_up_gets_the_place_back_for_a_while() -> None:
    floor = FloorDriver(QueueSettings("q", rejoin_s=60))
    floor.agent("ann")
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.enqueue("e1", identity="kim")
    floor.enqueue("e2")
    enqueued_at = floor.see("e1").enqueued_at
    floor.wait(5)
    floor.tell(Leave("e1", Leaving.ABANDONED))
    details = floor.last(JournalKind.ABANDONED).details
    assert (details["position"], details["original_position"]) == (1, 1)

    floor.wait(10)
    floor.enqueue("e3", identity="kim")
    assert floor.see("e3").enqueued_at == enqueued_at
    assert floor.order() == ["e3", "e2"]

    floor.tell(Leave("e3", Leaving.ABANDONED))
    floor.wait(60)
    floor.enqueue("e4", identity="kim")
    assert floor.order() == ["e2", "e4"]


def test_a_place_is_not_kept_for_the_unknown_nor_where_the_queue_keeps_none() -> None:
    floor = FloorDriver(QueueSettings("q"), QueueSettings("r", rejoin_s=0))
    floor.agent("ann", ("q", "r"))
    floor.enqueue("busy")
    floor.enqueue("e1")
    floor.enqueue("e2", "r", identity="kim")
    floor.tell(Leave("e1", Leaving.ABANDONED))
    floor.tell(Leave("e2", Leaving.ABANDONED))

    floor.enqueue("e3")
    floor.enqueue("e4", "r", identity="kim")

    assert floor.see("e3").enqueued_at == floor.see("e3").joined_at
    assert floor.see("e4").enqueued_at == floor.see("e4").joined_at


def test_moving_keeps_the_enqueue_time() -> None:
    floor = FloorDriver(QueueSettings("q"), QueueSettings("r"))
    floor.agent("ann", ("q",))
    floor.agent("bob", ("r",))
    floor.enqueue("e1")
    floor.enqueue("e2", "r")
    floor.enqueue("e3", "r")
    floor.now += 5

    floor.tell(Move("e1", "r", by="boss"))

    assert floor.all(Moved) == [Moved("e1", "r")]
    assert floor.order("r") == ["e1", "e2", "e3"]
    assert floor.see("e1").joined_at == floor.now
    assert floor.see_agent("ann").entry is None
    assert dict(floor.last(JournalKind.MOVED).details) == {"from": "q", "by": "boss"}
    assert floor.tell(Move("e1", "r")) == ()
    assert floor.tell(Move("e1", "nowhere")) == ()


def test_another_profile_counts_at_once() -> None:
    floor = FloorDriver()
    floor.agent("ann", skills={"en": 1})
    floor.enqueue("e1", skills={"en": 2})
    assert floor.offers == []

    floor.tell(LogIn(profile("ann", skills={"en": 2})))
    assert floor.offers == [("e1", "ann")]
    assert floor.tell(LogIn(profile("ann", skills={"en": 2}))) == ()


def test_many_different_requirements_are_forgotten_again() -> None:
    floor = FloorDriver()
    floor.agent("ann", skills={f"s{number}": 1 for number in range(100)})
    floor.presence("ann", Presence.ON_BREAK)
    for number in range(100):
        floor.enqueue(f"e{number}", skills={f"s{number}": 1}, forced=True)
        floor.tell(Leave(f"e{number}", Leaving.KEY))

    floor.agent("bob", skills={"s1": 1, "s99": 1})
    floor.enqueue("first", skills={"s1": 1})
    assert floor.offers == [("first", "bob")]
