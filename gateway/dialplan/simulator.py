"""A caller in virtual time, on the same interpreter that live calls run on. Pure.

`Simulation` performs the interpreter's effects on nothing at all: audio lasts as long as its words would, the
clock moves only when the caller waits or listens, and everything that happens is kept as moments. The
terminal, the flow tests and the property tests are three drivers of it.

A caller is patient by default: keys and phrases come once the call waits for them. `press` at once, or a
comma between keys, is how they interrupt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, assert_never

from gateway.call.cause import Cause
from gateway.dialplan.interpreter import begin, step
from gateway.dialplan.model import Plan, Prompt, Recorded, Route, Spoken
from gateway.dialplan.moments import (
    Asked,
    Did,
    Entered,
    Failed,
    Heard,
    Moment,
    Over,
    Silenced,
    Took,
)
from gateway.dialplan.run import (
    Answer,
    AudioFinished,
    CancelTimer,
    Connected,
    Digit,
    Effect,
    Event,
    HangUp,
    HungUp,
    NodeLeft,
    OpenEarlyMedia,
    Phase,
    PlayPrompts,
    RunState,
    Started,
    StartTimer,
    StopAudio,
    TimerFired,
)
from gateway.dialplan.transitions import Transition, transitions

SECONDS_A_CHARACTER: Final = 0.065
"""About 155 English words a minute, the pace of an announcement."""
SECONDS_A_SYLLABLE: Final = 0.22
"""A Chinese or Japanese character is a syllable or more."""
SECONDS_A_RECORDING: Final = 5.0
MAX_EVENTS: Final = 10_000
"""Events in one act of a caller. A checked plan comes nowhere near; an unchecked one is stopped here."""

DurationOf = Callable[[Prompt], float]
"""How long a prompt is, in seconds."""

_WIDE: Final = 0x2E80  # the first of the East Asian scripts in Unicode


def estimated_duration_s(prompt: Prompt) -> float:
    """How long `prompt` is likely to be; a recording isn't opened."""
    match prompt:
        case Spoken():
            paces = (SECONDS_A_SYLLABLE if ord(c) >= _WIDE else SECONDS_A_CHARACTER for c in prompt.text)
            return max(0.5, sum(paces))
        case Recorded():
            return SECONDS_A_RECORDING
        case _:
            assert_never(prompt)


class EndlessRun(RuntimeError):
    """The call did more than any checked plan can; see `MAX_EVENTS`."""


