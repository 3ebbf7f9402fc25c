"""From what several engines make of an utterance to one list of readings, each with a confidence.

Engines of different kinds are wrong about different things: where they agree, both are probably right, and
where the second finds nothing of what the first one heard, the first is guessing. The confidence of a
reading is a logistic function of how well each engine likes it, and by how much better than the next one.
Its coefficients were fitted to synthetic and recorded utterances on a
telephone line with 5 to 30 dB of noise, in and out of the grammar; `make bench` shows what they are worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

import numpy as np
import numpy.typing as npt

from media.speech.recogniser import Answers, Evidence, Grammar, Hypothesis, Recognition

N_BEST: Final = 3
LONE_LEAD: Final = 1.5
"""The lead of a phrase that is the only one."""

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weight:
    """`vote`: what an engine's score counts when the readings are put in order. `score`, `lead`: what its
    score, and its lead over the next reading, count for the confidence.
    """

    vote: float
    score: float
    lead: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The weights of engines that were asked together."""

    bias: float
    weights: Mapping[str, Weight]


_W, _P, _H = "whisper-tiny-en", "pocketsphinx", "hama"

RANGES: Final[Mapping[str, tuple[float, float]]] = {_W: (-10.0, 0.0), _P: (0.0, 1.0), _H: (-6.0, 0.0)}
"""Of each engine's scores; beyond it one is as bad as another."""

CALIBRATIONS: Final[Mapping[frozenset[str], Calibration]] = {
    frozenset(calibration.weights): calibration
    for calibration in (
        Calibration(1.393, {_W: Weight(1.0, 0.485, 1.046)}),
        Calibration(-2.491, {_P: Weight(1.0, 1.314, 2.627)}),
        Calibration(1.376, {_H: Weight(1.0, 1.626, 1.850)}),
        Calibration(1.057, {_W: Weight(1.0, 0.430, 0.922), _P: Weight(1.0, 0.380, 0.803)}),
        Calibration(3.541, {_W: Weight(1.0, 0.354, 0.717), _H: Weight(2.0, 1.287, 0.339)}),
        Calibration(1.053, {_P: Weight(0.7, 0.225, 2.143), _H: Weight(1.0, 1.468, 1.523)}),
        Calibration(
            3.375,
            {_W: Weight(1.0, 0.332, 0.687), _P: Weight(1.0, 0.252, 0.862), _H: Weight(2.0, 1.326, 0.254)},
        ),
    )
}


def judge(grammar: Grammar, evidence: Mapping[str, Evidence]) -> Recognition:
    """`evidence`: by engine, in the order in which they are trusted; not empty."""
    if grammar.answers is not Answers.PHRASES:
        return _open(evidence)
    scored = {name: np.array(found.scores) for name, found in evidence.items() if found.scores}
    if not scored:
        return _likest(grammar, evidence)
    engines = frozenset(scored)
    calibration = CALIBRATIONS.get(engines)
    if calibration is None:
        # A set that nobody has measured: its first engine that was, alone.
        known = next((name for name in scored if frozenset({name}) in CALIBRATIONS), None)
        if known is None:
            return Recognition((), tuple(scored))
        calibration, scored = CALIBRATIONS[frozenset({known})], {known: scored[known]}
    votes = np.sum(
        [w.vote * np.maximum(scored[name], 3 * RANGES[name][0]) for name, w in calibration.weights.items()],
        axis=0,
    )
    order = np.argsort(-votes, kind="stable")[:N_BEST]
    meanings = np.array(grammar.meanings or range(len(grammar.phrases)))
    readings = [
        Hypothesis(
            grammar.phrases[index],
            _confidence(
                calibration, features(calibration.weights, scored, int(index), meanings != meanings[index])
            ),
        )
        for index in order
    ]
    return Recognition(tuple(readings), tuple(scored))


def features(
    weights: Mapping[str, Weight], scored: Mapping[str, Scores], index: int, rivals: npt.NDArray[np.bool_]
) -> list[float]:
    """Of each engine, its score of a reading and the lead over the best of its rivals, both within its
    range.
    """
    found: list[float] = []
    for name in weights:
        least, most = RANGES[name]
        others = scored[name][rivals]
        lead = float(scored[name][index] - others.max()) if len(others) else LONE_LEAD
        reach = (most - least) / 2.0
        found += [float(np.clip(scored[name][index], least, most)), float(np.clip(lead, -reach, reach))]
    return found


def _confidence(calibration: Calibration, values: list[float]) -> float:
    coefficients = [c for weight in calibration.weights.values() for c in (weight.score, weight.lead)]
    logit = calibration.bias + float(np.dot(coefficients, values))
    return float(1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0))))


CERTAIN: Final = -0.25
DOUBTFUL: Final = -1.2
"""Mean log-probabilities of a token at which a transcript is right nine times of ten, and one time of ten."""


def _open(evidence: Mapping[str, Evidence]) -> Recognition:
    readings = [
        Hypothesis(
            found.text,
            float(np.clip(0.1 + 0.8 * (found.certainty - DOUBTFUL) / (CERTAIN - DOUBTFUL), 0.0, 0.95)),
        )
        for found in evidence.values()
        if found.text
    ]
    return Recognition(tuple(readings), tuple(evidence))


def _likest(grammar: Grammar, evidence: Mapping[str, Evidence]) -> Recognition:
    """For engines that can't be held to a grammar: the phrases that a transcript is most like."""
    heard = [(found.text.casefold(), found.certainty) for found in evidence.values() if found.text]
    readings = [
        Hypothesis(phrase, likeness)
        for phrase in grammar.phrases
        if (
            likeness := max(
                (SequenceMatcher(None, phrase.casefold(), text).ratio() for text, _ in heard), default=0.0
            )
        )
    ]
    best = sorted(readings, key=lambda one: -one.confidence)[:N_BEST]
    return Recognition(tuple(best), tuple(evidence))
