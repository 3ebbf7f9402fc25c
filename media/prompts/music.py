"""Music that belongs to Ringback: composed here, as a program, so nobody has to clear its rights.

`python -m media.prompts.music FILE` renders "Evening Line", the demo's piece: sixteen bars at 84 beats a
minute over four soft chords, with an arpeggio and a sparse melody. It is made for a telephone: everything
that matters lies between 150 and 2,500 Hz, there is no percussion for a voice codec to trip over, and it
ends on the chord it began with, so that it can loop.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

RATE: Final = 16_000
BEAT_S: Final = 60 / 84
BARS: Final = 16
BEATS_PER_BAR: Final = 4
PEAK: Final = 0.35  # about -9 dBFS: music under a voice prompt's level, well clear of clipping after A-law

Audio = npt.NDArray[np.float64]

# MIDI note numbers. D major nine, B minor seven, G major seven, A sus, each for two bars, twice around.
CHORDS: Final[Sequence[Sequence[int]]] = (
    (50, 57, 61, 64, 66),
    (47, 54, 57, 62, 66),
    (55, 59, 62, 66, 69),
    (57, 62, 64, 69, 71),
)
ARPEGGIO: Final = (0, 2, 3, 4, 3, 2, 1, 2)  # eighths: which voice of the chord

# (beat, note, beats): one breath in each pair of bars, answered in the next.
MELODY: Final[Sequence[tuple[float, int, float]]] = (
    (1, 78, 1.5), (2.5, 76, 0.5), (3, 74, 3), (9, 73, 1), (10, 74, 1), (11, 71, 4),
    (17, 69, 1.5), (18.5, 71, 0.5), (19, 74, 3), (25, 76, 2), (27, 73, 1), (28, 69, 3),
    (33, 78, 1.5), (34.5, 81, 0.5), (35, 76, 3), (41, 74, 1), (42, 73, 1), (43, 71, 4),
    (49, 74, 1), (50, 73, 1), (51, 71, 3), (57, 69, 2), (59, 73, 1), (60, 74, 3.5),
)  # fmt: skip


def evening_line() -> Audio:
    """The piece: mono at `RATE` Hz, between -1.0 and 1.0."""
    total_s = BARS * BEATS_PER_BAR * BEAT_S + 1.5
    audio = np.zeros(int(total_s * RATE))
    for bar in range(BARS):
        _add_bar(audio, bar)
    for beat, note, beats in MELODY:
        _add(audio, beat, _note(note, beats, level=0.5, attack_s=0.02, decay_s=0.9))
    audio = audio + 0.25 * _delayed(audio, BEAT_S * 0.75)
    fade = np.ones_like(audio)
    fade[-RATE:] = np.linspace(1.0, 0.0, RATE)
    return audio * fade * (PEAK / float(np.abs(audio).max()))


def _add_bar(audio: Audio, bar: int) -> None:
    chord = CHORDS[bar // 2 % len(CHORDS)]
    start = bar * BEATS_PER_BAR
    for note in chord[:3]:
        _add(audio, start, _note(note, BEATS_PER_BAR, level=0.16, attack_s=0.35, decay_s=3.0))
    for eighth, voice in enumerate(ARPEGGIO):
        _add(audio, start + eighth / 2, _note(chord[voice], 1, level=0.22, attack_s=0.008, decay_s=0.45))


def _note(midi: int, beats: float, *, level: float, attack_s: float, decay_s: float) -> Audio:
    """One note of a struck, bell-like voice: few harmonics, the higher ones gone sooner."""
    duration_s = beats * BEAT_S
    t = np.arange(int((duration_s + 0.25) * RATE)) / RATE
    frequency = 440.0 * 2.0 ** ((midi - 69) / 12)
    tone = np.zeros_like(t)
    for harmonic, share in ((1, 1.0), (2, 0.35), (3, 0.12)):
        tone += share * np.sin(2 * np.pi * harmonic * frequency * t) * np.exp(-t * harmonic / decay_s)
    attack = np.minimum(t / attack_s, 1.0)
    release = np.clip((duration_s + 0.25 - t) / 0.25, 0.0, 1.0)
    return level * tone * attack * release


def _add(audio: Audio, beat: float, note: Audio) -> None:
    start = int(beat * BEAT_S * RATE)
    end = min(start + len(note), len(audio))
    audio[start:end] += note[: end - start]


def _delayed(audio: Audio, delay_s: float) -> Audio:
    shift = int(delay_s * RATE)
    return np.concatenate([np.zeros(shift), audio[:-shift]])


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m media.prompts.music FILE.ogg\n")
        return 2
    soundfile.write(Path(arguments[0]), evening_line(), RATE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