class Simulation:
    """One simulated call on `route` of `plan`.

    Acts of a caller (`press`, `wait`, `hang_up`) raise nothing when the call is over already: they have no
    effect, as on a real phone. Raises RunFault where a live call would fail.
    """

    def __init__(self, plan: Plan, route: Route, *, duration_of: DurationOf = estimated_duration_s) -> None:
        self.plan = plan
        self.state: RunState = begin(plan, route)
        self.now_s = 0.0
        self.moments: list[Moment] = []
        self._duration_of = duration_of
        self._audio_due: tuple[float, int] | None = None  # when it ends, and its number
        self._timer_due: tuple[float, int] | None = None
        self._cause: Cause | None = None
        self._waiting = False  # Asked has been noted for this wait
        self._happens(Started())

    # What is so

    @property
    def over(self) -> bool:
        return self.state.phase is Phase.ENDED

    @property
    def transitions(self) -> Sequence[Took]:
        """The branches taken, in order."""
        return [moment for moment in self.moments if isinstance(moment, Took)]

    # What a caller does

    def listen(self) -> None:
        """Hear everything to the end, until the call waits for the caller or is over."""
        for _ in range(MAX_EVENTS):
            if self._audio_due is None:
                self._note_wait()
                return
            self._next_event()
        raise EndlessRun(f"{MAX_EVENTS} prompts without a question at '{self.state.node}'")

    def press(self, keys: str, *, at_once: bool = False) -> None:
        """Press `keys` in one go; a comma waits a second. Listens first unless `at_once`."""
        if not at_once:
            self.listen()
        if self.over:
            return
        self._did(f"presses {keys}")
        for key in keys:
            if key == ",":
                self._pass(1.0)
            else:
                self._happens(Digit(key))

    def wait(self, duration_s: float | None = None) -> None:
        """Do nothing for `duration_s`; by default until the call has lost patience and asks again or acts."""
        if duration_s is not None:
            self._did(f"waits {duration_s:g} s")
            self._pass(duration_s)
            return
        self.listen()
        self._did("does nothing")
        if self._timer_due is not None:
            self._next_event()

    def hang_up(self) -> None:
        if not self.over:
            self._did("hangs up")
            self._happens(HungUp())

    # Time

    def _pass(self, duration_s: float) -> None:
        until = self.now_s + duration_s
        for _ in range(MAX_EVENTS):
            due = self._due()
            if due is None or due[0] > until:
                self.now_s = until
                self._note_wait()
                return
            self._next_event()
        raise EndlessRun(f"{MAX_EVENTS} events in {duration_s:g} s at '{self.state.node}'")

    def _due(self) -> tuple[float, Event] | None:
        """What happens next by itself, and when."""
        events: list[tuple[float, Event]] = []
        if self._audio_due is not None:
            events.append((self._audio_due[0], AudioFinished(self._audio_due[1])))
        if self._timer_due is not None:
            events.append((self._timer_due[0], TimerFired(self._timer_due[1])))
        return min(events, key=lambda due: due[0], default=None)

    def _next_event(self) -> None:
        due = self._due()
        if due is None:
            return
        self.now_s = max(self.now_s, due[0])
        if isinstance(due[1], AudioFinished):
            self._audio_due = None
        else:
            self._note_wait()
            self._timer_due = None
        self._happens(due[1])

    # Events and effects

    def _happens(self, event: Event) -> None:
        """Take `event`, and what follows from it at the same instant."""
        ahead = [event]
        while ahead:
            taken = ahead.pop(0)
            before = self.state
            self.state, effects = step(self.plan, before, taken, self.now_s)
            self._note_path(before, transitions(self.plan, before, taken, self.state, effects))
            for effect in effects:
                ahead += self._perform(effect)
            if self.over:
                self.moments.append(Over(self.now_s, self._cause))

    def _perform(self, effect: Effect) -> tuple[Event, ...]:
        """Every effect, in this one place; returns what happens in consequence, at once."""
        match effect:
            case Answer() | OpenEarlyMedia():
                return (Connected(),)
            case PlayPrompts():
                self._play(effect)
            case StopAudio():
                self._audio_due = None
                self.moments.append(Silenced(self.now_s))
            case StartTimer():
                self._waiting = False
                self._timer_due = (self.now_s + effect.duration_s, effect.timer)
            case CancelTimer():
                self._note_wait()
                self._timer_due = None
            case HangUp():
                self._cause = effect.cause
                return (HungUp(),)
            case NodeLeft():
                if effect.outcome in _FAILURES:
                    self.moments.append(Failed(self.now_s, effect.node, effect.outcome))
            case _:
                assert_never(effect)
        return ()

    def _play(self, effect: PlayPrompts) -> None:
        at_s = self.now_s
        for prompt in effect.prompts:
            self.moments.append(Heard(at_s, self.state.node, _words(prompt), _language(prompt)))
            at_s += self._duration_of(prompt)
        self._audio_due = (at_s, effect.audio)

    # Notes

    def _note_path(self, before: RunState, taken: Sequence[Transition]) -> None:
        if before.phase is Phase.IDLE:
            self.moments.append(Entered(self.now_s, self.state.flow, self.state.path[0]))
        for transition in taken:
            self.moments.append(Took(self.now_s, transition.flow, transition.node, transition.branch))
            self.moments.append(Entered(self.now_s, transition.flow, transition.target))

    def _note_wait(self) -> None:
        if self._timer_due is not None and not self._waiting:
            self._waiting = True
            self.moments.append(Asked(self.now_s, self.state.node))

    def _did(self, what: str) -> None:
        self.moments.append(Did(self.now_s, what))


_FAILURES: Final = frozenset({"no_input", "no_match", "audio_failed"})


def _words(prompt: Prompt) -> str:
    return prompt.text if isinstance(prompt, Spoken) else f"({prompt.file})"


def _language(prompt: Prompt) -> str:
    return prompt.language if isinstance(prompt, Spoken) else prompt.fallback.language
