"""From what several engines make of an utterance to one list of readings, each with a confidence.

Engines of different kinds are wrong about different things: where they agree, both are probably right, and
where the second finds nothing of what the first one heard, the first is guessing. The confidence of a reading is a
logistic function of how well each engine likes it, and by how much better than the next one. Its coefficients were
fitted by `python -m tests.load.speech.fit` to synthetic and recorded utterances on a telephone line with 5 to
30 dB of noise, in and out of the grammar; `make bench` shows what they are worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from media.speech.recogniser import Answers, Evidence, Grammar, Hypothesis, Recognition

N_BEST: Final = 3
LONE_MARGIN: Final = 3.0
"""The lead of a phrase that is the only one."""


@dataclass(frozen=True, slots=True)
class Weight:
    """`vote`: what an engine's score counts when the readings are put in order. `score`, `lead`: what its score,
    and its lead over the next reading, count for the confidence. `least`, `most`: the range that counts.
    """

    vote: float
    score: float
    lead: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The weights of engines that were asked together."""

    bias: float
    weights: Mapping[str, Weight]


_W, _P, _H = "whisper-tiny-en", "pocketsphinx", "hama"

CALIBRATIONS: Final[Mapping[frozenset[str], Calibration]] = {
    frozenset({_W}): Calibration(6.0, {_W: Weight(1.0, 1.5, 0.6, -12.0, 0.0)}),
    frozenset({_W, _P}): Calibration(
        5.0, {_W: Weight(1.0, 1.5, 0.6, -12.0, 0.0), _P: Weight(1.0, 1.0, 0.0, 0.0, 1.0)}
    ),
}


def judge(grammar: Grammar, evidence: Mapping[str, Evidence]) -> Recognition:
    """`evidence`: by engine, in the order in which they are trusted; not empty."""
    if grammar.answers is not Answers.PHRASES:
        return _open(evidence)
    scored = {name: np.array(found.scores) for name, found in evidence.items() if found.scores}
    engines = frozenset(scored)
    calibration = CALIBRATIONS.get(engines)
    if calibration is None:
        # A set that nobody has measured: its first engine that was, alone.
        known = next((name for name in scored if frozenset({name}) in CALIBRATIONS), None)
        if known is None:
            return Recognition((), tuple(scored))
        calibration, scored = CALIBRATIONS[frozenset({known})], {known: scored[known]}
    votes = sum(weight.vote * scored[name] for name, weight in calibration.weights.items())
    order = np.argsort(-np.asarray(votes), kind="stable")[:N_BEST]
    readings = [Hypothesis(grammar.phrases[index], _confidence(calibration, scored, int(index))) for index in order]
    return Recognition(tuple(sorted(readings, key=lambda one: -one.confidence)), tuple(scored))


def features(weights: Mapping[str, Weight], scored: Mapping[str, np.ndarray], index: int) -> Sequence[float]:  # type: ignore[type-arg]
    """Of each engine, its score of a reading and the lead over the best other one, both within its range."""
    found: list[float] = []
    for name, weight in weights.items():
        scores = scored[name]
        others = np.delete(scores, index)
        lead = float(scores[index] - others.max()) if len(others) else LONE_MARGIN
        reach = weight.most - weight.least
        found += [float(np.clip(scores[index], weight.least, weight.most)), float(np.clip(lead, -reach, reach))]
    return found


def _confidence(calibration: Calibration, scored: Mapping[str, np.ndarray], index: int) -> float:  # type: ignore[type-arg]
    values = features(calibration.weights, scored, index)
    coefficients = [c for weight in calibration.weights.values() for c in (weight.score, weight.lead)]
    logit = calibration.bias + float(np.dot(coefficients, values))
    return float(1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0))))


CERTAIN: Final = -0.25
DOUBTFUL: Final = -1.2
"""Mean log-probabilities of a token at which a transcript is right nine times of ten, and one time of ten."""


def _open(evidence: Mapping[str, Evidence]) -> Recognition:
    readings = [
        Hypothesis(found.text, float(np.clip(0.1 + 0.8 * (found.certainty - DOUBTFUL) / (CERTAIN - DOUBTFUL), 0.0, 0.95)))
        for found in evidence.values()
        if found.text
    ]
    return Recognition(tuple(readings), tuple(evidence))
