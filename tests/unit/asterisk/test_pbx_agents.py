"""Agents between the PBX and our queues: states and pauses, told once, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.agents.presence import AgentState, Presence
from gateway.asterisk.agents import PbxAgents, WhenDeaf
from gateway.asterisk.events import AmiEvent
from gateway.asterisk.members import PbxMembers
from gateway.asterisk.telling import PbxTelling
from gateway.clock import SteadyEpoch
from gateway.queues.engine import QueueEngine
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.runner import QueueRunner
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import LogIn, SetEngaged, SetPresence
from tests.fakes.audio import FakeTimers
from tests.fakes.clock import ManualClock
from tests.fakes.pbx import FakePbxLink
from tests.fakes.queue_floor import profile


class Kept:
    """A journal in memory."""

    def append(self, events: Sequence[JournalEvent]) -> None:
        pass

    def problem(self) -> str | None:
        return None

    async def settled(self) -> bool:
        return True


class Beside:
    """A PBX, and a node with ann, who has PJSIP/ann there."""

    def __init__(self, when_deaf: WhenDeaf = "as_before") -> None:
        self.link = FakePbxLink()
        self.timers = FakeTimers()
        clock = ManualClock()
        engine = QueueEngine((QueueSettings("q"),))
        self.runner = QueueRunner(engine, Kept(), SteadyEpoch(clock), self.timers)
        self.agents = PbxAgents(
            self.link,
            self.runner,
            self.timers,
            clock.now,
            trunks=["PJSIP/ringback"],
            when_deaf=when_deaf,
            resync_s=60,
        )
        self.members = PbxMembers(self.link, self.runner, ["support"])
        self.runner.post(LogIn(replace(profile("ann"), pbx_device="PJSIP/ann")))
        self.runner.post(SetPresence("ann", Presence.AVAILABLE))

    def state(self) -> AgentState:
        view = self.runner.agent("ann")
        assert view is not None
        return view.state

    @property
    def presence(self) -> tuple[Presence, str]:
        view = self.runner.agent("ann")
        assert view is not None
        return view.presence, view.reason

    def call(self) -> None:
        fields = {"Channel": "PJSIP/ann-00000001", "Uniqueid": "1.1", "Linkedid": "1.1"}
        self.link.tell("Newchannel", **fields)

    def pauses(self) -> list[dict[str, Any]]:
        return [dict(action.fields) for action in self.link.asked if action.name == "QueuePause"]


@pytest.fixture
def beside() -> Beside:
    return Beside()


def test_a_call_there_is_a_call(beside: Beside) -> None:
    beside.call()
    assert beside.state() is AgentState.ON_CALL
    (device,) = beside.agents.devices()
    assert (device.agent, device.busy, device.channels) == ("ann", True, ("PJSIP/ann-00000001",))

    beside.link.tell("Hangup", Uniqueid="1.1")
    assert beside.state() is AgentState.IDLE


def test_the_end_of_another_call_doesnt_free_an_agent_from_the_pbxs(beside: Beside) -> None:
    beside.runner.post(SetEngaged("ann", True))
    beside.call()
    beside.runner.post(SetEngaged("ann", False))
    assert beside.state() is AgentState.ON_CALL

    beside.link.tell("Hangup", Uniqueid="1.1")
    assert beside.state() is AgentState.IDLE


@pytest.mark.parametrize(
    ("when_deaf", "on_a_call", "idle"),
    [
        ("as_before", AgentState.ON_CALL, AgentState.IDLE),
        ("free", AgentState.IDLE, AgentState.IDLE),
        ("busy", AgentState.ON_CALL, AgentState.ON_CALL),
    ],
)
async def test_while_the_pbx_cant_be_heard_agents_are_what_the_operator_says(
    when_deaf: WhenDeaf, on_a_call: AgentState, idle: AgentState
) -> None:
    beside = Beside(when_deaf)
    beside.link.lose()
    assert beside.state() is idle

    await beside.link.connect()
    assert beside.state() is AgentState.IDLE
    beside.call()
    beside.link.lose()
    assert beside.state() is on_a_call

    await beside.link.connect()  # and the call is over
    assert beside.state() is AgentState.IDLE


async def test_calls_that_began_while_nobody_listened_are_known_afterwards(beside: Beside) -> None:
    channel = {"Channel": "PJSIP/ann-00000007", "Uniqueid": "1.7", "Linkedid": "1.7"}
    beside.link.lists["CoreShowChannels"] = [AmiEvent("CoreShowChannel", channel)]
    await beside.link.connect()

    assert beside.state() is AgentState.ON_CALL


def test_a_plan_that_takes_the_device_away_frees_the_agent(beside: Beside) -> None:
    beside.call()
    beside.runner.post(LogIn(replace(profile("ann", skills={"x": 1}), pbx_device="")))

    assert beside.state() is AgentState.IDLE


async def member(beside: Beside, paused: str = "0") -> asyncio.Task[None]:
    """Ann is a member of the PBX's queue; what is to be sent is sent."""
    fields = {"Queue": "support", "Location": "PJSIP/ann", "StateInterface": "PJSIP/ann", "Paused": paused}
    beside.link.lists["QueueStatus"] = [AmiEvent("QueueMember", fields)]
    await beside.link.connect()
    return asyncio.get_running_loop().create_task(beside.members.run())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_break_here_is_a_pause_there_once(beside: Beside) -> None:
    sending = await member(beside)
    beside.runner.post(SetPresence("ann", Presence.ON_BREAK, "lunch"))
    await settle()

    wanted = {"Queue": "support", "Interface": "PJSIP/ann", "Paused": "true", "Reason": "lunch"}
    assert beside.pauses() == [wanted]
    assert beside.presence == (Presence.ON_BREAK, "lunch")
    sending.cancel()


