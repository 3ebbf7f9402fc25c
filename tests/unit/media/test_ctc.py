"""How well made-up outputs of a phoneme recogniser fit phrases."""

from __future__ import annotations

import numpy as np
import pytest

from media.speech.ctc import Matrix, Symbols, score

A, B, C, BLANK, BOUNDARY = range(5)
SYMBOLS = Symbols(BLANK, BOUNDARY, np.eye(5, dtype=np.float32))


def heard(text: str) -> Matrix:
    """A frame a letter: a, b, c, `.` for the blank."""
    columns = {"a": A, "b": B, "c": C, ".": BLANK}
    frames = np.full((len(text), 5), np.log(0.005), np.float32)
    for frame, letter in zip(frames, text, strict=True):
        frame[columns[letter]] = np.log(0.98)
    return frames


@pytest.mark.parametrize("text", ["..aa.bb.cc..", "abc", ".a.b.c", "aaabbbccc"])
def test_what_was_said_scores_best_and_nearly_nothing_less_than_perfect(text: str) -> None:
    found = score(heard(text), [[A, B, C], [A, C, B], [C, B, A]], SYMBOLS)

    assert found.argmax() == 0
    assert found[0] == pytest.approx(0.0, abs=0.1)
    assert max(found[1:]) < -0.5


def test_a_sound_twice_needs_a_blank_between() -> None:
    apart, together = score(heard("a.a"), [[A, A], [A]], SYMBOLS), score(heard("aaa"), [[A, A], [A]], SYMBOLS)

    assert apart[0] > together[0]
    assert together[1] == pytest.approx(0.0, abs=0.1)


def test_words_around_a_phrase_cost_something_and_a_wrong_phrase_more() -> None:
    alone, among, wrong = (score(heard(text), [[A, B]], SYMBOLS)[0] for text in ("ab", "cccab", "ccccc"))

    assert wrong < among < alone


def test_similar_sounds_count_for_one_another() -> None:
    similar = np.eye(5, dtype=np.float32)
    similar[A, C] = similar[C, A] = 0.1
    strict, lenient = (
        score(heard("cb"), [[A, B]], Symbols(BLANK, BOUNDARY, s))[0] for s in (SYMBOLS.similar, similar)
    )

    assert lenient > strict
