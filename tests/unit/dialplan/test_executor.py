"""The executor: effects reach the call in order, and what happens comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog

from gateway.call.cause import Cause
from gateway.dialplan.executor import Executor, RunResult
from gateway.dialplan.model import Plan, Prompt, Spoken
from gateway.dialplan.ports import PromptUnavailable
from gateway.dialplan.run import Connected, Digit, HungUp, NodeLeft, Phase
from gateway.errors import LegEnded
from tests.fakes.audio import FakeTimers, settle
from tests.fakes.plans import plan_of

FLOW = """
routes: [{dnis: any, flow: main}, {dnis: early, flow: main, answer: false}, {dnis: busy, flow: busy}]
---
flow: main
start: welcome
nodes:
  welcome: {say: Welcome., next: top}
  top: {menu: Choose., keys: {1: bye}, retries: 1, no_input: {say: Well?}}
  bye: {say: Bye., next: end}
  end: {hangup: }
---
{flow: busy, start: end, nodes: {end: {hangup: user_busy}}}
"""


@dataclass(slots=True)
class FakeControl:
    """A call that writes down what is done to it. Audio ends on `finish`."""

    done: list[str] = field(default_factory=list)
    raises: dict[str, Exception] = field(default_factory=dict)
    audio: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self) -> None:
        self._do("answer")

    async def open_early_media(self) -> None:
        self._do("early media")

    async def play(self, prompts: Sequence[Prompt]) -> None:
        texts = ", ".join(prompt.text for prompt in prompts if isinstance(prompt, Spoken))
        self._do(f"play {texts}")
        self.audio = asyncio.Event()
        await self.audio.wait()

    def stop_audio(self) -> None:
        self._do("stop audio")

    def pause_recording(self) -> None:
        self._do("pause recording")

    def resume_recording(self) -> None:
        self._do("resume recording")

    async def hang_up(self, cause: Cause) -> None:
        self._do(f"hang up {cause.value}")

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what in self.raises:
            raise self.raises[what]


@dataclass(slots=True)
class Running:
    executor: Executor
    control: FakeControl
    timers: FakeTimers
    task: asyncio.Task[RunResult]
    outcomes: list[NodeLeft]

    async def post(self, *events: Connected | Digit | HungUp) -> None:
        for event in events:
            self.executor.post(event)
        await settle()

    async def finish_audio(self) -> None:
        self.control.audio.set()
        await settle()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path, FLOW)


@asynccontextmanager
async def running(
    plan: Plan, dnis: str = "100", raises: dict[str, Exception] | None = None
) -> AsyncIterator[Running]:
    control, timers, outcomes = FakeControl(raises=raises or {}), FakeTimers(), list[NodeLeft]()
    route = plan.route_for(dnis)
    assert route is not None
    log = structlog.get_logger()
    executor = Executor(plan, route, control, log, on_outcome=outcomes.append, timers=timers)
    async with asyncio.TaskGroup() as tasks:
        run = Running(executor, control, timers, tasks.create_task(executor.run()), outcomes)
        await settle()
        yield run
        await run.post(HungUp())


async def test_the_call_is_answered_and_hears_the_prompt_when_connected(plan: Plan) -> None:
    async with running(plan) as run:
        assert run.control.done == ["answer"]
        await run.post(Connected())

        assert run.control.done == ["answer", "play Welcome."]


async def test_early_media_needs_no_answer(plan: Plan) -> None:
    async with running(plan, "early") as run:
        assert run.control.done == ["early media", "play Welcome."]


async def test_the_end_of_the_audio_leads_on(plan: Plan) -> None:
    async with running(plan) as run:
        await run.post(Connected())
        await run.finish_audio()

        assert run.control.done[-1] == "play Choose."


async def test_a_key_stops_the_audio_before_the_next_begins(plan: Plan) -> None:
    async with running(plan) as run:
        await run.post(Connected())
        await run.finish_audio()
        await run.post(Digit("1"))

        assert run.control.done[-2:] == ["stop audio", "play Bye."]


async def test_a_timer_that_runs_out_is_an_event(plan: Plan) -> None:
    async with running(plan) as run:
        await run.post(Connected(), Digit("9"))
        await run.finish_audio()
        await run.timers.advance(5.0)

        assert run.control.done[-1] == "hang up 16"
        assert [left.outcome for left in run.outcomes][-2:] == ["no_input", "failed"]


async def test_a_key_cancels_the_timer(plan: Plan) -> None:
    async with running(plan) as run:
        await run.post(Connected())
        await run.finish_audio()
        await run.finish_audio()
        assert run.timers.running == 1
        await run.post(Digit("1"))

        assert run.timers.running == 0


async def test_the_run_ends_when_the_leg_has_ended(plan: Plan) -> None:
    async with running(plan) as run:
        await run.post(Connected(), HungUp())

        result = await run.task
        assert result.state.phase is Phase.ENDED
        assert result.fault is None
        assert result.state.path == ("welcome",)


async def test_a_caller_who_is_faster_than_the_answer_is_no_fault(plan: Plan) -> None:
    async with running(plan, raises={"answer": LegEnded("x")}) as run:
        await run.post(HungUp())

        assert (await run.task).fault is None


async def test_a_prompt_that_cannot_be_played_does_not_end_the_call(plan: Plan) -> None:
    async with running(plan, raises={"play Welcome.": PromptUnavailable(())}) as run:
        await run.post(Connected())

        assert run.control.done[-2:] == ["play Welcome.", "play Choose."]
        assert run.outcomes[-1] == NodeLeft("main", "welcome", "audio_failed")


async def test_a_player_that_breaks_does_not_end_the_call(plan: Plan) -> None:
    async with running(plan, raises={"play Welcome.": ZeroDivisionError()}) as run:
        await run.post(Connected())

        assert run.control.done[-1] == "play Choose."


async def test_a_fault_of_ours_ends_the_call_and_is_told(plan: Plan) -> None:
    fault = ZeroDivisionError("ours")
    async with running(plan, raises={"answer": fault}) as run:
        result = await run.task

        assert result.fault is fault
        assert run.control.done == ["answer", "hang up 41"]


async def test_a_plan_that_lost_a_node_ends_only_its_call(plan: Plan) -> None:
    flow = plan.flows["main"]
    holed = replace(plan, flows={**plan.flows, "main": replace(flow, nodes={})})
    async with running(holed, raises={"hang up 41": LegEnded("x")}) as run:
        result = await run.task

        assert "no such node" in str(result.fault)


async def test_a_call_turned_away_is_rejected_with_its_cause(plan: Plan) -> None:
    async with running(plan, "busy") as run:
        assert run.control.done == ["hang up 17"]


async def test_a_run_that_is_cancelled_leaves_no_timer(plan: Plan) -> None:
    async with running(plan) as run:
        await run.post(Connected())
        await run.finish_audio()
        await run.finish_audio()
        run.task.cancel()
        await settle()

        assert run.timers.running == 0
        assert run.task.cancelled()


async def test_the_event_loop_is_the_clock_when_none_is_given(plan: Plan) -> None:
    route = plan.route_for("100")
    assert route is not None
    executor = Executor(plan, route, FakeControl(), structlog.get_logger(), on_outcome=lambda _left: None)
    executor.post(HungUp())

    assert (await executor.run()).state.phase is Phase.ENDED
