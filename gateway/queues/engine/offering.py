"""An offer, from its making to the talk or back. Pure.

    make ── ring ── accept ── joined
      └───────┴────────┴───── fail: the entry is where it was; the agent is free, on break or out of reach

Each end of an offer says what it means for the entry and for the agent (`Miss`); the two tables below. After
Accept the agent has answered, so what fails then for a callback is the customer's side.
"""

from __future__ import annotations

from typing import Final

from gateway.agents.presence import AgentSignal, AgentState, Presence
from gateway.queues.engine import duty, standing
from gateway.queues.engine.agent import Agent
from gateway.queues.engine.floor import Floor
from gateway.queues.engine.offer import OpenOffer
from gateway.queues.engine.place import Place
from gateway.queues.entry import EntrySignal, next_state
from gateway.queues.journal import JournalKind
from gateway.queues.signals import CancelOffer, Connect, Miss, Offer

CALLBACK_LEASE_S: Final = 180.0
"""The least lease of a callback once an agent has accepted: the customer's phone has to ring."""

BY_AGENT: Final = frozenset(
    {Miss.DECLINED, Miss.NO_ANSWER, Miss.BUSY, Miss.UNREACHABLE, Miss.DISCONNECTED, Miss.EXPIRED}
)
"""The agent or their device didn't take it: it isn't offered to them again while others could take it."""

RONA: Final = frozenset({Miss.NO_ANSWER, Miss.EXPIRED})
"""Nobody was there: counts towards a break."""

OUT_OF_REACH: Final = frozenset({Miss.UNREACHABLE, Miss.DISCONNECTED})
"""The device is at fault: no other calls for it either, for a while."""


def make(floor: Floor, place: Place, agent: Agent, **details: str) -> None:
    """Reserve the agent for the entry. `details`: for the journal."""
    place.made += 1
    offer = OpenOffer(f"{place.id}-{place.made}", place, agent)
    floor.offers[offer.id] = offer
    agent.offer = offer
    place.offers[offer.id] = offer
    line = place.line
    line.turn += 1
    agent.turns[line.name] = line.turn
    callback = place.in_callback
    floor.note(JournalKind.OFFERED, place, agent, offer=offer.id, **details)
    duty.signal(floor, agent, AgentSignal.RESERVED)
    floor.signal(place, EntrySignal.DIALLING if callback else EntrySignal.OFFERED)
    if not place.offerable(floor.now):
        standing.unready(place)
    lease_s = line.settings.lease_s + (line.settings.callback_lease_s if callback else 0.0)
    floor.deadlines.set(offer, floor.now + lease_s)
    floor.tell(Offer(offer.id, place.id, agent.id, line.name, line.settings.ring_s, callback))


def ring(floor: Floor, offer: OpenOffer) -> None:
    """The agent's device rings."""
    if offer.agent.state is not AgentState.RESERVED:
        return
    offer.rang_at = floor.now
    offer.agent.failures = 0
    floor.note(JournalKind.RINGING, offer.place, offer.agent, offer=offer.id)
    duty.signal(floor, offer.agent, AgentSignal.RINGING)


def accept(floor: Floor, offer: OpenOffer) -> None:
    """The first to accept gets the entry; whoever else is asked needn't answer any more."""
    place, agent = offer.place, offer.agent
    if place.accepted is not None:
        return
    place.accepted, offer.accepted = offer, True
    floor.stale[place] = None
    agent.misses = agent.failures = 0
    agent.call_line = place.line
    duty.signal(floor, agent, AgentSignal.ANSWERED)
    for other in place.open_offers:
        if other is not offer:
            cancel(floor, other, Miss.ACCEPTED_ELSEWHERE)
    lease_s = place.line.settings.lease_s
    if place.in_callback:
        lease_s = max(lease_s, CALLBACK_LEASE_S)
    floor.deadlines.set(offer, floor.now + lease_s)
    floor.note(JournalKind.ACCEPTED, place, agent, offer=offer.id, rang_s=offer.rang_s(floor.now))
    floor.tell(Connect(offer.id, place.id, agent.id))


def accepted_too_late(floor: Floor, offer: str) -> None:
    """An agent accepts an offer that is over: they are told so (again)."""
    if (ended := floor.ended.get(offer)) is not None:
        agent, reason = ended
        floor.tell(CancelOffer(offer, agent.id, reason))


