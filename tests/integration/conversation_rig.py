"""Real phones in a conversation: an endpoint in the test's own process, and everybody's own tone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.call.cause import Cause
from gateway.call.leg import Answered, CallLeg
from gateway.clock import SystemClock
from gateway.queues.journal import JournalEvent
from gateway.sip.endpoint import SipEndpoint, SipEndpointSettings
from gateway.sip.leg import SipLeg
from gateway.switch.call_recording import Recordings
from gateway.switch.conversation import Conversation
from gateway.switch.conversation_ends import ConversationEnd, ToAgent, ToNumber
from gateway.switch.conversation_parts import (
    CallIdentity,
    Consultation,
    ConversationParts,
    ConversationTones,
    Reached,
    Unreachable,
)
from gateway.switch.live_calls import LiveCalls
from gateway.switch.music import MusicOnHold
from gateway.switch.recording_store import RecordingStore
from media import tone
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from media.player import Player
from media.recorder import Recorder
from tests.fakes.conversation import PressedKeys
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until

CALLER_HZ: Final = 500.0
ANN_HZ: Final = 700.0
BOB_HZ: Final = 1100.0
SUPERVISOR_HZ: Final = 1900.0
MUSIC_HZ: Final = 2500.0
RINGBACK_HZ: Final = 425.0
ALL_HZ: Final = (CALLER_HZ, ANN_HZ, BOB_HZ, SUPERVISOR_HZ, MUSIC_HZ, RINGBACK_HZ)
RATE: Final = 8000
TAIL: Final = round(0.3 * RATE)
TALK_S: Final = 90.0


class Phone:
    """A phone in a call, which says its tone all the time, except while it presses keys, as phones do."""

    def __init__(self, call: UaCall, frequency_hz: float, tasks: asyncio.TaskGroup) -> None:
        self.call = call
        self._frequency_hz = frequency_hz
        self._tasks = tasks
        self._talk: asyncio.Task[None] | None = None
        self.talk()

    def talk(self) -> None:
        samples = tones.sine(self._frequency_hz, TALK_S, level_dbfs=-20.0)
        self._talk = self._tasks.create_task(self.call.rtp.send_audio(samples))

    def be_silent(self) -> None:
        if self._talk is not None:
            self._talk.cancel()

    def hears_now(self) -> set[float]:
        """The tones in the last 0.3 s of what arrived."""
        audio = self.call.rtp.audio()[-TAIL:]
        return tones.heard(audio, ALL_HZ, least_share=0.12) if len(audio) == TAIL else set()

    async def hears(self, *frequencies: float) -> None:
        """Wait until it hears exactly these."""
        wanted = set(frequencies)
        try:
            await until(lambda: self.hears_now() == wanted, "", deadline_s=10.0)
        except AssertionError:
            raise AssertionError(f"hears {self.hears_now()} and not {wanted}") from None

    async def press(self, keys: str) -> None:
        """On the keypad, as RFC 4733 events."""
        self.be_silent()
        for key in keys:
            await self.call.rtp.press(key, 0.1)
            await asyncio.sleep(0.06)
        self.talk()

    def hang_up(self) -> None:
        self.be_silent()
        self.call.bye()

    async def is_hung_up(self) -> None:
        await self.call.request("BYE")


@dataclass(slots=True)
class SipLine:
    """A line that lasts for one call."""

    leg: SipLeg
    tasks: asyncio.TaskGroup
    standing: bool = False

    def release(self, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        self.tasks.create_task(self.leg.hang_up(cause))


@dataclass(slots=True)
class Rig:
    """An endpoint, its phones by name, and one conversation."""

    engine: Engine
    bridge: Bridge
    sip: SipEndpoint
    inbound: asyncio.Queue[SipLeg]
    recorder: Recorder
    recordings: Recordings
    tasks: asyncio.TaskGroup
    agents: dict[str, UserAgent]
    journal: list[JournalEvent] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    live: LiveCalls = field(default_factory=LiveCalls)
    keys: PressedKeys = field(default_factory=PressedKeys)
    working: list[asyncio.Task[Any]] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    runs: list[asyncio.Task[ConversationEnd]] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)

    async def reach(self, consultation: Consultation) -> Reached:
        match consultation.target:
            case ToNumber(name) | ToAgent(name):
                pass
            case _:
                raise Unreachable("not from here")
        if name not in self.agents:
            raise Unreachable(f"no phone {name}", Cause.UNALLOCATED_NUMBER)
        leg = await self.sip.dial(self.agents[name].uri)
        return Reached(SipLine(leg, self.tasks), name if isinstance(consultation.target, ToAgent) else "")

    def parts(self, **changes: Any) -> ConversationParts:
        loop = asyncio.get_running_loop()
        music = MusicOnHold(self.bridge, self.open_player, loop.time)
        wanted = {
            "connector": self.bridge,
            "open_player": self.open_player,
            "music": music,
            "tones": ConversationTones.at(RATE),
            "reach": self.reach,
            "clock": SystemClock(),
            "timers": loop,
            "journal": self.journal.append,
            "recordings": self.recordings,
            "live_calls": self.live,
            "agent_left": self.left.append,
        }
        return ConversationParts(**{**wanted, **changes})

    def open_player(self, name: str) -> Player:
        return Player(self.engine, self.bridge, name)

    # ---- people

    async def caller(self) -> tuple[SipLeg, Phone]:
        """Somebody calls, and is answered."""
        call = await self.agents["caller"].call(f"sip:100@{LOOPBACK}:{self.sip.listening.udp_port}")
        leg = await self.inbound.get()
        await leg.answer()
        await _answered(leg)
        return leg, self._talking(call, CALLER_HZ)

    async def agent(self, name: str, frequency_hz: float) -> tuple[SipLine, Phone]:
        """An agent's phone is rung and answered."""
        leg = await self.sip.dial(self.agents[name].uri)
        phone = await self.picks_up(name, frequency_hz)
        await _answered(leg)
        return SipLine(leg, self.tasks), phone

    async def picks_up(self, name: str, frequency_hz: float) -> Phone:
        """Whoever rings there is answered."""
        call = await self.agents[name].next_call()
        call.respond(180, "Ringing")
        call.respond(200, "OK", sdp=True)
        await call.request("ACK")
        return self._talking(call, frequency_hz)

    async def converse(
        self, *, parts: dict[str, Any] | None = None, **options: Any
    ) -> tuple[Conversation, asyncio.Task[ConversationEnd], Phone, Phone]:
        """The caller and ann, joined: the conversation, its run, and the two phones."""
        leg, caller = await self.caller()
        line, ann = await self.agent("ann", ANN_HZ)
        music = [tone.tone([MUSIC_HZ], 20.0, RATE, dbfs=-20.0)]
        conversation = Conversation(
            CallIdentity("call-1", "entry-1", "billing"),
            leg,
            self.parts(**(parts or {})),
            hold_music=music,
            **options,
        )
        self.conversations.append(conversation)
        run = self.tasks.create_task(conversation.run("ann", line, self.keys))
        self.working.append(run)
        self.runs.append(run)
        return conversation, run, caller, ann

    def relay_keys(self, leg: CallLeg) -> None:
        """The caller's keys go where the session of a call would put them."""

        async def relay() -> None:
            from gateway.call.leg import DigitPressed

            while True:
                event = await leg.next_event()
                if isinstance(event, DigitPressed):
                    self.keys.press(event.digit)

        self.working.append(self.tasks.create_task(relay()))

    def _talking(self, call: UaCall, frequency_hz: float) -> Phone:
        phone = Phone(call, frequency_hz, self.tasks)
        self.phones.append(phone)
        return phone


