"""The engine's part in a restart, and the clock that doesn't go back."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.clock import SteadyEpoch
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.open_entries import follow
from gateway.queues.signals import Enqueue, KeepPlace
from tests.fakes.queue_floor import START, FloorDriver

NOON = 1_800_000_000.0


class SetBack:
    """A machine whose wall clock was set back an hour while the node was down."""

    def now(self) -> float:
        return 50.0

    def utc(self) -> datetime:
        return datetime.fromtimestamp(NOON - 3600.0, UTC)


def test_a_restored_entry_is_journalled_as_such_and_not_as_a_new_one() -> None:
    floor = FloorDriver()
    enqueue = Enqueue("e1", "q", enqueued_at=START - 60.0, callback=True, forced=True, restored=True)
    floor.tell(enqueue)

    kinds = [noted.kind for noted in floor.journal if noted.entry == "e1"]
    assert kinds == [JournalKind.RESTORED]
    assert floor.see("e1").state is EntryState.CALLBACK_WAITING


def test_a_restored_entry_is_open_as_a_callback_whatever_it_was() -> None:
    at = datetime.fromtimestamp(START, UTC)
    joined = follow(None, JournalEvent(at, JournalKind.JOINED, "q", "e1", details={"ani": "+49"}))
    dialled = follow(
        joined, JournalEvent(at, JournalKind.CALLBACK_DIALLED, "q", "e1", details={"attempt": 1})
    )
    restored = JournalEvent(at, JournalKind.RESTORED, "q", "e1", details={"callback": True, "number": "+49"})

    for before in (joined, dialled, None):
        found = follow(before, restored)
        assert found is not None
        assert (found.state, found.number) == (EntryState.CALLBACK_WAITING, "+49")
        assert "dialling" not in found.details


def test_a_kept_place_is_given_back_to_who_calls_soon() -> None:
    floor = FloorDriver()
    floor.tell(KeepPlace("q", "mia", START - 500.0))
    floor.tell(KeepPlace("nowhere", "mia", START - 500.0))
    floor.tell(Enqueue("new", "q", forced=True, identity="other"))
    floor.tell(Enqueue("again", "q", forced=True, identity="mia"))

    assert floor.order("q") == ["again", "new"]


def test_a_clock_that_was_set_back_puts_nobody_before_those_who_wait_already() -> None:
    assert SteadyEpoch(SetBack(), not_before=NOON).now() == NOON
    assert SteadyEpoch(SetBack()).now() == NOON - 3600.0
