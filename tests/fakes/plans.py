"""Plans from text, and a caller in virtual time who meets the pure interpreter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import assert_never

import numpy as np
import soundfile

from gateway.dialplan.interpreter import begin, step
from gateway.dialplan.loader import check, load
from gateway.dialplan.model import Plan, Recorded, Spoken
from gateway.dialplan.requests import Request
from gateway.dialplan.run import (
    Answer,
    AudioFailed,
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
    Started,
    StartTimer,
    StopAudio,
    StopListening,
    TimerFired,
)

ROUTES = "routes: [{dnis: any, flow: main}]\n---\n"


def write_plan(directory: Path, text: str, *, file: str = "plan.yaml") -> Path:
    """Write one file of a plan; the directory, which is the plan."""
    (directory / file).write_text(text, encoding="utf-8")
    return directory


def write_tone(path: Path, *, duration_s: float = 0.1, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(int(duration_s * rate)) * 0.5), rate)


def plan_of(directory: Path, text: str) -> Plan:
    """The plan in `text`, which has to be right."""
    return load(write_plan(directory, text))


def faults_of(directory: Path, text: str) -> list[str]:
    """The faults of `text`, as printed, without the directory."""
    faults = check(write_plan(directory, text))
    return [str(fault).removeprefix(f"{directory}/") for fault in faults]


class VirtualCall:
    """A call on `plan` in which nothing happens by itself: the caller, the audio and the clock are driven.

    Every state goes through JSON, as if the run had been stored and taken up again at every event; with
    `stored` false, that is left out, for speed.
    """

    def __init__(
        self, plan: Plan, dnis: str = "100", facts: Facts | None = None, *, stored: bool = True
    ) -> None:
        route = plan.route_for(dnis)
        assert route is not None
        self.plan = plan
        self.state = begin(plan, route, facts)
        self._stored = stored
        self.asked: list[Request] = []
        self.listening: tuple[str, ...] = ()
        self.passed = ""
        self.private = False  # recordings are paused
        self.now_s = 0.0
        self.effects: list[Effect] = []
        self.heard: list[str] = []
        self.outcomes: list[tuple[str, str]] = []
        self.timers: dict[int, float] = {}

    def start(self) -> VirtualCall:
        """Begin, and get as far as the caller hears something or the call ends."""
        self.happens(Started())
        if self.state.phase is Phase.ANSWERING:
            self.happens(Connected())
        return self

    def happens(self, event: Event) -> tuple[Effect, ...]:
        if self._stored:
            stored = RunState.from_json(json.loads(json.dumps(self.state.to_json())))
            assert stored == self.state
            self.state = stored
        self.state, effects = step(self.plan, self.state, event, self.now_s)
        for effect in effects:
            self._note(effect)
        self.effects.extend(effects)
        return effects

    def press(self, digits: str) -> VirtualCall:
        for digit in digits:
            self.happens(Digit(digit))
        return self

    def listen(self) -> VirtualCall:
        """Hear the present audio to its end."""
        assert self.state.audio is not None, "nothing plays"
        self.happens(AudioFinished(self.state.audio))
        return self

    def lose_audio(self) -> VirtualCall:
        assert self.state.audio is not None, "nothing plays"
        self.happens(AudioFailed(self.state.audio))
        return self

    def wait(self) -> VirtualCall:
        """Do nothing until the timer fires."""
        assert self.state.timer is not None, "no timer runs"
        timer = self.state.timer
        self.now_s += self.timers.pop(timer)
        self.happens(TimerFired(timer))
        return self

    def outcome(self, label: str, value: object = None) -> VirtualCall:
        """The present action comes out like this."""
        assert self.state.action is not None, "nothing is being done"
        self.happens(Performed(self.state.action, label, value))
        return self

    def speak(self, text: str, confidence: float = 1.0, *others: tuple[str, float]) -> VirtualCall:
        self.happens(PhraseHeard(text, confidence, others))
        return self

    def do_nothing(self) -> None:
        """Hear, and wait, whatever comes next."""
        if self.state.phase is Phase.ANSWERING:
            self.happens(Connected())
        elif self.state.phase is Phase.SPEAKING:
            self.listen()
        elif self.state.phase is Phase.LISTENING:
            self.wait()
        elif self.state.phase is Phase.WORKING:
            self.outcome("unavailable")
        elif self.state.phase is Phase.ENDING:
            self.happens(HungUp())

    def hang_up(self) -> VirtualCall:
        self.happens(HungUp())
        return self

    def _note(self, effect: Effect) -> None:
        match effect:
            case PlayPrompts():
                for prompt in effect.prompts:
                    self.heard.append(prompt.text if isinstance(prompt, Spoken) else _file(prompt))
            case NodeLeft():
                self.outcomes.append((effect.node, effect.outcome))
            case StartTimer():
                assert not self.timers, "two timers at a time"
                self.timers = {effect.timer: effect.duration_s}
            case CancelTimer():
                assert effect.timer in self.timers, "cancelled a timer that doesn't run"
                self.timers = {}
            case Perform():
                self.asked.append(effect.request)
            case PassDigit():
                self.passed += effect.digit
            case Listen():
                self.listening = effect.phrases
            case StopListening():
                self.listening = ()
            case PauseRecording() | ResumeRecording():
                assert self.private == isinstance(effect, ResumeRecording), "said twice"
                self.private = not self.private
            case Answer() | OpenEarlyMedia() | StopAudio() | HangUp() | CancelAction():
                pass
            case _:
                assert_never(effect)

    def __repr__(self) -> str:
        return f"VirtualCall(at {self.state.node}, heard {self.heard})"


def _file(prompt: Recorded) -> str:
    return prompt.file
