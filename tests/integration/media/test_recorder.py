"""Recordings: complete, silent where they were paused, and harmless when the disk fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from media import tone
from media.bridge import Bridge
from media.engine import Engine
from media.player import Player
from media.recorder import Recorder, RecordingError
from tests.integration.media.ear import Ear
from tests.integration.peers.tones import heard, read_wav, spans

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 8000
A4, A5 = 440.0, 880.0


async def test_a_recording_holds_the_mix_and_gets_its_name_when_it_is_complete(
    engine: Engine, bridge: Bridge, tmp_path: Path
) -> None:
    recorder = Recorder(engine, bridge)
    low, high = Player(engine, bridge), Player(engine, bridge)
    path = tmp_path / "deep" / "call.wav"
    recording = recorder.start(path, [low.port, high.port])
    async with Ear(engine, bridge, low.port) as ear:
        low.play([tone.tone([A4], 5.0, RATE)])
        high.play([tone.tone([A5], 5.0, RATE)])
        await ear.hear(1.0)
    assert not path.exists()
    result = await recording.stop()
    await recorder.close()
    low.close()
    high.close()

    audio, rate = read_wav(path)
    assert rate == RATE
    assert result.duration_s == pytest.approx(len(audio) / RATE)
    assert result.duration_s == pytest.approx(1.0, abs=0.2)
    assert result.dropped_s == 0
    assert heard(audio, [A4, A5]) == {A4, A5}
    assert list(path.parent.iterdir()) == [path]


async def test_a_pause_leaves_silence_of_the_same_length(
    engine: Engine, bridge: Bridge, tmp_path: Path
) -> None:
    recorder = Recorder(engine, bridge)
    player = Player(engine, bridge)
    recording = recorder.start(tmp_path / "call.wav", [player.port])
    async with Ear(engine, bridge, player.port) as ear:
        player.play([tone.tone([A4], 9.0, RATE)])
        await ear.hear(1.0)
        recording.pause()
        await ear.hear(1.0)
        recording.resume()
        await ear.hear(1.0)
    result = await recording.stop()
    await recorder.close()
    player.close()

    audio, _ = read_wav(result.path)
    stretches = spans(audio, A4)
    assert result.duration_s == pytest.approx(3.0, abs=0.3)
    assert len(stretches) == 2
    assert stretches[1].start_s - stretches[0].end_s == pytest.approx(1.0, abs=0.3)


async def test_a_full_disk_ends_that_recording_with_an_error_and_nothing_else(
    engine: Engine, bridge: Bridge, tmp_path: Path
) -> None:
    failures: list[RecordingError] = []
    recorder = Recorder(engine, bridge, on_failure=failures.append)
    player = Player(engine, bridge)
    good = recorder.start(tmp_path / "good.wav", [player.port])
    # /dev/full takes an open and refuses each write, as a full disk does.
    (tmp_path / "bad.wav.part").symlink_to("/dev/full")
    bad = recorder.start(tmp_path / "bad.wav", [player.port])
    async with Ear(engine, bridge, player.port) as ear:
        player.play([tone.tone([A4], 5.0, RATE)])
        audio = await ear.hear(1.5)
    with pytest.raises(RecordingError, match=r"bad\.wav"):
        await bad.stop()
    result = await good.stop()
    await recorder.close()
    player.close()

    assert len(failures) == 1
    assert heard(audio, [A4]) == {A4}
    assert result.duration_s > 1.0


async def test_a_place_that_cannot_be_written_is_told(engine: Engine, bridge: Bridge, tmp_path: Path) -> None:
    failures: list[RecordingError] = []
    recorder = Recorder(engine, bridge, on_failure=failures.append)
    (tmp_path / "file").touch()
    recording = recorder.start(tmp_path / "file" / "call.wav", [])

    with pytest.raises(RecordingError, match="call"):
        await recording.stop()
    await recorder.close()

    assert [failure.path for failure in failures] == [tmp_path / "file" / "call.wav"]


async def test_closing_the_recorder_completes_what_is_still_being_recorded(
    engine: Engine, bridge: Bridge, tmp_path: Path
) -> None:
    recorder = Recorder(engine, bridge)
    player = Player(engine, bridge)
    for number in range(5):
        recorder.start(tmp_path / f"{number}.wav", [player.port])
    async with Ear(engine, bridge, player.port) as ear:
        await ear.hear(0.3)
    await recorder.close()
    player.close()

    durations = [len(read_wav(tmp_path / f"{number}.wav")[0]) / RATE for number in range(5)]
    assert all(duration > 0.2 for duration in durations)
