"""Music on hold on the real bridge: what each ear hears, and how loud."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from gateway.switch.music import DUCKED, MusicOnHold
from media import tone
from media.bridge import Bridge
from media.clip import Clip
from media.engine import Engine
from media.pcm import PcmPort, PcmSettings
from media.player import Player
from tests.integration.peers.tones import Samples, level_dbfs, spans
from tests.integration.peers.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 8000
A4 = 440.0


@pytest_asyncio.fixture(loop_scope="module")
async def music(engine: Engine, bridge: Bridge) -> AsyncIterator[MusicOnHold]:
    time = asyncio.get_running_loop().time
    made = MusicOnHold(bridge, lambda name: Player(engine, bridge, name), time)
    yield made
    made.close()


async def test_ducked_music_goes_on_quieter_without_a_gap(
    engine: Engine, bridge: Bridge, music: MusicOnHold
) -> None:
    ear = PcmPort(engine, bridge, PcmSettings(receive_s=10.0))
    listening = music.play_to(ear.port, [tone.tone([A4], 30.0, RATE, dbfs=-10.0)])
    heard: list[Samples] = []

    async def hear(seconds: float) -> Samples:
        await until(lambda: ear.readable >= seconds * RATE, "audio")
        heard.append(np.frombuffer(ear.read(), np.int16))
        return heard[-1]

    await hear(0.5)
    full = await hear(0.5)
    listening.duck()
    await hear(0.2)
    ducked = await hear(0.5)
    listening.unduck()
    await hear(0.2)
    again = await hear(0.5)
    listening.stop()
    ear.close()

    assert level_dbfs(full) == pytest.approx(-10.0, abs=1.0)
    assert level_dbfs(ducked) == pytest.approx(-10.0 + 20 * np.log10(DUCKED), abs=1.0)
    assert level_dbfs(again) == pytest.approx(-10.0, abs=1.0)
    assert len(spans(np.concatenate(heard), A4)) == 1  # never interrupted


async def test_two_ears_hear_the_same_bars_at_the_same_time(
    engine: Engine, bridge: Bridge, music: MusicOnHold
) -> None:
    # One second of tone in each second and a half: where the silence is tells the position.
    bar = tone.tone([A4], 1.0, RATE)
    tune = Clip(np.concatenate([bar.samples, np.zeros(RATE // 2, np.int16)]), RATE, "bars")
    early, late = (PcmPort(engine, bridge, PcmSettings(receive_s=10.0)) for _ in range(2))
    music.play_to(early.port, [tune])
    await until(lambda: early.readable >= 0.7 * RATE, "the first bar")
    music.play_to(late.port, [tune])
    await until(lambda: late.readable >= 2.0 * RATE, "what the late ear hears")

    length = min(early.readable, late.readable)
    ends = [np.frombuffer(ear.read(), np.int16)[-length:] for ear in (early, late)]
    early.close()
    late.close()

    tick_s = 0.02
    (_, first), (_, second) = ([span.end_s for span in spans(end, A4)][:2] for end in ends)
    assert abs(first - second) <= 2 * tick_s
