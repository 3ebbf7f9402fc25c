"""Which entries are open, as the journal says."""

from __future__ import annotations

import pytest

from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.open_entries import OpenEntry, follow
from tests.unit.queues.journalling import NINE, line

K = JournalKind
S = EntryState
JOINED = line(
    0, K.JOINED, call_id="c1", priority=2, skills={"french": 3}, language="fr", identity="id", envelope="h1"
)
EPOCH = NINE.timestamp()


def after(*events: JournalEvent) -> OpenEntry:
    entry: OpenEntry | None = None
    for event in events:
        entry = follow(entry, event)
        assert follow(entry, event) == entry, "the same event again changes nothing"
    assert entry is not None
    return entry


def test_an_entry_is_what_it_joined_with() -> None:
    assert after(JOINED) == OpenEntry(
        "e1", "support", S.WAITING, EPOCH, EPOCH, 2, {"french": 3}, "fr", "id", call_id="c1", envelope="h1"
    )


def test_a_place_earned_before_and_everything_unforeseen_are_kept() -> None:
    entry = after(
        line(0, K.JOINED, enqueued_at=EPOCH - 60.5, callback=True, number="+44", not_before=7, vip=True)
    )

    assert (entry.enqueued_at, entry.joined_at, entry.state, entry.callback) == (
        EPOCH - 60.5,
        EPOCH,
        S.CALLBACK_WAITING,
        True,
    )
    assert (entry.number, entry.not_before, entry.details) == ("+44", 7.0, {"vip": True})


@pytest.mark.parametrize("kind", [K.ABANDONED, K.LEFT, K.FINISHED, K.REFUSED])
def test_what_ends_an_entry_closes_it(kind: JournalKind) -> None:
    assert follow(after(JOINED), line(5, kind)) is None


@pytest.mark.parametrize("kind", [kind for kind in K if kind not in (K.JOINED, K.RESTORED)])
def test_an_entry_that_never_joined_is_not_open(kind: JournalKind) -> None:
    assert follow(None, line(5, kind)) is None


def test_an_offer_and_what_may_come_of_it() -> None:
    offered = after(JOINED, line(5, K.OFFERED, agent="ann"))
    returned = after(JOINED, line(5, K.OFFERED, agent="ann"), line(9, K.RETURNED))
    connected = after(JOINED, line(5, K.OFFERED, agent="ann"), line(9, K.CONNECTED, agent="ann"))

    assert (offered.state, offered.agent) == (S.OFFERED, "ann")
    assert (returned.state, returned.agent) == (S.WAITING, "")
    assert (connected.state, connected.agent, connected.call_id) == (S.CONNECTED, "ann", "c1")


def test_moving_keeps_the_enqueue_time() -> None:
    for kind in (K.OVERFLOWED, K.MOVED):
        entry = after(JOINED, line(60, kind, queue="sales"))

        assert (entry.queue, entry.enqueued_at, entry.joined_at) == ("sales", EPOCH, EPOCH + 60)


def test_a_requeued_caller_waits_again() -> None:
    entry = after(JOINED, line(9, K.CONNECTED, agent="ann"), line(60, K.REQUEUED, queue="sales", priority=9))

    assert (entry.state, entry.queue, entry.agent, entry.priority) == (S.WAITING, "sales", "", 9)


def test_a_priority_that_was_set_stays() -> None:
    assert after(JOINED, line(9, K.PRIORITY, priority=7, to=9, by="sue")).priority == 7
    assert after(JOINED, line(9, K.PRIORITY, to=9, by="rule")).priority == 2  # follows from the time again


def test_a_callback_from_asking_to_answering() -> None:
    asked = (JOINED, line(9, K.CALLBACK_REQUESTED, number="+44", not_before=None, promised_high_s=600))
    changed = (*asked, line(10, K.CALLBACK_UPDATED, number="+49"))
    offered = (*changed, line(11, K.OFFERED, agent="ann"))
    dialled = (*offered, line(12, K.CALLBACK_DIALLED, attempt=1, number="+49"))
    failed = (*dialled, line(30, K.CALLBACK_FAILED, attempt=1, outcome="busy", next_at=900.0))
    returned = (*offered, line(20, K.RETURNED))

    assert after(*asked).details == {"promised_high_s": 600}
    assert (after(*changed).number, after(*changed).state) == ("+49", S.CALLBACK_WAITING)
    assert after(*offered).state is S.CALLBACK_DIALING
    assert (after(*dialled).attempts, after(*dialled).state) == (1, S.CALLBACK_DIALING)
    assert (after(*failed).not_before, after(*failed).attempts, after(*failed).agent) == (900.0, 1, "")
    assert after(*returned).state is S.CALLBACK_WAITING
    assert after(*failed, line(40, K.RETURNED, reason="caller_returned", call_id="c2")).call_id == "c2"
    assert after(*failed, line(40, K.RETURNED, reason="caller_returned", call_id="c2")).state is S.WAITING


def test_details_that_make_no_sense_leave_things_as_they_are() -> None:
    entry = after(JOINED, line(9, K.CALLBACK_UPDATED, skills="french", priority="high"))

    assert (entry.skills, entry.priority) == ({"french": 3}, 2)
    assert after(JOINED, line(9, K.RINGING)) == after(JOINED)
