"""An ear on a leg that has just been answered: is it a person, and when is a machine ready for a message?"""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np
import webrtcvad

from media.answering import FRAME_S, AnswerDetector, AnsweredBy
from media.bridge import Bridge, Port
from media.engine import Engine
from media.pcm import PcmPort, PcmSettings

AGGRESSIVENESS: Final = 2
QUIETEST_RMS: Final = 10 ** (-45.0 / 20.0) * 32768.0
"""Below -45 dBFS it is the noise of the line, whatever the detector says."""

READY_S: Final = 20.0
"""The longest greeting that a machine is listened to."""


class AnswerEar:
    """Listens from the moment it is made until it is closed."""

    def __init__(self, engine: Engine, bridge: Bridge, caller: Port) -> None:
        self._rate = engine.rate
        self._frame = round(engine.rate * FRAME_S)
        self._vad = webrtcvad.Vad(AGGRESSIVENESS)
        self._detector = AnswerDetector()
        self._changed = asyncio.Event()
        self._rest = b""
        settings = PcmSettings(send_s=0.02, notify_s=FRAME_S)
        self._tap = PcmPort(engine, bridge, settings, name="answer-ear", on_readable=self._readable)
        bridge.connect(caller, self._tap.port)

    async def answered_by(self) -> AnsweredBy:
        """The verdict, in a second or a few; NOBODY when no audio comes at all."""
        try:
            async with asyncio.timeout(2 * self._detector.longest_s):
                while self._detector.verdict is None:
                    await self._news()
        except TimeoutError:
            return AnsweredBy.NOBODY
        return self._detector.verdict

    async def ready_for_message(self) -> None:
        """Until the machine has said its piece, or has talked for too long."""
        try:
            async with asyncio.timeout(READY_S):
                while not self._detector.paused:
                    await self._news()
        except TimeoutError:
            return

    def close(self) -> None:
        """Hear nothing more. Safe to repeat."""
        self._tap.close()

    async def _news(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _readable(self, _samples: int) -> None:
        self._rest += self._tap.read()
        size = 2 * self._frame
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            self._detector.feed(self._is_voice(frame))
        self._changed.set()

    def _is_voice(self, frame: bytes) -> bool:
        samples = np.frombuffer(frame, np.int16).astype(np.float64)
        if float(np.sqrt(np.mean(samples * samples))) < QUIETEST_RMS:
            return False
        return bool(self._vad.is_speech(frame, self._rate))
