"""Whether what comes from a caller is our own prompt, come back through their phone or a hybrid.

An echo is a copy of what was sent: filtered, delayed by up to half a second, and quieter. So the two are
compared by their cross-correlation, after their spectra were made flat (Knapp and Carter, IEEE Trans. ASSP
24(4), 1976) so that neither loudness nor tone colour counts. A caller who talks over a prompt has nothing
in common with it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from media.vad import Frame

LONGEST_DELAY_S: Final = 0.5  # an acoustic echo through a mobile network
EARLIEST_S: Final = 0.06  # the two streams aren't read at the very same moment
LONGEST_S: Final = 0.6  # of the latest audio is compared
BAND_HZ: Final = (300.0, 3400.0)
LEAST_SHARE: Final = 1e-3
NARROW: Final = 50  # a fiftieth of the band, with
NARROW_SHARE: Final = 0.97  # so much of its power, is a tone or two
WHITENING_STEPS: Final = 40
ECHO_LIKENESS: Final = 0.28
"""Of 0.4 s, a caller's own voice comes to 0.2 and an echo 20 dB down to 0.4."""


class EchoJudge:
    """Remembers the last second or so of both directions."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        length = round((LONGEST_S + LONGEST_DELAY_S + 2 * EARLIEST_S) * rate)
        self._heard = np.zeros(length, np.float32)
        self._played = np.zeros(length, np.float32)

    def hear(self, heard: Frame, played: Frame) -> None:
        """The next samples of both; of `played` as many as there are."""
        self._heard = _shifted(self._heard, heard)
        aligned = np.zeros(len(heard), np.int16)
        if len(played) and len(heard):
            kept = played[-len(heard) :]
            aligned[len(heard) - len(kept) :] = kept
        self._played = _shifted(self._played, aligned)

    def is_echo(self, seconds: float) -> bool:
        """Whether the last `seconds` that were heard are what was played before."""
        return self.likeness(seconds) >= ECHO_LIKENESS

    def likeness(self, seconds: float) -> float:
        """0 to 1: how much of what was heard is a delayed copy of what was played."""
        length = round(min(max(seconds, 0.1), LONGEST_S) * self._rate)
        reach = round((LONGEST_DELAY_S + EARLIEST_S) * self._rate)
        played, heard = self._played[-(length + reach) :], self._heard[-length:]
        if not self._is_broad(played) or not heard.any():
            return 0.0
        played, heard = _whitened(played), _whitened(heard)
        energies = _running_energy(played, length)
        floor = LEAST_SHARE * float(
            energies.max()
        )  # where next to nothing was played there is nothing to be like
        products = _correlate(played, heard)
        return float(
            np.max(np.abs(products) / np.sqrt(np.maximum(energies, floor) * float(np.dot(heard, heard))))
        )

    def _is_broad(self, played: npt.NDArray[np.float32]) -> bool:
        """Whether enough of the band was played: a bare tone is like everything that has its pitch."""
        hertz = np.fft.rfftfreq(len(played), 1.0 / self._rate)
        power = np.abs(np.fft.rfft(played * np.hanning(len(played)))) ** 2
        power = np.sort(power[(hertz >= BAND_HZ[0]) & (hertz <= BAND_HZ[1])])[::-1]
        total = float(power.sum())
        return total > 0.0 and float(power[: max(len(power) // NARROW, 1)].sum()) < NARROW_SHARE * total


def _whitened(signal: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Its spectrum made flat, in steps as broad as the harmonics of a voice are apart."""
    spectrum = np.fft.rfft(signal, 1 << (len(signal) - 1).bit_length())
    power = np.abs(spectrum) ** 2
    width = max(len(power) // WHITENING_STEPS, 1)
    smooth = np.convolve(power, np.ones(width) / width, mode="same")
    flat = np.fft.irfft(spectrum / np.sqrt(np.maximum(smooth, 1e-3 * float(smooth.max()) + 1e-9)))
    return np.asarray(flat[: len(signal)], np.float32)


def _correlate(long: npt.NDArray[np.float32], short: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The product of `short` with each piece of `long` that is as long."""
    size = 1 << (len(long) + len(short) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)
    return np.asarray(product[: len(long) - len(short) + 1], np.float32)


def _running_energy(signal: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float64]:
    total = np.concatenate(([0.0], np.cumsum(signal.astype(np.float64) ** 2)))
    return np.asarray(total[length:] - total[:-length])


def _shifted(past: npt.NDArray[np.float32], samples: Frame) -> npt.NDArray[np.float32]:
    kept = samples[-len(past) :].astype(np.float32)
    return np.concatenate((past[len(kept) :], kept))
