"""Records ports to files, without the media clock ever waiting for a disk.

The clock fills a ring in memory; one thread empties the rings of all recordings five times a second and
writes. When a disk stalls for longer than the ring holds, audio is dropped and counted; when it is full, that
one recording ends with an error, and the call goes on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from media.bridge import Bridge, Port
from media.engine import Engine
from media.pcm import PcmPort, PcmSettings

log = logging.getLogger("ringback.media")

RING_S: Final = 5.0
DRAIN_EVERY_S: Final = 0.2

# What soundfile raises, and the assertion that it makes of a short write.
_WRITE_ERRORS: Final = (OSError, RuntimeError, AssertionError)


class RecordingError(Exception):
    """A recording that couldn't be written; `path` and why. What was written before is in `path`.part."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished recording."""

    path: Path
    duration_s: float
    dropped_s: float  # audio that the disk was too slow for


class Recording:
    """One file being written. While it is written its name ends in `.part`."""

    def __init__(self, recorder: Recorder, path: Path, sources: Sequence[Port], rate: int) -> None:
        self.path = path
        self._recorder = recorder
        self._sources = tuple(sources)
        self._rate = rate
        self._finished: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting when it fails; the recorder has told its handler then.
        self._finished.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._paused = self._resuming = False
        self._stopping = False
        settings = PcmSettings(receive_s=RING_S, send_s=0.02, notify_s=2 * RING_S)
        self._pcm = PcmPort(recorder._engine, recorder._bridge, settings, name=f"recording-{path.stem}")
        for source in self._sources:
            recorder._bridge.connect(source, self._pcm.port)
        # The worker's own.
        self._file: soundfile.SoundFile | None = None
        self._samples = 0

    def pause(self) -> None:
        """From now on silence is written, so that times in the file stay times of the call."""
        self._paused, self._resuming = True, False

    def resume(self) -> None:
        """Not what is in the ring still: it was said while the recording was paused."""
        self._resuming = self._paused

    def finish(self) -> None:
        """Ends it without waiting: the rest is written, the file closed and given its name."""
        if not self._stopping:
            self._stopping = True
            self._pcm.close()
            self._recorder._nudge()

    async def stop(self) -> Recorded:
        """Ends it, and returns when the file is complete. Raises RecordingError."""
        self.finish()
        return await asyncio.shield(self._finished)

    # ---- worker

    @property
    def _partial(self) -> Path:
        return self.path.with_name(self.path.name + ".part")

    def _drain(self) -> bool:
        """Writes what waits. True when the recording is over, one way or the other."""
        stopping = self._stopping  # before reading: nothing is received after it
        try:
            if self._file is None:
                self._partial.parent.mkdir(parents=True, exist_ok=True)
                self._file = soundfile.SoundFile(
                    self._partial, "w", self._rate, channels=1, format="WAV", subtype="PCM_16"
                )
            resuming = self._resuming  # before reading, so that what is said afterwards alone is heard
            samples = np.frombuffer(self._pcm.read(), np.int16)
            self._file.write(np.zeros_like(samples) if self._paused else samples)
            if resuming and self._resuming:
                self._paused = self._resuming = False
            self._samples += len(samples)
            if not stopping:
                return False
            self._file.close()
            self._partial.replace(self.path)
        except _WRITE_ERRORS as error:
            self._fail(error)
            return True
        dropped = self._pcm.counters.overrun / self._rate
        self._tell(Recorded(self.path, self._samples / self._rate, dropped))
        return True

    def _fail(self, error: BaseException) -> None:
        reason = str(error) or "the disk took less than it was given"
        failure = RecordingError(self.path, reason)
        if self._file is not None:
            try:
                self._file.close()
            except _WRITE_ERRORS:
                log.debug("closing a failed recording failed too: %s", self.path)
        self._tell(failure)

    def _tell(self, outcome: Recorded | RecordingError) -> None:
        self._recorder._engine.notify(self._end, outcome)

    # ---- event loop

    def _end(self, outcome: Recorded | RecordingError) -> None:
        if isinstance(outcome, Recorded):
            self._finished.set_result(outcome)
            return
        self._pcm.close()
        self._finished.set_exception(outcome)
        self._recorder._on_failure(outcome)


def _ignore(_error: RecordingError) -> None:
    """The default failure handler."""


class Recorder:
    """The recordings of a node. `on_failure` is told, on the event loop, of each that breaks."""

    def __init__(
        self, engine: Engine, bridge: Bridge, *, on_failure: Callable[[RecordingError], object] = _ignore
    ) -> None:
        self._engine = engine
        self._bridge = bridge
        self._on_failure = on_failure
        self._fresh: list[Recording] = []  # handed to the worker under the lock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def start(self, path: Path, sources: Sequence[Port]) -> Recording:
        """Records the mix of `sources` to `path`, a WAV file at the bridge's rate.

        Returns at once: a path that can't be written shows in `Recording.stop` and to `on_failure`.
        """
        if self._closing:
            raise RecordingError(path, "the recorder is closed")
        recording = Recording(self, path, sources, self._engine.rate)
        with self._lock:
            self._fresh.append(recording)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()
        return recording

    async def close(self) -> None:
        """Finishes every recording. Call it before the engine stops."""
        self._closing = True
        self._nudge()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _nudge(self) -> None:
        self._wake.set()

    def _work(self) -> None:
        active: list[Recording] = []
        while True:
            self._wake.wait(DRAIN_EVERY_S)
            self._wake.clear()
            closing = self._closing
            with self._lock:
                active += self._fresh
                self._fresh.clear()
            for recording in active:
                recording._stopping |= closing
            active = [recording for recording in active if not recording._drain()]
            if closing and not active:
                return
