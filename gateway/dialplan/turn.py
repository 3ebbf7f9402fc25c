"""One step of a run in the making: the state so far, the effects so far, and what both are made with. Pure.

`interpreter` says what happens; this says how each thing it can do changes the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gateway.call.cause import Cause
from gateway.dialplan.calendars import utc_at
from gateway.dialplan.expressions import NO_FIGURES, evaluate, kept
from gateway.dialplan.fallbacks import fallback_text
from gateway.dialplan.model import ERROR_ANNOUNCEMENT, Flow, Node, Plan
from gateway.dialplan.nodes import Assignments
from gateway.dialplan.places import Position
from gateway.dialplan.requests import Request
from gateway.dialplan.run import (
    MAX_TYPED_AHEAD,
    Answer,
    CancelAction,
    CancelTimer,
    Effect,
    HangUp,
    Listen,
    NodeLeft,
    OpenEarlyMedia,
    PauseRecording,
    Perform,
    Phase,
    PlayPrompts,
    ResumeRecording,
    RunState,
    StartTimer,
    StopAudio,
    StopListening,
)
from gateway.dialplan.templates import fill
from gateway.dialplan.wording import Prompt, Wording
from gateway.errors import RingbackError

_SORRY = Wording(Position("", 1, 1), key=ERROR_ANNOUNCEMENT)


class RunFault(RingbackError):
    """The run met something that the checks rule out. Only its own call ends."""

    def __init__(self, flow: str, node: str, problem: str) -> None:
        super().__init__(f"flow '{flow}', node '{node}': {problem}")
        self.flow = flow
        self.node = node
        self.problem = problem


class Turn:
    """What a step can do: play, wait, act, evaluate."""

    def __init__(self, plan: Plan, state: RunState, now_s: float) -> None:
        self.plan = plan
        self.state = state
        self.effects: list[Effect] = []
        self.now_s = now_s

    # Audio

    def connect(self) -> bool:
        """Whether the caller can hear; if not, that is asked for, and the node is entered again then.

        Until then nothing of the node has happened.
        """
        if not self.state.connected:
            self.effects.append(OpenEarlyMedia() if self.state.early else Answer())
            self.state = replace(self.state, phase=Phase.ANSWERING)
        return self.state.connected

    def play(self, prompts: tuple[Prompt, ...]) -> None:
        serial = self.state.serial + 1
        self.effects.append(PlayPrompts(serial, prompts))
        self.state = replace(self.state, phase=Phase.SPEAKING, audio=serial, serial=serial)

    def stop_audio(self) -> None:
        if self.state.audio is not None:
            self.effects.append(StopAudio())
            self.state = replace(self.state, audio=None)

    def prompts(self, wordings: Iterable[Wording]) -> tuple[Prompt, ...]:
        """What is said, in the caller's language. Raises ExpressionFailed."""
        return tuple(self._prompt(wording) for wording in wordings)

    def _prompt(self, wording: Wording) -> Prompt:
        variant = self.plan.variant(wording, self.state.language)
        return fallback_text(self.state.language) if variant is None else fill(variant, self.values())

    def apologise(self, cause: Cause) -> None:
        """Say that something is wrong, and end the call with `cause`."""
        if not self.state.connected or self.state.gone:
            self.hang_up(cause)
            return
        self.state = replace(self.state, closing=cause.value, typed="", collected="")
        self.play(self.prompts((_SORRY,)))

    # Phrases

    def listen(self, wanted: Listen) -> None:
        if not self.state.hearing:
            self.effects.append(wanted)
            self.state = replace(self.state, hearing=True)

    def stop_listening(self) -> None:
        if self.state.hearing:
            self.effects.append(StopListening())
            self.state = replace(self.state, hearing=False, talking=False)

    # Secrets

    def keep_private(self, private: bool) -> None:
        """Whether what happens from here on is secret."""
        if private != self.state.private:
            self.effects.append(PauseRecording() if private else ResumeRecording())
            self.state = replace(self.state, private=private)

    # Timers and actions

    def start_timer(self, duration_s: float) -> None:
        serial = self.state.serial + 1
        self.effects.append(StartTimer(serial, duration_s))
        self.state = replace(self.state, timer=serial, timer_due_s=self.now_s + duration_s, serial=serial)

    def cancel_timer(self) -> None:
        if self.state.timer is not None:
            self.effects.append(CancelTimer(self.state.timer))
            self.state = replace(self.state, timer=None, timer_due_s=None)

    def perform(self, request: Request) -> None:
        serial = self.state.serial + 1
        self.effects.append(Perform(serial, request))
        self.state = replace(self.state, phase=Phase.WORKING, action=serial, serial=serial)

    def cancel_action(self) -> None:
        if self.state.action is not None:
            self.effects.append(CancelAction(self.state.action))
            self.state = replace(self.state, action=None)

    def hang_up(self, cause: Cause) -> None:
        if self.state.gone:
            self.end()
            return
        self.effects.append(HangUp(cause))
        self.state = replace(self.state, phase=Phase.ENDING, typed="", collected="")

    def end(self) -> None:
        """Nothing more happens."""
        self.stop_audio()
        self.stop_listening()
        self.cancel_timer()
        self.cancel_action()
        self.state = replace(self.state, phase=Phase.ENDED, typed="", collected="")

    def keep(self, digit: str) -> None:
        if len(self.state.typed) < MAX_TYPED_AHEAD:
            self.state = replace(self.state, typed=self.state.typed + digit)

    def report(self, outcome: str) -> None:
        self.effects.append(NodeLeft(self.state.flow, self.state.node, outcome))

    # Values

    def values(self) -> dict[str, Any]:
        """What expressions see."""
        state, facts = self.state, self.state.facts
        caller = {"number": "", "name": "", "language": "", "authenticated": False, "id": "", **facts.caller}
        call = {"id": "", "dnis": "", "trunk": "", "technology": "sip", "headers": {}, **facts.call}
        call |= {
            "language": state.language,
            "flow": state.flow,
            "duration_s": self.now_s - state.started_s,
        }
        queues = {name: {**NO_FIGURES, **facts.queues.get(name, {})} for name in self.plan.queues}
        now = utc_at(facts.epoch_s + self.now_s)
        return {
            "caller": caller,
            "call": call,
            "vars": state.variables,
            "context": facts.context,
            "queues": queues,
            "now": now,
        }

    def evaluated(self, assignments: Assignments) -> dict[str, Any]:
        """The values of `assignments`, none seeing another. Raises ExpressionFailed."""
        values = self.values()
        return {name: kept(e.source, evaluate(e.source, values)) for name, e in assignments}

    def assign(self, assignments: Assignments) -> None:
        """Give variables their values, each seeing those before it. Raises ExpressionFailed."""
        for assignment in assignments:
            self.remember(self.evaluated((assignment,)))

    def remember(self, values: Mapping[str, Any]) -> None:
        self.state = replace(self.state, variables={**self.state.variables, **values})

    # The plan

    def flow(self) -> Flow:
        flow = self.plan.flows.get(self.state.flow)
        if flow is None:
            raise self.fault("there is no such flow")
        return flow

    def node(self) -> Node:
        node = self.flow().nodes.get(self.state.node)
        if node is None:
            raise self.fault("there is no such node")
        return node

    def fault(self, problem: str) -> RunFault:
        return RunFault(self.state.flow, self.state.node, problem)
