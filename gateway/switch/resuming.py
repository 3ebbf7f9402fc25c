"""Callbacks of before a restart, and those that callers get whom it cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.callbacks.numbers import CallableNumber, NumberRefused
from gateway.callbacks.request import RESTART, Callback
from gateway.queues.open_entries import OpenEntry, number_of, optional_number
from gateway.queues.restart import Resume
from gateway.switch.callback_requests import new_id
from gateway.switch.callbacks import CallbackDesk

ZONES: Final = "zones"
"""The detail of a callback whose number was checked: where it may be."""


class ResumedCallbacks:
    """`restoring.Callbacks`, with the desk of the callbacks."""

    def __init__(self, desk: CallbackDesk) -> None:
        self._desk = desk

    def number_of(self, entry: OpenEntry) -> str | None:
        """The number at which this entry's caller may be called back; None when there is none."""
        if _was_checked(entry):
            return entry.number
        try:
            return self._desk.requests.check(entry.queue, entry.number or entry.ani).dialled
        except NumberRefused:
            return None

    def resume(self, resume: Resume) -> bool:
        """It waits at its place again; False when its queue doesn't take it.

        A try that the restart cut off counts: the phone may have rung, and isn't rung again at once.
        """
        pending = self._desk.requests.reopen(self._callback_of(resume), resume.enqueue, resume.known)
        if pending is not None and resume.interrupted:
            pending.interrupted()
        return pending is not None

    def _callback_of(self, resume: Resume) -> Callback:
        entry, details = resume.entry, resume.entry.details
        low_s, high_s = (optional_number(details, f"promised_{end}_s") for end in ("low", "high"))
        context = details.get("context")
        return Callback(
            id=entry.id,
            queue=entry.queue,
            number=self._number(resume),
            requested_at=number_of(details, "requested_at", self._desk.runner.now),
            call_id=new_id(),
            caller_id=str(details.get("caller_id", entry.dnis)),
            name=str(details.get("name", "")),
            identity=entry.identity,
            language=entry.language,
            source=str(details.get("source", "queue")) if entry.callback else RESTART,
            by=str(details.get("by", "")),
            asked_in=str(details.get("asked_in", "")) or entry.call_id,
            not_before=entry.not_before,
            slot=optional_number(details, "slot"),
            promised_s=None if low_s is None or high_s is None else (low_s, high_s),
            attempts=entry.attempts,
            context=context if isinstance(context, Mapping) else {},
        )

    def _number(self, resume: Resume) -> CallableNumber:
        entry = resume.entry
        if not _was_checked(entry):
            return self._desk.requests.check(entry.queue, resume.number)
        return CallableNumber(entry.number, (entry.number,), tuple(map(str, entry.details[ZONES])))


def _was_checked(entry: OpenEntry) -> bool:
    """Whether this is a callback whose number was checked when it was promised: there may be thousands, and
    checking one takes a millisecond.
    """
    return entry.callback and bool(entry.number) and isinstance(entry.details.get(ZONES), list)
