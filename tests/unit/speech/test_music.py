"""The music that ships is what the program that composed it makes, and fit for a telephone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gateway.dialplan.files import HOLD_MUSIC as HOLD_MUSIC_FILE
from media.clip import Clip
from media.prompts.music import EVENING_LINE, HOLD_MUSIC, PEAK, RATE, Piece, main, render

EVENING_LINE_FILE = Path(__file__).parents[3] / "dialplans" / "demo" / "audio" / "evening-line.ogg"

PIECES = pytest.mark.parametrize(
    ("piece", "file"), [(EVENING_LINE, EVENING_LINE_FILE), (HOLD_MUSIC, HOLD_MUSIC_FILE)]
)


@PIECES
def test_the_shipped_file_is_the_composed_piece(piece: Piece, file: Path) -> None:
    shipped = Clip.load(file, RATE).samples / 32768.0
    composed = render(piece)

    assert len(shipped) == len(composed)
    assert np.corrcoef(shipped, composed)[0, 1] > 0.99
    assert file.stat().st_size < 300_000


@PIECES
def test_it_stays_below_its_peak_and_within_the_telephone_band(piece: Piece, file: Path) -> None:
    audio = render(piece)
    power = np.abs(np.fft.rfft(audio)) ** 2
    frequency = np.fft.rfftfreq(len(audio), 1 / RATE)

    assert np.abs(audio).max() == pytest.approx(PEAK)
    assert power[(frequency > 150) & (frequency < 3400)].sum() / power.sum() > 0.9


def test_what_is_repeated_has_no_seam() -> None:
    audio = render(HOLD_MUSIC)
    steps = np.abs(np.diff(audio))

    assert abs(audio[0] - audio[-1]) < np.percentile(steps, 99)
    assert np.abs(audio[-RATE:]).max() > PEAK / 10, "it fades out"


def test_the_program_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evening-line", str(tmp_path / "x.ogg")]) == 0
    assert main(["evening-lime", str(tmp_path / "x.ogg")]) == 2

    assert Clip.load(tmp_path / "x.ogg", 8000).duration_s > 40
    assert "usage" in capsys.readouterr().err
