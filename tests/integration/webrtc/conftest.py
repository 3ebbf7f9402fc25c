"""The WebRTC side of a node in this process, and apps that call it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest_asyncio

from gateway.call.leg import Answered, Party
from gateway.webrtc.endpoint import WebRtcEndpoint
from gateway.webrtc.leg import WebRtcLeg
from gateway.webrtc.messages import Hello
from gateway.webrtc.sessions import Subject, VoiceSession
from gateway.webrtc.settings import WebRtcSettings
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from tests.fakes.voice import RecordingObserver
from tests.integration.peers.app import App, AppCall
from tests.integration.peers.ports import LOOPBACK

SETTINGS = WebRtcSettings(addresses=(LOOPBACK,), resume_s=1.0, media_timeout_s=4.0, setup_timeout_s=5.0)
DEADLINE_S = 10.0


@dataclass
class Line:
    """A connected app."""

    app: App
    session: VoiceSession
    pump: asyncio.Task[None]

    def disconnect(self) -> None:
        """Its socket is lost."""
        self.session.detach(self.app)


@dataclass
class VoiceNode:
    """An endpoint, the legs that came in, and what was counted."""

    endpoint: WebRtcEndpoint
    observer: RecordingObserver
    legs: asyncio.Queue[WebRtcLeg]
    lines: list[Line] = field(default_factory=list)

    def connect(self, name: str = "ada", kind: str = "app") -> Line:
        subject = Subject(name, "agent" if kind == "agent" else "app", Party(f"+1555{name}", name))
        app = App()
        session = self.endpoint.open_session(subject)
        session.attach(app, Hello(type="hello"))
        line = Line(app, session, asyncio.get_running_loop().create_task(app.pump(session.receive)))
        self.lines.append(line)
        return line

    async def leg(self) -> WebRtcLeg:
        async with asyncio.timeout(DEADLINE_S):
            return await self.legs.get()

    async def answered(self, line: Line, **start: object) -> tuple[WebRtcLeg, AppCall]:
        """A call in conversation, whose media is up."""
        call = line.app.call()
        await call.start(**start)  # type: ignore[arg-type]
        leg = await self.leg()
        await leg.answer()
        async with asyncio.timeout(DEADLINE_S):
            assert await leg.next_event() == Answered()
        return leg, call

    async def close(self) -> None:
        for line in self.lines:
            await line.app.leave()
            line.pump.cancel()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    running = Engine(EngineSettings(max_calls=100, realtime=False))
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bridge(engine: Engine) -> Bridge:
    return Bridge(engine)


@asynccontextmanager
async def voice_node(
    engine: Engine, bridge: Bridge, settings: WebRtcSettings = SETTINGS
) -> AsyncIterator[VoiceNode]:
    legs: asyncio.Queue[WebRtcLeg] = asyncio.Queue()
    observer = RecordingObserver()
    endpoint = WebRtcEndpoint(engine, bridge, settings, legs.put_nowait, observer=observer, epoch_s=time.time)
    async with endpoint:
        node = VoiceNode(endpoint, observer, legs)
        yield node
        await node.close()
    assert observer.internal_errors == 0


@pytest_asyncio.fixture(loop_scope="module")
async def node(engine: Engine, bridge: Bridge) -> AsyncIterator[VoiceNode]:
    async with voice_node(engine, bridge) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def fed_node(engine: Engine, bridge: Bridge) -> AsyncIterator[VoiceNode]:
    """One whose packets go through Python."""
    async with voice_node(engine, bridge, replace(SETTINGS, native_socket=False)) as running:
        yield running