async def test_a_pause_there_is_a_break_here_and_isnt_sent_back(beside: Beside) -> None:
    sending = await member(beside)
    pause = {"Queue": "support", "Interface": "PJSIP/ann"}
    beside.link.tell("QueueMemberPause", **pause, Paused="1", PausedReason="")
    await settle()
    assert beside.presence == (Presence.ON_BREAK, "paused")

    beside.link.tell("QueueMemberPause", **pause, Paused="0")
    await settle()
    assert beside.presence == (Presence.AVAILABLE, "")
    assert beside.pauses() == []
    sending.cancel()


async def test_after_a_gap_what_was_chosen_here_counts(beside: Beside) -> None:
    sending = await member(beside, paused="1")
    await settle()

    assert [pause["Paused"] for pause in beside.pauses()] == ["false"]
    sending.cancel()


async def test_a_pbx_that_was_so_already_tells_nothing_and_is_believed_afterwards(beside: Beside) -> None:
    beside.link.echoes = False
    sending = await member(beside)
    beside.runner.post(SetPresence("ann", Presence.ON_BREAK, "lunch"))
    await settle()
    beside.link.tell("QueueMemberPause", Queue="support", Interface="PJSIP/ann", Paused="0")
    await settle()

    assert beside.presence == (Presence.AVAILABLE, "")
    sending.cancel()


async def test_members_come_and_go(beside: Beside) -> None:
    sending = await member(beside)
    beside.link.tell("QueueMemberRemoved", Queue="support", Interface="PJSIP/ann")
    beside.runner.post(SetPresence("ann", Presence.ON_BREAK, "lunch"))
    await settle()
    assert beside.pauses() == []

    beside.link.tell("QueueMemberAdded", Queue="support", Interface="PJSIP/ann", Paused="0")
    beside.link.tell("QueueMemberAdded", Queue="other", Interface="PJSIP/ann", Paused="0")
    await settle()
    assert [pause["Queue"] for pause in beside.pauses()] == ["support"]
    sending.cancel()


async def test_the_pbx_is_told_who_has_a_call_and_nothing_while_it_is_away(beside: Beside) -> None:
    telling = PbxTelling(beside.link, "node-1", lambda entry: f"handoff of {entry}")
    task = asyncio.get_running_loop().create_task(telling.run())
    at = ManualClock().utc()
    event = JournalEvent(at, JournalKind.CONNECTED, "q", "entry-1", "call-1", "ann")
    telling.observe(event)
    telling.observe(replace(event, kind=JournalKind.HELD))
    telling.observe(replace(event, queue="two\r\nlines"))
    await settle()
    beside.link.lose()
    telling.observe(event)
    await settle()

    (action,) = [action for action in beside.link.asked if action.name == "UserEvent"]
    assert action.fields["UserEvent"] == "RingbackConnected"
    assert (action.fields["Agent"], action.fields["Handoff"]) == ("ann", "handoff of entry-1")
    task.cancel()
