"""The interpreter: from a state and an event to the next state and what to do. Pure.

The live executor, the simulator and the flow tests run this same function. Digits follow three rules:

- A digit is used once: by the node that asks, or by the prompt it interrupts, which keeps it for the node
  that asks next. In a queue, a recording, a survey or a conversation it belongs to those.
- A digit that nobody has asked for yet is kept, in order, up to `MAX_TYPED_AHEAD`; a menu takes kept digits
  before it says anything. A wrong key throws the rest away: whoever typed them was in another menu.
- Keys are matched against all options of a menu at once. An option is taken as soon as no longer one begins
  with it, else when the inter-digit timer runs out. A terminator that comes after the last digit of a full
  number is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar, assert_never

from gateway.call.cause import Cause
from gateway.dialplan.actions import converses, request_of
from gateway.dialplan.asking import Failure, read_keys
from gateway.dialplan.calendars import utc_at
from gateway.dialplan.exits import EXITS, resolve
from gateway.dialplan.expressions import ExpressionFailed, evaluate, kept
from gateway.dialplan.hearing import Hearing
from gateway.dialplan.model import Plan, Route
from gateway.dialplan.nodes import (
    BranchNode,
    CalendarNode,
    CallbackNode,
    ContextNode,
    DialNode,
    GatherNode,
    GotoNode,
    HangupNode,
    LanguageNode,
    LookupNode,
    MenuNode,
    PlayNode,
    QueueNode,
    RecordNode,
    ReturnNode,
    RunNode,
    SayNode,
    SetNode,
    SurveyNode,
    TransferNode,
)
from gateway.dialplan.places import Target
from gateway.dialplan.run import (
    AFTER_HANGUP_S,
    MAX_PATH,
    MAX_VISITS,
    AudioFailed,
    AudioFinished,
    Connected,
    Digit,
    Effect,
    Event,
    Facts,
    Frame,
    HearingFailed,
    HungUp,
    PassDigit,
    Performed,
    Phase,
    PhraseHeard,
    Redirected,
    RunState,
    SpeechBegan,
    SpeechLost,
    Started,
    TimerFired,
    with_context,
)
from gateway.dialplan.templates import plain
from gateway.dialplan.turn import RunFault

__all__ = ["RunFault", "begin", "step"]

_T = TypeVar("_T")

_VOCAL: Final = (SayNode, PlayNode, MenuNode, GatherNode, RecordNode, QueueNode, DialNode, SurveyNode)
"""Nodes that need a caller who listens."""


def begin(plan: Plan, route: Route, facts: Facts | None = None) -> RunState:
    """The state of a call on `route` before anything has happened."""
    flow = plan.flows[route.flow.node]
    early = not plan.answers(route)
    return RunState(flow=flow.name, early=early, language=flow.language, facts=facts or Facts())


def step(plan: Plan, state: RunState, event: Event, now_s: float) -> tuple[RunState, tuple[Effect, ...]]:
    """What `event` makes of a run.

    `now_s` is any clock that doesn't jump; `RunState.timer_due_s` is on it. Events that came too late (of
    audio that was stopped, of timers cancelled, after the end) change nothing. Raises RunFault when the state
    doesn't fit the plan.
    """
    turn = _Turn(plan, state, now_s)
    turn.take(event)
    return turn.state, tuple(turn.effects)


class _Turn(Hearing):
    """One step: an event, and the nodes it leads through until one of them waits."""

    def take(self, event: Event) -> None:
        if self.state.phase is Phase.ENDED:
            return
        self._guarded(self._react, event)
        while self._ahead is not None:
            name, self._ahead = self._ahead, None
            path = f"{self.state.flow}/{name}" if self.state.stack else name
            visits = self.state.visits + 1
            self.state = replace(self.state, path=(*self.state.path, path)[-MAX_PATH:], visits=visits)
            if visits > MAX_VISITS:
                self.report("too_long")
                self.apologise(Cause.TEMPORARY_FAILURE)
                return
            self._guarded(self._enter, name)

    def _guarded(self, act: Callable[[_T], None], value: _T) -> None:
        try:
            act(value)
        except ExpressionFailed:
            self._leave("error")

    # Events

    def _react(self, event: Event) -> None:
        match event:
            case Started():
                self._started()
            case Connected():
                if self.state.phase is Phase.ANSWERING:
                    self.state = replace(self.state, connected=True)
                    self._enter(self.state.node)
            case AudioFinished():
                self._audio_over(event.audio, "completed")
            case AudioFailed():
                self._audio_over(event.audio, "audio_failed")
            case Digit():
                self._digit(event.digit)
            case TimerFired():
                self._timer_fired(event.timer)
            case SpeechBegan():
                self._speech_began()
            case SpeechLost():
                self._speech_lost()
            case PhraseHeard():
                self._phrase_heard(event)
            case HearingFailed():
                self._hearing_failed()
            case Performed():
                self._performed(event)
            case Redirected():
                self._redirected(event)
            case HungUp():
                self._hung_up()
            case _:
                assert_never(event)

    def _started(self) -> None:
        if self.state.phase is Phase.IDLE:
            self.state = replace(self.state, started_s=self.now_s)
            self.assign(self.flow().variables)
            self._ahead = self.flow().start.node

    def _audio_over(self, audio: int, outcome: str) -> None:
        if audio != self.state.audio:
            return
        self.state = replace(self.state, audio=None)
        if self.state.closing is not None:
            self.hang_up(Cause(self.state.closing))
            return
        node = self.node()
        match node:
            case SayNode() | PlayNode():
                self._leave("next", outcome)
            case MenuNode() | GatherNode():
                if outcome == "audio_failed":
                    self.report(outcome)
                self._listen(node)
            case RecordNode():
                self.perform(request_of(node, self))
            case _:
                raise self.fault("it has no audio")

    def _digit(self, digit: str) -> None:
        swallowed = digit == self.state.swallow
        self.state = replace(self.state, swallow="", erring=False)
        if swallowed or self.state.closing is not None or self._settled_by_key(digit):
            return
        match self.state.phase:
            case Phase.SPEAKING:
                self._digit_while_speaking(digit)
            case Phase.LISTENING:
                self.cancel_timer()
                self._collect(self._asking(), digit)
            case Phase.WORKING:
                if self.state.action is not None and converses(self.node()):
                    self.effects.append(PassDigit(self.state.action, digit))
                else:
                    self.keep(digit)
            case Phase.IDLE | Phase.ANSWERING:
                self.keep(digit)
            case Phase.ENDING | Phase.ENDED:
                pass
            case _:
                assert_never(self.state.phase)

    def _digit_while_speaking(self, digit: str) -> None:
        node = self.node()
        match node:
            case SayNode() | PlayNode():
                self.keep(digit)
                if node.barge_in:
                    self.stop_audio()
                    self._leave("next", "interrupted")
            case MenuNode() | GatherNode():
                if node.barge_in:
                    self.stop_audio()
                    self._collect(node, digit)
                else:
                    self.keep(digit)
            case RecordNode():
                self.stop_audio()
                self.perform(request_of(node, self))
            case _:
                raise self.fault("it doesn't speak")

    def _timer_fired(self, timer: int) -> None:
        if timer != self.state.timer:
            return
        self.state = replace(self.state, timer=None, timer_due_s=None)
        if self.state.gone:
            self.end()
            return
        if self.state.talking:
            self._hearing_failed()
            return
        node = self._asking()
        reading = read_keys(node, self.state.collected)
        if self.state.collected and reading.complete:
            self._matched(node, reading)
        else:
            self._fail(node, Failure.NO_MATCH if self.state.collected else Failure.NO_INPUT)

    def _performed(self, event: Performed) -> None:
        if event.action != self.state.action:
            return
        self.state = replace(self.state, action=None)
        node = self.node()
        if isinstance(node, LookupNode | RecordNode) and event.outcome == "next" and node.into is not None:
            self.remember({node.into: kept(node.into, event.value)})
        known = {exit_.label for exit_ in EXITS[type(node)]}
        context = event.value if isinstance(node, ContextNode) else event.context
        if event.outcome == "next" and isinstance(context, dict):
            self.state = replace(self.state, facts=with_context(self.state.facts, context))
        # Whatever a port makes up, the plan has these branches, and the metrics these labels.
        self._leave(event.outcome if event.outcome in known else "error")

    def _redirected(self, event: Redirected) -> None:
        if event.action != self.state.action:
            return
        self.state = replace(self.state, action=None)
        flow = self.plan.flows.get(event.flow)
        if flow is None:
            self._leave("error")
            return
        self.report("redirected")
        language = self.state.language if self.state.language in flow.languages else flow.language
        self.state = replace(
            self.state, flow=flow.name, variables={}, stack=(), language=language, erring=False, typed=""
        )
        self.assign(flow.variables)
        self._ahead = flow.start.node

    def _hung_up(self) -> None:
        if self.state.phase not in (Phase.IDLE, Phase.ENDING):
            self.report("hung_up")
        working = self.state.phase in (Phase.SPEAKING, Phase.LISTENING, Phase.WORKING)
        told = self.state.closing is None and not self.state.gone
        self.end()
        target = self._where("hangup") if working and told else None
        if target is not None:
            self.state = replace(self.state, phase=Phase.WORKING, gone=True, typed="")
            self.start_timer(AFTER_HANGUP_S)
            self._ahead = target.node

    # Nodes

    def _enter(self, name: str) -> None:
        """Do what a node does first."""
        self.state = replace(self.state, node=name, failures=0, collected="", pending="", denied=())
        self.state = replace(self.state, deaf=False, talking=False, replayed=False)
        node = self.node()
        if self.state.gone and (isinstance(node, _VOCAL) or converses(node)):
            self.end()
            return
        match node:
            case SayNode() | PlayNode():
                if self.connect():
                    self.play(self.prompts((node.prompt,)))
            case MenuNode() | GatherNode():
                self.keep_private(isinstance(node, GatherNode) and node.mask)
                self._enter_asking(node)
            case RecordNode():
                if self.connect():
                    self.play(self.prompts((node.prompt,)))
            case QueueNode() | DialNode() | SurveyNode():
                if self.connect():
                    self.perform(request_of(node, self))
            case CallbackNode(ask=True):
                if self.connect():
                    self.perform(request_of(node, self))
            case LookupNode() | CallbackNode() | TransferNode() | ContextNode():
                self.perform(request_of(node, self))
            case SetNode() | BranchNode() | CalendarNode() | LanguageNode():
                self._leave(self._decide(node), "completed")
            case RunNode():
                self._run(node)
            case ReturnNode():
                self._return(node)
            case GotoNode():
                self.report("completed")
                self._ahead = node.target.node
            case HangupNode():
                self.report("completed")
                self.hang_up(node.cause)
            case _:
                assert_never(node)

    def _decide(self, node: SetNode | BranchNode | CalendarNode | LanguageNode) -> str | Target:
        """What comes of a node that takes no time: an exit, or where a case leads."""
        match node:
            case SetNode():
                self.assign(node.assignments)
                return "next"
            case BranchNode():
                values = self.values()
                for case in node.cases:
                    if evaluate(case.when.source, values) is True:
                        return case.target
                return "else"
            case CalendarNode():
                now = utc_at(self.state.facts.epoch_s + self.now_s)
                return self.plan.calendars[node.calendar.node].state(now, self.state.facts.overrides)
            case LanguageNode():
                language = plain(node.language, self.values())
                if language not in self.flow().languages:
                    return "error"
                self.state = replace(self.state, language=language)
                return "next"
            case _:
                assert_never(node)

    def _run(self, node: RunNode) -> None:
        arguments = self.evaluated(node.arguments)
        frame = Frame(self.state.flow, self.state.node, self.state.variables)
        self.report("completed")
        stack = (*self.state.stack, frame)
        self.state = replace(self.state, flow=node.flow.node, variables=arguments, stack=stack)
        self.assign(self.flow().variables)
        self._ahead = self.flow().start.node

    def _return(self, node: ReturnNode) -> None:
        result = None
        if node.result is not None:
            result = kept(node.result.source, evaluate(node.result.source, self.values()))
        self.report("completed")
        if not self.state.stack:
            self.hang_up(Cause.NORMAL_CLEARING)
            return
        self._back()
        runner = self.node()
        if isinstance(runner, RunNode) and runner.into is not None:
            self.remember({runner.into: result})
        target = resolve(runner, "next")
        self._ahead = target.node if isinstance(target, Target) else None
