"""The Recogniser port: from what a caller said to what they may have meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

ENGINE_RATE = 16_000
"""Hz at which every engine hears, whatever the bridge's rate is."""

Audio = npt.NDArray[np.float32]
"""Mono, between -1.0 and 1.0, at `ENGINE_RATE`."""


class Answers(Enum):
    """What sort of answer a grammar expects. The values are those of a dialplan's `speech`."""

    PHRASES = "phrases"  # one of `Grammar.phrases`
    DIGITS = "digits"
    DATE = "date"
    AMOUNT = "amount"
    PHONE = "phone"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may be said. `language`: a BCP 47 tag. `phrases`: all of them, as they are said. `meanings`: of
    each phrase a number that it shares with those that mean the same; empty if no two do.

    For open answers the words come back as they were understood; what they mean is for the dialplan to say.
    """

    language: str
    phrases: tuple[str, ...] = ()
    answers: Answers = Answers.PHRASES
    meanings: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one engine makes of an utterance.

    `scores`: for a closed grammar, of each of its phrases; the greater the likelier, and comparable within
    the engine only. `text` and `certainty`: for an open one, the words and the mean log-probability of a
    token.
    """

    scores: tuple[float, ...] = ()
    text: str = ""
    certainty: float = 0.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One reading of an utterance. `confidence`: 0 to 1, the chance that it is right."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was understood: the readings, the likeliest first, and how long it took."""

    hypotheses: tuple[Hypothesis, ...]
    engines: tuple[str, ...]
    seconds: float = 0.0  # of work on it
    audio_s: float = 0.0  # of speech
    waited_s: float = field(default=0.0)  # for a place in the pool

    @property
    def best(self) -> Hypothesis:
        """The likeliest reading; of an utterance that nobody understood, none with no confidence."""
        return self.hypotheses[0] if self.hypotheses else Hypothesis("", 0.0)


class RecognitionError(Exception):
    """An utterance that couldn't be recognised: by which engine, and why."""

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"{engine}: {problem}")
        self.engine = engine
        self.problem = problem


class Recogniser(Protocol):
    """An engine. It is made and used in a worker process, by one thread, and may take its time."""

    @property
    def name(self) -> str:
        """As the configuration has it, such as `whisper-tiny-en`."""
        ...

    def understands(self, grammar: Grammar) -> bool:
        """Whether it can say anything of answers to this grammar."""
        ...

    def listen(self, audio: Audio, grammar: Grammar) -> Evidence:
        """What it makes of an utterance. Raises RecognitionError."""
        ...
