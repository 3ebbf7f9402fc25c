"""One run of a flow, as values: where it is, what can happen to it, and what it asks for.

`RunState` holds everything a run knows and turns into plain JSON values at every wait, so a run can be kept,
inspected and taken up again. Audio and timers have serial numbers: what belongs to an earlier one is stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Final

from gateway.call.cause import Cause
from gateway.dialplan.model import Prompt

MAX_TYPED_AHEAD: Final = 16
"""Keys kept for later menus. More are dropped: nobody knows that many menus by heart, but a fax does."""

MAX_PATH: Final = 200
"""Nodes kept in the path; of a longer one, the latest."""


class Phase(Enum):
    """What the run waits for."""

    IDLE = "idle"  # to be started
    ANSWERING = "answering"  # the answer to be acknowledged
    SPEAKING = "speaking"  # the end of the audio, or a key that ends it
    LISTENING = "listening"  # keys, or the timer
    ENDING = "ending"  # the leg to end, which it has been told to
    ENDED = "ended"  # nothing; the call is over


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run is. `serial` is the last number given to audio or a timer."""

    flow: str
    node: str = ""
    phase: Phase = Phase.IDLE
    connected: bool = False  # answered, or early media is open
    early: bool = False  # the first audio opens early media and doesn't answer
    typed: str = ""  # keys pressed before anything asked for them
    collected: str = ""  # keys of the option being pressed
    failures: int = 0  # of the present menu
    audio: int | None = None
    timer: int | None = None
    timer_due_s: float | None = None  # on the clock that `now` is read from
    serial: int = 0
    path: tuple[str, ...] = ()  # nodes entered, the oldest first

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` makes an equal state of them."""
        return {**asdict(self), "phase": self.phase.value, "path": list(self.path)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunState:
        """Raises TypeError or ValueError for what `to_json` didn't make."""
        return cls(**{**values, "phase": Phase(values["phase"]), "path": tuple(values["path"])})


# Events: what happened.


@dataclass(frozen=True, slots=True)
class Started:
    """The call is ours: begin."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The answer was acknowledged, or early media is open: audio reaches the caller."""


@dataclass(frozen=True, slots=True)
class AudioFinished:
    """The audio of this number came to its end."""

    audio: int


@dataclass(frozen=True, slots=True)
class AudioFailed:
    """The audio of this number couldn't be played, nor anything in its place."""

    audio: int


@dataclass(frozen=True, slots=True)
class Digit:
    """A key went down: one of `0123456789*#ABCD`."""

    digit: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer of this number ran out."""

    timer: int


@dataclass(frozen=True, slots=True)
class HungUp:
    """The leg has ended, whoever ended it."""


Event = Started | Connected | AudioFinished | AudioFailed | Digit | TimerFired | HungUp


# Effects: what to do now, in this order.


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the call; `Connected` follows."""


@dataclass(frozen=True, slots=True)
class OpenEarlyMedia:
    """Open the audio without answering; `Connected` follows."""


@dataclass(frozen=True, slots=True)
class PlayPrompts:
    """Play these one after another in place of what plays now; `AudioFinished` or `AudioFailed` follows."""

    audio: int
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class StopAudio:
    """Silence at once; nothing follows."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """`TimerFired` follows after `duration_s`, unless the timer is cancelled. One timer runs at a time."""

    timer: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    timer: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the leg, or reject it when it wasn't answered; `HungUp` follows."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class NodeLeft:
    """For the metrics: how a node, or one attempt at a menu, came out."""

    flow: str
    node: str
    outcome: str  # one of OUTCOMES


Effect = Answer | OpenEarlyMedia | PlayPrompts | StopAudio | StartTimer | CancelTimer | HangUp | NodeLeft

OUTCOMES: Final = frozenset(
    {"completed", "interrupted", "audio_failed", "matched", "no_input", "no_match", "failed", "hung_up"}
)
"""Every value of the `outcome` label of `ringback_ivr_node_outcomes_total`."""
