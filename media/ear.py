"""An ear on one call: what the caller says, utterance by utterance, and whether it is them who speaks.

It taps the leg's audio through a PCM port, and the player's to know what the caller is being told. Reading
and endpointing happen on one thread for all calls, never on the event loop; what is heard is told on the
event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import numpy as np

from media.bridge import Bridge, Port
from media.detectors import Detectors
from media.echo import EchoJudge
from media.engine import Engine
from media.pcm import PcmPort, PcmSettings
from media.vad import (
    Endpointer,
    EndpointerSettings,
    SpeechDropped,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    Utterance,
)

log = logging.getLogger("ringback.speech")

NOTIFY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Began:
    """The caller really speaks: for longer than a cough, and it isn't our own prompt coming back."""


@dataclass(frozen=True, slots=True)
class Said:
    """What they said. `final`: they have finished; if not, they may go on. `late_s`: silence since its last
    voice.
    """

    utterance: Utterance
    late_s: float
    final: bool


@dataclass(frozen=True, slots=True)
class WentOn:
    """They did go on: what was said before wasn't all."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """What had begun was no speech after all."""


Heard = Began | Said | WentOn | Nothing
HeardHandler = Callable[[Heard], object]


class Ear:
    """Listens from the moment it is made until it is closed. Its methods belong to the event loop.

    `barge_in_after_s`: of real speech, before it counts as such. `played`: where the prompts come from.
    """

    def __init__(
        self,
        engine: Engine,
        bridge: Bridge,
        thread: Executor,
        detectors: Detectors,
        on_heard: HeardHandler,
        *,
        caller: Port,
        played: Port | None,
        settings: EndpointerSettings,
        barge_in_after_s: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = thread
        self._on_heard = on_heard
        self._after_s = barge_in_after_s
        self._endpointer = Endpointer(engine.rate, detectors.detector, settings, confirm=detectors.confirm)
        self._echo = EchoJudge(engine.rate)
        self._told = False
        self._closed = False
        tap = PcmSettings(send_s=0.02, notify_s=NOTIFY_S)
        self._heard = PcmPort(engine, bridge, tap, name="ear", on_readable=self._readable)
        bridge.connect(caller, self._heard.port)
        self._played: PcmPort | None = None
        if played is not None:
            quiet = PcmSettings(send_s=0.02, notify_s=3600.0)
            self._played = PcmPort(engine, bridge, quiet, name="ear-reference")
            bridge.connect(played, self._played.port)

    def close(self) -> None:
        """Hear nothing more. Safe to repeat."""
        if self._closed:
            return
        self._closed = True
        self._heard.close()
        if self._played is not None:
            self._played.close()

    def _readable(self, _samples: int) -> None:
        try:
            self._thread.submit(self._work)
        except RuntimeError:  # the node is stopping
            log.debug("an ear was told of audio after the end")

    # ---- the endpointing thread

    def _work(self) -> None:
        if self._closed:
            return
        try:
            found = self._listen()
        except Exception:
            log.exception("an ear has failed; the call goes on with keys")
            return
        if found and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, found)

    def _listen(self) -> list[Heard]:
        samples = np.frombuffer(self._heard.read(), np.int16)
        played = np.frombuffer(self._played.read(), np.int16) if self._played is not None else samples[:0]
        self._echo.hear(samples, played)
        found: list[Heard] = []
        for event in self._endpointer.feed(samples):
            match event:
                case SpeechPaused() | SpeechEnded():
                    found += self._said(event.utterance, final=isinstance(event, SpeechEnded))
                case SpeechResumed():
                    found.append(WentOn())
                case SpeechDropped():
                    found += [Nothing()] if self._told else []
                    self._told = False
        speaks = self._endpointer.speaking and self._endpointer.voiced_s >= self._after_s
        if speaks and not self._told and not self._echo.is_echo(self._endpointer.voiced_s):
            # What sounds like an echo may still be a caller: the more of it, the surer.
            self._told = True
            found.append(Began())
        return found

    def _said(self, utterance: Utterance, *, final: bool) -> list[Heard]:
        if not self._told and self._echo.is_echo(utterance.voiced_s):
            if not final:
                self._endpointer.reset()
            return []
        if final:
            self._told = False
        return [Said(utterance, self._endpointer.now_s - utterance.ended_s, final)]

    # ---- event loop

    def _tell(self, found: list[Heard]) -> None:
        for one in found:
            if not self._closed:
                self._on_heard(one)
