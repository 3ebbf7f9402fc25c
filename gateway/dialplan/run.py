"""One run of a flow, as values: where it is, what can happen to it, and what it asks for.

`RunState` holds everything a run knows and turns into plain JSON values at every wait, so a run can be kept,
inspected and taken up again. Audio and timers have serial numbers: what belongs to an earlier one is stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any, Final

from gateway.call.cause import Cause
from gateway.dialplan.exits import EXITS
from gateway.dialplan.nodes import USUAL_SPEECH, Speech
from gateway.dialplan.requests import Request
from gateway.dialplan.wording import Prompt

MAX_TYPED_AHEAD: Final = 16
"""Keys kept for later menus. More are dropped: nobody knows that many menus by heart, but a fax does."""

MAX_PATH: Final = 200
"""Nodes kept in the path; of a longer one, the latest."""


MAX_VISITS: Final = 10_000
"""Nodes a call may come to. Nobody walks that far; a queue that is asked again and again for a day may."""

AFTER_HANGUP_S: Final = 4.0
"""How long the nodes behind a `hangup` exit may take."""

MASK: Final = "•••"


class Phase(Enum):
    """What the run waits for."""

    IDLE = "idle"  # to be started
    ANSWERING = "answering"  # the answer to be acknowledged
    SPEAKING = "speaking"  # the end of the audio, or a key that ends it
    LISTENING = "listening"  # keys, phrases, or the timer
    WORKING = "working"  # an action: a lookup, a queue, …
    ENDING = "ending"  # the leg to end, which it has been told to
    ENDED = "ended"  # nothing; the call is over


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call and of the world when a run begins; plain JSON values.

    `caller`, `call`, `context`: members as in `expressions`. `epoch_s`: the seconds since 1970 (UTC) at which
    the clock of `now_s` showed 0. `queues`: queue to its figures; `overrides`: calendar to a state.
    """

    caller: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    epoch_s: float = 0.0
    queues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)


def with_context(facts: Facts, context: Mapping[str, Any]) -> Facts:
    """With another envelope: who the caller is, and whether they have proved it, go with it."""
    return replace(facts, context=context, caller={**facts.caller, **caller_of(context)})


def caller_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """What an envelope, as expressions see it, says of `caller`. `verified_until_s`: as `epoch_s`."""
    customer, authentication = context.get("customer"), context.get("authentication")
    found: dict[str, Any] = {}
    if isinstance(customer, Mapping):
        found |= {name: customer[name] for name in ("id", "name") if isinstance(customer.get(name), str)}
    if isinstance(authentication, Mapping):
        found["authenticated"] = authentication.get("authenticated") is True
        found["verified_until_s"] = authentication.get("until_s")
    if isinstance(context.get("language"), str):
        found["language"] = context["language"]
    return found


