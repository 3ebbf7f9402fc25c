"""Clips from files: any format and rate that soundfile reads, and a clear error for everything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.clip import MAX_CLIP_S, Clip, ClipError
from tests.integration.peers.tones import heard, sine


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_file_is_brought_to_the_rate_of_the_bridge(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, sine(440.0, 1.0, rate=rate), rate)

    clip = Clip.load(path, 8000)

    assert clip.rate == 8000
    assert clip.name == path.name
    assert clip.duration_s == pytest.approx(1.0, abs=0.02)
    assert heard(clip.samples, [440.0, 880.0]) == {440.0}


def test_both_channels_are_heard(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.column_stack([sine(440.0, 1.0), sine(700.0, 1.0)]), 8000)

    assert heard(Clip.load(path, 8000).samples, [440.0, 700.0]) == {440.0, 700.0}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not a readable audio file"),
        (b"RIFF\x00\x00\x00\x00WAVE", "not a readable"),
        (b"text\n" * 99, "not a"),
    ],
    ids=["empty", "cut short", "text"],
)
def test_a_file_that_is_no_audio_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(content)

    with pytest.raises(ClipError, match=rf"bad\.wav: {problem}"):
        Clip.load(path, 8000)


def test_a_missing_file_and_one_without_audio_are_told_apart(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros(0, np.int16), 8000)

    with pytest.raises(ClipError, match="has no audio in it"):
        Clip.load(empty, 8000)
    with pytest.raises(ClipError, match="missing"):
        Clip.load(tmp_path / "missing.wav", 8000)


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(round((MAX_CLIP_S + 1) * 100), np.int16), 100)

    with pytest.raises(ClipError, match="longer than 3600 s"):
        Clip.load(path, 8000)


def test_what_is_too_loud_is_clipped_and_does_not_wrap() -> None:
    clip = Clip.from_float(np.array([2.0, -2.0, 0.5]), 8000)

    assert clip.samples.tolist() == [32767, -32768, 16384]
