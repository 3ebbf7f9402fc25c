"""One loudness: against the figures of the standard, and what becomes of prompts."""

from __future__ import annotations

import numpy as np
import pytest

from media.clip import Clip
from media.prompts.level import MARGIN_S, PEAK, TARGET_LUFS, Signal, levelled, loudness_lufs

RATE = 8000


def sine(amplitude: float, seconds: float = 3.0, hertz: float = 997.0, rate: int = 48_000) -> Signal:
    return np.asarray(amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate))


@pytest.mark.parametrize(("amplitude", "lufs"), [(1.0, -3.01), (0.1, -23.01), (10 ** (-30 / 20), -33.01)])
def test_a_sine_of_1_khz_has_the_loudness_of_the_standard(amplitude: float, lufs: float) -> None:
    assert loudness_lufs(sine(amplitude), 48_000) == pytest.approx(lufs, abs=0.1)  # BS.1770-4, annex 1


def test_low_tones_count_less_and_pauses_not_at_all() -> None:
    assert loudness_lufs(sine(0.1, hertz=40.0), 48_000) < -25.0
    paused = np.concatenate((sine(0.1), np.zeros(48_000 * 5)))
    assert loudness_lufs(paused, 48_000) == pytest.approx(-23.0, abs=0.3)


def test_a_prompt_is_trimmed_and_brought_to_the_target() -> None:
    silence = np.zeros(RATE)
    clip = Clip.from_float(
        np.concatenate((silence, sine(0.02, 1.0, 800.0, RATE), silence)), RATE, name="hello"
    )
    made = levelled(clip)

    assert made.name == "hello"
    assert made.duration_s == pytest.approx(1.0 + 2 * MARGIN_S, abs=0.01)
    assert loudness_lufs(made.samples / 32768.0, RATE) == pytest.approx(TARGET_LUFS, abs=0.5)


def test_peaks_are_never_clipped() -> None:
    peaky = sine(0.002, 1.0, 800.0, RATE)
    peaky[::800] = 0.5
    made = levelled(Clip.from_float(peaky, RATE))

    assert np.abs(made.samples).max() == pytest.approx(PEAK * 32767, rel=0.01)


def test_silence_stays_silence() -> None:
    silence = Clip(np.zeros(800, np.int16), RATE)

    assert levelled(silence) is silence
    assert loudness_lufs(np.zeros(800), RATE) == -70.0
