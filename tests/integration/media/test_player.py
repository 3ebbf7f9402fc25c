"""Playing clips: what is heard, for how long, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from media import tone
from media.bridge import Bridge
from media.clip import Clip
from media.engine import Engine
from media.playback import PlaybackEnd
from media.player import Player
from tests.integration.media.ear import Ear
from tests.integration.peers.tones import gaps, heard, level_dbfs, spans

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 8000
A4, E5, A5 = 440.0, 660.0, 880.0
FRAME_S = 0.02


def note(frequency_hz: float, seconds: float) -> Clip:
    return tone.tone([frequency_hz], seconds, RATE)


@pytest_asyncio.fixture(loop_scope="module")
async def player(engine: Engine, bridge: Bridge) -> AsyncIterator[Player]:
    made = Player(engine, bridge)
    yield made
    made.close()


async def test_clips_follow_each_other_without_a_gap(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        playback = player.play([note(A4, 0.3), note(A5, 0.3)])
        audio = await ear.hear(0.8)

    first, second = spans(audio, A4), spans(audio, A5)
    assert len(first) == len(second) == 1
    assert abs(second[0].start_s - first[0].end_s) <= 2 * FRAME_S
    assert await playback.finished() is PlaybackEnd.COMPLETED
    assert playback.position_s == pytest.approx(0.6)


async def test_a_stop_is_heard_within_a_tick_or_two(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        playback = player.play([note(A4, 5.0)])
        await ear.hear(0.2)
        playback.stop()
        audio = await ear.hear(0.3)

    assert await playback.finished() is PlaybackEnd.STOPPED
    assert sum(span.duration_s for span in spans(audio, A4)) <= 2 * FRAME_S
    assert level_dbfs(audio[-800:]) < -90


async def test_stopping_does_not_click(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        playback = player.play([note(A4, 5.0)])
        await ear.hear(0.1)
        playback.stop()
        audio = await ear.hear(0.2)

    steps = np.abs(np.diff(audio.astype(int)))
    peak = 32767 * 10 ** (-13 / 20)
    steepest_of_the_tone = peak * 2 * np.pi * A4 / RATE
    assert steps.max() < 1.3 * steepest_of_the_tone


async def test_a_new_clip_replaces_the_old_one(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        first = player.play([note(A4, 5.0)])
        await ear.hear(0.1)
        player.play([note(A5, 1.0)])
        await ear.hear(0.06)
        audio = await ear.hear(0.3)

    assert await first.finished() is PlaybackEnd.STOPPED
    assert heard(audio, [A4, A5]) == {A5}


async def test_a_loop_goes_on_until_it_is_stopped(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        playback = player.play([note(A4, 0.1), tone.silence(0.1, RATE)], loop=True)
        audio = await ear.hear(1.0)
        assert not playback.done
        assert playback.position_s > 0.9
        playback.stop()

    assert len(gaps(spans(audio, A4))) >= 4


async def test_a_pause_keeps_the_place(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        playback = player.play([note(A4, 0.2), note(A5, 0.2)])
        await ear.hear(0.08)
        playback.pause()
        await ear.hear(0.06)
        position = playback.position_s
        silent = await ear.hear(0.2)
        assert playback.position_s == position
        playback.resume()
        rest = await ear.hear(0.5)

    assert level_dbfs(silent) < -90
    played = sum(span.duration_s for span in spans(rest, A4))
    assert played == pytest.approx(0.2 - position, abs=2 * FRAME_S)
    assert await playback.finished() is PlaybackEnd.COMPLETED


async def test_playing_can_begin_inside_a_clip(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        playback = player.play([note(A4, 0.3), note(A5, 0.3)], start_s=0.4)
        audio = await ear.hear(0.5)

    assert heard(audio, [A4, A5]) == {A5}
    assert playback.position_s == pytest.approx(0.6)


async def test_a_playback_takes_its_time_though_nobody_listens(player: Player) -> None:
    playback = player.play([note(A4, 0.2)])

    async with asyncio.timeout(2):
        assert await playback.finished() is PlaybackEnd.COMPLETED


async def test_nothing_to_play_ends_at_once(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port):
        playback = player.play([])

        async with asyncio.timeout(1):
            assert await playback.finished() is PlaybackEnd.COMPLETED


async def test_one_player_is_heard_by_many_and_mixes_with_others(engine: Engine, bridge: Bridge) -> None:
    low, high = Player(engine, bridge), Player(engine, bridge)
    async with Ear(engine, bridge, low.port) as one, Ear(engine, bridge, low.port, high.port) as both:
        low.play([note(A4, 5.0)])
        high.play([note(E5, 5.0)])
        await one.hear(0.1)
        only_low, mixed = await asyncio.gather(one.hear(0.3), both.hear(0.3))
    low.close()
    high.close()

    assert heard(only_low, [A4, E5]) == {A4}
    assert heard(mixed, [A4, E5]) == {A4, E5}


async def test_a_connection_can_be_made_quieter_and_undone(
    engine: Engine, bridge: Bridge, player: Player
) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        player.play([note(A4, 5.0)])
        await ear.hear(0.1)
        loud = level_dbfs(await ear.hear(0.2))
        bridge.connect(player.port, ear._pcm.port, 0.25)
        await ear.hear(0.1)
        quiet = level_dbfs(await ear.hear(0.2))
        bridge.disconnect(player.port, ear._pcm.port)
        await ear.hear(0.1)
        gone = level_dbfs(await ear.hear(0.2))

    assert loud - quiet == pytest.approx(12.0, abs=1.0)
    assert gone < -90


async def test_the_bridge_tells_levels(engine: Engine, bridge: Bridge, player: Player) -> None:
    async with Ear(engine, bridge, player.port) as ear:
        player.play([note(A4, 5.0)])
        await ear.hear(0.2)
        levels = await bridge.levels(player.port)

    assert levels is not None
    assert levels.sends > 50
    assert levels.hears == 0


async def test_a_closed_player_plays_no_more_and_its_playback_has_ended(
    engine: Engine, bridge: Bridge
) -> None:
    player = Player(engine, bridge)
    playback = player.play([note(A4, 5.0)])
    player.close()

    assert await playback.finished() is PlaybackEnd.STOPPED
    with pytest.raises(RuntimeError, match="closed"):
        player.play([note(A4, 1.0)])


async def test_a_clip_at_another_rate_is_refused(player: Player) -> None:
    with pytest.raises(ValueError, match="16000 Hz"):
        player.play([tone.tone([A4], 1.0, 16000)])


async def test_players_come_and_go_without_leaving_anything_behind(engine: Engine, bridge: Bridge) -> None:
    for _ in range(300):
        player = Player(engine, bridge)
        player.play([note(A4, 0.1)])
        player.close()
    await engine.run(lambda: None)
    player = Player(engine, bridge)
    async with Ear(engine, bridge, player.port) as ear:
        player.play([note(A5, 5.0)])
        await ear.hear(0.1)
        audio = await ear.hear(0.2)
    player.close()

    assert heard(audio, [A4, A5]) == {A5}
    assert engine.stats().commands_failed == 0