@dataclass(frozen=True, slots=True)
class Frame:
    """A flow that waits for another one it runs: at `node`, with its variables."""

    flow: str
    node: str
    variables: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run is. `serial` is the last number given to audio, a timer or an action."""

    flow: str
    node: str = ""
    phase: Phase = Phase.IDLE
    connected: bool = False  # answered, or early media is open
    early: bool = False  # the first audio opens early media and doesn't answer
    typed: str = ""  # keys pressed before anything asked for them
    collected: str = ""  # keys of the option being pressed, or digits being gathered
    failures: int = 0  # of the present menu
    audio: int | None = None
    timer: int | None = None
    timer_due_s: float | None = None  # on the clock that `now` is read from
    serial: int = 0
    path: tuple[str, ...] = ()  # nodes entered, the oldest first; those of another flow as flow/node
    action: int | None = None
    language: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    stack: tuple[Frame, ...] = ()  # flows that wait for this one, the innermost last
    started_s: float = 0.0
    visits: int = 0  # nodes entered
    erring: bool = False  # the flow's `error` node was taken, and the caller has done nothing since
    closing: int | None = None  # the Q.850 cause to end with when the audio has ended
    gone: bool = False  # the caller has hung up; only silent nodes run
    swallow: str = ""  # a terminator that may still come for digits that were complete without it
    hearing: bool = False  # what the caller says is being listened for
    talking: bool = False  # the caller speaks
    pending: str = ""  # what was understood and is being asked back
    denied: tuple[str, ...] = ()  # what the caller has said no to, at this node
    deaf: bool = False  # nothing can understand speech, at this node
    private: bool = False  # secrets are being said or pressed: nothing is recorded
    replayed: bool = False  # a prompt that a noise had cut off was begun again

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` makes an equal state of them. Secrets are in it."""
        values = asdict(self)
        return {**values, "phase": self.phase.value, "path": list(self.path), **_lists(values)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunState:
        """Raises TypeError or ValueError for what `to_json` didn't make."""
        made = {
            "phase": Phase(values["phase"]),
            "path": tuple(values["path"]),
            "facts": Facts(**values.get("facts", {})),
            "stack": tuple(Frame(**frame) for frame in values.get("stack", ())),
            "denied": tuple(values.get("denied", ())),
        }
        return cls(**{**values, **made})

    def shown(self, masked: frozenset[str]) -> dict[str, Any]:
        """The variables as a person may see them. `masked`: those of the flow that hold secrets."""
        return {name: MASK if name in masked else value for name, value in self.variables.items()}


def _lists(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(values[name]) for name in ("stack", "denied")}


def observe(
    state: RunState, queues: Mapping[str, Mapping[str, Any]], overrides: Mapping[str, str]
) -> RunState:
    """The state with the latest figures of the queues, and calendars overridden by hand."""
    return replace(state, facts=replace(state.facts, queues=queues, overrides=overrides))


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
class SpeechBegan:
    """The caller speaks: really, and long enough. `PhraseHeard`, `SpeechLost` or `HearingFailed` follows."""


@dataclass(frozen=True, slots=True)
class SpeechLost:
    """It was no speech after all."""


@dataclass(frozen=True, slots=True)
class PhraseHeard:
    """Something was understood; "" when nothing was. `confidence`: 0 to 1, the chance that it is right.

    `others`: what else it may have been, the likelier first, with its confidence.
    """

    text: str
    confidence: float = 1.0
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class HearingFailed:
    """Speech can't be understood just now: the recogniser is broken or busy."""


@dataclass(frozen=True, slots=True)
class Performed:
    """The action of this number is over. `outcome`: an exit of its node; `value`: plain JSON; `context`: what
    is known of the caller now, if that has changed.
    """

    action: int
    outcome: str
    value: Any = None
    context: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Redirected:
    """The action of this number is over, and the call goes on at the beginning of another flow."""

    action: int
    flow: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """The leg has ended, whoever ended it."""


Event = (
    Started
    | Connected
    | AudioFinished
    | AudioFailed
    | Digit
    | TimerFired
    | SpeechBegan
    | SpeechLost
    | PhraseHeard
    | HearingFailed
    | Performed
    | Redirected
    | HungUp
)


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
class Listen:
    """Listen until `StopListening`; events of speech may follow, more than once.

    `phrases`: all that may be said, or of an open answer none; `meanings`: of each a number that it shares
    with those that mean the same; `answer`: "phrases", or what sort of open answer. `secret`: nothing of it
    may be kept or logged.
    """

    phrases: tuple[str, ...]
    language: str
    meanings: tuple[int, ...] = ()
    answer: str = "phrases"
    speech: Speech = USUAL_SPEECH
    node: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class StopListening:
    pass


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """From here on what is said and pressed is secret: no recording has it, and no log."""


@dataclass(frozen=True, slots=True)
class ResumeRecording:
    """It isn't any more."""


@dataclass(frozen=True, slots=True)
class Perform:
    """Do this; `Performed` follows, unless it is cancelled. One action runs at a time."""

    action: int
    request: Request


@dataclass(frozen=True, slots=True)
class CancelAction:
    """Give the action up; nothing follows."""

    action: int


@dataclass(frozen=True, slots=True)
class PassDigit:
    """A key that belongs to the action: the queue, the recording or the survey the caller is in."""

    action: int
    digit: str


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


Effect = (
    Answer
    | OpenEarlyMedia
    | PlayPrompts
    | StopAudio
    | StartTimer
    | CancelTimer
    | Listen
    | StopListening
    | PauseRecording
    | ResumeRecording
    | Perform
    | CancelAction
    | PassDigit
    | HangUp
    | NodeLeft
)

OUTCOMES: Final = frozenset(
    {
        *("completed", "interrupted", "audio_failed", "matched", "no_input", "no_match", "failed"),
        *("confirmed", "denied", "unheard"),
        *(
            "hung_up",
            "error",
            "too_long",
            "redirected",
            *(exit_.label for exits in EXITS.values() for exit_ in exits),
        ),
    }
)
"""Every value of the `outcome` label of `ringback_ivr_node_outcomes_total`."""
