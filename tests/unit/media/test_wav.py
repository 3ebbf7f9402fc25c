"""WAV files that nobody finished."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.wav import NotRepairable, repair


def test_a_complete_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, np.arange(8000, dtype=np.int16), 8000, subtype="PCM_16")
    before = path.read_bytes()

    assert repair(path) == pytest.approx(1.0)
    assert path.read_bytes() == before


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_length_is_what_the_file_has(tmp_path: Path, channels: int, rate: int) -> None:
    path = tmp_path / "call.wav"
    audio = np.arange(rate * channels, dtype=np.int16).reshape(-1, channels)
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16", format="WAV") as file:
        file.write(audio)
        file.flush()
        unfinished = path.read_bytes()  # as a process leaves it that dies now
    path.write_bytes(unfinished + b"\x07")

    assert repair(path) == pytest.approx(1.0)

    read, _ = soundfile.read(path, dtype="int16", always_2d=True)
    assert np.array_equal(read, audio)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav file at all", b"RIFF\0\0\0\0WAVEfmt "])
def test_what_is_no_wav_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(content)

    with pytest.raises(NotRepairable) as raised:
        repair(path)

    assert raised.value.path == path
    assert path.read_bytes() == content
