"""The endpointer: where in a caller's audio speech begins and ends. Frames in, events out; no clock, no I/O.

Three things have to agree that a frame is speech: it is louder than the line's noise, a voice activity
detector takes it for a voice, and it isn't a tone. Where a `confirm` detector is given (barge-in needs it),
it hears what the first ones let through, which costs nothing while the line is quiet.

Times are what the telephone world calls them in MRCP (RFC 6787 §9.4): speech that pauses may be over (the
complete timeout), and after a longer silence it is (the incomplete timeout).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

FRAME_S: Final = 0.02
SILENCE_DBFS: Final = -96.0
FULL_SCALE: Final = 32768.0

Frame = npt.NDArray[np.int16]
SpeechDetector = Callable[[Frame], bool]
"""Whether a frame of 20 ms sounds like a voice. It may remember the frames before it."""


@dataclass(frozen=True, slots=True)
class EndpointerSettings:
    """Seconds, and decibels. The defaults are for G.711 and were chosen by measurement.

    `pause_s`: silence after which what was said may be all. `end_s`: silence after which it is.
    `minimum_s`: of voice; shorter sounds are noise. `longest_s`: an utterance is cut there. `pre_roll_s`:
    kept from before the onset, since consonants are quieter than what follows. `margin_db`: above the noise
    of the line. `quietest_dbfs`: nothing below it is speech, however still it is.
    """

    pause_s: float = 0.24
    end_s: float = 0.7
    minimum_s: float = 0.12
    longest_s: float = 12.0
    pre_roll_s: float = 0.3
    margin_db: float = 1.0
    quietest_dbfs: float = -52.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said so far: from the pre-roll to the last voice and a little after it. `began_s`: its
    onset.
    """

    audio: Frame
    began_s: float
    ended_s: float  # of the last voice
    voiced_s: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody speaks, since `at_s` on the endpointer's own time line."""

    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """They have paused; this may be all. `SpeechResumed` or `SpeechEnded` follows."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """It wasn't all."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """This is all. `too_long`: it was cut."""

    utterance: Utterance
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class SpeechDropped:
    """It was too short to be speech: a click, a breath, the beginning of a cough."""

    voiced_s: float


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded | SpeechDropped


class _State(Enum):
    QUIET = "quiet"
    TALKING = "talking"
    PAUSED = "paused"


_ONSET_WINDOW: Final = 5  # frames, of which
_ONSET_VOICED: Final = 3  # so many begin an utterance: 60 to 100 ms after it did
_TAIL_FRAMES: Final = 10  # of silence that stay at the end of an utterance, for the recogniser
_FLOOR_WINDOWS: Final = 6  # of
_FLOOR_FRAMES: Final = 16  # frames each: the floor is the quietest of the last 1.6 to 1.9 s
_FLOOR_BIAS_DB: Final = 1.5  # the least of many noisy values is below their mean


class NoiseFloor:
    """The level of the line when nobody speaks, in dBFS: the least of the last two seconds, smoothed.

    Minimum statistics (R. Martin, IEEE Trans. Speech Audio Proc. 9(5), 2001), reduced to one band. It falls
    at once, and rises when the least level of a whole window of frames has.
    """

    def __init__(self) -> None:
        self._smoothed: float | None = None
        self._past: deque[float] = deque(maxlen=_FLOOR_WINDOWS)
        self._least = 0.0
        self._frames = 0

    @property
    def dbfs(self) -> float:
        """Before anything was heard, quieter than anything."""
        if self._smoothed is None:
            return SILENCE_DBFS
        return min((*self._past, self._least)) + _FLOOR_BIAS_DB

    def hear(self, level_dbfs: float) -> None:
        level = max(level_dbfs, SILENCE_DBFS)
        self._smoothed = level if self._smoothed is None else 0.6 * self._smoothed + 0.4 * level
        self._least = self._smoothed if self._frames == 0 else min(self._least, self._smoothed)
        self._frames += 1
        if self._frames == _FLOOR_FRAMES:
            self._past.append(self._least)
            self._frames = 0


