"""What happens to a caller, written into their envelope: the queue, the agents, what the agents noted."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from gateway.handoff.desk import Change, HandoffDesk
from gateway.handoff.envelope import StepKind, step
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.switch.call_context import CallContext
from gateway.switch.offers import OfferDesk
from gateway.switch.pending_callback import PendingCallback
from gateway.switch.queueing import QueueVisit

REMEMBERED: Final = 10_000
"""Agents whose last call is known, for what they note after it."""


_BY_AGENT: Final = frozenset({JournalKind.NOTED, JournalKind.CONNECTED})


class Journeys:
    """Given every event of the journal (`QueueRunner.observe`)."""

    def __init__(self, offers: OfferDesk, envelopes: HandoffDesk | None = None) -> None:
        self._offers = offers
        self._envelopes = envelopes
        self._last: OrderedDict[str, CallContext] = OrderedDict()  # by agent

    def observe(self, event: JournalEvent) -> None:
        context = self._context_of(event)
        if context is None:
            self._walk_without_a_call(event)
            return
        if event.kind is JournalKind.CONNECTED and event.agent:
            self._last[event.agent] = context
            self._last.move_to_end(event.agent)
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)
        if (told := _told(event)) is not None:
            kind, text = told
            source = f"agent:{event.agent}" if event.kind in _BY_AGENT and event.agent else "queue"
            context.walk(kind, text, source=source, what=event.kind.value)

    def _walk_without_a_call(self, event: JournalEvent) -> None:
        """Whoever is to be called back has no call: it goes to their envelope, and to the next offer."""
        call = self._offers.call_at(event.entry) if event.entry else None
        if not isinstance(call, PendingCallback) or (told := _told(event)) is None:
            return
        new = step(told[0], event.at, told[1], "queue")
        call.walk(new)
        handoff = str(call.context.get("id", ""))
        if self._envelopes is not None and handoff:
            self._envelopes.change(
                handoff,
                lambda envelope: envelope.with_steps(new),
                Change(new.at, f"callback:{event.entry}", event.kind.value),
            )

    def _context_of(self, event: JournalEvent) -> CallContext | None:
        if event.kind is JournalKind.NOTED:
            return self._last.get(event.agent)
        call = self._offers.call_at(event.entry) if event.entry else None
        return call.envelope if isinstance(call, QueueVisit) else None


def _told(event: JournalEvent) -> tuple[StepKind, str] | None:
    """The step, in words for an agent; None for what no agent needs to know."""
    details = event.details
    match event.kind:
        case JournalKind.JOINED:
            return StepKind.QUEUE, f"waits in {event.queue}"
        case JournalKind.CONNECTED:
            return (
                StepKind.CALL,
                f"{event.agent} took the call in {event.queue} after {_s(details, 'wait_s')}",
            )
        case JournalKind.FINISHED:
            by = details.get("by", "")
            return StepKind.CALL, f"the {by or 'call'} hung up after {_s(details, 'talk_s')} of talk"
        case JournalKind.ABANDONED:
            return StepKind.QUEUE, f"gave up in {event.queue} after {_s(details, 'wait_s')}"
        case JournalKind.LEFT:
            reason = details.get("reason", "")
            return StepKind.QUEUE, f"left {event.queue} after {_s(details, 'wait_s')} ({reason})"
        case JournalKind.OVERFLOWED | JournalKind.MOVED:
            return StepKind.QUEUE, f"went on from {details.get('from', '')} to {event.queue}"
        case JournalKind.REQUEUED:
            return (
                StepKind.TRANSFER,
                f"sent to {event.queue} by {details.get('by') or event.agent or 'an agent'}",
            )
        case JournalKind.TRANSFERRED:
            return StepKind.TRANSFER, f"sent to {details.get('to', '')} by {details.get('by') or event.agent}"
        case JournalKind.NOTED:
            return StepKind.NOTE, ": ".join(filter(None, map(str, (
                details.get("disposition", ""), details.get("notes", "")
            ))))  # fmt: skip
        case JournalKind.CALLBACK_REQUESTED:
            return StepKind.CALLBACK, f"asked to be called back by {event.queue}"
        case JournalKind.CALLBACK_FAILED:
            return StepKind.CALLBACK, f"called back in vain: {details.get('outcome', '')}"
        case JournalKind.CALLBACK_ANSWERED:
            return StepKind.CALLBACK, f"called back by {event.queue}"
        case _:
            return None


def _s(details: Any, name: str) -> str:
    value = details.get(name)
    return f"{value:.0f} s" if isinstance(value, int | float) else "some time"
