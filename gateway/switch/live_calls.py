"""The calls of this moment: pictures of them for screens, notice of changes, and the way to act on one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import structlog

from gateway.call.cause import Cause
from gateway.call.leg import CallLeg
from gateway.switch.conversation_state import ConversationState
from gateway.switch.hearing import Party, SupervisionMode

if TYPE_CHECKING:
    from gateway.switch.call_context import CallContext
    from gateway.switch.conversation import Conversation

log = structlog.get_logger(__name__)


class Stage(Enum):
    """What a call is doing, roughly."""

    DIALPLAN = "dialplan"  # menus, prompts, lookups
    QUEUE = "queue"  # waits for an agent
    CONVERSATION = "conversation"


class PartyState(Enum):
    RINGING = "ringing"
    TALKING = "talking"
    HELD = "held"  # hears music
    AWAY = "away"  # their own phone holds us
    ALONE = "alone"  # in the call, and nobody with them


class RecordingState(Enum):
    OFF = "off"
    ON = "on"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class PartyView:
    """`agent`: "" for somebody outside."""

    party: Party
    state: PartyState
    number: str
    name: str
    agent: str
    muted: bool
    leg_id: str


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation at a moment. `since`: of its state. `consults`: the target while one is consulted."""

    state: ConversationState
    since: datetime
    agent: str
    parties: tuple[PartyView, ...]
    supervisors: tuple[tuple[str, SupervisionMode], ...]
    consults: str = ""

    @property
    def held(self) -> bool:
        """Somebody hears music."""
        return any(party.state is PartyState.HELD for party in self.parties)


@dataclass(frozen=True, slots=True)
class CallView:
    """A call at a moment. `since`: of its stage. `queue` and `entry`: "" where it isn't in any queue."""

    call_id: str
    leg_id: str
    ani: str
    dnis: str
    name: str
    technology: str
    direction: str
    started_at: datetime
    stage: Stage
    since: datetime
    queue: str = ""
    entry: str = ""
    dialplan: str = ""
    recording: RecordingState = RecordingState.OFF
    recordings: tuple[str, ...] = ()  # the ids of all that were begun
    conversation: ConversationView | None = None

    @property
    def agent(self) -> str:
        """Who talks with the caller; "" while nobody does."""
        return self.conversation.agent if self.conversation is not None else ""

    @property
    def held(self) -> bool:
        return self.conversation is not None and self.conversation.held


@dataclass(frozen=True, slots=True)
class CallChanged:
    """`call` is how it is now; None when it is over, and then `ended` is what it was."""

    call_id: str
    call: CallView | None
    ended: LiveCall | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """By whom somebody was served last."""

    queue: str = ""
    entry: str = ""
    agent: str = ""


class LiveCall:
    """One call's line in the registry, for those who run it."""

    def __init__(
        self, view: CallView, tell: Callable[[CallChanged], None], hang_up: Callable[[Cause], Any]
    ) -> None:
        self._view = view
        self._tell = tell
        self.hang_up = hang_up
        self.conversation: Conversation | None = None
        """The one that goes on, to act on it."""
        self.envelope: CallContext | None = None
        """What is known of the caller, where somebody keeps it."""
        self.served: Served | None = None
        self.surveyed = False
        """They were asked what they thought of it, or will be."""

    @property
    def view(self) -> CallView:
        return self._view

    def update(self, **changes: Any) -> None:
        """Replaces fields of the view and tells everybody, if anything is different."""
        changed = replace(self._view, **changes)
        if changed != self._view:
            self._view = changed
            self._tell(CallChanged(changed.call_id, changed))

    def enter(
        self, stage: Stage, at: datetime, *, queue: str | None = None, entry: str | None = None
    ) -> None:
        """The call does something else from now on. `queue`, `entry`: None keeps them."""
        self.update(
            stage=stage,
            since=at,
            queue=self._view.queue if queue is None else queue,
            entry=self._view.entry if entry is None else entry,
        )


class LiveCalls:
    """The calls of a node. All on the event loop."""

    def __init__(self) -> None:
        self._calls: dict[str, LiveCall] = {}
        self._subscribers: dict[object, Callable[[CallChanged], object]] = {}

    def open(self, call_id: str, leg: CallLeg, at: datetime, *, hang_up: Callable[[Cause], Any]) -> LiveCall:
        """A call begins. `hang_up`: a coroutine function that ends it from outside."""
        view = CallView(
            call_id=call_id,
            leg_id=leg.id,
            ani=leg.remote.number,
            dnis=leg.local.number,
            name=leg.remote.display_name,
            technology=leg.technology.value,
            direction=leg.direction.value,
            started_at=at,
            stage=Stage.DIALPLAN,
            since=at,
        )
        call = self._calls[call_id] = LiveCall(view, self._tell, hang_up)
        self._tell(CallChanged(call_id, view))
        return call

    def close(self, call_id: str) -> None:
        """The call is over. Nothing happens to one that isn't there."""
        if (call := self._calls.pop(call_id, None)) is not None:
            self._tell(CallChanged(call_id, None, call))

    def find(self, call_id: str) -> LiveCall | None:
        return self._calls.get(call_id)

    def views(self) -> tuple[CallView, ...]:
        """All of them, the oldest first."""
        return tuple(call.view for call in self._calls.values())

    def __iter__(self) -> Iterator[LiveCall]:
        return iter(tuple(self._calls.values()))

    def __len__(self) -> int:
        return len(self._calls)

    def subscribe(self, on_change: Callable[[CallChanged], object]) -> Callable[[], None]:
        """`on_change` is told of every change, at once and in order, until what this returns is called."""
        token = object()
        self._subscribers[token] = on_change
        return lambda: self._subscribers.pop(token, None) and None

    def _tell(self, change: CallChanged) -> None:
        for on_change in list(self._subscribers.values()):
            try:
                on_change(change)
            except Exception as fault:  # a broken screen mustn't end a call
                log.exception("subscriber_fault", call_id=change.call_id, error=str(fault))
