"""A node's WebRTC side and its pages, in the test's own process, so that the bridge can be listened to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.api.app import create_app
from gateway.api.auth import HashedKey, Holder, Keyring, Role, hash_of
from gateway.api.server import HttpServer
from gateway.api.voice import VoiceDesk
from gateway.call.leg import Answered
from gateway.handoff.tokens import TokenKey, TokenVerifier
from gateway.webrtc.endpoint import WebRtcEndpoint
from gateway.webrtc.leg import WebRtcLeg
from gateway.webrtc.settings import WebRtcSettings
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from monitoring.health import Health
from monitoring.metrics import Metrics
from tests.browser.chromium import AppPage
from tests.fakes.voice import RecordingObserver
from tests.integration.peers.ports import LOOPBACK

AGENT_KEY = "rbk_an-agents-key"
SECRET = "a secret that guards nothing but tests"
DEADLINE_S = 15.0


@dataclass
class Node:
    """`base`: where its pages are."""

    engine: Engine
    bridge: Bridge
    endpoint: WebRtcEndpoint
    observer: RecordingObserver
    legs: asyncio.Queue[WebRtcLeg]
    base: str

    async def answered(self, app: AppPage) -> WebRtcLeg:
        """The page's call, in conversation."""
        await app.page.click("#call")
        async with asyncio.timeout(DEADLINE_S):
            leg = await self.legs.get()
        await leg.answer()
        assert await event_of(leg) == Answered()
        await app.answered()
        return leg


async def event_of(leg: WebRtcLeg) -> object:
    async with asyncio.timeout(DEADLINE_S):
        return await leg.next_event()


@asynccontextmanager
async def voice_node(engine: Engine, settings: WebRtcSettings) -> AsyncIterator[Node]:
    """Calls wait in `legs` for the test to answer them."""
    bridge = Bridge(engine)
    legs: asyncio.Queue[WebRtcLeg] = asyncio.Queue()
    observer = RecordingObserver()
    endpoint = WebRtcEndpoint(engine, bridge, settings, legs.put_nowait, observer=observer, epoch_s=time.time)
    desk = VoiceDesk(endpoint, TokenVerifier([TokenKey("", "HS256", SECRET)], time.time), SECRET)
    keyring = Keyring([HashedKey(Holder("agent-7", Role.AGENT), hash_of(AGENT_KEY))])
    app = create_app(health=Health(), metrics=Metrics(), keyring=keyring, voice=desk)
    server = HttpServer(app, LOOPBACK, 0)
    async with endpoint:
        port = server.bind()
        running = asyncio.get_running_loop().create_task(server.run())
        yield Node(engine, bridge, endpoint, observer, legs, f"http://{LOOPBACK}:{port}")
        server.stop()
    await running
    assert observer.internal_errors == 0


@asynccontextmanager
async def media_engine() -> AsyncIterator[Engine]:
    engine = Engine(EngineSettings(max_calls=50, realtime=False))
    await engine.start()
    yield engine
    await engine.stop()
