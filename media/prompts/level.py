"""One loudness for every spoken prompt, and no silence around it.

Loudness is that of ITU-R BS.1770-4: K-weighted, in blocks of 400 ms, gated. The filters are applied as
their response to the spectrum of each block, which is exact enough at the rates of telephony and needs no
recursion.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from media.clip import Clip

TARGET_LUFS: Final = -20.0
"""What speech of every voice reaches before its peaks do: at the −16 of broadcasting, half the prompts
would be clipped or stay quieter than the others. It is 3 dB above ITU-T's nominal active speech level for
G.711 (P.56).
"""
PEAK: Final = 0.9  # of full scale; louder than that no prompt gets
SILENCE_SHARE: Final = 0.004  # of the peak, −48 dB
MARGIN_S: Final = 0.04  # of silence that stays on each side
BLOCK_S: Final = 0.4
HOP_S: Final = 0.1
ABSOLUTE_GATE_LUFS: Final = -70.0
RELATIVE_GATE_LU: Final = 10.0
VERSION: Final = "level-1"
"""Part of a cached prompt's key: whoever changes what is done here changes this."""

Signal = npt.NDArray[np.float64]


def levelled(clip: Clip) -> Clip:
    """`clip`, trimmed, at `TARGET_LUFS` where its peaks allow; one that is silent as it was."""
    signal = clip.samples.astype(np.float64) / 32768.0
    peak = float(np.abs(signal).max(initial=0.0))
    if peak == 0.0:
        return clip
    signal = trimmed(signal, clip.rate)
    gain = 10.0 ** ((TARGET_LUFS - loudness_lufs(signal, clip.rate)) / 20.0)
    return Clip.from_float(signal * min(gain, PEAK / peak), clip.rate, name=clip.name)


def trimmed(signal: Signal, rate: int) -> Signal:
    """Without the silence before the first sound and after the last, but for `MARGIN_S`."""
    loud = np.flatnonzero(np.abs(signal) > SILENCE_SHARE * np.abs(signal).max())
    margin = round(MARGIN_S * rate)
    return signal[max(int(loud[0]) - margin, 0) : int(loud[-1]) + 1 + margin]


def loudness_lufs(signal: Signal, rate: int) -> float:
    """Integrated loudness of a mono signal, full scale being 1.0."""
    block, hop = round(BLOCK_S * rate), round(HOP_S * rate)
    padded = np.pad(signal, (0, max(block - len(signal), 0)))
    blocks = np.lib.stride_tricks.sliding_window_view(padded, block)[::hop]
    power = np.abs(np.fft.rfft(blocks, axis=1)) ** 2 * _weights(block, rate)
    # Parseval: each bin but the first and the last stands for two.
    power[:, 1 : -1 if block % 2 == 0 else None] *= 2.0
    energies = power.sum(axis=1) / block**2
    loud = energies[_lufs(energies) > ABSOLUTE_GATE_LUFS]
    if len(loud) == 0:
        return ABSOLUTE_GATE_LUFS
    gate = float(_lufs(loud.mean())) - RELATIVE_GATE_LU
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def _lufs(energy: Signal | np.floating) -> Signal:
    return np.asarray(-0.691 + 10.0 * np.log10(np.maximum(energy, 1e-12)))


@lru_cache
def _weights(block: int, rate: int) -> Signal:
    """|H(f)|² of the K-weighting: a shelf of +4 dB above 1.7 kHz, and a high pass at 38 Hz (BS.1770-4,
    annex 1).
    """
    hertz = np.fft.rfftfreq(block, 1.0 / rate)
    s = 1j * hertz
    shelf_hz, shelf_q, gain = 1681.974, 0.7071752, 10.0 ** (3.99984 / 20.0)
    middle = gain**0.4996668
    denominator = s**2 + s * shelf_hz / shelf_q + shelf_hz**2
    shelf = (gain * s**2 + middle * s * shelf_hz / shelf_q + shelf_hz**2) / denominator
    pass_hz, pass_q = 38.13547, 0.5003270
    high_pass = s**2 / (s**2 + s * pass_hz / pass_q + pass_hz**2)
    return np.asarray(np.abs(shelf * high_pass) ** 2)
