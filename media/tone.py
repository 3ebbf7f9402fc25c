"""Call progress tones and test tones, as clips.

Frequencies and cadences are those of ITU-T E.180 (supplement 2); the defaults are the European ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from media.clip import Clip

RAMP_S: Final = 0.005
"""Tones rise and fall over this long, so that they don't click."""

DTMF_ROWS: Final = (697.0, 770.0, 852.0, 941.0)
DTMF_COLUMNS: Final = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS: Final = ("123A", "456B", "789C", "*0#D")


def tone(frequencies: Sequence[float], seconds: float, rate: int, *, dbfs: float = -13.0) -> Clip:
    """`frequencies` (Hz) sounding together, each at `dbfs` (of a full-scale sine)."""
    return Clip.from_float(
        _wave(frequencies, seconds, rate, dbfs), rate, name="+".join(f"{f:g}" for f in frequencies)
    )


def silence(seconds: float, rate: int) -> Clip:
    return Clip.from_float(np.zeros(round(seconds * rate)), rate, name="silence")


def ringback(rate: int) -> Clip:
    """One period of the tone that a caller hears while the far end rings: 1 s on, 4 s off. Loop it."""
    return _cadence([425.0], 1.0, 4.0, rate, "ringback")


def dial(rate: int) -> Clip:
    """One period of the tone that asks for a number: continuous. Loop it."""
    return Clip.from_float(_wave_without_ends([425.0], 0.2, rate), rate, name="dial")


def busy(rate: int) -> Clip:
    """One period of the busy tone: 0.48 s on, 0.48 s off. Loop it."""
    return _cadence([425.0], 0.48, 0.48, rate, "busy")


def congestion(rate: int) -> Clip:
    """One period of the congestion tone: 0.24 s on, 0.24 s off. Loop it."""
    return _cadence([425.0], 0.24, 0.24, rate, "congestion")


def beep(rate: int) -> Clip:
    """What comes before a recording: 1 kHz for 0.3 s."""
    return tone([1000.0], 0.3, rate)


def keys(digits: str, rate: int, *, on_s: float = 0.1, off_s: float = 0.1, dbfs: float = -10.0) -> Clip:
    """Keypad tones (ITU-T Q.23). ValueError on a character that isn't a key."""
    parts = []
    for digit in digits:
        row = next((row for row, keys_ in enumerate(_KEYS) if digit.upper() in keys_), None)
        if row is None or not digit:
            raise ValueError(f"not a key: {digit!r}")
        column = _KEYS[row].index(digit.upper())
        parts.append(_wave([DTMF_ROWS[row], DTMF_COLUMNS[column]], on_s, rate, dbfs))
        parts.append(np.zeros(round(off_s * rate)))
    return Clip.from_float(np.concatenate(parts) if parts else np.zeros(0), rate, name="keys")


def _wave(frequencies: Sequence[float], seconds: float, rate: int, dbfs: float) -> npt.NDArray[np.float64]:
    time = np.arange(round(seconds * rate)) / rate
    wave: npt.NDArray[np.float64] = sum(
        (np.sin(2 * np.pi * f * time) for f in frequencies), np.zeros(len(time))
    )
    ramp = min(round(RAMP_S * rate), len(time) // 2)
    if ramp:
        slope = np.linspace(0.0, 1.0, ramp)
        wave[:ramp] *= slope
        wave[-ramp:] *= slope[::-1]
    wave *= 10.0 ** (dbfs / 20.0)
    return wave


def _wave_without_ends(
    frequencies: Sequence[float], seconds: float, rate: int, dbfs: float = -13.0
) -> npt.NDArray[np.float64]:
    """Without a ramp, for a loop: whole periods, so that the end meets the beginning."""
    time = np.arange(round(seconds * rate)) / rate
    wave: npt.NDArray[np.float64] = sum(
        (np.sin(2 * np.pi * f * time) for f in frequencies), np.zeros(len(time))
    )
    wave *= 10.0 ** (dbfs / 20.0)
    return wave


def _cadence(frequencies: Sequence[float], on_s: float, off_s: float, rate: int, name: str) -> Clip:
    wave = np.concatenate([_wave(frequencies, on_s, rate, -13.0), np.zeros(round(off_s * rate))])
    return Clip.from_float(wave, rate, name=name)
