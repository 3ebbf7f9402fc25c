"""Music that belongs to Ringback: composed here, as a program, so nobody has to clear its rights.

`python -m media.prompts.music evening-line FILE` renders the demo's piece: sixteen bars over four soft
chords, with an arpeggio and a sparse melody. `hold-music` is what waiting callers hear when their queue has
no music of its own: slower, longer, and without an end, so that it can be repeated for an hour. Both are
made for a telephone: everything that matters lies between 150 and 2,500 Hz, and there is no percussion for a
voice codec to trip over.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

RATE: Final = 16_000
BEATS_PER_BAR: Final = 4
PEAK: Final = 0.35  # about -9 dBFS: music under a voice prompt's level, well clear of clipping after A-law

Audio = npt.NDArray[np.float64]
Chord = Sequence[int]  # MIDI note numbers, the lowest first


@dataclass(frozen=True, slots=True)
class Piece:
    """`chords`: each for two bars, again and again. `arpeggio`: eighths: which voice of the chord, None for a
    rest. `melody`: (beat, note, beats). `endless`: what sounds on at the end sounds on at the beginning.
    """

    beats_per_minute: float
    bars: int
    chords: Sequence[Chord]
    arpeggio: Sequence[int | None]
    melody: Sequence[tuple[float, int, float]]
    endless: bool = False

    @property
    def beat_s(self) -> float:
        return 60 / self.beats_per_minute


# D major nine, B minor seven, G major seven, A sus, twice around.
EVENING_LINE: Final = Piece(
    beats_per_minute=84,
    bars=16,
    chords=(
        (50, 57, 61, 64, 66),
        (47, 54, 57, 62, 66),
        (55, 59, 62, 66, 69),
        (57, 62, 64, 69, 71),
    ),
    arpeggio=(0, 2, 3, 4, 3, 2, 1, 2),
    # One breath in each pair of bars, answered in the next.
    melody=(
        (1, 78, 1.5), (2.5, 76, 0.5), (3, 74, 3), (9, 73, 1), (10, 74, 1), (11, 71, 4),
        (17, 69, 1.5), (18.5, 71, 0.5), (19, 74, 3), (25, 76, 2), (27, 73, 1), (28, 69, 3),
        (33, 78, 1.5), (34.5, 81, 0.5), (35, 76, 3), (41, 74, 1), (42, 73, 1), (43, 71, 4),
        (49, 74, 1), (50, 73, 1), (51, 71, 3), (57, 69, 2), (59, 73, 1), (60, 74, 3.5),
    ),
)  # fmt: skip

# G major seven, E minor seven, C major seven, D six, then A minor seven, D nine, B minor seven, E minor nine.
HOLD_MUSIC: Final = Piece(
    beats_per_minute=66,
    bars=32,
    chords=(
        (55, 59, 62, 66, 71),
        (52, 59, 62, 67, 71),
        (52, 55, 60, 64, 71),
        (54, 57, 62, 66, 71),
        (57, 60, 64, 67, 72),
        (54, 57, 60, 64, 66),
        (54, 57, 59, 62, 66),
        (52, 55, 59, 62, 66),
    ),
    arpeggio=(0, 1, 2, 3, 4, 3, 2, None),
    # Long rests: who waits for twenty minutes hears it eleven times.
    melody=(
        (2, 74, 1), (3, 71, 1), (4, 79, 4), (11, 78, 1), (12, 76, 4), (20, 74, 1.5), (21.5, 76, 0.5),
        (22, 71, 5), (34, 72, 1), (35, 74, 1), (36, 76, 4), (44, 78, 1), (45, 74, 4), (51, 71, 1.5),
        (52.5, 73, 0.5), (53, 74, 5), (66, 71, 2), (68, 74, 1), (69, 79, 5), (83, 76, 1), (84, 72, 5),
        (97, 81, 1.5), (98.5, 79, 0.5), (99, 76, 4), (107, 74, 1), (108, 78, 5), (116, 76, 1), (117, 71, 6),
    ),
    endless=True,
)  # fmt: skip

PIECES: Final[Mapping[str, Piece]] = MappingProxyType(
    {"evening-line": EVENING_LINE, "hold-music": HOLD_MUSIC}
)


def render(piece: Piece) -> Audio:
    """The piece: mono at `RATE` Hz, between -1.0 and 1.0."""
    length_s = piece.bars * BEATS_PER_BAR * piece.beat_s
    audio = np.zeros(int((length_s + (0.0 if piece.endless else 1.5)) * RATE))
    for bar in range(piece.bars):
        _add_bar(audio, piece, bar)
    for beat, note, beats in piece.melody:
        _add(audio, piece, beat, _note(note, beats * piece.beat_s, level=0.5, attack_s=0.02, decay_s=0.9))
    echo = np.roll(audio, int(piece.beat_s * 0.75 * RATE))
    if not piece.endless:
        echo[: int(piece.beat_s * 0.75 * RATE)] = 0.0
    audio = audio + 0.25 * echo
    if not piece.endless:
        audio[-RATE:] *= np.linspace(1.0, 0.0, RATE)
    return audio * (PEAK / float(np.abs(audio).max()))


def _add_bar(audio: Audio, piece: Piece, bar: int) -> None:
    chord = piece.chords[bar // 2 % len(piece.chords)]
    start, beat_s = bar * BEATS_PER_BAR, piece.beat_s
    for note in chord[:3]:
        _add(audio, piece, start, _note(note, 4 * beat_s, level=0.16, attack_s=0.35, decay_s=3.0))
    for eighth, voice in enumerate(piece.arpeggio):
        if voice is not None:
            tone = _note(chord[voice], beat_s, level=0.22, attack_s=0.008, decay_s=0.45)
            _add(audio, piece, start + eighth / 2, tone)


def _note(midi: int, duration_s: float, *, level: float, attack_s: float, decay_s: float) -> Audio:
    """One note of a struck, bell-like voice: few harmonics, the higher ones gone sooner."""
    t = np.arange(int((duration_s + 0.25) * RATE)) / RATE
    frequency = 440.0 * 2.0 ** ((midi - 69) / 12)
    tone = np.zeros_like(t)
    for harmonic, share in ((1, 1.0), (2, 0.35), (3, 0.12)):
        tone += share * np.sin(2 * np.pi * harmonic * frequency * t) * np.exp(-t * harmonic / decay_s)
    attack = np.minimum(t / attack_s, 1.0)
    release = np.clip((duration_s + 0.25 - t) / 0.25, 0.0, 1.0)
    return level * tone * attack * release


def _add(audio: Audio, piece: Piece, beat: float, note: Audio) -> None:
    """`note` from `beat` on; in an endless piece what goes beyond the end goes on at the beginning."""
    start = int(beat * piece.beat_s * RATE)
    end = min(start + len(note), len(audio))
    audio[start:end] += note[: end - start]
    if piece.endless:
        rest = note[end - start :]
        audio[: len(rest)] += rest


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in PIECES:
        sys.stderr.write(f"usage: python -m media.prompts.music {'|'.join(PIECES)} FILE.ogg\n")
        return 2
    soundfile.write(Path(arguments[1]), render(PIECES[arguments[0]]), RATE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
