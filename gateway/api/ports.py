"""What the endpoints need of queues, agents and calls. `Floor` is all of it; the composition root fills it.

Nothing here is a copy of the truth: every property is asked when a request needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

from fastapi import HTTPException

from gateway.call.cdr import CallRecord
from gateway.callbacks.request import Callback, CallbackWish
from gateway.callbacks.scheduler import Slot
from gateway.errors import RingbackError
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import Event
from gateway.queues.views import AgentView, EntryView, QueueView
from gateway.storage.calls import CallFilter, CallMark

# ---- queues and agents


@dataclass(frozen=True, slots=True)
class Change:
    """Something is different from before: look again."""

    kind: Literal["queue", "agent", "call"]
    id: str


Handler = Callable[[Change], object]
"""Called on the event loop, once for each change; it must neither raise nor wait."""

Unsubscribe = Callable[[], None]


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """A queue since midnight, from the journal. Ratios are 0 to 1; None when nothing has happened yet."""

    offered: int  # entries that joined
    answered: int
    abandoned: int
    service_level: float | None
    average_wait_s: float | None
    longest_wait_s: float | None
    average_handle_s: float | None


class WaitEstimate(Protocol):
    """Seconds from now: the median, and the band that holds 80 % of the waits."""

    @property
    def median_s(self) -> float: ...
    @property
    def low_s(self) -> float: ...
    @property
    def high_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who an entry is for. `context`: plain JSON that agents are shown, never secrets."""

    number: str
    name: str = ""
    call_id: str = ""
    context: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class Queueing(Protocol):
    """The queues and agents of the node: `gateway.queues.runner.QueueRunner` is one."""

    def now(self) -> float:
        """The engine's time: seconds since the Unix epoch that don't jump (`gateway.clock.SteadyEpoch`)."""
        ...

    def queues(self) -> tuple[QueueView, ...]: ...
    def queue(self, name: str) -> QueueView | None: ...
    def agents(self) -> tuple[AgentView, ...]: ...
    def agent(self, agent: str) -> AgentView | None: ...
    def entries(self, queue: str) -> Iterable[EntryView]:
        """Those that are placed, in order."""
        ...

    def entry(self, entry: str) -> EntryView | None: ...
    def settings(self, queue: str) -> QueueSettings | None: ...
    def figures(self, queue: str) -> QueueFigures | None: ...
    def estimate(self, entry: str) -> WaitEstimate | None:
        """None when it isn't known, or nothing is left to wait for."""
        ...

    def caller(self, entry: str) -> Caller | None: ...

    def post(self, event: Event, *, by: str = "") -> None:
        """Tell the engine. Handled when this returns: the views are what came of it. `by`: who asked, for the
        journal.
        """
        ...

    async def settled(self) -> bool:
        """Everything so far is on disk; False while the database is away."""
        ...

    def subscribe(self, handler: Handler) -> Unsubscribe:
        """Changes of queues (their entries too) and agents."""
        ...


# ---- offers and the desktop


@dataclass(frozen=True, slots=True)
class OfferView:
    """A call that an agent is asked to take, as their screen shows it. `until`: when it rings out, in the
    engine's time. `connecting`: accepted; the two are being joined.
    """

    id: str
    agent: str
    entry: str
    queue: str
    since: float
    until: float
    callback: bool
    connecting: bool = False


class Offers(Protocol):
    """What agents are asked to take: `gateway.switch.offers` has it."""

    def offer(self, agent: str) -> OfferView | None:
        """What this agent is asked to take now."""
        ...

    def accept(self, offer: str, *, by: str) -> None:
        """Raises WrongState when the offer is over, or only the agent's phone can accept it."""
        ...

    def decline(self, offer: str, *, by: str) -> None:
        """Raises WrongState when the offer is over."""
        ...

    def note(self, agent: str, disposition: str, notes: str) -> None:
        """Keep the outcome of the agent's present or last call; journalled with the end of wrap-up."""
        ...

    def outcome(self, offer: str) -> str:
        """What became of an offer of late: "accepted" or a value of `gateway.queues.signals.Miss`; "" when
        that is forgotten.
        """
        ...

    def screened(self, offer: str) -> None:
        """A desktop was sent this offer, with what is known of the caller."""
        ...

    def desktop_opened(self, agent: str) -> None:
        """A desktop of this agent has connected; there may be several."""
        ...

    def desktop_closed(self, agent: str) -> None:
        """One of them is gone. Without any, an agent who has no phone can't be reached."""
        ...


