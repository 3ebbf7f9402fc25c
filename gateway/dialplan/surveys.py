"""Surveys as a plan defines them: what callers are asked after the talk, and in which words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.dialplan.places import Position
from gateway.dialplan.wording import Wording


class Question(Enum):
    """What is asked. The values are how plans spell them."""

    NPS = "nps"  # how likely they are to recommend us, 0 to 10
    CSAT = "csat"  # how content they are, 1 to 5
    COMMENT = "comment"  # an open one, recorded


RANGES: Final[Mapping[Question, range]] = MappingProxyType(
    {Question.NPS: range(11), Question.CSAT: range(1, 6)}
)
"""The answers that a question takes."""

USUAL: Final = (Question.NPS, Question.CSAT)
COMMENT_S: Final = 60.0


def _shipped(key: str) -> Wording:
    return Wording(Position("", 1, 1), key=f"ringback.survey.{key}")


WORDS: Final[Mapping[Question, Wording]] = MappingProxyType(
    {question: _shipped(question.value) for question in Question}
)
THANKS: Final = _shipped("thanks")


@dataclass(frozen=True, slots=True)
class SurveyDefinition:
    """A survey. `thanks`: said at its end; None: nothing. `comment_s`: the longest comment."""

    name: str
    at: Position
    questions: tuple[Question, ...] = USUAL
    words: Mapping[Question, Wording] = field(default_factory=lambda: WORDS)
    thanks: Wording | None = THANKS
    comment_s: float = COMMENT_S