class Endpointer:
    """One stream of audio. `feed` it as it comes, in pieces of any length.

    `rate`: 8000 or 16000 Hz. `detector`: hears every frame that is loud enough. `confirm`: a better and
    dearer one; it hears the frames of what may be speech, from the pre-roll on, in order.
    """

    def __init__(
        self,
        rate: int,
        detector: SpeechDetector,
        settings: EndpointerSettings | None = None,
        *,
        confirm: SpeechDetector | None = None,
    ) -> None:
        self.rate = rate
        self.settings = settings or EndpointerSettings()
        self._detector = detector
        self._confirm = confirm
        self._size = round(rate * FRAME_S)
        self._rest: Frame = np.zeros(0, np.int16)
        self._floor = NoiseFloor()
        self._tone = ToneDetector(rate)
        self._frames = 0  # heard
        self._listen_afresh()

    def _listen_afresh(self) -> None:
        self._state = _State.QUIET
        self._before: deque[Frame] = deque(maxlen=_frames(self.settings.pre_roll_s) + _ONSET_WINDOW)
        self._onset: deque[bool] = deque(maxlen=_ONSET_WINDOW)
        self._confirmed = 0  # frames of `_before` that `confirm` has heard already
        self._said: list[Frame] = []
        self._voiced = 0
        self._silent = 0
        self._began = 0

    @property
    def now_s(self) -> float:
        """The end of what was heard, on its own time line."""
        return self._frames * FRAME_S

    @property
    def floor_dbfs(self) -> float:
        return self._floor.dbfs

    @property
    def voiced_s(self) -> float:
        """Voice so far in the present utterance; 0 when nobody speaks."""
        return self._voiced * FRAME_S

    @property
    def speaking(self) -> bool:
        return self._state is not _State.QUIET

    def reset(self) -> None:
        """Forget the utterance under way (a key was pressed); what is known of the line's noise stays."""
        self._listen_afresh()

    def feed(self, samples: Frame) -> list[SpeechEvent]:
        """What these samples, after those before them, mean."""
        audio = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        whole = len(audio) // self._size * self._size
        self._rest = audio[whole:].copy()
        events: list[SpeechEvent] = []
        for frame in audio[:whole].reshape(-1, self._size):
            events += self._take(frame)
        return events

    def _take(self, frame: Frame) -> list[SpeechEvent]:
        self._frames += 1
        voiced = self._is_voice(frame)
        if self._state is _State.QUIET:
            return self._while_quiet(frame, voiced)
        self._said.append(frame)
        voiced = voiced if self._confirm is None else (self._confirm(frame) and voiced)
        return self._while_speaking(voiced)

    def _is_voice(self, frame: Frame) -> bool:
        level = level_dbfs(frame)
        floor = self._floor.dbfs
        self._floor.hear(level)
        self._tone.hear(frame)
        loud = level >= max(floor + self.settings.margin_db, self.settings.quietest_dbfs)
        return loud and self._detector(frame) and not self._tone.heard

    def _while_quiet(self, frame: Frame, voiced: bool) -> list[SpeechEvent]:
        self._before.append(frame.copy())
        self._confirmed = (
            max(self._confirmed - 1, 0) if len(self._before) == self._before.maxlen else self._confirmed
        )
        if self._confirm is not None and (voiced or any(self._onset)):
            voiced = self._catch_up() and voiced
        self._onset.append(voiced)
        if sum(self._onset) < _ONSET_VOICED:
            return []
        self._state = _State.TALKING
        self._said = list(self._before)
        self._voiced = sum(self._onset)
        self._silent = 0
        self._began = self._frames - len(self._onset) + self._onset.index(True)
        return [SpeechStarted(self._began * FRAME_S)]

    def _catch_up(self) -> bool:
        """Let `confirm` hear what it has missed; what it says of the latest frame."""
        heard = False
        frames = list(self._before)
        for frame in frames[self._confirmed :]:
            heard = self._confirm is None or self._confirm(frame)
        self._confirmed = len(frames)
        return heard

    def _while_speaking(self, voiced: bool) -> list[SpeechEvent]:
        settings = self.settings
        if voiced:
            self._voiced += 1
            self._silent = 0
            if self._state is _State.PAUSED:
                self._state = _State.TALKING
                return [SpeechResumed()]
            if self._frames - self._began >= _frames(settings.longest_s):
                return [self._end(too_long=True)]
            return []
        self._silent += 1
        if self._state is _State.TALKING and self._silent >= _frames(settings.pause_s):
            if self._voiced < _frames(settings.minimum_s):
                dropped = SpeechDropped(self.voiced_s)
                self._listen_afresh()
                return [dropped]
            self._state = _State.PAUSED
            return [SpeechPaused(self._utterance())]
        if self._state is _State.PAUSED and self._silent >= _frames(settings.end_s):
            return [self._end()]
        return []

    def _utterance(self) -> Utterance:
        keep = len(self._said) - max(self._silent - _TAIL_FRAMES, 0)
        return Utterance(
            np.concatenate(self._said[:keep]),
            self._began * FRAME_S,
            (self._frames - self._silent) * FRAME_S,
            self.voiced_s,
        )

    def _end(self, *, too_long: bool = False) -> SpeechEnded:
        ended = SpeechEnded(self._utterance(), too_long)
        self._listen_afresh()
        return ended


def level_dbfs(frame: Frame) -> float:
    """The level of a frame, where a sine of full amplitude has −3."""
    energy = float(np.dot(frame.astype(np.float32), frame.astype(np.float32))) / max(len(frame), 1)
    return 10.0 * float(np.log10(energy / FULL_SCALE**2)) if energy > 0 else SILENCE_DBFS


_TONE_SHARE: Final = 0.92
_TONE_WINDOW_S: Final = 3 * FRAME_S
_TONE_WIDTH_HZ: Final = 2.2 / _TONE_WINDOW_S  # the half width of a Hann window's main lobe, and a little more


class ToneDetector:
    """Whether nearly all of the last 60 ms is one or two steady sines: keys (ITU-T Q.23), dial, busy and
    ringing tones (ITU-T E.180), modems. Voices share their energy among many harmonics, which glide.
    """

    def __init__(self, rate: int) -> None:
        self._window = np.hanning(round(rate * _TONE_WINDOW_S)).astype(np.float32)
        self._recent = np.zeros(len(self._window), np.float32)
        self._fft = 1024 * rate // 8000
        self._width = round(_TONE_WIDTH_HZ * self._fft / rate)

    def hear(self, frame: Frame) -> None:
        """Every frame, in order."""
        self._recent = np.concatenate((self._recent[len(frame) :], frame))

    @property
    def heard(self) -> bool:
        power = np.abs(np.fft.rfft(self._recent * self._window, self._fft)) ** 2
        total = float(power.sum())
        share = 0.0
        for _ in range(2):
            peak = int(power.argmax())
            low, high = max(peak - self._width, 0), peak + self._width + 1
            share += float(power[low:high].sum())
            power[low:high] = 0.0
        return total > 0.0 and share / total >= _TONE_SHARE


def _frames(seconds: float) -> int:
    return round(seconds / FRAME_S)
