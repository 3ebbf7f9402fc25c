"""A node without a network: sessions on fake legs, with a clock that stands still."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.call.cdr import CallRecord, MediaQuality
from gateway.call.leg import CallDirection, CallLeg, Party
from gateway.dialplan.files import AudioFiles
from gateway.dialplan.prompts import ActivePlan, PlanPrompts
from gateway.switch.admission import Admission
from gateway.switch.session import CallSession, SwitchServices
from tests.fakes.audio import CountingObserver, FakePlayer, FakePrompts, FakeTimers, ListLog, settle
from tests.fakes.clock import FakeClock
from tests.fakes.leg import FakeFarEnd, FakeLeg
from tests.fakes.plans import plan_of

QUALITY = MediaQuality("PCMA/8000", 100, 1, 100, 2.5, 40.0)

FLOW = """
routes:
  - {dnis: "100", flow: main}
  - {dnis: "200", flow: main, answer: false}
  - {dnis: "300", flow: busy}
---
flow: main
start: welcome
nodes:
  welcome: {say: Welcome., next: top}
  top: {menu: Choose., keys: {1: bye, 2: top}, retries: 0}
  bye: {say: Bye., next: end}
  end: {hangup: }
---
{flow: busy, start: end, nodes: {end: {hangup: user_busy}}}
"""


class CallingLeg(FakeLeg):
    """A fake inbound leg that is known to its network, and whose media was measured."""

    def __init__(self, called: str = "100", far_end: FakeFarEnd | None = None) -> None:
        super().__init__(
            CallDirection.INBOUND, remote=Party("+15551234"), local=Party(called), far_end=far_end
        )

    @property
    def network_id(self) -> str:
        return "abc@far"

    @property
    def quality(self) -> MediaQuality:
        return QUALITY


@dataclass(slots=True)
class Node:
    """Everything that sessions share. `call` starts one."""

    active: ActivePlan
    prompts: FakePrompts
    admission: Admission = field(default_factory=lambda: Admission(10))
    timers: FakeTimers = field(default_factory=FakeTimers)
    log: ListLog = field(default_factory=ListLog)
    observer: CountingObserver = field(default_factory=CountingObserver)
    players: list[FakePlayer] = field(default_factory=list)

    @property
    def services(self) -> SwitchServices:
        return SwitchServices(
            self.open_player, self.log, self.observer, FakeClock(self.timers), timers=self.timers
        )

    def open_player(self, _call_id: str, _leg: CallLeg) -> FakePlayer:
        self.players.append(FakePlayer())
        return self.players[-1]

    def session(self, leg: CallLeg) -> CallSession:
        return CallSession("call-1", leg, self.active, self.admission, self.services)

    async def call(self, called: str = "100") -> Call:
        return await self.run(CallingLeg(called))

    async def run(self, leg: CallingLeg) -> Call:
        task = asyncio.get_running_loop().create_task(self.session(leg).run())
        await settle()
        return Call(self, leg, leg.far_end, task)


@dataclass(slots=True)
class Call:
    node: Node
    leg: CallingLeg
    far_end: FakeFarEnd
    task: asyncio.Task[CallRecord]

    @property
    def player(self) -> FakePlayer:
        return self.node.players[-1]

    async def press(self, digits: str) -> None:
        self.far_end.press(digits)
        await settle()

    async def over(self) -> CallRecord:
        async with asyncio.timeout(5):
            return await self.task


@pytest.fixture
def node(tmp_path: Path) -> Node:
    prompts = FakePrompts()
    plan = plan_of(tmp_path, FLOW)
    files = AudioFiles(tmp_path, 8000)
    return Node(ActivePlan(plan, PlanPrompts(prompts, files, lambda _prompt, _error: None)), prompts)
