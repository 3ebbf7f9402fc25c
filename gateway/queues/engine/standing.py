"""Where an entry stands: its priority, its lane, whom it waits for, and when that changes by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.queues.engine.agent import Agent
from gateway.queues.engine.floor import Floor
from gateway.queues.engine.place import Place
from gateway.queues.engine.skills import (
    Requirement,
    effective_priority,
    next_relaxation,
    next_rise,
    requirement,
    satisfied,
)
from gateway.queues.journal import JournalKind

PATIENCE_S: Final = 60.0
"""Who declined an entry is asked again after this at the latest, even if others are on duty but busy."""


def set_down(floor: Floor, place: Place) -> None:
    """The entry has a place from now on: in the order of its queue, and soon in a lane."""
    place.key = (-_priority(floor, place), place.enqueued_at, place.seq)
    floor.put(place)
    if place.in_callback and place.identity:
        floor.callbacks[place.line.name, place.identity] = place
    _enter_lane(place, _required(floor, place))
    floor.stale[place] = None


def lift(floor: Floor, place: Place) -> None:
    """The counterpart of `set_down`, before the state, the queue or the enqueue time change."""
    unready(place)
    _leave_lane(place)
    floor.take_out(place)
    if floor.callbacks.get((place.line.name, place.identity)) is place:
        del floor.callbacks[place.line.name, place.identity]
    floor.deadlines.set(place, None)
    floor.stale.pop(place, None)
    floor.fresh.pop(place, None)


def settle(floor: Floor, place: Place) -> None:
    """Put a placed entry where it now belongs, and note when that changes by itself."""
    unready(place)
    priority = _priority(floor, place)
    if priority != -place.key[0]:
        floor.note(JournalKind.PRIORITY, place, **{"from": -place.key[0], "to": priority, "by": "rule"})
        rekey(floor, place, priority)
    required = _required(floor, place)
    if required != place.required:
        floor.note(JournalKind.RELAXED, place, skills=dict(sorted(required)))
        _leave_lane(place)
        _enter_lane(place, required)
    place.holder = _holder(floor, place)
    if place.holder is not None:
        place.holder.held[place] = None
    if place.offerable(floor.now):
        if place.holder is None:
            place.lane.add_ready(place)
            place.ready = True
        floor.fresh[place] = None
    floor.deadlines.set(place, min(_changes(floor, place), default=None))


def rekey(floor: Floor, place: Place, priority: int) -> None:
    """Another effective priority: another place in the order."""
    unready(place)
    floor.take_out(place)
    place.key = (-priority, place.enqueued_at, place.seq)
    floor.put(place)


def may_be_asked(place: Place, agent: Agent, now: float) -> bool:
    """Whether this agent, who is free and has the skills, may be offered this entry.

    Who declined or missed it isn't, while somebody else on duty could take it: the others finish their calls
    sooner or later. A pause of `retry_s` passes in any case, and PATIENCE_S ends it in any case. Who has been
    on break since, as after RONA, and is back, begins anew.
    """
    declined_at = _declined_at(place, agent)
    if declined_at is None:
        return True
    if now < declined_at + place.line.settings.retry_s:
        return False
    return now >= declined_at + _patience_s(place) or not _others(place)


def decline(place: Place, agent: Agent, now: float) -> None:
    """The agent has declined it, or let it ring, or is out of reach."""
    if place.declined is None:
        place.declined = {}
    place.declined[agent] = now
    place.lane.contested[place] = None


def is_eligible(place: Place, agent: Agent) -> bool:
    """Whether this agent serves the entry's queue and has what it asks for."""
    return place.line in agent.crews and satisfied(place.required, agent.profile.skills)


def _declined_at(place: Place, agent: Agent) -> float | None:
    """When the agent declined it, if that counts still: who was on break since then begins anew."""
    declined_at = None if place.declined is None else place.declined.get(agent)
    return None if declined_at is None or declined_at < agent.presence_since else declined_at


def _others(place: Place) -> bool:
    """Whether somebody else could take it, now or when they have finished what they do."""
    able = sum(crew.able for crew in place.lane.crews)
    declined = (agent for agent in place.declined or () if _declined_at(place, agent) is not None)
    return able > sum(agent.able and is_eligible(place, agent) for agent in declined)


def _patience_s(place: Place) -> float:
    return max(PATIENCE_S, place.line.settings.retry_s)


def _priority(floor: Floor, place: Place) -> int:
    rise = place.line.settings.priority_rise
    return effective_priority(rise, place.priority, place.enqueued_at, floor.now)


def _required(floor: Floor, place: Place) -> Requirement:
    return requirement(place.line.settings, place.skills, place.enqueued_at, floor.now)


def _enter_lane(place: Place, required: Requirement) -> None:
    place.lane = place.line.enter_lane(required)
    place.required = place.lane.required  # one for all, not one for each
    if place.declined:
        place.lane.contested[place] = None


def _leave_lane(place: Place) -> None:
    place.lane.contested.pop(place, None)
    place.line.leave_lane(place.lane)


def _holder(floor: Floor, place: Place) -> Agent | None:
    """Whom the entry waits for alone: the agent of before, for a while, if they are on duty."""
    agent = None if place.sticky is None else floor.agents.get(place.sticky)
    if agent is None or not agent.able or not is_eligible(place, agent):
        return None
    if floor.now >= _held_until(place) or _declined_at(place, agent) is not None:
        return None
    return agent


def _held_until(place: Place) -> float:
    due_at = place.joined_at if place.not_before is None else max(place.joined_at, place.not_before)
    return max(due_at + place.line.settings.sticky_s, place.sent_until)


def unready(place: Place) -> None:
    """Nobody is to find the entry, until it is settled again."""
    if place.ready:
        place.lane.remove_ready(place)
    place.ready = False
    if place.holder is not None:
        del place.holder.held[place]
        place.holder = None


def _changes(floor: Floor, place: Place) -> Iterator[float]:
    """When something about the entry changes by itself."""
    settings, now = place.line.settings, floor.now
    times = [
        next_rise(settings.priority_rise, place.priority, place.enqueued_at, now),
        next_relaxation(settings, place.enqueued_at, now),
        place.limit,
        None if place.holder is None else _held_until(place),
        place.not_before if place.in_callback else None,
    ]
    for declined_at in (place.declined or {}).values():
        times += (declined_at + settings.retry_s, declined_at + _patience_s(place))
    return (at for at in times if at is not None and at > now)
