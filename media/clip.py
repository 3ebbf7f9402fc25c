"""Clips: audio held in memory once and played to any number of calls.

A clip is what a prompt or a piece of music on hold becomes before it is played: 16-bit mono PCM at the
bridge's rate. Files are read by soundfile (WAV, FLAC, Ogg/Opus) and resampled by soxr, both outside the
event loop, so the media clock never waits for a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

MAX_CLIP_S = 3600.0

Samples = npt.NDArray[np.int16]


class ClipError(Exception):
    """An audio file that can't be played: `path` and what is wrong with it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Clip:
    """Audio ready to play. `samples`: 1-D int16, mono, `rate` Hz. Compared by identity."""

    samples: Samples
    rate: int
    name: str = ""

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate

    @classmethod
    def load(cls, path: Path, rate: int) -> Clip:
        """Read a file, mix it to mono and resample it to `rate` Hz. Blocking: call it on a worker.

        Raises ClipError for a file that is missing, empty, broken, or longer than an hour.
        """
        try:
            with soundfile.SoundFile(path) as file:
                if file.frames > MAX_CLIP_S * file.samplerate:
                    raise ClipError(path, f"longer than {MAX_CLIP_S:.0f} s")
                audio = file.read(dtype="float32", always_2d=True)
                file_rate = file.samplerate
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            reason = getattr(error, "error_string", None) or str(error)
            raise ClipError(path, f"not a readable audio file ({reason})") from error
        if len(audio) == 0:
            raise ClipError(path, "has no audio in it")
        mono = audio.mean(axis=1)
        if file_rate != rate:
            mono = soxr.resample(mono, file_rate, rate)
        return cls.from_float(mono, rate, name=path.name)

    @classmethod
    def joined(cls, clips: Sequence[Clip]) -> Clip:
        """One clip of several of the same rate, one after another; at least one."""
        return cls(np.concatenate([clip.samples for clip in clips]), clips[0].rate, clips[0].name)

    @classmethod
    def from_float(cls, audio: npt.NDArray[np.floating], rate: int, *, name: str = "") -> Clip:
        """A clip from samples between -1.0 and 1.0; louder ones are clipped."""
        samples = np.clip(np.round(audio * 32767.0), -32768, 32767).astype(np.int16)
        return cls(np.ascontiguousarray(samples), rate, name)
