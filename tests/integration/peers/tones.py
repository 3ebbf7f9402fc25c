"""Making tones and hearing them: which are there, how loud, how pure, from when to when.

Levels are dB below a full-scale sine (dBFS). A frame's `purity` is the share of its energy that lies at the
asked frequency: above 0.9 for a clean tone, about 0.5 with another as loud beside it, near 0 without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

RATE: Final = 8000
FULL_SCALE: Final = 32767.0
FRAME_S: Final = 0.02
SILENCE_DBFS: Final = -60.0

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a tone, in seconds from the start of the recording; exact to one frame (20 ms)."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def sine(frequency_hz: float, duration_s: float, *, rate: int = RATE, level_dbfs: float = -10.0) -> Samples:
    """A sine of that level."""
    time_s = np.arange(round(duration_s * rate)) / rate
    amplitude = FULL_SCALE * 10 ** (level_dbfs / 20)
    return np.asarray(np.round(amplitude * np.sin(2 * np.pi * frequency_hz * time_s)), dtype=np.int16)


def silence(duration_s: float, *, rate: int = RATE) -> Samples:
    return np.zeros(round(duration_s * rate), dtype=np.int16)


def mix(*parts: Samples) -> Samples:
    """Several at once, as long as the shortest; clipped."""
    shortest = min(map(len, parts))
    total = np.sum([part[:shortest].astype(np.int32) for part in parts], axis=0)
    return np.asarray(np.clip(total, -32768, 32767), dtype=np.int16)


def write_wav(path: Path, samples: Samples, *, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def read_wav(path: Path) -> tuple[Samples, int]:
    """The first channel, and the rate in Hz. A recording that is still being written may lack its length."""
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    return np.ascontiguousarray(samples[:, 0]), int(rate)


def level_dbfs(samples: Samples) -> float:
    """RMS, in dB below a full-scale sine; SILENCE_DBFS and below is silence."""
    if len(samples) == 0:
        return -120.0
    rms = float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))
    return float(20 * np.log10(max(rms * np.sqrt(2) / FULL_SCALE, 1e-6)))


def purity(samples: Samples, frequency_hz: float, *, rate: int = RATE) -> float:
    """The share of the energy within a few bins of `frequency_hz`, 0.0 to 1.0."""
    window = np.hanning(len(samples))
    power = np.square(np.abs(np.fft.rfft(samples.astype(np.float64) * window)))
    total = float(power.sum())
    if total <= 1.0:
        return 0.0
    # The Hann window spreads a tone over its own bin and two each side (Harris 1978, main lobe).
    centre = round(frequency_hz * len(samples) / rate)
    return float(power[max(centre - 2, 0) : centre + 3].sum()) / total


def heard(
    samples: Samples, candidates: Iterable[float], *, rate: int = RATE, least_share: float = 0.2
) -> set[float]:
    """Which of the candidate frequencies (Hz) make up at least `least_share` of the energy, all in all."""
    if level_dbfs(samples) <= SILENCE_DBFS:
        return set()
    return {frequency for frequency in candidates if purity(samples, frequency, rate=rate) >= least_share}


def spans(
    samples: Samples,
    frequency_hz: float,
    *,
    rate: int = RATE,
    least_purity: float = 0.5,
    least_level_dbfs: float = -45.0,
) -> list[Span]:
    """The stretches in which the tone dominates."""
    size = round(FRAME_S * rate)
    present = [
        level_dbfs(frame) > least_level_dbfs and purity(frame, frequency_hz, rate=rate) >= least_purity
        for frame in (samples[at : at + size] for at in range(0, len(samples) - size + 1, size))
    ]
    return _stretches(present)


def gaps(stretches: Sequence[Span]) -> list[float]:
    """Seconds of absence between one stretch and the next."""
    return [later.start_s - earlier.end_s for earlier, later in pairwise(stretches)]


def _stretches(present: Sequence[bool]) -> list[Span]:
    edges = np.flatnonzero(np.diff([0, *map(int, present), 0]))
    return [
        Span(float(start) * FRAME_S, float(end) * FRAME_S)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]
