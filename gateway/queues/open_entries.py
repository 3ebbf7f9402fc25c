"""Which entries are open, and how they stand: what the journal says, folded. Pure.

A crashed node finds its queues in this. It is kept in the database in the same transaction as the events
that it follows from (`gateway.storage.entries`), so the two can't disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalEvent, JournalKind


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An entry that something can still happen to.

    `enqueued_at`, `joined_at` (of the present queue) and `not_before` are seconds since the epoch, as the
    engine has them. `priority` and `skills` are those it joined with, or that somebody set: what waiting
    adds to them follows from the times. `envelope`: the id of its handoff context. `attempts`: dials so far.
    `details`: whatever else its events said, the newest word on each.
    """

    id: str
    queue: str
    state: EntryState
    enqueued_at: float
    joined_at: float
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    language: str = ""
    identity: str = ""
    ani: str = ""
    dnis: str = ""
    number: str = ""
    not_before: float | None = None
    attempts: int = 0
    call_id: str = ""
    agent: str = ""
    envelope: str = ""
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def callback(self) -> bool:
        """It has no media: the caller hung up on purpose."""
        return self.state in (EntryState.CALLBACK_WAITING, EntryState.CALLBACK_DIALING)


CALLER_RETURNED: Final = "caller_returned"
"""Why RETURNED: the customer of a callback is on the line again, and waits."""

CONNECTED_AT: Final = "connected_at"
"""The detail of a CONNECTED entry: since when, in seconds since the epoch."""

DIALLING: Final = "dialling"
"""The detail of a callback whose customer's phone may be ringing: the number of the try."""

_CLOSING: Final = frozenset(
    {JournalKind.REFUSED, JournalKind.ABANDONED, JournalKind.LEFT, JournalKind.FINISHED}
)
_COLUMNS: Final = frozenset({
    "priority", "skills", "language", "identity", "ani", "dnis", "number", "not_before", "enqueued_at",
    "callback", "envelope", "attempt", "next_at",
})  # fmt: skip


def follow(entry: OpenEntry | None, event: JournalEvent) -> OpenEntry | None:
    """The entry after `event`; None when it is closed, or was never open.

    The same event twice changes nothing the second time.
    """
    if event.kind in _CLOSING:
        return None
    if event.kind is JournalKind.JOINED:
        return _joined(event)
    if event.kind is JournalKind.RESTORED:
        found = _joined(event) if entry is None else _hung_up(_updated(entry, event))
        return replace(found, state=_as_joined(event), agent="")
    if entry is None:
        return None
    details = event.details
    match event.kind:
        case JournalKind.OFFERED:
            state = EntryState.CALLBACK_DIALING if entry.callback else EntryState.OFFERED
            return replace(entry, state=state, agent=event.agent)
        case JournalKind.RETURNED:
            if details.get("reason") == CALLER_RETURNED:
                call_id = _call_of(entry, event)
                return replace(entry, state=EntryState.WAITING, agent="", not_before=None, call_id=call_id)
            state = EntryState.CALLBACK_WAITING if entry.callback else EntryState.WAITING
            return replace(_hung_up(entry), state=state, agent="", not_before=_not_before(entry, event))
        case JournalKind.CONNECTED:
            return replace(
                entry,
                state=EntryState.CONNECTED,
                agent=event.agent,
                call_id=_call_of(entry, event),
                details={**entry.details, CONNECTED_AT: event.at.timestamp()},
            )
        case JournalKind.OVERFLOWED | JournalKind.MOVED:
            return replace(entry, queue=event.queue, joined_at=event.at.timestamp())
        case JournalKind.REQUEUED:
            return replace(_updated(entry, event), state=EntryState.WAITING, queue=event.queue, agent="")
        case JournalKind.PRIORITY:
            return replace(entry, priority=int(number_of(details, "priority", entry.priority)))
        case JournalKind.CALLBACK_REQUESTED:
            return replace(_updated(entry, event), state=EntryState.CALLBACK_WAITING, agent="")
        case JournalKind.CALLBACK_UPDATED:
            return _updated(entry, event)
        case JournalKind.CALLBACK_DIALLED:
            attempts = int(number_of(details, "attempt", entry.attempts))
            dialling = {**entry.details, DIALLING: attempts}
            return replace(entry, state=EntryState.CALLBACK_DIALING, attempts=attempts, details=dialling)
        case JournalKind.CALLBACK_FAILED:
            next_at = optional_number(details, "next_at")
            return replace(_hung_up(entry), state=EntryState.CALLBACK_WAITING, not_before=next_at, agent="")
        case _:
            return entry


def _joined(event: JournalEvent) -> OpenEntry:
    at = event.at.timestamp()
    entry = OpenEntry(
        id=event.entry,
        queue=event.queue,
        state=_as_joined(event),
        enqueued_at=at,
        joined_at=at,
        call_id=event.call_id,
    )
    return _updated(entry, event)


def _hung_up(entry: OpenEntry) -> OpenEntry:
    """Nobody is being dialled for it."""
    if DIALLING not in entry.details:
        return entry
    return replace(entry, details={name: v for name, v in entry.details.items() if name != DIALLING})


def _as_joined(event: JournalEvent) -> EntryState:
    return EntryState.CALLBACK_WAITING if event.details.get("callback") else EntryState.WAITING


def _updated(entry: OpenEntry, event: JournalEvent) -> OpenEntry:
    """With what the event's details say of it; what they leave out stays as it was."""
    details = event.details
    skills = details.get("skills", entry.skills)
    return replace(
        entry,
        priority=int(number_of(details, "priority", entry.priority)),
        skills=skills if isinstance(skills, Mapping) else entry.skills,
        language=str(details.get("language", entry.language)),
        identity=str(details.get("identity", entry.identity)),
        ani=str(details.get("ani", entry.ani)),
        dnis=str(details.get("dnis", entry.dnis)),
        number=str(details.get("number", entry.number)),
        enqueued_at=number_of(details, "enqueued_at", entry.enqueued_at),
        not_before=_not_before(entry, event),
        envelope=str(details.get("envelope", entry.envelope)),
        call_id=_call_of(entry, event),
        details={**entry.details, **{name: value for name, value in details.items() if name not in _COLUMNS}},
    )


def _not_before(entry: OpenEntry, event: JournalEvent) -> float | None:
    details = event.details
    return optional_number(details, "not_before") if "not_before" in details else entry.not_before


def _call_of(entry: OpenEntry, event: JournalEvent) -> str:
    return event.call_id or entry.call_id


def optional_number(details: Mapping[str, Any], name: str) -> float | None:
    """A detail that is a number; None for one that is missing or isn't."""
    value = details.get(name)
    return float(value) if isinstance(value, int | float) else None


def number_of(details: Mapping[str, Any], name: str, default: float) -> float:
    """A detail that is a number, or the default."""
    value = optional_number(details, name)
    return default if value is None else value
