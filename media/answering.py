"""Who has answered a call of ours: a person or a machine. Frames in, a verdict out; no clock, no I/O.

People say a word or two and wait. Machines say a sentence or two, then a beep, then nothing. That cadence is
all there is to go by, and it is what every dialler since the nineties has gone by; a person who answers with
a speech is taken for a machine, so whoever asks lets them press a key all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

FRAME_S: Final = 0.02


class AnsweredBy(Enum):
    """The verdict."""

    PERSON = "person"
    MACHINE = "machine"
    NOBODY = "nobody"  # silence: a person who listens, or a line without audio


@dataclass(frozen=True, slots=True)
class Cadence:
    """What tells them apart, in seconds.

    `silence_s`: nobody has said anything for so long. `pause_s`: of silence after speech; the greeting is
    over. `greeting_s`: the longest that a person speaks without such a pause. `word_s`: shorter sounds are
    clicks. `longest_s`: then it is a machine, or there is noise on the line.
    """

    silence_s: float = 2.5
    pause_s: float = 0.8
    greeting_s: float = 2.0
    word_s: float = 0.1
    longest_s: float = 6.0


class AnswerDetector:
    """One call. Feed it every frame of 20 ms from the answer on, in order."""

    def __init__(self, cadence: Cadence = Cadence()) -> None:
        self._cadence = cadence
        self._elapsed_s = 0.0
        self._voiced_s = 0.0  # of the present word
        self._spoken_s = 0.0  # from the beginning of the greeting to its last word, pauses included
        self._began_s: float | None = None
        self._silent_s = 0.0
        self.verdict: AnsweredBy | None = None
        """None while it can't be told."""

    @property
    def longest_s(self) -> float:
        """When there is a verdict at the latest."""
        return self._cadence.longest_s

    @property
    def paused(self) -> bool:
        """Whoever spoke is silent now, for as long as between two sentences at least."""
        return self._began_s is not None and self._silent_s >= self._cadence.pause_s

    def feed(self, voice: bool) -> AnsweredBy | None:
        """One more frame. The verdict, once there is one; it doesn't change any more."""
        self._elapsed_s += FRAME_S
        if voice:
            self._hear_voice()
        else:
            self._voiced_s = 0.0
            self._silent_s += FRAME_S
        if self.verdict is None:
            self.verdict = self._judge()
        return self.verdict

    def _hear_voice(self) -> None:
        self._voiced_s += FRAME_S
        if self._voiced_s < self._cadence.word_s:
            self._silent_s += FRAME_S  # a click so far
            return
        if self._began_s is None:
            self._began_s = self._elapsed_s - self._voiced_s
        self._silent_s = 0.0
        self._spoken_s = self._elapsed_s - self._began_s

    def _judge(self) -> AnsweredBy | None:
        cadence = self._cadence
        if self._began_s is None:
            return AnsweredBy.NOBODY if self._elapsed_s >= cadence.silence_s else None
        if self._spoken_s > cadence.greeting_s:
            return AnsweredBy.MACHINE
        if self._silent_s >= cadence.pause_s:
            return AnsweredBy.PERSON
        return AnsweredBy.MACHINE if self._elapsed_s >= cadence.longest_s else None
