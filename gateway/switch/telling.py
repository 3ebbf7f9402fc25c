"""What webhooks are told of the events of the journal, in words for a CRM.

`Teller.deliveries` is asked for every event before it is written, and its answer is stored with the event.
It only looks at what is in memory; it never waits, and a fault in it never loses the event.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from gateway.call.leg import Party
from gateway.clock import Clock
from gateway.handoff.showing import MASK
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.restart import NODE_DIED
from gateway.switch.call_context import CallContext
from gateway.switch.live_calls import CallChanged
from gateway.switch.offers import OfferDesk, QueuedCall
from gateway.switch.pending_callback import PendingCallback
from gateway.switch.queueing import QueueVisit
from gateway.switch.survey_links import Invitation, SurveyLinks
from gateway.webhooks.events import Delivery, EventType, Subscriptions

log = structlog.get_logger(__name__)

REMEMBERED: Final = 10_000
"""Calls, and agents' last ones, of which we know what has happened in them."""

_PLAIN: Final[Mapping[JournalKind, EventType]] = {
    JournalKind.OFFERED: EventType.AGENT_OFFERED,
    JournalKind.CONNECTED: EventType.CALL_CONNECTED,
    JournalKind.TRANSFERRED: EventType.CALL_TRANSFERRED,
    JournalKind.REQUEUED: EventType.CALL_TRANSFERRED,
    JournalKind.NOTED: EventType.CALL_NOTED,
    JournalKind.CALL_ENDED: EventType.CALL_ENDED,
    JournalKind.ABANDONED: EventType.QUEUE_ABANDONED,
    JournalKind.CALLBACK_REQUESTED: EventType.CALLBACK_REQUESTED,
    JournalKind.CALLBACK_UPDATED: EventType.CALLBACK_UPDATED,
    JournalKind.CALLBACK_DIALLED: EventType.CALLBACK_DIALLED,
    JournalKind.CALLBACK_FAILED: EventType.CALLBACK_FAILED,
    JournalKind.SURVEYED: EventType.SURVEY_ANSWERED,
    JournalKind.CHAT_REQUESTED: EventType.CHAT_LINK_REQUESTED,
}
_INSIDE: Final = frozenset({"notes", "context", "ani", "dnis", "name", "number", "identity", "envelope"})
"""Details that are a customer's, or are told in another place."""


@dataclass(slots=True)
class _Story:
    """What has happened in a call: what its end is told with."""

    call_id: str = ""
    queue: str = ""
    entry: str = ""
    agent: str = ""
    requested: bool = False  # as a callback, in this moment
    figures: dict[str, Any] = field(default_factory=dict)
    noted: dict[str, Any] = field(default_factory=dict)
    envelope: CallContext | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    caller: Party | None = None


