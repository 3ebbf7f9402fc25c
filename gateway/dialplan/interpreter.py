"""The interpreter: from a state and an event to the next state and what to do. Pure.

The live executor, the simulator and the flow tests run this same function. Digits follow three rules:

- A digit is used once: by the menu that asks, or by the prompt it interrupts, which keeps it for the menu
  that follows.
- A digit that nobody has asked for yet is kept, in order, up to `MAX_TYPED_AHEAD`; a menu takes kept digits
  before it says anything. A wrong key throws the rest away: whoever typed them was in another menu.
- Keys are matched against all options of a menu at once. An option is taken as soon as no longer one begins
  with it, else when the inter-digit timer runs out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from gateway.call.cause import Cause
from gateway.dialplan.menus import Failure, prompts_of, read_keys, way_out
from gateway.dialplan.model import (
    Flow,
    GotoNode,
    HangupNode,
    MenuNode,
    Node,
    Plan,
    PlayNode,
    Prompt,
    Route,
    SayNode,
    Target,
)
from gateway.dialplan.run import (
    MAX_PATH,
    MAX_TYPED_AHEAD,
    Answer,
    AudioFailed,
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
from gateway.errors import RingbackError


class RunFault(RingbackError):
    """The run met something that the checks rule out. Only its own call ends."""

    def __init__(self, flow: str, node: str, problem: str) -> None:
        super().__init__(f"flow '{flow}', node '{node}': {problem}")
        self.flow = flow
        self.node = node
        self.problem = problem


def begin(plan: Plan, route: Route) -> RunState:
    """The state of a call on `route` before anything has happened."""
    return RunState(flow=route.flow.node, early=not plan.answers(route))


def step(plan: Plan, state: RunState, event: Event, now_s: float) -> tuple[RunState, tuple[Effect, ...]]:
    """What `event` makes of a run.

    `now_s` is any clock that doesn't jump; `RunState.timer_due_s` is on it. Events that came too late (of
    audio that was stopped, of timers cancelled, after the end) change nothing. Raises RunFault when the state
    doesn't fit the plan.
    """
    turn = _Turn(plan, state, now_s)
    turn.take(event)
    return turn.state, tuple(turn.effects)


class _Turn:
    """One step in the making: the state so far and the effects so far."""

    def __init__(self, plan: Plan, state: RunState, now_s: float) -> None:
        self.plan = plan
        self.state = state
        self.effects: list[Effect] = []
        self._now_s = now_s
        self._ahead: str | None = None  # the node to enter next

    # Events

    def take(self, event: Event) -> None:
        if self.state.phase is Phase.ENDED:
            return
        self._react(event)
        steps = 0
        while self._ahead is not None:
            name, self._ahead = self._ahead, None
            self.state = replace(self.state, path=(*self.state.path, name)[-MAX_PATH:])
            self._enter(name)
            steps += 1
            if steps > self._most_steps():
                raise self._fault(f"{steps} nodes without waiting")

    def _react(self, event: Event) -> None:
        match event:
            case Started():
                self._started()
            case Connected():
                self._connected()
            case AudioFinished():
                self._audio_over(event.audio, "completed")
            case AudioFailed():
                self._audio_over(event.audio, "audio_failed")
            case Digit():
                self._digit(event.digit)
            case TimerFired():
                self._timer_fired(event.timer)
            case HungUp():
                self._hung_up()
            case _:
                assert_never(event)

    def _started(self) -> None:
        if self.state.phase is Phase.IDLE:
            self._ahead = self._flow().start.node

    def _connected(self) -> None:
        if self.state.phase is Phase.ANSWERING:
            self.state = replace(self.state, connected=True)
            self._enter(self.state.node)

    def _audio_over(self, audio: int, outcome: str) -> None:
        if audio != self.state.audio:
            return
        self.state = replace(self.state, audio=None)
        node = self._node()
        match node:
            case SayNode() | PlayNode():
                self._leave(outcome, node.next)
            case MenuNode():
                if outcome == "audio_failed":
                    self._report(outcome)
                self._listen(node)
            case GotoNode() | HangupNode():
                raise self._fault("it has no audio")
            case _:
                assert_never(node)

    def _digit(self, digit: str) -> None:
        match self.state.phase:
            case Phase.SPEAKING:
                self._digit_while_speaking(digit)
            case Phase.LISTENING:
                self._cancel_timer()
                self._collect(self._menu(), digit)
            case Phase.IDLE | Phase.ANSWERING:
                self._keep(digit)
            case Phase.ENDING | Phase.ENDED:
                pass
            case _:
                assert_never(self.state.phase)

    def _digit_while_speaking(self, digit: str) -> None:
        node = self._node()
        match node:
            case SayNode() | PlayNode():
                self._keep(digit)
                if node.barge_in:
                    self._stop_audio()
                    self._leave("interrupted", node.next)
            case MenuNode():
                if node.barge_in:
                    self._stop_audio()
                    self._collect(node, digit)
                else:
                    self._keep(digit)
            case GotoNode() | HangupNode():
                raise self._fault("it doesn't speak")
            case _:
                assert_never(node)

    def _timer_fired(self, timer: int) -> None:
        if timer != self.state.timer:
            return
        self.state = replace(self.state, timer=None, timer_due_s=None)
        menu = self._menu()
        reading = read_keys(menu, self.state.collected)
        if reading.target is not None:
            self._matched(reading.target)
        else:
            self._fail(menu, Failure.NO_MATCH if self.state.collected else Failure.NO_INPUT)

    def _hung_up(self) -> None:
        if self.state.phase not in (Phase.IDLE, Phase.ENDING):
            self._report("hung_up")
        if self.state.audio is not None:
            self._stop_audio()
        self._cancel_timer()
        self.state = replace(self.state, phase=Phase.ENDED, typed="", collected="")

    # Nodes

    def _enter(self, name: str) -> None:
        """Do what a node does first."""
        self.state = replace(self.state, node=name, failures=0, collected="")
        node = self._node()
        match node:
            case SayNode() | PlayNode():
                self._play((node.prompt,))
            case MenuNode():
                self._enter_menu(node)
            case GotoNode():
                self._leave("completed", node.target)
            case HangupNode():
                self._report("completed")
                self._hang_up(node.cause)
            case _:
                assert_never(node)

    def _leave(self, outcome: str, target: Target) -> None:
        self._report(outcome)
        self._ahead = target.node

    def _enter_menu(self, menu: MenuNode) -> None:
        if not menu.type_ahead:
            self.state = replace(self.state, typed="")
        if self.state.typed and self.state.connected:
            self._listen(menu)
        else:
            self._play((menu.prompt,))

    def _listen(self, menu: MenuNode) -> None:
        """Wait for keys, after using up those that were typed ahead."""
        if self.state.typed:
            typed, rest = self.state.typed[0], self.state.typed[1:]
            self.state = replace(self.state, typed=rest)
            self._collect(menu, typed)
        else:
            self.state = replace(self.state, phase=Phase.LISTENING)
            self._start_timer(
                menu.inter_digit_timeout_s if self.state.collected else menu.first_digit_timeout_s
            )

    def _collect(self, menu: MenuNode, digit: str) -> None:
        """Add one key to the option being pressed."""
        self.state = replace(self.state, collected=self.state.collected + digit)
        reading = read_keys(menu, self.state.collected)
        if reading.goes_on:
            self._listen(menu)
        elif reading.target is not None:
            self._matched(reading.target)
        else:
            self._fail(menu, Failure.NO_MATCH)

    def _matched(self, target: Target) -> None:
        self._leave("matched", target)

    def _fail(self, menu: MenuNode, failure: Failure) -> None:
        self._report(failure.value)
        failures = self.state.failures + 1
        if failures <= menu.retries:
            self.state = replace(self.state, failures=failures, collected="", typed="")
            self._play(prompts_of(menu, failure, failures))
            return
        self._report("failed")
        target = way_out(menu, failure)
        if target is None:
            self._hang_up(Cause.NORMAL_CLEARING)
        else:
            self.state = replace(self.state, typed="")
            self._ahead = target.node

    # Actions

    def _play(self, prompts: tuple[Prompt, ...]) -> None:
        if not self.state.connected:
            # The node is entered again once the caller can hear it; until then nothing of it has happened.
            self.effects.append(OpenEarlyMedia() if self.state.early else Answer())
            self.state = replace(self.state, phase=Phase.ANSWERING)
            return
        serial = self.state.serial + 1
        self.effects.append(PlayPrompts(serial, prompts))
        self.state = replace(self.state, phase=Phase.SPEAKING, audio=serial, serial=serial)

    def _stop_audio(self) -> None:
        self.effects.append(StopAudio())
        self.state = replace(self.state, audio=None)

    def _start_timer(self, duration_s: float) -> None:
        serial = self.state.serial + 1
        self.effects.append(StartTimer(serial, duration_s))
        self.state = replace(self.state, timer=serial, timer_due_s=self._now_s + duration_s, serial=serial)

    def _cancel_timer(self) -> None:
        if self.state.timer is not None:
            self.effects.append(CancelTimer(self.state.timer))
            self.state = replace(self.state, timer=None, timer_due_s=None)

    def _hang_up(self, cause: Cause) -> None:
        self.effects.append(HangUp(cause))
        self.state = replace(self.state, phase=Phase.ENDING, typed="", collected="")

    def _keep(self, digit: str) -> None:
        if len(self.state.typed) < MAX_TYPED_AHEAD:
            self.state = replace(self.state, typed=self.state.typed + digit)

    def _report(self, outcome: str) -> None:
        self.effects.append(NodeLeft(self.state.flow, self.state.node, outcome))

    # The plan

    def _flow(self) -> Flow:
        flow = self.plan.flows.get(self.state.flow)
        if flow is None:
            raise self._fault("there is no such flow")
        return flow

    def _most_steps(self) -> int:
        # The checks leave no loop without a key in it, so between two keys no node comes twice; and a step
        # uses one new key and those typed ahead. More is a plan that was never checked.
        return len(self._flow().nodes) * (MAX_TYPED_AHEAD + 2)

    def _node(self) -> Node:
        node = self._flow().nodes.get(self.state.node)
        if node is None:
            raise self._fault("there is no such node")
        return node

    def _menu(self) -> MenuNode:
        node = self._node()
        if not isinstance(node, MenuNode):
            raise self._fault("it doesn't ask for keys")
        return node

    def _fault(self, problem: str) -> RunFault:
        return RunFault(self.state.flow, self.state.node, problem)