# ---- calls


class UnknownCall(RingbackError):
    """No such call is in progress."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"no call {call_id} is in progress")
        self.call_id = call_id


class UnusableTarget(RingbackError):
    """Nobody can be reached so: no such queue, flow or agent, or a number that may not be dialled."""


class RecordingState(Enum):
    OFF = "off"
    ON = "on"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class PartyView:
    """Somebody in a conversation. `party`: caller, agent, consulted. `state`: ringing, talking, held, away
    (their own phone holds us), alone. `agent`: "" for somebody outside.
    """

    party: str
    state: str
    number: str
    name: str = ""
    agent: str = ""
    muted: bool = False


@dataclass(frozen=True, slots=True)
class CallView:
    """A call in progress. `state`: dialplan or queue; in a conversation who talks with whom (talking, held,
    ringing, unattended, consulting, alternated, conference: `gateway.switch.conversation_state`).

    `agents`: who takes part in it. `recordings`: the ids under which /v1/recordings has them.
    """

    id: str
    technology: str
    direction: str
    ani: str
    dnis: str
    state: str
    started_at: datetime
    answered_at: datetime | None = None
    name: str = ""
    flow: str = ""
    queue: str = ""
    entry: str = ""
    agents: tuple[str, ...] = ()
    parties: tuple[PartyView, ...] = ()
    supervisors: tuple[str, ...] = ()
    recording: RecordingState = RecordingState.OFF
    recordings: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: a number or SIP address, a queue, a flow of the plan, or an agent."""

    kind: Literal["number", "queue", "flow", "agent"]
    name: str


@dataclass(frozen=True, slots=True)
class Origination:
    """A call to place: ring `to`; whoever answers is connected to `connect`. `caller_id`: what `to` sees."""

    to: Target
    connect: Target
    caller_id: str = ""
    ring_s: float = 30.0
    context: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


RecordingAction = Literal["start", "pause", "resume", "stop"]
SupervisionMode = Literal["listen", "whisper", "join", "stop"]


class Conversations(Protocol):
    """Calls in progress and what can be done with them: `gateway.switch.live_calls` has it.

    Every operation raises UnknownCall, WrongState (not in this state) or UnusableTarget, and has taken effect
    when it returns. `by`: the agent or the key's holder who asks; an agent's operation is on their own side.
    """

    def calls(self) -> Sequence[CallView]: ...
    def call(self, call_id: str) -> CallView | None: ...
    def subscribe(self, handler: Handler) -> Unsubscribe: ...
    async def hold(self, call_id: str, *, by: str) -> None: ...
    async def resume(self, call_id: str, *, by: str) -> None: ...
    async def mute(self, call_id: str, muted: bool, *, by: str) -> None: ...
    async def transfer(self, call_id: str, target: Target, *, by: str, note: str = "") -> None:
        """Blind."""
        ...

    async def consult(self, call_id: str, target: Target, *, by: str, note: str = "") -> None:
        """Hold the caller and ring somebody; then complete, conference or cancel."""
        ...

    async def alternate(self, call_id: str, *, by: str) -> None:
        """Talk with the other of the two: the caller, or whom one consults."""
        ...

    async def complete(self, call_id: str, *, by: str) -> None: ...
    async def conference(self, call_id: str, *, by: str) -> None: ...
    async def cancel(self, call_id: str, *, by: str) -> None:
        """End the consultation and return to the caller."""
        ...

    async def requeue(
        self, call_id: str, queue: str | None, priority: int | None, *, by: str, note: str = ""
    ) -> None:
        """Back to the queue (None: the same) at the place that the enqueue time gives."""
        ...

    async def record(self, call_id: str, action: RecordingAction, *, by: str) -> None: ...
    async def supervise(
        self, call_id: str, mode: SupervisionMode, *, by: str, device: str | None = None
    ) -> None:
        """`device`: the SIP address of the supervisor's phone, which is rung; None: the agent `by`'s own."""
        ...

    async def press(self, call_id: str, keys: str, *, by: str) -> None:
        """Keys of the agent, for whomever they talk with: a menu, say."""
        ...

    async def chat_link(self, call_id: str, *, by: str) -> None:
        """Webhooks are told that the caller wants a link to a chat."""
        ...

    async def hang_up(self, call_id: str, *, by: str) -> None:
        """The agent's side of the call ends, and the caller with it; by a supervisor all of it."""
        ...

    async def originate(self, origination: Origination, *, by: str) -> CallView:
        """Returns as soon as it rings or is tried; what becomes of it is seen in the call."""
        ...


