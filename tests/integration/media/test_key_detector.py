"""The in-band key detector against ITU-T Q.24: what it must hear, and what it must not."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pjsua2 as pj
import pytest
import soundfile

from media import tone
from media.clip import Clip
from media.speech.espeak import EspeakSynthesiser

RATE = 8000
KEYS = "123A456B789C*0#D"

Audio = npt.NDArray[np.float64]


def dual_tone(
    digit: str,
    seconds: float,
    *,
    dbfs: float = -10.0,
    twist_db: float = 0.0,
    off_by: float = 0.0,
    rate: int = RATE,
) -> Audio:
    """`twist_db`: the column above the row. `off_by`: relative error of both frequencies."""
    row, column = divmod(KEYS.index(digit), 4)
    time = np.arange(round(seconds * rate)) / rate
    low, high = (
        np.sin(2 * np.pi * f * (1 + off_by) * time) for f in (tone.DTMF_ROWS[row], tone.DTMF_COLUMNS[column])
    )
    gain = 10 ** (dbfs / 20)
    return np.asarray(gain * (low * 10 ** (-twist_db / 40) + high * 10 ** (twist_db / 40)))


def silence(seconds: float) -> Audio:
    return np.zeros(round(seconds * RATE))


def heard(*parts: Audio, rate: int = RATE) -> str:
    """The keys that went down."""
    return "".join(digit for digit, held_ms in events(*parts, rate=rate) if held_ms == 0)


def events(*parts: Audio, rate: int = RATE) -> list[tuple[str, int]]:
    samples = Clip.from_float(np.concatenate([*parts, np.zeros(rate // 10)]), rate).samples
    return pj.KeyDetector(rate).feed(samples)


@pytest.mark.parametrize("dbfs", [-6.0, -20.0, -30.0, -38.0, -42.0])
@pytest.mark.parametrize("twist_db", [-6.0, 0.0, 6.0])
@pytest.mark.parametrize("off_by", [-0.015, 0.0, 0.015])
def test_every_key_is_heard_once_at_all_levels_twists_and_tolerances(
    dbfs: float, twist_db: float, off_by: float
) -> None:
    parts = [
        part
        for digit in KEYS
        for part in (dual_tone(digit, 0.05, dbfs=dbfs, twist_db=twist_db, off_by=off_by), silence(0.05))
    ]

    assert heard(*parts) == KEYS


def test_keys_are_heard_at_16_khz_too() -> None:
    gap = np.zeros(800)
    parts = [part for digit in KEYS for part in (dual_tone(digit, 0.06, rate=16000), gap)]

    assert heard(*parts, rate=16000) == KEYS


@pytest.mark.parametrize("off_by", [-0.035, 0.035])
def test_tones_that_are_too_far_off_are_no_keys(off_by: float) -> None:
    parts = [part for digit in KEYS for part in (dual_tone(digit, 0.1, off_by=off_by), silence(0.05))]

    assert heard(*parts) == ""


@pytest.mark.parametrize("offset_ms", range(0, 13, 3))
def test_forty_milliseconds_are_a_key_and_sixteen_are_not(offset_ms: int) -> None:
    lead = silence(0.02 + offset_ms / 1000)

    assert heard(lead, dual_tone("5", 0.04)) == "5"
    assert heard(lead, dual_tone("5", 0.016)) == ""


def test_a_short_interruption_does_not_make_two_keys_of_one() -> None:
    assert heard(dual_tone("8", 0.1), silence(0.01), dual_tone("8", 0.1)) == "8"


def test_the_same_key_twice_is_two_keys() -> None:
    assert heard(dual_tone("8", 0.06), silence(0.045), dual_tone("8", 0.06)) == "88"


def test_one_tone_alone_is_no_key() -> None:
    time = np.arange(RATE) / RATE
    singles = [0.3 * np.sin(2 * np.pi * f * time) for f in (*tone.DTMF_ROWS, *tone.DTMF_COLUMNS)]

    assert heard(*singles) == ""


def test_keys_are_heard_in_noise_and_noise_is_no_key() -> None:
    chance = np.random.default_rng(1)
    parts = [part for digit in KEYS for part in (dual_tone(digit, 0.08), silence(0.06))]
    keys = np.concatenate(parts)
    noise = chance.normal(size=len(keys))
    power = np.mean(dual_tone("1", 0.1) ** 2)
    at_15_db = noise * np.sqrt(power / 10**1.5)

    assert heard(keys + at_15_db) == KEYS
    assert heard(0.3 * chance.normal(size=60 * RATE)) == ""


def test_the_length_of_a_press_is_told() -> None:
    (down, up) = events(silence(0.05), dual_tone("7", 0.3))

    assert down == ("7", 0)
    assert up[0] == "7"
    assert up[1] == pytest.approx(300, abs=30)


def test_call_progress_tones_are_no_keys() -> None:
    tones = [
        tone.ringback(RATE),
        tone.busy(RATE),
        tone.congestion(RATE),
        tone.tone([350.0, 440.0], 3.0, RATE),
    ]

    assert heard(*(clip.samples / 32768.0 for clip in tones)) == ""


def test_speech_is_no_key(tmp_path: Path) -> None:
    sentences = [
        "Press one for billing, two for technical support, or stay on the line.",
        "She sells sea shells by the sea shore, and he whistles while he works.",
        "Your account number is four four seven, nine one three, five two zero.",
        "Eeny meeny miny moe, an owl in a hollow tree calls out to the moon.",
    ]

    async def speak() -> list[Clip]:
        voice = await EspeakSynthesiser.detect()
        return [
            await voice.synthesise(text, language)
            for text, language in itertools.product(sentences, ["en", "de", "fr", "ja"])
        ]

    spoken = []
    for number, clip in enumerate(asyncio.run(speak())):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, clip.samples, clip.rate)
        spoken.append(Clip.load(path, RATE).samples / 32768.0)

    assert sum(map(len, spoken)) > 60 * RATE
    assert heard(*spoken) == ""
