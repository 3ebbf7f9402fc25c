"""What a conversation needs of the world around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from gateway.call.cause import Cause
from gateway.clock import Clock
from gateway.dialplan.ports import Timers
from gateway.errors import RingbackError
from gateway.queues.journal import JournalEvent
from gateway.switch.call_recording import Recordings
from gateway.switch.conversation_ends import Target
from gateway.switch.feature_codes import DEFAULT_CODES, Feature
from gateway.switch.hearing import Loop
from gateway.switch.live_calls import LiveCalls
from gateway.switch.music import MusicOnHold
from gateway.switch.ports import Connector, Line, PortPlayer
from media import tone
from media.clip import Clip

CONSULT_RING_S: Final = 45.0

ToneFor = Literal["nobody", "agent", "everyone"]


@dataclass(frozen=True, slots=True)
class CallIdentity:
    """Which call it is, for the journal. `queue`, `entry`: "" for a call that no queue brought."""

    call_id: str
    entry: str = ""
    queue: str = ""
    wait_s: float = 0.0  # that the caller waited before


@dataclass(frozen=True, slots=True)
class Consultation:
    """Whom an agent wants to ask, about which call, and what they should know before they answer."""

    call: CallIdentity
    target: Target
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Reached:
    """A line to somebody, ringing or answered. `agent`: who it is; "" for anybody outside."""

    line: Line
    agent: str = ""


class Unreachable(RingbackError):
    """Nobody can be reached there: busy, declined, unknown, logged out."""

    def __init__(self, reason: str, cause: Cause = Cause.NO_ROUTE_TO_DESTINATION) -> None:
        super().__init__(reason)
        self.cause = cause


class Reach(Protocol):
    """Calls the target of a consultation, or a supervisor.

    Returns when there is a line, which may ring still. Raises Unreachable. Cancelled, it leaves none behind.
    """

    def __call__(self, consultation: Consultation, /) -> Awaitable[Reached]: ...


@dataclass(frozen=True, slots=True)
class ConversationTones:
    """What parties hear of what happens. `ringback` and `dial` are looped."""

    ringback: Clip
    dial: Clip
    failed: Clip  # a consultation came to nothing
    refused: Clip  # a feature code that can't be carried out now
    confirmed: Clip  # one that was
    supervised: Clip  # somebody listens from now on

    @classmethod
    def at(cls, rate: int) -> ConversationTones:
        """All of them, for a bridge of `rate` Hz."""
        return cls(
            ringback=tone.ringback(rate),
            dial=tone.dial(rate),
            failed=tone.busy(rate),
            refused=tone.congestion(rate),
            confirmed=tone.tone([1000.0], 0.12, rate, dbfs=-20.0),
            supervised=tone.tone([1400.0], 0.25, rate, dbfs=-20.0),
        )

    def loops(self, music: Sequence[Clip]) -> Mapping[Loop, Sequence[Clip]]:
        """What is played over and over; without music whoever is on hold hears silence."""
        return {Loop.MUSIC: music, Loop.RINGBACK: [self.ringback], Loop.DIAL_TONE: [self.dial]}


@dataclass(frozen=True, slots=True)
class ConversationParts:
    """What every conversation of a node uses.

    `journal` takes what happened. `agent_left` is told of every agent who was in, exactly once, when nobody
    in the conversation hears them any more. `consult_ring_s`: how long a
    consulted party may ring. `feature_codes`: what agents on phones press.
    """

    connector: Connector
    open_player: Callable[[str], PortPlayer]
    music: MusicOnHold
    tones: ConversationTones
    reach: Reach
    clock: Clock
    timers: Timers
    journal: Callable[[JournalEvent], None]
    recordings: Recordings | None = None
    live_calls: LiveCalls = field(default_factory=LiveCalls)
    agent_left: Callable[[str], None] = lambda _agent: None
    feature_codes: Mapping[Feature, str] = field(default_factory=lambda: DEFAULT_CODES)
    code_gap_s: float = 2.0
    number_gap_s: float = 5.0
    consult_ring_s: float = CONSULT_RING_S
    supervision_tone: ToneFor = "nobody"
