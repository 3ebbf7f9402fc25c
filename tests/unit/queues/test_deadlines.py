"""Deadlines: the heap behind everything that happens by itself."""

from __future__ import annotations

from gateway.queues.engine.deadlines import Deadlines


def test_what_is_due_comes_in_order_and_once() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for subject, at in (("b", 2.0), ("a", 1.0), ("c", 2.0)):
        deadlines.set(subject, at)

    assert deadlines.due_at == 1.0
    assert deadlines.pop(0.5) is None
    assert [deadlines.pop(5.0) for _ in range(4)] == ["a", "b", "c", None]
    assert deadlines.due_at is None


def test_a_deadline_can_be_changed_and_dropped() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 1.0)
    deadlines.set("a", 3.0)
    deadlines.set("a", 3.0)
    deadlines.set("b", 2.0)
    deadlines.set("b", None)
    deadlines.set("unknown", None)

    assert deadlines.due_at == 3.0
    assert [deadlines.pop(5.0), deadlines.pop(5.0)] == ["a", None]


def test_changing_deadlines_without_end_takes_no_memory() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for number in range(10_000):
        deadlines.set("a", float(number))

    assert deadlines.size < 200
    assert deadlines.due_at == 9_999.0
