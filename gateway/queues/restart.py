"""What becomes of the open entries of a node that starts again. Pure.

The calls are gone; the places aren't. Whoever waited becomes a callback at the exact place, callbacks go on,
and conversations that the crash cut off are closed with their cause. Nothing goes silently: what can't be
kept is closed with its reason, and what belongs to a queue that the plan hasn't any more stays open until a
plan has it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.open_entries import CONNECTED_AT, DIALLING, OpenEntry, optional_number
from gateway.queues.settings import AtRestart, QueueSettings
from gateway.queues.signals import Enqueue, Leaving

VERIFIED: Final = "verified"
"""The detail of an entry whose number is known to be the caller's."""

NumberOf = Callable[[OpenEntry], str | None]
"""The number at which an entry can be called back, as it is dialled; None when there is none."""


@dataclass(frozen=True, slots=True)
class Resume:
    """A callback from now on, at its place. `number`: where. `known`: for `QueueRunner.enter`.

    `interrupted`: a dial was under way. It counts as a try, since the phone may have rung.
    """

    entry: OpenEntry
    enqueue: Enqueue
    number: str
    known: Mapping[str, Any]
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Close:
    """Over. `keep_place`: if the caller calls again soon, they have it back."""

    entry: OpenEntry
    kind: JournalKind
    details: Mapping[str, Any]
    keep_place: bool


@dataclass(frozen=True, slots=True)
class Strand:
    """Its queue isn't in the plan. It stays as it is, for the next start."""

    entry: OpenEntry


NODE_DIED: Final = "node_died"
"""The cause of a conversation that the node's end has ended."""

Step = Resume | Close | Strand


def steps(
    entries: Iterable[OpenEntry],
    queues: Mapping[str, QueueSettings],
    number_of: NumberOf,
    now: float,
    died_at: float | None,
) -> Iterator[Step]:
    """One step for each entry, in the order in which they are to be taken.

    `died_at`: when the node was last known to live, None when nobody knows.
    """
    ordered = sorted(entries, key=lambda entry: (entry.enqueued_at, entry.joined_at, entry.id))
    return (_step(entry, queues.get(entry.queue), number_of, now, died_at) for entry in ordered)


def _step(
    entry: OpenEntry, queue: QueueSettings | None, number_of: NumberOf, now: float, died_at: float | None
) -> Step:
    if entry.state is EntryState.CONNECTED:
        return _finish(entry, now if died_at is None else died_at)
    if queue is None:
        return Strand(entry)
    number = number_of(entry)
    if number is None or not (entry.callback or _is_called_back(entry, queue.at_restart)):
        reason = "number" if number is None else "rule"
        details = {"reason": Leaving.RESTARTED.value, "why": reason, "wait_s": now - entry.enqueued_at}
        return Close(entry, JournalKind.LEFT, details, keep_place=not entry.callback)
    return _resume(entry, number)


def _is_called_back(entry: OpenEntry, rule: AtRestart) -> bool:
    match rule:
        case AtRestart.CALLBACK:
            return True
        case AtRestart.VERIFIED:
            return entry.details.get(VERIFIED) is True
        case AtRestart.DROP:
            return False


def _resume(entry: OpenEntry, number: str) -> Resume:
    sticky = entry.details.get("sticky")
    enqueue = Enqueue(
        entry=entry.id,
        queue=entry.queue,
        priority=entry.priority,
        skills=MappingProxyType({name: int(level) for name, level in entry.skills.items()}),
        language=entry.language,
        sticky=sticky if isinstance(sticky, str) else None,
        identity=entry.identity,
        enqueued_at=entry.enqueued_at,
        callback=True,
        not_before=entry.not_before,
        forced=True,
        restored=True,
    )
    known = {"number": number, "was": entry.state.value}
    return Resume(entry, enqueue, number, known, DIALLING in entry.details)


def _finish(entry: OpenEntry, ended_at: float) -> Close:
    connected_at = optional_number(entry.details, CONNECTED_AT)
    talked = {}
    if connected_at is not None:
        talked = {"wait_s": connected_at - entry.enqueued_at, "talk_s": max(0.0, ended_at - connected_at)}
    details = {**talked, "by": "node", "cause": NODE_DIED}
    return Close(entry, JournalKind.FINISHED, details, keep_place=False)