class Teller:
    """The words of a node. `write` takes the event that a call is over (`QueueRunner.write`)."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        offers: OfferDesk,
        clock: Clock,
        write: Callable[[JournalEvent], None],
        links: SurveyLinks | None = None,
    ) -> None:
        self._links = links
        self._clock = clock
        self._subscriptions = subscriptions
        self._offers = offers
        self._write = write
        self._stories: OrderedDict[str, _Story] = OrderedDict()  # by call
        self._last: OrderedDict[str, str] = OrderedDict()  # by agent, the call

    def deliveries(self, event: JournalEvent) -> Sequence[Delivery]:
        """What is to be sent because of `event`. Never raises."""
        try:
            return tuple(self._deliveries(event))
        except Exception:  # the event itself must be written
            log.exception("webhook_not_told", kind=event.kind.value)
            return ()

    def call_changed(self, change: CallChanged) -> None:
        """A call that is over is an event (`LiveCalls.subscribe`); what no route took (scanners) isn't."""
        if change.ended is None:
            return
        view, now = change.ended.view, self._clock.utc()
        if view.direction == "inbound" and not view.dialplan:
            return
        story = self._stories.get(change.call_id) or self._begin(change.call_id)
        story.envelope = change.ended.envelope or story.envelope
        story.caller = story.caller or Party(view.ani, view.name)
        details = {
            "started_at": view.started_at,
            "duration_s": (now - view.started_at).total_seconds(),
            "direction": view.direction,
            "technology": view.technology,
            "dialplan": view.dialplan,
            "recordings": list(view.recordings),
            **story.figures,
            **{name: value for name, value in story.noted.items() if name != "notes"},
        }
        queue, entry = story.queue or view.queue, story.entry or view.entry
        self._write(
            JournalEvent(now, JournalKind.CALL_ENDED, queue, entry, change.call_id, story.agent, details)
        )

    # ---- inside

    def _deliveries(self, event: JournalEvent) -> Iterator[Delivery]:
        call = self._offers.call_at(event.entry) if event.entry else None
        story = self._follow(event, call)
        if event.kind is JournalKind.CALLBACK_UPDATED and not _is_news(event, story):
            return
        for told, more in self._told(event, call):
            if not self._subscriptions.wanted(told):
                continue

            def describe(personal: bool, more: Mapping[str, Any] = more) -> Mapping[str, Any]:
                return _described(event, call, story, more, personal)

            yield from self._subscriptions.deliveries(told, event.at, describe)

    def _told(
        self, event: JournalEvent, call: QueuedCall | None
    ) -> Iterator[tuple[EventType, Mapping[str, Any]]]:
        if event.kind is not JournalKind.SURVEY_INVITED:
            yield from _told(event, call)
        elif self._links is not None:
            # The token is told, and never journalled: who has it may answer.
            details = event.details
            about = Invitation(
                details["survey"], event.call_id, event.entry, event.queue, event.agent, details["handoff"]
            )
            token = self._links.token(about, details["expires_at"])
            yield EventType.SURVEY_INVITED, {"token": token, "url_path": f"/v1/surveys/{token}"}

    def _follow(self, event: JournalEvent, call: QueuedCall | None) -> _Story | None:
        """The story of the event's call, with the event in it."""
        if event.kind is JournalKind.NOTED:
            call_id = self._last.get(event.agent, "")
            story = self._stories.get(call_id)
            if story is not None:
                story.noted = {**event.details, "noted_by": event.agent}
            return story
        if not event.call_id:
            return None
        story = self._stories.get(event.call_id) or self._begin(event.call_id)
        story.queue, story.entry = event.queue or story.queue, event.entry or story.entry
        if isinstance(call, QueueVisit) and call.envelope is not None:
            story.envelope, story.caller = call.envelope, call.caller
        elif call is not None:
            story.caller, story.context = call.caller, call.context
        if event.kind is JournalKind.CALLBACK_REQUESTED:
            story.requested = True
        if event.kind is JournalKind.CONNECTED:
            story.agent = event.agent
            self._last[event.agent] = event.call_id
            _trim(self._last)
        for name in ("wait_s", "talk_s"):
            if name in event.details:
                story.figures[name] = event.details[name]
        return story

    def _begin(self, call_id: str) -> _Story:
        story = self._stories[call_id] = _Story(call_id)
        _trim(self._stories)
        return story


def _is_news(event: JournalEvent, story: _Story | None) -> bool:
    """Of a callback that was updated: somebody wants it otherwise. The engine only notes when it is due, and
    the details that follow a request were told with it.
    """
    if "number" not in event.details:
        return False
    if story is not None and story.requested:
        story.requested = False
        return False
    return True


def _trim(known: OrderedDict[str, Any]) -> None:
    while len(known) > REMEMBERED:
        known.popitem(last=False)


