"""The harnesses that the leg contract is run over.

Another technology adds itself here: its name to `HARNESSES`, and what makes its harness. All tests share one
event loop, because the media engine belongs to the loop that started it and a process has only one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.sip.endpoint import SipEndpoint
from gateway.sip.leg import SipLeg
from gateway.webrtc.endpoint import WebRtcEndpoint
from gateway.webrtc.leg import WebRtcLeg
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from tests.contract.fake_harness import FakeLegHarness
from tests.contract.harness import LegHarness
from tests.contract.sip_harness import SipLegHarness, sip_endpoint
from tests.contract.webrtc_harness import WebRtcLegHarness, webrtc_endpoint
from tests.integration.peers.ua import UserAgent

HARNESSES = ("fake", "sip", "webrtc")

Endpoint = tuple[SipEndpoint, asyncio.Queue[SipLeg]]
Voice = tuple[WebRtcEndpoint, asyncio.Queue[WebRtcLeg]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    """The media engine, once for all tests: starting it takes longer than any of them."""
    running = Engine(EngineSettings(max_calls=100, realtime=False))
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint(engine: Engine) -> AsyncIterator[Endpoint]:
    """The SIP side of a node."""
    async with sip_endpoint(engine, Bridge(engine)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def voice(engine: Engine) -> AsyncIterator[Voice]:
    """The WebRTC side of a node."""
    async with webrtc_endpoint(engine, Bridge(engine)) as running:
        yield running


@pytest.fixture
def fake_legs() -> FakeLegHarness:
    return FakeLegHarness()


@pytest_asyncio.fixture(loop_scope="module")
async def sip_legs(endpoint: Endpoint) -> AsyncIterator[SipLegHarness]:
    sip, arrived = endpoint
    async with await UserAgent.open() as phone:
        yield SipLegHarness(sip, phone, arrived)


@pytest_asyncio.fixture(loop_scope="module")
async def webrtc_legs(voice: Voice) -> AsyncIterator[WebRtcLegHarness]:
    harness = WebRtcLegHarness(*voice)
    yield harness
    await harness.close()


@pytest.fixture(params=HARNESSES)
def legs(request: pytest.FixtureRequest) -> LegHarness:
    """Makes legs of the technology under test."""
    harness: LegHarness = request.getfixturevalue(f"{request.param}_legs")
    return harness
