"""A conversation between fake legs on a fake bridge, and everything that it told of itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.call.cause import Cause
from gateway.call.leg import CallLeg
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.switch.call_recording import Recordings
from gateway.switch.conversation import Conversation
from gateway.switch.conversation_ends import ConversationEnd, Target, ToAgent, ToNumber
from gateway.switch.conversation_parts import (
    CallIdentity,
    Consultation,
    ConversationParts,
    ConversationTones,
    Reached,
    Unreachable,
)
from gateway.switch.conversation_state import ConversationState
from gateway.switch.live_calls import LiveCalls
from gateway.switch.music import MusicOnHold
from media.clip import Clip
from tests.fakes.audio import FakeTimers, settle, silence
from tests.fakes.bridge import FakeBridge
from tests.fakes.clock import FakeClock
from tests.fakes.leg import FakeFarEnd, FakeLeg, fake_inbound, fake_outbound

RATE = 8000
MUSIC = "music-tune"
RINGBACK = "music-ringback"


class FakeLine:
    """A line that lasts for one call, or `standing`, for several."""

    def __init__(self, leg: FakeLeg, *, standing: bool = False) -> None:
        self.leg = leg
        self.standing = standing
        self.released = 0
        self._hanging_up: asyncio.Task[None] | None = None

    def release(self, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        self.released += 1
        if not self.standing:
            self._hanging_up = asyncio.get_running_loop().create_task(self.leg.hang_up(cause))


class PressedKeys:
    """The keys that the caller presses."""

    def __init__(self) -> None:
        self._pressed: asyncio.Queue[str] = asyncio.Queue()

    def press(self, keys: str) -> None:
        for key in keys:
            self._pressed.put_nowait(key)

    async def get(self) -> str:
        return await self._pressed.get()


async def answered(called: str, *, inbound: bool = False) -> tuple[FakeLeg, FakeFarEnd]:
    """A leg that talks, its `Answered` taken already."""
    leg, far_end = fake_inbound() if inbound else fake_outbound(called=called)
    if inbound:
        await leg.answer()
    else:
        far_end.answer()
    await leg.next_event()
    return leg, far_end


@dataclass(slots=True)
class FakeReach:
    """Calls that are placed: `legs` by the number or agent, ringing. `refuses`: what raises instead."""

    legs: dict[str, FakeLeg] = field(default_factory=dict)
    asked: list[Consultation] = field(default_factory=list)
    refuses: Exception | None = None
    holds_back: asyncio.Event | None = None
    answers_at_once: bool = False

    async def __call__(self, consultation: Consultation) -> Reached:
        self.asked.append(consultation)
        if self.holds_back is not None:
            await self.holds_back.wait()
        if self.refuses is not None:
            raise self.refuses
        name, agent = _addressee(consultation.target)
        leg, far_end = fake_outbound(called=name)
        if self.answers_at_once:
            far_end.answer()
            await leg.next_event()
        self.legs[name] = leg
        return Reached(FakeLine(leg), agent)


def _addressee(target: Target) -> tuple[str, str]:
    match target:
        case ToNumber(number):
            return number, ""
        case ToAgent(agent):
            return agent, agent
        case _:
            raise Unreachable("not in this test")


class Scenario:
    """A caller, and agent "ann" on the line. `start` joins them."""

    def __init__(self, *, recordings: Recordings | None = None, **parts: Any) -> None:
        self.bridge = FakeBridge()
        self.timers = FakeTimers()
        self.clock = FakeClock(self.timers)
        self.reach = FakeReach()
        self.journal: list[JournalEvent] = []
        self.left: list[str] = []
        self.live = LiveCalls()
        self.keys = PressedKeys()
        self.tune: Clip = silence("tune", 8000)
        self.parts = replace(
            ConversationParts(
                connector=self.bridge,
                open_player=self.bridge.open_player,
                music=MusicOnHold(self.bridge, self.bridge.open_player, self.timers.time),
                tones=ConversationTones.at(RATE),
                reach=self.reach,
                clock=self.clock,
                timers=self.timers,
                journal=self.journal.append,
                recordings=recordings,
                live_calls=self.live,
                agent_left=self.left.append,
            ),
            **parts,
        )
        self.caller: FakeLeg
        self.agent: FakeLeg
        self.line: FakeLine
        self.conversation: Conversation
        self.running: asyncio.Task[ConversationEnd]

    async def start(self, *, standing: bool = False, **options: Any) -> Conversation:
        self.caller, _ = await answered("", inbound=True)
        self.agent, _ = await answered("ann")
        self.line = FakeLine(self.agent, standing=standing)
        self.live.open("call-1", self.caller, self.clock.utc(), hang_up=self.caller.hang_up)
        self.conversation = Conversation(
            CallIdentity("call-1", "entry-1", "billing"),
            self.caller,
            self.parts,
            hold_music=[self.tune],
            **options,
        )
        run = self.conversation.run("ann", self.line, self.keys)
        self.running = asyncio.get_running_loop().create_task(run)
        await settle()
        return self.conversation

    async def end(self) -> ConversationEnd:
        """What the conversation came to; everything is undone."""
        async with asyncio.timeout(5):
            end = await self.running
        await settle()
        self.check_undone()
        return end

    async def cancel(self) -> None:
        """The caller hangs up."""
        self.running.cancel()
        await asyncio.wait({self.running}, timeout=5)
        assert self.running.cancelled()
        await settle()
        self.check_undone()

    def check_undone(self) -> None:
        """Nobody is connected, no player is open, no timer runs, no task is left, the line is given back."""
        assert self.line.released == 1
        assert self.bridge.hears == {}
        assert self.bridge.players == []
        assert self.timers.running == 0
        others = asyncio.all_tasks() - {asyncio.current_task(), self.running}
        assert not others

    def hears(self, leg: CallLeg) -> set[str]:
        """What is connected to this leg: the names of voices, of music and of tones, cues left out."""
        heard = self.bridge.hears.get(leg.audio.name, {})
        return {self._name(port) for port in heard if not port.startswith("cue-")}

    def is_in(self, state: ConversationState) -> bool:
        return self.conversation.state is state

    def cues(self, leg: CallLeg) -> set[str]:
        heard = self.bridge.hears.get(leg.audio.name, {})
        return {port.removeprefix("cue-") for port in heard if port.startswith("cue-")}

    def noted(self) -> list[JournalKind]:
        return [event.kind for event in self.journal]

    def details(self, kind: JournalKind) -> list[dict[str, Any]]:
        return [dict(event.details) for event in self.journal if event.kind is kind]

    def _name(self, port: str) -> str:
        legs: dict[str, CallLeg] = {"caller": self.caller, "ann": self.agent, **self.reach.legs}
        return next((name for name, leg in legs.items() if leg.audio.name == port), port)
