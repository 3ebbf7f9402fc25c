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
import numpy.typing as npt
import soundfile

from media.bridge import Bridge, Port
from media.engine import Engine
from media.pcm import PcmPort, PcmSettings

log = logging.getLogger("ringback.media")

RING_S: Final = 5.0
DRAIN_EVERY_S: Final = 0.2
PARTIAL: Final = ".part"
"""What the name of a file ends in while it is written."""

Samples = npt.NDArray[np.int16]

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


@dataclass(slots=True)
class _Pause:
    """From `start` up to `end`, in samples that the first channel has received; None while it goes on."""

    start: int
    end: int | None = None


class _Track:
    """One channel: what its port received, as one gapless line of samples from the port's first tick on."""

    def __init__(self, pcm: PcmPort) -> None:
        self.pcm = pcm
        self.lost = 0  # of the samples so far, those that the ring had no room for
        self._waiting = np.zeros(0, np.int16)

    @property
    def received(self) -> int:
        """How many samples have come, kept or not."""
        return self.pcm.counters.received

    def drain(self, *, lead: int = 0) -> None:
        """Takes what the ring holds, behind `lead` samples of silence; lost samples become silence too, so
        that times stay true.
        """
        lost = self.pcm.counters.overrun - self.lost
        self.lost += lost
        samples = np.frombuffer(self.pcm.read(), np.int16)
        before, behind = np.zeros(lead, np.int16), np.zeros(lost, np.int16)
        self._waiting = np.concatenate([self._waiting, before, samples, behind])

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, count: int) -> Samples:
        """The next `count` samples, silence where there are no more."""
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return np.pad(taken, (0, count - len(taken)))


class Recording:
    """One file being written. While it is written its name ends in `.part`.

    `ports`: where each channel listens, for whoever connects and disconnects voices meanwhile. All channels
    begin at the same tick and stay aligned to the sample.
    """

    def __init__(self, recorder: Recorder, path: Path, channels: Sequence[Sequence[Port]], rate: int) -> None:
        self.path = path
        self._recorder = recorder
        self._rate = rate
        self._finished: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting when it fails; the recorder has told its handler then.
        self._finished.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._stopping = False
        settings = PcmSettings(receive_s=RING_S, send_s=0.02, notify_s=2 * RING_S)
        self._tracks = [
            _Track(PcmPort(recorder._engine, recorder._bridge, settings, name=f"recording-{path.stem}-{at}"))
            for at in range(len(channels))
        ]
        for track, sources in zip(self._tracks, channels, strict=True):
            for source in sources:
                recorder._bridge.connect(source, track.pcm.port)
        self._pauses: list[_Pause] = []  # appended to on the event loop, read by the worker
        # The worker's own.
        self._file: soundfile.SoundFile | None = None
        self._aligned = False
        self._lead = 0  # silence before the first channel's first sample
        self._written = 0

    @property
    def ports(self) -> Sequence[Port]:
        """One a channel, the left one first."""
        return [track.pcm.port for track in self._tracks]

    @property
    def paused(self) -> bool:
        return bool(self._pauses) and self._pauses[-1].end is None

    def pause(self) -> None:
        """From now on silence is written, so that times in the file stay times of the call."""
        if not self.paused:
            self._pauses.append(_Pause(self._tracks[0].received))

    def resume(self) -> None:
        if self.paused:
            self._pauses[-1].end = self._tracks[0].received

    def finish(self) -> None:
        """Ends it without waiting: the rest is written, the file closed and given its name."""
        if not self._stopping:
            self._stopping = True
            for track in self._tracks:
                track.pcm.close()
            self._recorder._nudge()

    async def stop(self) -> Recorded:
        """Ends it, and returns when the file is complete. Raises RecordingError."""
        self.finish()
        return await asyncio.shield(self._finished)

    # ---- worker

    @property
    def _partial(self) -> Path:
        return self.path.with_name(self.path.name + PARTIAL)

    def _drain(self) -> bool:
        """Writes what waits. True when the recording is over, one way or the other."""
        stopping = self._stopping  # before reading: nothing is received after it
        try:
            if self._file is None:
                self._partial.parent.mkdir(parents=True, exist_ok=True)
                self._file = soundfile.SoundFile(
                    self._partial,
                    "w",
                    self._rate,
                    channels=len(self._tracks),
                    format="WAV",
                    subtype="PCM_16",
                )
            if self._align(stopping=stopping):
                self._write(self._file, everything=stopping)
            if not stopping:
                return False
            self._file.close()
            self._partial.replace(self.path)
        except _WRITE_ERRORS as error:
            self._fail(error)
            return True
        dropped = max(track.lost for track in self._tracks) / self._rate
        self._tell(Recorded(self.path, self._written / self._rate, dropped))
        return True

    def _align(self, *, stopping: bool) -> bool:
        """Makes the tracks begin together. False while one of them hasn't begun.

        Ports come onto the bridge one by one. Whoever came a tick later has received a tick less ever since,
        so what is missing at its beginning is the difference of what they have received, read between ticks.
        """
        if self._aligned:
            for track in self._tracks:
                track.drain()
            return True
        received = self._received()
        latest = max(received)
        if not all(received) and not stopping and latest < self._rate:
            return False
        self._lead = latest - received[0]
        for track, count in zip(self._tracks, received, strict=True):
            track.drain(lead=latest - count)
        self._aligned = True
        return True

    def _received(self) -> list[int]:
        """What each track has received, at one moment: no tick came between the first and the last."""
        counts = [track.received for track in self._tracks]
        while (again := [track.received for track in self._tracks]) != counts:
            counts = again
        return counts

    def _write(self, file: soundfile.SoundFile, *, everything: bool) -> None:
        lengths = [len(track) for track in self._tracks]
        count = max(lengths) if everything else min(lengths)
        frames = np.stack([track.take(count) for track in self._tracks], axis=1)
        here = self._written - self._lead
        for pause in list(self._pauses):
            last = count if pause.end is None else max(pause.end - here, 0)
            frames[max(pause.start - here, 0) : last] = 0
        file.write(frames)
        self._written += count

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
        for track in self._tracks:
            track.pcm.close()
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

    def start(self, path: Path, *channels: Sequence[Port]) -> Recording:
        """Records to `path`, a WAV file at the bridge's rate: on each channel the mix of these ports.

        Returns at once: a path that can't be written shows in `Recording.stop` and to `on_failure`.
        """
        if self._closing:
            raise RecordingError(path, "the recorder is closed")
        recording = Recording(self, path, channels or [()], self._engine.rate)
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
