"""A recorder without audio: files that are complete when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from media.bridge import Port

RATE = 8000


class FakeMediaRecording:
    """Two ports, and a WAV file of `seconds` of noise on the left and silence on the right when it stops."""

    def __init__(self, path: Path, channels: Sequence[Sequence[Port]], *, fails: bool) -> None:
        from media.bridge import Port  # loads the native library

        self.path = path
        self.sources = channels
        self.paused = False
        self.finished = False
        self.ports = [Port(f"tap-{path.stem}-{at}") for at in range(len(channels))]
        self._fails = fails

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def finish(self) -> None:
        self.finished = True

    async def stop(self) -> object:
        self.finish()
        if self._fails:
            raise OSError(28, "No space left on device")
        await asyncio.to_thread(write_call, self.path)
        return self.path


class FakeRecorder:
    """`broken`: nothing can be begun; `full`: nothing can be completed."""

    def __init__(self) -> None:
        self.started: list[FakeMediaRecording] = []
        self.broken = False
        self.full = False

    def start(self, path: Path, *channels: Sequence[Port]) -> FakeMediaRecording:
        if self.broken:
            raise RuntimeError("the recorder is closed")
        self.started.append(FakeMediaRecording(path, channels, fails=self.full))
        return self.started[-1]


def write_call(path: Path, seconds: float = 0.5) -> Path:
    """A recording of two channels: something on the left, silence on the right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = np.random.default_rng(1).integers(-8000, 8000, round(seconds * RATE), dtype=np.int16)
    soundfile.write(path, np.stack([left, np.zeros_like(left)], axis=1), RATE, subtype="PCM_16", format="WAV")
    return path
