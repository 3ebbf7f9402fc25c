"""What the engine is told (events) and what it wants done (effects), as frozen values. Pure.

Times (`now`, `*_at`) are seconds since the Unix epoch on a clock that doesn't jump: the node takes the wall
clock once, at its start, and goes on from there by the monotonic one (`gateway.clock.SteadyEpoch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import AgentProfile
from gateway.queues.journal import JournalKind
from gateway.queues.settings import QueueSettings


class Leaving(Enum):
    """Why an entry left without having talked to anybody."""

    ABANDONED = "abandoned"  # hung up
    KEY = "key"  # pressed the leave key
    TIMED_OUT = "timed_out"  # the caller's own limit, or the queue's without an overflow
    EMPTY = "left_empty"  # the queue isn't staffed any more (`QueueSettings.stay`)
    REMOVED = "removed"  # by the API
    CANCELLED = "cancelled"  # a callback that its customer, or somebody for them, cancelled
    MERGED = "merged"  # the customer has a live callback in this queue, which was updated instead
    EXHAUSTED = "exhausted"  # a callback after its last attempt
    RESTARTED = "restarted"  # the node was restarted, and the caller can't be called back, by rule or number
    LOST = "lost"  # a fault of ours; `ringback_callers_lost_total`, which must stay 0


class Refused(Enum):
    """Why an entry couldn't join: exits of the dialplan's queue node."""

    FULL = "full"
    CLOSED = "closed"
    UNKNOWN = "unavailable"  # no such queue
    DUPLICATE = "duplicate"  # a callback whose customer has one here already; that one was updated


class Miss(Enum):
    """Why an offer came to nothing."""

    DECLINED = "declined"
    NO_ANSWER = "no_answer"  # RONA
    BUSY = "busy"  # the device is on another call
    UNREACHABLE = "unreachable"  # the device or its network
    DISCONNECTED = "disconnected"  # the agent's browser died while it rang, or the phone hung up on accept
    CALLER_GONE = "caller_gone"
    ACCEPTED_ELSEWHERE = "accepted_elsewhere"  # ring-all: somebody else was faster
    WITHDRAWN = "withdrawn"  # the entry was moved, removed or became a callback
    EXPIRED = "expired"  # the lease ran out and nobody had said anything


# Events


@dataclass(frozen=True, slots=True)
class Enqueue:
    """An entry wants to join. `enqueued_at`: None for now; given when the place was earned before.

    `skills`: minimum levels, beside those of the queue. `sticky`: the agent to prefer. `callback`: the entry
    has no media and begins as CALLBACK_WAITING, and isn't dialled before `not_before`. `forced`: join
    whatever the capacity and staffing (transfers by agents, entries of before a restart), as callbacks do.
    A callback whose identity has a live one in the queue isn't made: that one gets the earlier enqueue time
    and the new `not_before`, and this is refused as DUPLICATE (`QueueEngine.callback_of` names that one).
    `restored`: it was open before a restart, and is journalled as RESTORED.
    """

    entry: str
    queue: str
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    language: str = ""
    sticky: str | None = None
    identity: str = ""  # who it is, for one callback per identity and for places kept; "" when unknown
    enqueued_at: float | None = None
    maximum_wait_s: float | None = None  # the caller's own limit, from joining
    callback: bool = False
    not_before: float | None = None
    forced: bool = False
    restored: bool = False


@dataclass(frozen=True, slots=True)
class KeepPlace:
    """Whoever this is was in the queue, and gets the place back if they call within its `rejoin_s`."""

    queue: str
    identity: str
    enqueued_at: float


@dataclass(frozen=True, slots=True)
class Leave:
    """The entry leaves; in any state before CONNECTED. Nothing happens to one that is gone."""

    entry: str
    reason: Leaving
    by: str = ""


@dataclass(frozen=True, slots=True)
class SetPriority:
    entry: str
    priority: int
    by: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """To another queue, whatever its capacity and staffing, keeping the enqueue time."""

    entry: str
    queue: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class BecomeCallback:
    """The caller hangs up on purpose and is called back. `not_before`: no dial sooner.

    If the identity has a live callback in this queue already, that one is updated (the earlier enqueue time,
    the new `not_before`), and this entry is dismissed as MERGED.
    """

    entry: str
    not_before: float | None = None


@dataclass(frozen=True, slots=True)
class ReturnToWait:
    """The customer of a pending callback is on the line and waits at its place."""

    entry: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """No dial for a callback before this time: between tries, outside calling hours, a slot."""

    entry: str
    not_before: float


@dataclass(frozen=True, slots=True)
class Claim:
    """This agent takes a waiting callback now, out of its turn: it is offered to them alone, whatever its
    `not_before` and the skills it asks for. Nothing happens when it is offered to somebody already, or when
    the agent isn't free or doesn't serve its queue.
    """

    entry: str
    claimant: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Ring:
    """The agent's device rings, or their screen shows the offer."""

    offer: str


@dataclass(frozen=True, slots=True)
class Accept:
    """The agent accepted. Of several at the same instant the first one handled wins."""

    offer: str


