"""Whether what comes from a caller is our own prompt, come back through their phone or a hybrid.

An echo is a copy of what was sent: filtered, delayed by up to half a second, and quieter. So the two are compared by
their cross-correlation, normalised so that loudness doesn't matter. A caller who talks over a prompt has nothing in
common with it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from media.vad import Frame

LONGEST_DELAY_S: Final = 0.6  # an acoustic echo through a mobile network
EARLIEST_S: Final = 0.06  # the two streams aren't read at the very same moment
LONGEST_S: Final = 0.6  # of the latest audio is compared
ECHO_LIKENESS: Final = 0.35
"""A caller's own voice comes to 0.2 at most, an echo at 0 dB of noise to 0.5 at least."""


class EchoJudge:
    """Remembers the last second and a half of both directions."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        length = round((LONGEST_S + LONGEST_DELAY_S + 2 * EARLIEST_S) * rate)
        self._heard = np.zeros(length, np.float32)
        self._played = np.zeros(length, np.float32)

    def hear(self, heard: Frame, played: Frame) -> None:
        """The next samples of both; of `played` as many as there are."""
        self._heard = _shifted(self._heard, heard)
        aligned = np.zeros(len(heard), np.int16)
        if len(played):
            kept = played[-len(heard) :]
            aligned[len(heard) - len(kept) :] = kept
        self._played = _shifted(self._played, aligned)

    def is_echo(self, seconds: float) -> bool:
        """Whether the last `seconds` that were heard are what was played before."""
        return self.likeness(seconds) >= ECHO_LIKENESS

    def likeness(self, seconds: float) -> float:
        """0 to 1: of what was heard, and of the piece of what was played that it is most like."""
        length = round(min(max(seconds, 0.1), LONGEST_S) * self._rate)
        heard = self._heard[-length:]
        reach = round((LONGEST_DELAY_S + EARLIEST_S) * self._rate)
        played = self._played[-(length + reach) :]
        energy = float(np.dot(heard, heard))
        if energy <= 0.0 or not played.any():
            return 0.0
        products = _correlate(played, heard)
        energies = _running_energy(played, length)
        floor = 1e-3 * float(energies.max())  # where next to nothing was played there is nothing to be like
        return float(np.max(np.abs(products) / np.sqrt(np.maximum(energies, floor) * energy)))


def _shifted(past: npt.NDArray[np.float32], samples: Frame) -> npt.NDArray[np.float32]:
    kept = samples[-len(past) :].astype(np.float32)
    return np.concatenate((past[len(kept) :], kept))


def _correlate(long: npt.NDArray[np.float32], short: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The product of `short` with each piece of `long` that is as long."""
    size = 1 << (len(long) + len(short) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)
    return np.asarray(product[: len(long) - len(short) + 1], np.float32)


def _running_energy(signal: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float64]:
    total = np.concatenate(([0.0], np.cumsum(signal.astype(np.float64) ** 2)))
    return np.asarray(total[length:] - total[:-length])