def _told(event: JournalEvent, call: QueuedCall | None) -> Iterator[tuple[EventType, Mapping[str, Any]]]:
    """Which webhook events a journal event is, and what is said beside its details."""
    details, callback = event.details, _is_callback(call)
    match event.kind:
        case JournalKind.JOINED | JournalKind.RESTORED if not (callback or details.get("callback")):
            yield EventType.QUEUE_JOINED, {"restored": event.kind is JournalKind.RESTORED}
        case JournalKind.LEFT if callback and details.get("reason") == "exhausted":
            pass  # its last try has failed, and said so
        case JournalKind.LEFT if callback:
            yield EventType.CALLBACK_CANCELLED, {}
        case JournalKind.LEFT:
            yield EventType.QUEUE_LEFT, {}
        case JournalKind.CALLBACK_FAILED:
            yield EventType.CALLBACK_FAILED, {"final": details.get("next_at") is None}
        case JournalKind.REQUEUED:
            yield EventType.CALL_TRANSFERRED, {"how": "requeue", "to": event.queue}
        case JournalKind.CONNECTED:
            yield EventType.CALL_CONNECTED, {}
            if callback:
                yield EventType.CALLBACK_COMPLETED, {}
        case JournalKind.FINISHED if details.get("cause") == NODE_DIED:
            yield EventType.CALL_ENDED, {}  # which nobody was there to tell
        case JournalKind.RECORDING if details.get("what") == "ready":
            yield EventType.RECORDING_READY, {"recording": details.get("file")}
        case kind if kind in _PLAIN:
            yield _PLAIN[kind], {}
        case _:
            pass


def _is_callback(call: QueuedCall | None) -> bool:
    if isinstance(call, QueueVisit):
        # Who came by themselves has an envelope, who was called what was shown of them then.
        return call.envelope is None and "callback" in call.context
    return isinstance(call, PendingCallback)


def _described(
    event: JournalEvent,
    call: QueuedCall | None,
    story: _Story | None,
    more: Mapping[str, Any],
    personal: bool,
) -> dict[str, Any]:
    """The `data` of the message."""
    of_story = story or _Story()
    found: dict[str, Any] = {
        "call_id": event.call_id or of_story.call_id or _call_of(call),
        "entry": event.entry or of_story.entry,
        "queue": event.queue or of_story.queue,
        "agent": event.agent or of_story.agent,
        **{name: value for name, value in event.details.items() if name not in _INSIDE},
        **more,
    }
    if event.kind in (JournalKind.NOTED, JournalKind.CALL_ENDED) and personal and of_story.noted:
        found["notes"] = of_story.noted.get("notes", "")
    if not personal and found.get("source") == "link":
        found.pop("comment", None)  # what somebody wrote may say anything
    caller = call.caller if call is not None else of_story.caller
    if personal and caller is not None:
        found["caller"] = {"number": caller.number, "name": caller.display_name}
    if _is_callback(call):
        found["callback"] = _callback(call, event.entry)
    found["context"] = _context(call, of_story, personal)
    return found


def _call_of(call: QueuedCall | None) -> str:
    return call.callback.call_id if isinstance(call, PendingCallback) else ""


def _callback(call: QueuedCall | None, entry: str) -> dict[str, Any]:
    if not isinstance(call, PendingCallback):
        return {"id": entry}
    callback = call.callback
    return {
        "id": callback.id,
        "source": callback.source,
        "requested_at": callback.requested_at,
        "not_before": callback.not_before,
        "promised_s": callback.promised_s,
        "attempts": callback.attempts,
        "asked_in": callback.asked_in,
        "by": callback.by,
    }


def _context(call: QueuedCall | None, story: _Story, personal: bool) -> Mapping[str, Any]:
    envelope = call.envelope if isinstance(call, QueueVisit) else None
    envelope = envelope or story.envelope
    if envelope is not None:
        return envelope.told(personal=personal)
    return remembered(call.context if call is not None else story.context, personal)


def remembered(context: Mapping[str, Any], personal: bool) -> dict[str, Any]:
    """A context of which only what an agent was shown is left: nobody knows any more which of it was public.

    So an endpoint that may not see personal facts is told whose it is, and no more.
    """
    if personal:
        return {name: _unmasked(value) for name, value in context.items() if value not in (MASK, None)}
    found = {name: context[name] for name in ("id", "match", "authentication") if name in context}
    customer = context.get("customer")
    if isinstance(customer, Mapping) and customer.get("id") not in (None, MASK):
        found["customer"] = {"id": customer["id"]}
    return found


def _unmasked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _unmasked(item) for name, item in value.items() if item != MASK}
    if isinstance(value, list | tuple):
        return [_unmasked(item) for item in value if not _is_masked(item)]
    return value


def _is_masked(value: Any) -> bool:
    return value == MASK or (isinstance(value, Mapping) and value.get("text") == MASK)