def joined(floor: Floor, offer: OpenOffer) -> None:
    """The two hear each other: only now the place is given up."""
    if not offer.accepted:
        return
    place, agent = offer.place, offer.agent
    floor.end(offer, None)
    wait_s = floor.now - place.enqueued_at
    floor.note(
        JournalKind.CONNECTED, place, agent, offer=offer.id, wait_s=wait_s, rang_s=offer.rang_s(floor.now)
    )
    standing.lift(floor, place)
    place.state = next_state(place.state, EntrySignal.CONNECTED)
    place.line.connected += 1
    place.talks_with, place.connected_at = agent, floor.now
    agent.place, agent.talking_since = place, floor.now
    agent.calls += 1


def fail(floor: Floor, offer: OpenOffer, reason: Miss) -> None:
    """The agent's side says that the offer came to nothing."""
    _end(floor, offer, reason)
    _back(floor, offer, reason)


def cancel(floor: Floor, offer: OpenOffer, reason: Miss) -> None:
    """We take the offer back."""
    floor.tell(CancelOffer(offer.id, offer.agent.id, reason))
    fail(floor, offer, reason)


def cancel_all(floor: Floor, place: Place, reason: Miss) -> None:
    """Nobody is asked for the entry any more; where it had its place, it waits."""
    for offer in place.open_offers:
        cancel(floor, offer, reason)


def expire(floor: Floor, offer: OpenOffer) -> None:
    """The lease is over: whatever the agent's side does, the entry waits no longer for it."""
    cancel(floor, offer, Miss.EXPIRED)


def _end(floor: Floor, offer: OpenOffer, reason: Miss) -> None:
    """What it means for the agent."""
    place, agent, settings = offer.place, offer.agent, offer.place.line.settings
    if not offer.accepted:
        rang_s = offer.rang_s(floor.now)
        floor.note(JournalKind.MISSED, place, agent, offer=offer.id, reason=reason.value, rang_s=rang_s)
    floor.end(offer, reason)
    agent.call_line = None
    if _is_customers(offer, reason):
        place.not_before = max(place.not_before or 0.0, floor.now + settings.retry_s)
        _release(floor, agent)
        return
    if reason in BY_AGENT:
        standing.decline(place, agent, floor.now)
    _release(floor, agent)
    if reason in OUT_OF_REACH and agent.reachable:
        duty.suspect_device(floor, agent, settings.retry_s)
    elif reason is Miss.BUSY and not offer.accepted and not agent.engaged:
        duty.engage(floor, agent, duty.BUSY_PHONE, until=floor.now + settings.retry_s)
    elif reason in RONA and not offer.accepted:
        duty.missed(floor, agent, settings.misses_to_break)


def _is_customers(offer: OpenOffer, reason: Miss) -> bool:
    """Whether a callback failed at the customer's side: no fault of the agent, not to be retried at once."""
    if not offer.place.in_callback:
        return False
    return reason is Miss.CALLER_GONE or (offer.accepted and reason is not Miss.DISCONNECTED)


def _release(floor: Floor, agent: Agent) -> None:
    on_call = agent.state is AgentState.ON_CALL
    duty.signal(floor, agent, AgentSignal.CLEARED if on_call else AgentSignal.RELEASED)
    if agent.engaged:
        duty.resume_call(floor, agent)


def _back(floor: Floor, offer: OpenOffer, reason: Miss) -> None:
    """What it means for the entry: back to its place, unless others are asked, or the caller is gone."""
    place = offer.place
    if place.offers or (reason is Miss.CALLER_GONE and place.has_media):
        return
    agent = offer.agent if offer.accepted else None
    details = {"not_before": place.not_before} if place.in_callback else {}
    floor.note(JournalKind.RETURNED, place, agent, offer=offer.id, reason=reason.value, **details)
    floor.signal(place, EntrySignal.RETURNED)
    floor.thinned[place.line] = None


def presence_changed(floor: Floor, agent: Agent) -> None:
    """An agent who goes on break or logs out while they are asked says no by it."""
    offer = agent.offer
    if offer is not None and not offer.accepted and agent.presence is not Presence.AVAILABLE:
        cancel(floor, offer, Miss.DECLINED)


def device_engaged(floor: Floor, agent: Agent, by: str) -> None:
    """The agent is on a call that isn't a queue's. Whoever they were asked for, won't be answered."""
    offer = agent.offer
    if offer is None or offer.accepted:
        duty.engage(floor, agent, by)
        return
    duty.hear_of_call(agent, by)
    cancel(floor, offer, Miss.BUSY)


def device_lost(floor: Floor, agent: Agent) -> None:
    """The agent's device can't be reached any more; whether it comes back, we shall be told."""
    duty.set_reachable(floor, agent, False)
    offer = agent.offer
    if offer is not None and not offer.accepted:
        cancel(floor, offer, Miss.DISCONNECTED)
