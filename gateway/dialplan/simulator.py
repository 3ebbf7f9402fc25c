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
    FAILURES,
    Asked,
    CameOut,
    Did,
    Entered,
    Failed,
    Heard,
    Moment,
    Over,
    Requested,
    Silenced,
    Took,
)
from gateway.dialplan.queues import KeyAction
from gateway.dialplan.requests import QueueRequest, RecordRequest, Request
from gateway.dialplan.run import (
    Answer,
    AudioFinished,
    CancelAction,
    CancelTimer,
    Connected,
    Digit,
    Effect,
    Event,
    Facts,
    HangUp,
    HungUp,
    Listen,
    NodeLeft,
    OpenEarlyMedia,
    PassDigit,
    PauseRecording,
    Perform,
    Performed,
    Phase,
    PhraseHeard,
    PlayPrompts,
    ResumeRecording,
    RunState,
    SpeechBegan,
    Started,
    StartTimer,
    StopAudio,
    StopListening,
    TimerFired,
)
from gateway.dialplan.transitions import entered, transitions
from gateway.dialplan.world import Reply, World

SECONDS_A_CHARACTER: Final = 0.065
"""About 155 English words a minute, the pace of an announcement."""
SECONDS_A_SYLLABLE: Final = 0.22
"""A Chinese or Japanese character is a syllable or more."""
SECONDS_A_RECORDING: Final = 5.0
MAX_EVENTS: Final = 20_000
"""Events in one act of a caller. A checked plan comes nowhere near; an unchecked one is stopped here."""

DurationOf = Callable[[Prompt], float]
"""How long a prompt is, in seconds."""

_WIDE: Final = 0x2E80  # the first of the East Asian scripts in Unicode
_WAYS_OUT: Final = {KeyAction.LEAVE: "left", KeyAction.CALLBACK: "called_back"}
"""Exits of the queue node for the keys of its queue that leave it."""


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


Due = tuple[float, AudioFinished | TimerFired | Performed]
"""What happens by itself, and when."""


class EndlessRun(RuntimeError):
    """The call did more than any checked plan can; see `MAX_EVENTS`."""


