"""Voices and noises of a telephone line, made on the spot: what endpointers and recognisers are tried on."""

from __future__ import annotations

import io
import subprocess
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

RATE = 8000
Signal = npt.NDArray[np.float64]
Samples = npt.NDArray[np.int16]


@lru_cache(maxsize=512)
def spoken(text: str, voice: str = "en-us", words_per_minute: int = 150) -> Signal:
    """`text` by espeak-ng, without silence around it, with a peak of 0.5."""
    made = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "--stdout", text],
        capture_output=True,
        check=True,
    ).stdout
    audio, rate = soundfile.read(io.BytesIO(made), dtype="float64")
    return normal(soxr.resample(audio, rate, RATE))


def normal(audio: Signal) -> Signal:
    """Without silence around it, with a peak of 0.5."""
    loud = np.flatnonzero(np.abs(audio) > 0.01 * np.abs(audio).max())
    cut = audio[loud[0] : loud[-1] + 1]
    return np.asarray(cut * (0.5 / np.abs(cut).max()))


def pink(seconds: float, generator: np.random.Generator) -> Signal:
    """Noise of a telephone line: 1/f between 300 and 3400 Hz, of power 1."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(generator.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= np.where((hertz > 300) & (hertz < 3400), 1 / np.sqrt(np.maximum(hertz, 1)), 0.003)
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std())


def cough(generator: np.random.Generator) -> Signal:
    """A burst of 60 ms and a breath of 160 ms after it: loud, broad, and without a voice."""
    burst = generator.standard_normal(480) * np.exp(-np.arange(480) / 200)
    breath = generator.standard_normal(1280) * np.hanning(1280) * 0.25
    return np.asarray(0.5 * np.concatenate((burst, breath)) / np.abs(burst).max())


def level(audio: Signal) -> float:
    """Of the parts that are speech: the root of the mean square of what is above a twentieth of the peak."""
    loud = audio[np.abs(audio) > 0.05 * np.abs(audio).max()]
    return float(np.sqrt((loud**2).mean()))


def on_line(
    audio: Signal,
    snr_db: float,
    generator: np.random.Generator,
    *,
    before_s: float = 1.0,
    after_s: float = 1.2,
) -> Samples:
    """`audio` on a line that is noisy before and after it too, coded as G.711 does."""
    whole = np.concatenate((np.zeros(round(before_s * RATE)), audio, np.zeros(round(after_s * RATE))))
    noise = pink(len(whole) / RATE, generator)[: len(whole)]
    return companded(whole + noise * level(audio) * 10 ** (-snr_db / 20))


def companded(signal: Signal) -> Samples:
    """As it comes out of µ-law (ITU-T G.711), to within its steps."""
    clipped = np.clip(signal, -1.0, 1.0)
    steps = np.round(np.sign(clipped) * np.log1p(255 * np.abs(clipped)) / np.log1p(255) * 127) / 127
    return np.asarray(np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(255)) / 255 * 32767, np.int16)