@dataclass(frozen=True, slots=True)
class OfferMissed:
    """The offer came to nothing at the agent's side."""

    offer: str
    reason: Miss


@dataclass(frozen=True, slots=True)
class Joined:
    """The two hear each other. Between Accept and this the entry can still return to its place."""

    offer: str


@dataclass(frozen=True, slots=True)
class JoinFailed:
    """After Accept: connecting failed. `reason`: CALLER_GONE ends the entry, any other returns it."""

    offer: str
    reason: Miss


@dataclass(frozen=True, slots=True)
class Requeue:
    """The agent sends a connected entry back: to `queue` (None: the same) at the place its time gives.

    `sticky`: for this agent, whatever the queue's rule says of sticky agents, for a while.
    """

    entry: str
    queue: str | None = None
    priority: int | None = None
    skills: Mapping[str, int] | None = None
    sticky: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The connected entry was served and is over. `by`: who hung up, "agent" or "caller"."""

    entry: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class AgentReleased:
    """The agent is out of a call that an offer brought: wrap-up begins (or none, with `wrap_up` False).

    Apart from Finished: a caller may go on without this agent, and an agent may leave a conference.
    """

    agent: str
    wrap_up: bool = True


@dataclass(frozen=True, slots=True)
class LogIn:
    """An agent comes on duty, or their profile has changed. Presence follows by SetPresence."""

    profile: AgentProfile


@dataclass(frozen=True, slots=True)
class SetPresence:
    """What the agent chose. A break during a call begins after it; so does logging out, without a wrap-up.
    Either ends an offer that isn't accepted yet.
    """

    agent: str
    presence: Presence
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class SetEngaged:
    """The agent is, or is no longer, on a call that isn't a queue's: never offered anything meanwhile.

    `by`: who says so. An agent is engaged as long as anybody says it, and whoever said it takes it back.
    """

    agent: str
    engaged: bool
    by: str = "call"


@dataclass(frozen=True, slots=True)
class SetReachable:
    """The agent's device can, or can't, be reached. Unreachable agents are offered nothing."""

    agent: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class ExtendWrapUp:
    agent: str
    by_s: float


@dataclass(frozen=True, slots=True)
class EndWrapUp:
    agent: str
    disposition: str = ""  # what the call came to, for the journal


@dataclass(frozen=True, slots=True)
class Configure:
    """The queues as they are from now on. Rules that changed apply to those who wait already.

    Entries of a queue that is no longer there stay until they are served, leave or are moved.
    """

    queues: tuple[QueueSettings, ...]


@dataclass(frozen=True, slots=True)
class HoldCallbacks:
    """Callbacks that wait aren't offered to anybody, since nobody could be called: the node stops, or a try
    couldn't be stored. With `held` False they are again.
    """

    held: bool = True


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; due when `QueueEngine.due_at` says so."""


Event = (
    Enqueue
    | KeepPlace
    | Leave
    | SetPriority
    | Move
    | BecomeCallback
    | ReturnToWait
    | Postpone
    | Claim
    | Ring
    | Accept
    | OfferMissed
    | Joined
    | JoinFailed
    | Requeue
    | Finished
    | AgentReleased
    | LogIn
    | SetPresence
    | SetEngaged
    | SetReachable
    | ExtendWrapUp
    | EndWrapUp
    | Configure
    | HoldCallbacks
    | Tick
)

# Effects


@dataclass(frozen=True, slots=True)
class Refuse:
    """The entry couldn't join and isn't there."""

    entry: str
    reason: Refused


@dataclass(frozen=True, slots=True)
class Offer:
    """Ask this agent. The agent is reserved until the offer is answered, missed, or cancelled.

    `callback`: the entry has no media; the customer is dialled when the agent has accepted (or, customer
    first, is dialled now).
    """

    offer: str
    entry: str
    agent: str
    queue: str
    ring_s: float
    callback: bool = False


@dataclass(frozen=True, slots=True)
class CancelOffer:
    """Stop ringing; the agent has been released already. Say nothing more about this offer."""

    offer: str
    agent: str
    reason: Miss


@dataclass(frozen=True, slots=True)
class Connect:
    """Join the entry's caller with the agent of this offer; Joined or JoinFailed follows."""

    offer: str
    entry: str
    agent: str


@dataclass(frozen=True, slots=True)
class Dismiss:
    """The entry is out of the queue for a reason other than being served; tell the caller and go on."""

    entry: str
    reason: Leaving


@dataclass(frozen=True, slots=True)
class Moved:
    """The entry waits in another queue now (overflow or Move)."""

    entry: str
    queue: str


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """For screens and metrics: the agent as they are now. `since`: of the state or the presence."""

    agent: str
    presence: Presence
    state: AgentState
    reason: str
    since: float
    wrap_up_until: float | None = None


@dataclass(frozen=True, slots=True)
class Journalled:
    """For the journal: what happened, as `gateway.queues.journal` names it."""

    kind: JournalKind
    at: float
    queue: str = ""
    entry: str = ""
    agent: str = ""
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


Effect = Refuse | Offer | CancelOffer | Connect | Dismiss | Moved | AgentChanged | Journalled
