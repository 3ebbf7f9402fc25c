"""A bridge at 16 kHz: G.711 is resampled, Opus brings its full sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from media import tone
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from media.pcm import PcmPort, PcmSettings
from media.player import Player
from tests.integration.peers import tones
from tests.integration.peers.rtp import PCMU
from tests.integration.peers.wait import until
from tests.integration.webrtc.conftest import VoiceNode

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 16000
THEIRS_HZ, OURS_HZ = 1000.0, 620.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    running = Engine(EngineSettings(rate=RATE, max_calls=20, realtime=False))
    await running.start()
    yield running
    await running.stop()


async def test_narrow_callers_are_heard_and_hear_on_a_wide_bridge(
    node: VoiceNode, engine: Engine, bridge: Bridge
) -> None:
    leg, call = await node.answered(node.connect(), payload_type=PCMU)
    peer = await call.connected()
    player = Player(engine, bridge)
    bridge.connect(player.port, leg.audio)
    player.play([tone.tone([OURS_HZ], 5.0, RATE, dbfs=-12.0)])
    ear = PcmPort(engine, bridge, PcmSettings(receive_s=5.0))
    bridge.connect(leg.audio, ear.port)

    sending = asyncio.create_task(peer.rtp.send_audio(tones.sine(THEIRS_HZ, 1.5)))
    await until(lambda: ear.readable > RATE, "a second of audio")
    heard = np.frombuffer(ear.read(), np.int16)[-RATE // 2 :]
    await sending
    await peer.rtp.audio_packets(30)

    assert tones.purity(heard, THEIRS_HZ, rate=RATE) > 0.9
    assert tones.purity(peer.rtp.audio()[-tones.RATE // 2 :], OURS_HZ) > 0.9
    ear.close()
    player.close()
    await leg.hang_up()
