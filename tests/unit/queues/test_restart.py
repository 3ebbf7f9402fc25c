"""What becomes of open entries when a node starts again."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.open_entries import CONNECTED_AT, DIALLING, OpenEntry
from gateway.queues.restart import VERIFIED, Close, Resume, Step, Strand, steps
from gateway.queues.settings import AtRestart, QueueSettings
from gateway.queues.signals import Enqueue

NOW = 1_000.0


def entry(name: str = "e1", state: EntryState = EntryState.WAITING, **others: Any) -> OpenEntry:
    whole = {
        "enqueued_at": 100.0,
        "joined_at": 100.0,
        "identity": f"id-{name}",
        "ani": "+4930123456",
        **others,
    }
    return OpenEntry(id=name, queue="q", state=state, **whole)


def taken(
    *entries: OpenEntry, rule: AtRestart = AtRestart.CALLBACK, number: str | None = "+49"
) -> list[Step]:
    queues = {"q": QueueSettings("q", at_restart=rule)}
    return list(steps(entries, queues, lambda _entry: number, NOW, died_at=900.0))


def test_who_waited_is_a_callback_at_the_same_place() -> None:
    waited = entry(priority=2, skills=MappingProxyType({"law": 3}), language="de", details={"sticky": "ann"})

    [step] = taken(waited)

    assert isinstance(step, Resume)
    assert step.enqueue == Enqueue(
        entry="e1",
        queue="q",
        priority=2,
        skills={"law": 3},
        language="de",
        sticky="ann",
        identity="id-e1",
        enqueued_at=100.0,
        callback=True,
        forced=True,
        restored=True,
    )
    assert (step.number, step.known, step.interrupted) == ("+49", {"number": "+49", "was": "waiting"}, False)


def test_a_callback_keeps_its_time_and_a_dial_that_was_cut_off_is_known() -> None:
    pending = entry(state=EntryState.CALLBACK_WAITING, not_before=2_000.0)
    offered = replace(pending, id="e2", state=EntryState.CALLBACK_DIALING)
    dialled = replace(offered, id="e3", details={DIALLING: 1})

    found = taken(pending, offered, dialled, rule=AtRestart.DROP)

    assert [step.enqueue.not_before for step in found if isinstance(step, Resume)] == [2_000.0] * 3
    assert [step.interrupted for step in found if isinstance(step, Resume)] == [False, False, True]


def test_steps_are_taken_in_the_order_of_the_enqueue_times() -> None:
    late, early = entry("late", enqueued_at=300.0), entry("early", enqueued_at=100.0)
    same = entry("same", enqueued_at=100.0, joined_at=90.0)

    assert [step.entry.id for step in taken(late, early, same)] == ["same", "early", "late"]


@pytest.mark.parametrize(
    ("rule", "verified", "kept"),
    [
        (AtRestart.CALLBACK, False, True),
        (AtRestart.VERIFIED, False, False),
        (AtRestart.VERIFIED, True, True),
        (AtRestart.DROP, True, False),
    ],
)
def test_the_queue_says_who_is_called_back(rule: AtRestart, verified: bool, kept: bool) -> None:
    [step] = taken(entry(details={VERIFIED: verified}), rule=rule)

    if kept:
        assert isinstance(step, Resume)
    else:
        assert isinstance(step, Close)
        assert (step.kind, step.keep_place) == (JournalKind.LEFT, True)
        assert step.details == {"reason": "restarted", "why": "rule", "wait_s": 900.0}


def test_who_cant_be_called_back_is_closed_with_the_reason_and_has_the_place_if_they_call() -> None:
    [caller, callback] = taken(entry(), entry("e2", EntryState.CALLBACK_WAITING), number=None)

    assert isinstance(caller, Close)
    assert isinstance(callback, Close)
    assert (caller.details["why"], caller.keep_place) == ("number", True)
    assert (callback.details["why"], callback.keep_place) == ("number", False)


def test_a_conversation_ends_when_the_node_was_last_known_to_live() -> None:
    [step] = taken(entry(state=EntryState.CONNECTED, agent="ann", details={CONNECTED_AT: 400.0}))

    assert isinstance(step, Close)
    assert step.kind is JournalKind.FINISHED
    assert step.details == {"wait_s": 300.0, "talk_s": 500.0, "by": "node", "cause": "node_died"}


def test_a_conversation_ends_now_without_a_trace_and_has_no_length_without_a_beginning() -> None:
    queues = {"q": QueueSettings("q")}
    talked = entry(state=EntryState.CONNECTED, details={CONNECTED_AT: 400.0})
    unknown = entry("e2", EntryState.CONNECTED)

    [first, second] = steps([talked, unknown], queues, lambda _entry: None, NOW, None)

    assert isinstance(first, Close)
    assert isinstance(second, Close)
    assert first.details["talk_s"] == 600.0
    assert second.details == {"by": "node", "cause": "node_died"}


def test_what_belongs_to_a_queue_that_is_gone_stays_open() -> None:
    [step] = steps([entry()], {}, lambda _entry: "+49", NOW, None)

    assert step == Strand(entry())
