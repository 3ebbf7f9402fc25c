"""How well a phoneme recogniser's output fits the phrases of a grammar. Pure numbers.

The recogniser gives, for each frame, the log-probability of each symbol, blank among them (connectionist
temporal classification, Graves et al., ICML 2006). A phrase's score is that of its best path through the
frames, relative to the best path that is free to be anything, for each of its sounds: 0 is perfect. Before
and after the phrase anything may be said ("billing, please"), at a price for each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

TEMPERATURE: Final = 1.5  # the recogniser is surer of itself than it has reason to be
CONFUSION: Final = 0.1  # how much a similar sound counts
FLOOR: Final = 1e-4
FILLER_PRICE: Final = 2.0  # for each frame outside the phrase that isn't silence
_NEVER: Final = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Symbols:
    """What the columns mean: the blank, the boundary between words, and which sounds are taken for which.

    `similar`: (symbols, symbols), what the probability of the column counts towards that of the row.
    """

    blank: int
    boundary: int
    similar: Matrix


def score(log_probs: Matrix, phrases: Sequence[Sequence[int]], symbols: Symbols) -> npt.NDArray[np.float32]:
    """(phrases,) the score of each; `log_probs`: (frames, symbols); a phrase is its symbols, not empty."""
    sounds, silence = _emissions(log_probs, symbols)
    free = np.maximum(silence, sounds.max(axis=1))
    filler = np.where(silence >= free - 1e-6, silence, free - FILLER_PRICE)
    lattice = _Lattice(phrases)
    best = lattice.best(lattice.emissions(sounds, silence, filler))
    lengths = np.array([len(phrase) for phrase in phrases], np.float32)
    return np.asarray((best - free.sum()) / lengths, np.float32)


def _emissions(log_probs: Matrix, symbols: Symbols) -> tuple[Matrix, Matrix]:
    """(frames, symbols) of sounds, similar ones counted in, and (frames,) of saying nothing."""
    scaled = np.exp(log_probs / TEMPERATURE)
    scaled /= scaled.sum(axis=1, keepdims=True)
    silence = np.log(scaled[:, symbols.blank] + scaled[:, symbols.boundary] + FLOOR)
    return np.log(scaled @ symbols.similar.T + FLOOR), silence


class _Lattice:
    """All phrases at once: (phrases, states). Of a phrase of n sounds the states are filler, blank, sound,
    blank, sound, …, blank, filler.
    """

    def __init__(self, phrases: Sequence[Sequence[int]]) -> None:
        longest = max(len(phrase) for phrase in phrases)
        self._phrases = phrases
        self._shape = (len(phrases), 2 * longest + 3)
        self._last = np.array([2 * len(phrase) + 2 for phrase in phrases])  # the filler at the end
        self._skips = np.zeros(self._shape, bool)  # a sound that may follow the one before without a blank
        for row, phrase in enumerate(phrases):
            for index, sound in enumerate(phrase):
                self._skips[row, 2 + 2 * index] = index == 0 or phrase[index - 1] != sound

    def emissions(self, sounds: Matrix, silence: Matrix, filler: Matrix) -> Matrix:
        """(frames, phrases, states)"""
        found = np.full((len(silence), *self._shape), _NEVER, np.float32)
        for row, phrase in enumerate(self._phrases):
            last = int(self._last[row])
            found[:, row, 0] = found[:, row, last] = filler
            found[:, row, 1:last:2] = silence[:, None]
            found[:, row, 2:last:2] = sounds[:, list(phrase)]
        return found

    def best(self, emissions: Matrix) -> Matrix:
        """(phrases,) the best path through all frames."""
        rows = np.arange(self._shape[0])
        paths = np.full(self._shape, _NEVER, np.float32)
        paths[:, :3] = emissions[0, :, :3]
        for frame in emissions[1:]:
            step = paths.copy()
            np.maximum(step[:, 1:], paths[:, :-1], out=step[:, 1:])
            step[:, 2:] = np.maximum(step[:, 2:], np.where(self._skips[:, 2:], paths[:, :-2], _NEVER))
            # After the last sound the filler may follow at once.
            step[rows, self._last] = np.maximum(step[rows, self._last], paths[rows, self._last - 2])
            paths = step + frame
        ends = [paths[rows, self._last - back] for back in range(3)]
        return np.asarray(np.maximum.reduce(ends))
