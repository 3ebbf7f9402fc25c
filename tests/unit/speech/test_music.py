"""The demo's music is what the program that composed it makes, and fit for a telephone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media.clip import Clip
from media.prompts.music import PEAK, RATE, evening_line, main

SHIPPED = Path(__file__).parents[3] / "dialplans" / "demo" / "audio" / "evening-line.ogg"


def test_the_shipped_file_is_the_composed_piece() -> None:
    shipped = Clip.load(SHIPPED, RATE).samples / 32768.0
    composed = evening_line()

    assert len(shipped) == len(composed)
    assert np.corrcoef(shipped, composed)[0, 1] > 0.99
    assert SHIPPED.stat().st_size < 300_000


def test_it_stays_below_its_peak_and_within_the_telephone_band() -> None:
    audio = evening_line()
    power = np.abs(np.fft.rfft(audio)) ** 2
    frequency = np.fft.rfftfreq(len(audio), 1 / RATE)

    assert np.abs(audio).max() == pytest.approx(PEAK)
    assert power[(frequency > 150) & (frequency < 3400)].sum() / power.sum() > 0.9


def test_the_program_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "x.ogg")]) == 0
    assert main([]) == 2

    assert Clip.load(tmp_path / "x.ogg", 8000).duration_s > 40
    assert "usage" in capsys.readouterr().err
