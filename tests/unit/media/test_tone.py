"""Tones: what is in them, for how long, and that they don't click."""

from __future__ import annotations

import numpy as np
import pytest

from media import tone
from media.clip import Clip
from tests.integration.peers.tones import gaps, heard, level_dbfs, spans

RATE = 8000


def test_a_tone_has_its_frequencies_its_level_and_its_length() -> None:
    clip = tone.tone([440.0], 1.0, RATE, dbfs=-13.0)

    assert clip.duration_s == 1.0
    assert heard(clip.samples, [440.0, 480.0, 880.0]) == {440.0}
    assert level_dbfs(clip.samples) == pytest.approx(-13.0, abs=0.2)


def test_a_tone_begins_and_ends_softly() -> None:
    samples = tone.tone([440.0], 0.5, RATE).samples

    assert abs(int(samples[0])) == 0
    assert abs(int(samples[-1])) == 0


@pytest.mark.parametrize(
    ("clip", "on_s", "off_s"),
    [
        (tone.ringback(RATE), 1.0, 4.0),
        (tone.busy(RATE), 0.48, 0.48),
        (tone.congestion(RATE), 0.24, 0.24),
    ],
    ids=["ringback", "busy", "congestion"],
)
def test_call_progress_tones_have_the_cadence_of_e180(clip: Clip, on_s: float, off_s: float) -> None:
    periods = spans(np.tile(clip.samples, 3), 425.0)

    assert [span.duration_s for span in periods] == pytest.approx([on_s] * 3, abs=0.05)
    assert gaps(periods) == pytest.approx([off_s] * 2, abs=0.05)


def test_keys_are_the_tones_of_q23() -> None:
    clip = tone.keys("5", RATE, on_s=0.2)

    assert heard(clip.samples[:1600], [697.0, 770.0, 1209.0, 1336.0]) == {770.0, 1336.0}


def test_no_keys_make_no_sound_and_a_wrong_one_is_an_error() -> None:
    assert tone.keys("", RATE).duration_s == 0

    with pytest.raises(ValueError, match="not a key: 'x'"):
        tone.keys("1x", RATE)
