"""Audio between Python and a call, for speech recognition and synthesis, recording, and bots.

Two rings in native memory decouple Python from the media clock: however late Python is, no packet of a call
waits for it. What doesn't fit is counted, never hidden. Samples are 16-bit mono PCM at the bridge's rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pjsua2 as pj

from media.bridge import Bridge, Port
from media.engine import Engine, EventKind
from media.seat import Seat

SampleBuffer = bytes | bytearray | memoryview | npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class PcmSettings:
    """Sizes in seconds. `max_latency_s` and `low_water_s`: 0 turns them off."""

    receive_s: float = 2.0  # ring from the call; when it is full, new audio is dropped (`overrun`)
    send_s: float = 10.0  # ring to the call; `write` tells how much fitted
    notify_s: float = 0.02  # tell when so much waits to be read
    max_latency_s: float = 0.0  # reading later than this skips the oldest (`skipped`)
    prebuffer_s: float = 0.0  # begin to play when so much was written, and again after a gap
    low_water_s: float = 0.0  # tell when less than this is left to play


@dataclass(frozen=True, slots=True)
class PcmCounters:
    """In samples, since the port was made."""

    received: int  # from the call, kept or not
    overrun: int  # of them, dropped because the ring was full
    skipped: int  # of them, passed over to keep the latency down
    written: int  # by Python
    played: int  # of them, sent to the call
    flushed: int  # of them, thrown away
    underrun: int  # silence that filled gaps inside what Python was saying


def _ignore(*_: object) -> None:
    """The default of every notice."""


class PcmPort:
    """A port whose other side is Python. Notices come on the event loop, at most once a tick each.

    `on_readable(samples)`, `on_low(samples left)`, `on_mark(id, heard)`, `on_ended()`.
    """

    def __init__(
        self,
        engine: Engine,
        bridge: Bridge,
        settings: PcmSettings | None = None,
        *,
        name: str = "pcm",
        on_readable: Callable[[int], object] = _ignore,
        on_low: Callable[[int], object] = _ignore,
        on_mark: Callable[[int, bool], object] = _ignore,
        on_ended: Callable[[], object] = _ignore,
    ) -> None:
        settings = settings or PcmSettings()
        self._engine = engine
        self._notices: dict[int, Callable[[int, int], object]] = {
            EventKind.PCM_READABLE: lambda samples, _: on_readable(samples),
            EventKind.PCM_LOW: lambda samples, _: on_low(samples),
            EventKind.PCM_MARK: lambda mark, flushed: on_mark(mark, not flushed),
            EventKind.PCM_ENDED: lambda _a, _b: on_ended(),
        }
        self._closed = False
        self._token = engine.subscribe(self._on_event)

        def samples(seconds: float) -> int:
            return round(seconds * engine.rate)

        self._native = pj.PcmPort(
            self._token,
            max(samples(settings.receive_s), engine.samples_per_tick),
            max(samples(settings.send_s), engine.samples_per_tick),
            max(samples(settings.notify_s), 1),
            samples(settings.max_latency_s),
            samples(settings.prebuffer_s),
            samples(settings.low_water_s),
        )
        self._seat = Seat(engine, bridge, self._native, name)

    @property
    def port(self) -> Port:
        """Its place on the bridge."""
        return self._seat.port

    # ---- from the call; any one thread

    @property
    def readable(self) -> int:
        """Samples that wait to be read."""
        return int(self._native.readable())

    def read(self, samples: int | None = None) -> bytes:
        """Up to `samples` samples, or all there are."""
        buffer = bytearray(2 * (self.readable if samples is None else samples))
        return bytes(buffer[: 2 * self._native.read(buffer)])

    def read_into(self, buffer: bytearray | memoryview | npt.NDArray[np.int16]) -> int:
        """Fills a writable buffer of int16; returns the number of samples."""
        return int(self._native.read(buffer))

    # ---- to the call; any one thread

    @property
    def room(self) -> int:
        """Samples that `write` would take now."""
        return int(self._native.room())

    @property
    def queued(self) -> int:
        """Samples that are written and not yet played."""
        return int(self._native.queued())

    def write(self, samples: SampleBuffer) -> int:
        """Queues int16 samples; returns how many fitted."""
        return int(self._native.write(samples))

    def mark(self, id_: int) -> bool:
        """Asks for `on_mark(id_, heard)` when all that was written was played. False: 64 wait already."""
        return bool(self._native.mark(id_))

    def flush(self) -> None:
        """Throws away what is written and not yet played, from the next tick on (barge-in)."""
        self._native.flush()

    def end(self) -> None:
        """Nothing follows for now: what comes after is a pause, not an underrun. `on_ended` says when."""
        self._native.end()

    # ---- both

    @property
    def counters(self) -> PcmCounters:
        return PcmCounters(*self._native.counters())

    def close(self) -> None:
        """Takes the port off the bridge. What was received before can still be read. Safe to repeat."""
        if self._closed:
            return
        self._closed = True
        counters = self.counters
        self._engine.underruns += counters.underrun
        self._engine.overruns += counters.overrun
        self._engine.unsubscribe(self._token)
        self._seat.leave()

    def _on_event(self, kind: int, a: int, b: int) -> None:
        notice = self._notices.get(kind)
        if notice is not None:
            notice(a, b)
