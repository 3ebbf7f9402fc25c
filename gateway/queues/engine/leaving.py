"""How entries leave: served, or for one of the reasons of `Leaving`. Pure."""

from __future__ import annotations

from typing import Final

from gateway.queues.engine import offering, standing
from gateway.queues.engine.floor import Floor
from gateway.queues.engine.line import Line
from gateway.queues.engine.place import Place
from gateway.queues.entry import PLACED, EntrySignal, EntryState, next_state
from gateway.queues.journal import JournalKind
from gateway.queues.signals import Dismiss, Leaving, Miss

SIGNALS: Final = {Leaving.ABANDONED: EntrySignal.ABANDONED, Leaving.TIMED_OUT: EntrySignal.TIMED_OUT}
"""What the entry of a caller on the line becomes; LEFT for every other reason, and for callbacks."""


def leave(floor: Floor, place: Place, reason: Leaving, by: str = "") -> None:
    """The entry gives its place up unserved. Nothing happens to one that is being served."""
    if place.state not in PLACED:
        return
    line = place.line
    position = line.position(place)
    offering.cancel_all(floor, place, Miss.CALLER_GONE if reason is Leaving.ABANDONED else Miss.WITHDRAWN)
    signal = SIGNALS.get(reason, EntrySignal.LEFT) if place.has_media else EntrySignal.LEFT
    wait_s = floor.now - place.enqueued_at
    if signal is EntrySignal.ABANDONED:
        keep(floor, place.line, place.identity, place.enqueued_at)
        original = place.original_position
        floor.note(JournalKind.ABANDONED, place, position=position, original_position=original, wait_s=wait_s)
    else:
        floor.note(JournalKind.LEFT, place, reason=reason.value, position=position, wait_s=wait_s, by=by)
    standing.lift(floor, place)
    place.state = next_state(place.state, signal)
    del floor.places[place.id]
    floor.tell(Dismiss(place.id, reason))
    floor.forget_line(line)


def finish(floor: Floor, place: Place, by: str = "") -> None:
    """A connected entry was served."""
    if place.state is not EntryState.CONNECTED:
        return
    floor.note(
        JournalKind.FINISHED,
        place,
        place.talks_with,
        wait_s=place.connected_at - place.enqueued_at,
        talk_s=floor.now - place.connected_at,
        by=by,
    )
    disconnect(place)
    place.state = next_state(place.state, EntrySignal.FINISHED)
    del floor.places[place.id]
    floor.forget_line(place.line)


def disconnect(place: Place) -> None:
    """The agent, who stays on the call until AgentReleased, doesn't talk with this entry any more."""
    place.line.connected -= 1
    agent, place.talks_with = place.talks_with, None
    if agent is not None and agent.place is place:
        agent.place = None


def empty(floor: Floor, line: Line) -> None:
    """Let callers go when nobody is there any more who could serve them. Callbacks wait for better days."""
    if line.is_staffed(line.settings.stay):
        return
    for place in tuple(line.order):
        if place.state is EntryState.WAITING:
            leave(floor, place, Leaving.EMPTY)


def keep(floor: Floor, line: Line, identity: str, enqueued_at: float) -> None:
    """Who hung up by mistake, or lost the network, gets the place back for a while."""
    if not identity or line.settings.rejoin_s <= 0:
        return
    floor.kept[line.name, identity] = enqueued_at
    floor.deadlines.set((line.name, identity), floor.now + line.settings.rejoin_s)
