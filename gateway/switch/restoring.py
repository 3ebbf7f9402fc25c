"""A node that starts again takes up what its last run left open: places, callbacks, agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog

from gateway.errors import RingbackError
from gateway.faults import point
from gateway.queues.journal import JournalKind
from gateway.queues.open_entries import OpenEntry
from gateway.queues.restart import Close, Resume, Step, Strand, steps
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import KeepPlace, Leaving, SetPresence
from gateway.storage.presences import KnownPresence

log = structlog.get_logger(__name__)

BY: str = "restart"
"""Who set the presence of agents that were restored, for the journal."""


@dataclass(frozen=True, slots=True)
class Remains:
    """What the last run left. `died_at`: when it was last known to live (seconds since the epoch)."""

    entries: Sequence[OpenEntry] = ()
    presences: Sequence[KnownPresence] = ()
    died_at: float | None = None

    @property
    def latest(self) -> float:
        """The latest time that was given away: the engine's clock goes on from there at the earliest."""
        return max((max(entry.enqueued_at, entry.joined_at) for entry in self.entries), default=0.0)


NOTHING = Remains()


class Callbacks(Protocol):
    """Who carries callbacks out: the `CallbackDesk`."""

    def number_of(self, entry: OpenEntry) -> str | None:
        """The number at which this entry's caller may be called back; None when there is none."""
        ...

    def resume(self, resume: Resume) -> bool:
        """Enter the callback again, at its place; False when its queue doesn't take it."""
        ...


def restore(remains: Remains, runner: QueueRunner, desk: Callbacks) -> Mapping[str, int]:
    """Everything is in its place again; the plan is in force already. Returns how many became what.

    In the order of the enqueue times, so that who came first is first. Afterwards `runner.settled`.
    """
    became: Counter[str] = Counter()
    queues = {queue.name: queue for queue in runner.settings()}
    point("restart.beginning")
    for step in steps(remains.entries, queues, desk.number_of, runner.now, remains.died_at):
        try:
            became[_take(step, runner, desk)] += 1
        except (RingbackError, ValueError, TypeError):
            # It stays in the database as it was: the next start tries again.
            log.exception("entry_not_restored", entry=step.entry.id, queue=step.entry.queue)
            became["failed"] += 1
        point("restart.restored", step)
    if became:
        log.info("entries_restored", **became)
    _restore_presences(remains.presences, runner)
    point("restart.restored_all")
    return became


def _take(step: Step, runner: QueueRunner, desk: Callbacks) -> str:
    entry = step.entry
    match step:
        case Resume():
            if runner.callback_of(entry.queue, entry.identity) is not None:
                details = {"reason": Leaving.MERGED.value, "wait_s": runner.now - entry.enqueued_at}
                runner.record(JournalKind.LEFT, entry=entry.id, queue=entry.queue, details=details)
                return "merged"
            if desk.resume(step):
                return "callbacks"
            log.error("entry_not_resumed", entry=entry.id, queue=entry.queue)
            return "refused"
        case Close():
            about = {"entry": entry.id, "queue": entry.queue, "agent": entry.agent, "call_id": entry.call_id}
            runner.record(step.kind, **about, details=step.details)
            if step.keep_place:
                runner.post(KeepPlace(entry.queue, entry.identity, entry.enqueued_at))
            log.warning("entry_closed_at_restart", entry=entry.id, queue=entry.queue, **step.details)
            return "closed"
        case Strand():
            log.error("entry_without_queue", entry=entry.id, queue=entry.queue)
            return "stranded"
        case _:
            assert_never(step)


def _restore_presences(presences: Iterable[KnownPresence], runner: QueueRunner) -> None:
    """Agents choose again what they had chosen. Who isn't in the plan any more doesn't come back."""
    restored = 0
    for known in presences:
        if runner.agent(known.agent) is None:
            continue
        runner.post(SetPresence(known.agent, known.presence, known.reason, by=BY))
        restored += 1
    if restored:
        log.info("presences_restored", agents=restored)
