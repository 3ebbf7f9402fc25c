"""Log-mel spectrograms as Whisper takes them (Radford et al., 2022, §2.2; slaney's mel scale)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from media.speech.recogniser import ENGINE_RATE, Audio

HOP: Final = 160  # samples, 10 ms
WINDOW: Final = 400
DYNAMIC_RANGE: Final = 8.0  # decades below the loudest

Mel = npt.NDArray[np.float32]


def log_mel(audio: Audio, frames: int, bands: int = 80) -> Mel:
    """(bands, frames) of `audio`, the rest of it filled with silence. What is longer is cut."""
    wanted = audio[: frames * HOP]
    padded = np.pad(wanted, (WINDOW // 2, WINDOW // 2 + HOP))
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    slices = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(slices * window, axis=1)) ** 2
    levels = np.log10(np.maximum(power @ _filters(bands).T, 1e-10))
    levels = np.maximum(levels, levels.max() - DYNAMIC_RANGE)
    scaled = ((levels + 4.0) / 4.0).T[:, :frames].astype(np.float32)
    missing = frames - scaled.shape[1]
    return np.ascontiguousarray(np.pad(scaled, ((0, 0), (0, missing)), constant_values=scaled.min()))


@lru_cache
def _filters(bands: int) -> npt.NDArray[np.float64]:
    """(bands, bins): triangles that overlap, each with the same area."""
    bins = np.fft.rfftfreq(WINDOW, 1.0 / ENGINE_RATE)
    edges = _hertz(np.linspace(0.0, _mel(ENGINE_RATE / 2), bands + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - bins[None, :]
    rising, falling = -ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None])


# Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz, logarithmic above.
_LINEAR_HZ: Final = 200.0 / 3.0
_BREAK_MEL: Final = 15.0
_STEP: Final = np.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    return float(_BREAK_MEL + np.log(hertz / 1000.0) / _STEP) if hertz >= 1000.0 else hertz / _LINEAR_HZ


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = 1000.0 * np.exp(_STEP * (np.maximum(mels, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mels < _BREAK_MEL, mels * _LINEAR_HZ, above)
