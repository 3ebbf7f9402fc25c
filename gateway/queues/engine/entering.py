"""How entries come in and go from queue to queue. Pure."""

from __future__ import annotations

from typing import Final

from gateway.queues.engine import leaving, offering, standing
from gateway.queues.engine.callbacks import merge
from gateway.queues.engine.floor import Floor
from gateway.queues.engine.line import Line
from gateway.queues.engine.place import Place
from gateway.queues.engine.skills import effective_priority
from gateway.queues.entry import PLACED, EntrySignal, EntryState, next_state
from gateway.queues.journal import JournalKind
from gateway.queues.signals import Enqueue, Leaving, Miss, Moved, Refuse, Refused, Requeue

SENT_TO_AGENT_S: Final = 30.0
"""How long a caller who was sent to one agent waits for that one alone."""


def enqueue(floor: Floor, event: Enqueue) -> None:
    """A new entry, or why there is none."""
    if event.entry in floor.places:
        return
    line = floor.line_of(event.queue)
    refused = Refused.UNKNOWN if line is None else _refused(floor, line, event)
    if line is None or refused is not None:
        reason = Refused.UNKNOWN if refused is None else refused
        details = {"reason": reason.value}
        floor.note_of(JournalKind.REFUSED, queue=event.queue, entry=event.entry, details=details)
        floor.tell(Refuse(event.entry, reason))
        return
    place = _new_place(floor, line, event)
    floor.places[place.id] = place
    standing.set_down(floor, place)
    place.original_position = line.position(place)
    floor.note(
        JournalKind.RESTORED if event.restored else JournalKind.JOINED,
        place,
        priority=place.priority,
        skills=dict(place.skills),
        language=place.language,
        identity=place.identity,
        enqueued_at=place.enqueued_at,
        callback=place.callback,
    )
    if place.callback and not event.restored:
        floor.note(JournalKind.CALLBACK_REQUESTED, place, not_before=place.not_before)


def _refused(floor: Floor, line: Line, event: Enqueue) -> Refused | None:
    """Callbacks are let in whatever the staffing and the capacity: they hold no line, and wait for both."""
    if event.callback:
        live = floor.callbacks.get((line.name, event.identity))
        if live is None:
            return None
        merge(floor, live, event.entry, event.enqueued_at, event.not_before)
        return Refused.DUPLICATE
    if event.forced:
        return None
    if not line.is_open:
        return Refused.CLOSED
    return Refused.FULL if line.is_full else None


def _new_place(floor: Floor, line: Line, event: Enqueue) -> Place:
    enqueued_at = event.enqueued_at
    kept = floor.kept.pop((line.name, event.identity), None)
    if kept is not None:
        floor.deadlines.set((line.name, event.identity), None)
    if enqueued_at is None:
        enqueued_at = floor.now if kept is None else kept
    return Place(
        id=event.entry,
        seq=floor.next_seq(),
        line=line,
        priority=event.priority,
        skills=event.skills,
        language=event.language,
        sticky=event.sticky,
        identity=event.identity,
        enqueued_at=enqueued_at,
        joined_at=floor.now,
        state=EntryState.CALLBACK_WAITING if event.callback else EntryState.WAITING,
        callback=event.callback,
        limit_at=None if event.maximum_wait_s is None else floor.now + event.maximum_wait_s,
        not_before=event.not_before if event.callback else None,
    )


def review(floor: Floor, place: Place) -> None:
    """Something about a placed entry may have changed: its time is over, or it belongs elsewhere.

    Who is being asked to an agent when their time is over isn't sent away: that agent may answer.
    """
    limit = place.limit
    if place.state is EntryState.WAITING and limit is not None and limit <= floor.now:
        _time_out(floor, place)
    else:
        standing.settle(floor, place)


def _time_out(floor: Floor, place: Place) -> None:
    """To the overflow with the same enqueue time; out, when there is none that takes it, or it was there."""
    line, settings = place.line, place.line.settings
    target = None if settings.overflow is None else floor.line_of(settings.overflow)
    own_limit = place.limit_at is not None and place.limit_at <= floor.now
    been = (*place.path, line.name)
    if target is None or own_limit or target.name in been or not target.is_open or target.is_full:
        leaving.leave(floor, place, Leaving.TIMED_OUT)
    else:
        place.path = been
        _relocate(floor, place, target)
        wait_s = floor.now - place.enqueued_at
        floor.note(JournalKind.OVERFLOWED, place, **{"from": line.name, "wait_s": wait_s})


def move(floor: Floor, place: Place, queue: str, by: str) -> None:
    """To another queue, whatever its staffing and capacity: somebody has decided so."""
    target = floor.line_of(queue)
    if target is None or place.state not in PLACED or target is place.line:
        return
    origin = place.line.name
    offering.cancel_all(floor, place, Miss.WITHDRAWN)
    live = floor.callbacks.get((queue, place.identity))
    if place.in_callback and live is not None:
        merge(floor, live, place.id, place.enqueued_at, place.not_before)
        leaving.leave(floor, place, Leaving.MERGED, by)
        return
    _relocate(floor, place, target)
    floor.note(JournalKind.MOVED, place, **{"from": origin, "by": by})


def _relocate(floor: Floor, place: Place, target: Line) -> None:
    origin = place.line
    standing.lift(floor, place)
    place.line, place.joined_at = target, floor.now
    standing.set_down(floor, place)
    floor.tell(Moved(place.id, target.name))
    floor.forget_line(origin)


def set_priority(floor: Floor, place: Place, priority: int, by: str) -> None:
    """Another priority, at once; what waiting has added comes on top."""
    if place.state not in PLACED or priority == place.priority:
        return
    rise = place.line.settings.priority_rise
    place.priority = priority
    effective = effective_priority(rise, priority, place.enqueued_at, floor.now)
    change = {"from": -place.key[0], "to": effective, "by": by}
    floor.note(JournalKind.PRIORITY, place, **change, priority=priority)
    standing.rekey(floor, place, effective)
    floor.stale[place] = None


def requeue(floor: Floor, place: Place, event: Requeue) -> None:
    """A connected entry goes back, where its enqueue time puts it; whom it came from is asked last."""
    if place.state is not EntryState.CONNECTED:
        return
    origin, agent = place.line, place.talks_with
    target = None if event.queue is None else floor.line_of(event.queue)
    leaving.disconnect(place)
    place.state = next_state(place.state, EntrySignal.REQUEUED)
    place.line = origin if target is None else target
    place.joined_at, place.limit_at, place.path = floor.now, None, ()
    place.callback, place.not_before = False, None
    if event.priority is not None:
        place.priority = event.priority
    if event.skills is not None:
        place.skills = event.skills
    place.declined = None if agent is None else {agent: floor.now}
    if event.sticky is not None:
        place.sticky, place.sent_until = event.sticky, floor.now + SENT_TO_AGENT_S
    standing.set_down(floor, place)
    asked = {"priority": place.priority, "skills": dict(place.skills)}  # so that a restart knows it
    floor.note(JournalKind.REQUEUED, place, agent, **{"from": origin.name, "by": event.by}, **asked)
    if place.line is not origin:
        floor.tell(Moved(place.id, place.line.name))
        floor.forget_line(origin)