async def _answered(leg: CallLeg) -> None:
    while not isinstance(await leg.next_event(), Answered):
        pass


@asynccontextmanager
async def rig(directory: Path, *phones: str) -> AsyncIterator[Rig]:
    """A rig with these phones beside the caller's, and recordings in `directory`."""
    async with AsyncExitStack() as stack:
        engine = Engine(EngineSettings(max_calls=20))
        await engine.start()
        stack.push_async_callback(engine.stop)
        bridge = Bridge(engine)
        inbound: asyncio.Queue[SipLeg] = asyncio.Queue()
        settings = SipEndpointSettings(
            bind_address=LOOPBACK, udp_port=0, tcp_port=None, rtp_ports=None, codecs=("PCMU/8000",)
        )
        sip = SipEndpoint(engine, bridge, settings, inbound.put_nowait)
        await sip.start()
        stack.push_async_callback(sip.stop)
        recorder = Recorder(engine, bridge)
        stack.push_async_callback(recorder.close)
        agents = {
            name: await stack.enter_async_context(await UserAgent.open(name)) for name in ("caller", *phones)
        }
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        recordings = Recordings(RecordingStore(directory), recorder, SystemClock())
        made = Rig(engine, bridge, sip, inbound, recorder, recordings, tasks, agents)
        made.working.append(tasks.create_task(recordings.run()))
        try:
            yield made
        finally:
            for work in made.working:
                work.cancel()
            for phone in made.phones:
                phone.be_silent()


async def settled(phones: Collection[Phone]) -> None:
    """Long enough for everybody to have heard what is true now, and nothing of before."""
    at = [len(phone.call.rtp.received) for phone in phones]
    await until(
        lambda: all(
            len(phone.call.rtp.received) >= start + 25 for phone, start in zip(phones, at, strict=True)
        ),
        "half a second of audio at every phone",
    )
