"""Takes the steady noise of a line out of an utterance, before anything recognises it.

A Wiener filter with the decision-directed estimate of the signal-to-noise ratio (Ephraim and Malah, IEEE
Trans. ASSP 32(6), 1984). The noise is what the quietest frames have: an utterance comes with its pre-roll.
At 10 dB it takes the errors of the engines to a third (`make bench`); of clean speech it changes next to
nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

FRAME_S: Final = 0.032
QUIET_SHARE: Final = 0.2  # of the frames are taken for noise
SMOOTHING: Final = 0.96
LEAST_RATIO: Final = 10**-2.5
LEAST_GAIN: Final = 0.15  # musical noise is worse than noise
CLEAN_DB: Final = (
    22.0  # a line this good is left alone: what the filter takes of speech costs more than its noise
)
NOISY_DB: Final = 14.0  # one this bad gets all of it

Signal = npt.NDArray[np.float32]


def denoise(signal: Signal, rate: int) -> Signal:
    """`signal` with less noise, and as long as it was. What is shorter than 0.1 s stays as it is."""
    size = 1 << round(np.log2(rate * FRAME_S))
    hop = size // 4
    if len(signal) < rate // 10:
        return signal
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    padded = np.pad(signal, (size, size + hop - len(signal) % hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window
    spectra = np.fft.rfft(frames, axis=1)
    gains = _gains(np.abs(spectra) ** 2, size // hop)
    cleaned = np.fft.irfft(spectra * gains, size, axis=1).astype(np.float32) * window
    return _overlap(cleaned, window, hop, len(padded))[size : size + len(signal)]


def _gains(power: npt.NDArray[np.floating], edge: int) -> npt.NDArray[np.floating]:
    """(frames, bins): what is left of each. `edge`: frames at each end that are partly padding."""
    inner = power[edge:-edge] if len(power) > 2 * edge else power
    order = np.argsort(inner.sum(axis=1))
    some = max(round(QUIET_SHARE * len(inner)), 3)
    noise = np.maximum(inner[order[:some]].mean(axis=0), 1e-12)
    ratio_db = 10.0 * np.log10(np.maximum(inner[order[-some:]].mean() / noise.mean(), 1e-6))
    strength = float(np.clip((CLEAN_DB - ratio_db) / (CLEAN_DB - NOISY_DB), 0.0, 1.0))
    gains = np.empty_like(power)
    before = power[0] / noise
    for index, frame in enumerate(power):
        posterior = frame / noise
        prior = SMOOTHING * before + (1.0 - SMOOTHING) * np.maximum(posterior - 1.0, 0.0)
        prior = np.maximum(prior, LEAST_RATIO)
        gain = np.maximum(prior / (1.0 + prior), LEAST_GAIN)
        gains[index] = gain
        before = gain * gain * posterior
    return np.asarray(gains**strength)


def _overlap(frames: Signal, window: Signal, hop: int, length: int) -> Signal:
    total, weight = np.zeros(length, np.float32), np.full(length, 1e-3, np.float32)
    for index, frame in enumerate(frames):
        at = index * hop
        total[at : at + len(frame)] += frame
        weight[at : at + len(frame)] += window * window
    return total / weight