class Simulation:
    """One simulated call on `route` of `plan`, in a `world` that answers what it asks for.

    Acts of a caller (`press`, `say`, `wait`, `hang_up`) raise nothing when the call is over already: they
    have no effect, as on a real phone. Raises RunFault where a live call would fail, and what `world` raises.
    """

    def __init__(
        self,
        plan: Plan,
        route: Route,
        *,
        facts: Facts | None = None,
        world: World | None = None,
        duration_of: DurationOf = estimated_duration_s,
    ) -> None:
        self.plan = plan
        self.state: RunState = begin(plan, route, facts)
        self.now_s = 0.0
        self.moments: list[Moment] = []
        self._world = world if world is not None else World()
        self._duration_of = duration_of
        self._audio_due: tuple[float, AudioFinished] | None = None
        self._timer_due: tuple[float, TimerFired] | None = None
        self._action_due: tuple[float, Performed] | None = None
        self._request: Request | None = None
        self._phrases: tuple[str, ...] = ()
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

    @property
    def masked(self) -> frozenset[str]:
        """The variables that hold secrets, just now."""
        return self.plan.flows[self.state.flow].masked

    # What a caller does

    def listen(self) -> None:
        """Hear everything to the end, until the call waits for the caller, for an agent, or is over."""
        for _ in range(MAX_EVENTS):
            due = self._audio_due or self._prompt_action()
            if due is None:
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
        shown = "•" * len(keys) if self._secret() else keys
        self._did(f"presses {shown}")
        for key in keys:
            if key == ",":
                self._pass(1.0)
            else:
                self._happens(Digit(key))

    def say(self, words: str, confidence: float = 1.0, *, at_once: bool = False) -> None:
        """Say something; it comes to nothing where nobody listens for words.

        `confidence`: how sure the recogniser would be of it. Listens first unless `at_once`.
        """
        if not at_once:
            self.listen()
        if self.over:
            return
        words_shown = "•••" if self._secret() else words
        sure = f" ({confidence:.0%} sure)" if confidence < 1.0 else ""
        self._did(f"says “{words_shown}”{sure}")
        if self._phrases:
            if at_once:
                self._happens(SpeechBegan())
            self._happens(PhraseHeard(words, confidence))
        else:
            self._did("isn't heard: nothing listens for words here")

    def wait(self, duration_s: float | None = None) -> None:
        """Do nothing for `duration_s`; by default until the call has lost patience and asks again or acts."""
        if self.over:
            return
        if duration_s is not None:
            self._did(f"waits {duration_s:g} s")
            self._pass(duration_s)
            return
        self.listen()
        if not self.over:
            self._did("does nothing")
            self._next_event()

    def hang_up(self) -> None:
        if not self.over:
            self._did("hangs up")
            self._happens(HungUp())
            self._finish()

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

    def _finish(self) -> None:
        """What a flow does after the caller has gone."""
        for _ in range(MAX_EVENTS):
            if self.over or self._due() is None:
                return
            self._next_event()

    def _due(self) -> Due | None:
        """What happens next by itself, and when."""
        pending: tuple[Due | None, ...] = (self._audio_due, self._timer_due, self._action_due)
        return min((due for due in pending if due is not None), key=lambda due: due[0], default=None)

    def _prompt_action(self) -> tuple[float, Performed] | None:
        """An action that a caller sits through, such as a lookup. Waiting in a queue is an act of theirs."""
        due = self._action_due
        waits = isinstance(self._request, QueueRequest) and due is not None and due[0] > self.now_s
        return None if waits else due

    def _next_event(self) -> None:
        due = self._due()
        if due is None:
            return
        self.now_s = max(self.now_s, due[0])
        event = due[1]
        match event:
            case AudioFinished():
                self._audio_due = None
            case TimerFired():
                self._note_wait()
                self._timer_due = None
            case Performed():
                self._action_due = self._request = None
                self.moments.append(CameOut(self.now_s, self.state.node, event.outcome))
            case _:
                assert_never(event)
        self._happens(event)

    # Events and effects

    def _happens(self, event: Event) -> None:
        """Take `event`, and what follows from it at the same instant."""
        ahead = [event]
        while ahead and not self.over:
            taken = ahead.pop(0)
            before = self.state
            self.state, effects = step(self.plan, before, taken, self.now_s)
            self._note_path(before, taken, effects)
            for effect in effects:
                ahead += self._perform(effect)
            if self.state.phase is Phase.ENDED:
                self._audio_due = self._timer_due = self._action_due = None
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
                self._timer_due = (self.now_s + effect.duration_s, TimerFired(effect.timer))
            case CancelTimer():
                self._note_wait()
                self._timer_due = None
            case Listen():
                self._phrases = effect.phrases or (f"<{effect.answer}>",)
            case StopListening():
                self._phrases = ()
            case PauseRecording() | ResumeRecording():
                pass  # nothing is recorded here
            case Perform():
                self._ask_world(effect)
            case CancelAction():
                self._action_due = self._request = None
            case PassDigit():
                return self._pass_digit(effect)
            case HangUp():
                self._cause = effect.cause
                return (HungUp(),)
            case NodeLeft():
                if effect.outcome in FAILURES:
                    self.moments.append(Failed(self.now_s, effect.node, effect.outcome))
            case _:
                assert_never(effect)
        return ()

    def _play(self, effect: PlayPrompts) -> None:
        at_s = self.now_s
        for prompt in effect.prompts:
            self.moments.append(Heard(at_s, self.state.node, _words(prompt), _language(prompt)))
            at_s += self._duration_of(prompt)
        self._audio_due = (at_s, AudioFinished(effect.audio))

    def _ask_world(self, effect: Perform) -> None:
        self.moments.append(Requested(self.now_s, self.state.node, effect.request))
        reply = self._world.reply(self.state.node, effect.request, self.state.facts.context)
        self._reply(effect.action, reply)
        self._request = effect.request

    def _reply(self, action: int, reply: Reply) -> None:
        done = Performed(action, reply.outcome, reply.value)
        self._action_due = (self.now_s + reply.after_s, done)

    def _pass_digit(self, effect: PassDigit) -> tuple[Event, ...]:
        """A key that belongs to a queue or a recording ends it there, if it is the one that does."""
        match self._request:
            case QueueRequest() as request if left := self._way_out(request, effect.digit):
                outcome = left
            case RecordRequest(terminator=key) if key and effect.digit == key:
                outcome = "next"
            case _:
                return ()
        value = self._action_due[1].value if self._action_due is not None else None
        self._action_due = self._request = None
        self.moments.append(CameOut(self.now_s, self.state.node, outcome))
        return (Performed(effect.action, outcome, value),)

    def _way_out(self, request: QueueRequest, digit: str) -> str:
        """The exit that a key leads to out of a queue; "" for a key that doesn't."""
        if digit == request.leave_key:
            return "left"
        queue = self.plan.queues.get(request.queue)
        key = None if queue is None else queue.keys.get(digit)
        return "" if key is None else _WAYS_OUT.get(key.action, "")

    # Notes

    def _note_path(self, before: RunState, event: Event, effects: Sequence[Effect]) -> None:
        for transition in transitions(self.plan, before, event, self.state, effects):
            if transition.branch:
                self.moments.append(Took(self.now_s, transition.flow, transition.node, transition.branch))
        for place in entered(before, self.state):
            self.moments.append(Entered(self.now_s, place.flow, place.node, place.label))

    def _note_wait(self) -> None:
        if self._timer_due is not None and self.state.phase is Phase.LISTENING and not self._waiting:
            self._waiting = True
            self.moments.append(Asked(self.now_s, self.state.node, self._phrases))

    def _did(self, what: str) -> None:
        self.moments.append(Did(self.now_s, what))

    def _secret(self) -> bool:
        """Whether what is pressed now mustn't be shown."""
        node = self.plan.flows[self.state.flow].nodes.get(self.state.node)
        return bool(getattr(node, "mask", False))


def _words(prompt: Prompt) -> str:
    return prompt.text if isinstance(prompt, Spoken) else f"({prompt.file})"


def _language(prompt: Prompt) -> str:
    return prompt.language if isinstance(prompt, Spoken) else prompt.fallback.language
