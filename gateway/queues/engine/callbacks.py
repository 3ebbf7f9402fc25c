"""Entries whose callers hung up on purpose: everything is kept but the line; one an identity. Pure."""

from __future__ import annotations

from gateway.queues.engine import leaving, offering, standing
from gateway.queues.engine.floor import Floor
from gateway.queues.engine.place import Place
from gateway.queues.entry import EntrySignal, EntryState, next_state
from gateway.queues.journal import JournalKind
from gateway.queues.signals import Leaving, Miss


def become(floor: Floor, place: Place, not_before: float | None) -> None:
    """The caller hangs up on purpose. If a callback of theirs is there already, that one stands for both."""
    if place.in_callback:
        if not_before is not None:
            postpone(floor, place, not_before)
        return
    if not place.has_media:
        return
    offering.cancel_all(floor, place, Miss.WITHDRAWN)
    live = floor.callbacks.get((place.line.name, place.identity))
    if live is not None:
        merge(floor, live, place.id, place.enqueued_at, not_before)
        leaving.leave(floor, place, Leaving.MERGED)
        return
    standing.lift(floor, place)
    place.state = next_state(place.state, EntrySignal.CALLBACK)
    place.callback, place.not_before, place.limit_at = True, not_before, None
    standing.set_down(floor, place)
    floor.note(JournalKind.CALLBACK_REQUESTED, place, not_before=not_before)


def return_to_wait(floor: Floor, place: Place) -> None:
    """The customer is on the line again, at the place that was kept. A dial under way is called off."""
    if not place.in_callback:
        return
    offering.cancel_all(floor, place, Miss.WITHDRAWN)
    standing.lift(floor, place)
    place.state = next_state(place.state, EntrySignal.RETURNING)
    place.callback, place.not_before, place.joined_at = False, None, floor.now
    standing.set_down(floor, place)
    floor.note(JournalKind.RETURNED, place, reason="caller_returned")


def postpone(floor: Floor, place: Place, not_before: float) -> None:
    """No dial sooner. Agents who are being asked are let go; a dial that runs already may succeed."""
    if not place.in_callback:
        return
    place.not_before = not_before
    if place.state is EntryState.CALLBACK_DIALING and place.accepted is None:
        offering.cancel_all(floor, place, Miss.WITHDRAWN)
    floor.note(JournalKind.CALLBACK_UPDATED, place, not_before=not_before)
    floor.stale[place] = None


def hold(floor: Floor, held: bool) -> None:
    """None of them is offered from now on, or all are again; who is asked already may still take one."""
    for line in floor.lines.values():
        line.holds_callbacks = held
        floor.stale.update(dict.fromkeys(place for place in line.order if place.in_callback))


def claim(floor: Floor, place: Place, claimant: str, by: str) -> None:
    """A free agent takes it now. Should it come to nothing, it waits on as if it hadn't been claimed."""
    agent = floor.agents.get(claimant)
    if place.state is not EntryState.CALLBACK_WAITING or agent is None or place.line.holds_callbacks:
        return
    if agent.free and place.line in agent.crews:
        offering.make(floor, place, agent, claimed_by=by)


def merge(floor: Floor, live: Place, other: str, enqueued_at: float | None, not_before: float | None) -> None:
    """A second wish of the same customer updates their callback: the better place, the later word on when.
    A dial that runs already goes on.
    """
    if live.accepted is not None:
        floor.note(JournalKind.CALLBACK_UPDATED, live, by=other)
        return
    if not_before is not None:
        offering.cancel_all(floor, live, Miss.WITHDRAWN)
    standing.lift(floor, live)
    live.not_before = not_before
    if enqueued_at is not None:
        live.enqueued_at = min(live.enqueued_at, enqueued_at)
    changed = {"not_before": not_before, "enqueued_at": live.enqueued_at}
    floor.note(JournalKind.CALLBACK_UPDATED, live, by=other, **changed)
    standing.set_down(floor, live)