class CallArchive(Protocol):
    """Finished calls: `gateway.storage.calls.CallStore` is one."""

    async def find(
        self, wanted: CallFilter, limit: int, *, after: CallMark | None = None
    ) -> Sequence[CallRecord]:
        """The newest first. Raises StorageError."""
        ...

    async def get(self, call_id: str) -> Sequence[CallRecord]:
        """The legs of a call, oldest first. Raises StorageError."""
        ...


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """Where a recording is. `agents`: who talked in it."""

    id: str
    path: Path
    media_type: str
    call_id: str
    agents: tuple[str, ...] = ()


class Recordings(Protocol):
    """What was recorded."""

    async def find(self, recording_id: str) -> RecordingFile | None:
        """None when it isn't known, or retention has removed it. The id is looked up, never made a path."""
        ...


# ---- callbacks


@dataclass(frozen=True, slots=True)
class CallbackView:
    """A callback at a moment. `state`: waiting, scheduled, dialling, talking, kept, or why it is over.
    `not_before`: seconds since the epoch; None when it is due. `agents`: who are asked, or
    have it.
    """

    callback: Callback
    state: str
    position: int | None = None
    not_before: float | None = None
    agents: Sequence[str] = ()


class Callbacks(Protocol):
    """Customers who are to be called back: `gateway.switch.callbacks` has it."""

    def pending(self) -> Sequence[CallbackView]:
        """Those that wait or are dialled, the oldest first."""
        ...

    def find(self, callback: str) -> CallbackView | None:
        """One that is over is known for a while."""
        ...

    def slots(self, queue: str) -> Sequence[Slot]: ...

    async def request(self, wish: CallbackWish) -> tuple[CallbackView, bool]:
        """On disk when it returns; and whether it is new. Raises NumberRefused and CallbackRefused."""
        ...

    async def change(self, callback: str, *, number: str | None, at: float | None) -> bool:
        """False when it isn't pending. Raises NumberRefused and CallbackRefused."""
        ...

    def cancel(self, callback: str, *, by: str) -> bool:
        """False when it isn't pending."""
        ...

    def claim(self, callback: str, agent: str, *, by: str) -> None:
        """The agent has it offered, now. Raises ClaimRefused."""
        ...


# ---- all of it


@dataclass(frozen=True, slots=True)
class Floor:
    """The contact centre at work."""

    queueing: Queueing
    offers: Offers
    conversations: Conversations
    archive: CallArchive
    recordings: Recordings
    callbacks: Callbacks


class FloorDesk:
    """The HTTP server answers before the node has started: until then `floor` is None."""

    def __init__(self) -> None:
        self.floor: Floor | None = None

    def ready(self) -> Floor:
        if self.floor is None:
            raise HTTPException(503, "the node is starting", {"retry-after": "1"})
        return self.floor
