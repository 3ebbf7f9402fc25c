"""The live driver of the interpreter: performs its effects on one call and feeds back what happened.

One task owns a run. Everything that happens is posted to it and taken in order, so a digit and the end of a
prompt can't cross. What takes time (audio) runs in child tasks of the same group, and none outlives `run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from structlog.typing import FilteringBoundLogger

from gateway.call.cause import Cause
from gateway.call.screen import NO_SCREEN, CallerScreen
from gateway.dialplan.interpreter import begin, step
from gateway.dialplan.model import Plan, Prompt, Route
from gateway.dialplan.performing import perform
from gateway.dialplan.ports import (
    Actions,
    CallControl,
    Cancellable,
    Listener,
    NoActions,
    PromptUnavailable,
    Timers,
    World,
)
from gateway.dialplan.requests import Request
from gateway.dialplan.run import (
    Answer,
    AudioFailed,
    AudioFinished,
    CancelAction,
    CancelTimer,
    Connected,
    Effect,
    Event,
    Facts,
    HangUp,
    Listen,
    NodeLeft,
    OpenEarlyMedia,
    PassDigit,
    PauseRecording,
    Perform,
    Performed,
    Phase,
    PlayPrompts,
    Redirected,
    ResumeRecording,
    RunState,
    Started,
    StartTimer,
    StopAudio,
    StopListening,
    TimerFired,
    observe,
)
from gateway.dialplan.showing import shown
from gateway.errors import LegEnded

OutcomeHandler = Callable[[NodeLeft], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run came out. `fault`: what went wrong inside Ringback, if anything did."""

    state: RunState
    fault: Exception | None = None


class Executor:
    """Runs `route`'s flow of `plan` on one call. `log` has the call's keys bound already.

    `facts`: what is known of the call; its `epoch_s` is on the clock of `timers`. `world`: asked before every
    step, so that expressions see the queues as they are. `screen`: shows what is spoken. `listener`:
    understands what callers say; without one only keys are heard.
    """

    def __init__(
        self,
        plan: Plan,
        route: Route,
        control: CallControl,
        log: FilteringBoundLogger,
        *,
        on_outcome: OutcomeHandler,
        timers: Timers | None = None,
        facts: Facts | None = None,
        actions: Actions | None = None,
        listener: Listener | None = None,
        world: World | None = None,
        screen: CallerScreen = NO_SCREEN,
    ) -> None:
        self._plan = plan
        self._state = begin(plan, route, facts)
        self._actions = actions if actions is not None else NoActions()
        self._listener = listener
        self._world = world
        self._screen = screen
        self._action: asyncio.Task[None] | None = None
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._control = control
        self._log = log
        self._on_outcome = on_outcome
        self._timers = timers if timers is not None else asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._audio: asyncio.Task[None] | None = None
        self._timer: Cancellable | None = None

    @property
    def state(self) -> RunState:
        return self._state

    def post(self, event: Event) -> None:
        """Something happened. On the event loop's thread only."""
        self._events.put_nowait(event)

    async def run(self) -> RunResult:
        """Run until `HungUp` was posted, or until a fault of ours has ended the call. Doesn't raise."""
        self.post(Started())
        async with asyncio.TaskGroup() as tasks:
            try:
                while self._state.phase is not Phase.ENDED:
                    await self._take(await self._events.get(), tasks)
            except Exception as fault:  # noqa: BLE001  # whatever it is, it ends this call and no other
                await self._give_up(fault)
                return RunResult(self._state, fault)
            finally:
                self._stop_timer()
                self._stop_listening()
                self._abandon_audio()
                self._abandon_action()
        return RunResult(self._state)

    async def _take(self, event: Event, tasks: asyncio.TaskGroup) -> None:
        node = self._state.node
        if self._world is not None:
            self._state = observe(self._state, *self._world())
        before = self._state
        self._state, effects = step(self._plan, self._state, event, self._timers.time())
        if (view := shown(self._plan, before, self._state, effects)) is not False:
            self._screen.show_prompt(view)
        if self._state.node != node:
            self._log.info("node_entered", flow=self._state.flow, node=self._state.node)
        for effect in effects:
            try:
                await self._perform(effect, tasks)
            except LegEnded:
                # Both sides act at once; the leg's Ended event is on its way, and HungUp with it.
                self._log.debug("leg_ended_first", effect=type(effect).__name__)

    async def _perform(self, effect: Effect, tasks: asyncio.TaskGroup) -> None:
        match effect:
            case Answer():
                await self._control.answer()
            case OpenEarlyMedia():
                await self._control.open_early_media()
                self.post(Connected())
            case PlayPrompts():
                self._abandon_audio()
                self._audio = tasks.create_task(self._play(effect.audio, effect.prompts))
            case StopAudio():
                self._abandon_audio()
                self._control.stop_audio()
            case StartTimer():
                self._stop_timer()
                fired = TimerFired(effect.timer)
                self._timer = self._timers.call_later(effect.duration_s, lambda: self.post(fired))
            case CancelTimer():
                self._stop_timer()
            case Listen():
                if self._listener is not None:
                    self._listener.listen(effect, self.post)
            case StopListening():
                self._stop_listening()
            case PauseRecording():
                self._control.pause_recording()
            case ResumeRecording():
                self._control.resume_recording()
            case Perform():
                self._abandon_action()
                self._keys = asyncio.Queue()
                self._action = tasks.create_task(self._act(effect.action, effect.request, self._keys))
            case CancelAction():
                self._abandon_action()
            case PassDigit():
                self._keys.put_nowait(effect.digit)
            case HangUp():
                await self._control.hang_up(effect.cause)
            case NodeLeft():
                self._on_outcome(effect)
            case _:
                assert_never(effect)

    async def _play(self, audio: int, prompts: tuple[Prompt, ...]) -> None:
        try:
            await self._control.play(prompts)
        except (PromptUnavailable, LegEnded) as error:
            self._log.warning("audio_unavailable", node=self._state.node, error=str(error))
            self.post(AudioFailed(audio))
        except Exception:  # noqa: BLE001  # the caller can still press keys, so the call goes on
            self._log.exception("audio_fault", node=self._state.node)
            self.post(AudioFailed(audio))
        else:
            self.post(AudioFinished(audio))

    async def _act(self, action: int, request: Request, keys: asyncio.Queue[str]) -> None:
        try:
            outcome = await perform(self._actions, request, keys)
        except Exception:  # noqa: BLE001  # the plan says where a call goes on when something has failed
            self._log.exception("action_fault", node=self._state.node, action=type(request).__name__)
            self.post(Performed(action, "error"))
        else:
            done = Redirected(action, outcome.flow) if outcome.flow else None
            self.post(done or Performed(action, outcome.label, outcome.value, outcome.context))

    async def _give_up(self, fault: Exception) -> None:
        self._log.error(
            "dialplan_fault", flow=self._state.flow, node=self._state.node, exc_info=fault, error=str(fault)
        )
        try:
            await self._control.hang_up(Cause.TEMPORARY_FAILURE)
        except LegEnded:
            self._log.debug("leg_ended_first", effect="HangUp")

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.stop_listening()

    def _abandon_audio(self) -> None:
        if self._audio is not None:
            self._audio.cancel()
            self._audio = None

    def _abandon_action(self) -> None:
        if self._action is not None:
            self._action.cancel()
            self._action = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
