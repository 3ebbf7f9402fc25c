"""The Listener of one call: an ear on its leg, the pool of recognisers, and what the dialplan is told.

An utterance is recognised as soon as the caller pauses. If they go on, that was for nothing and is dropped;
if not, the result is there when the silence is long enough, and a phrase that is beyond doubt doesn't wait
for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from structlog.typing import FilteringBoundLogger

from gateway.call.leg import CallLeg
from gateway.dialplan.ports import HeardHandler
from gateway.dialplan.run import HearingFailed, Listen, PhraseHeard, SpeechBegan, SpeechLost
from gateway.switch.control import LegControl
from media.ear import Began, Heard, Nothing, Said, WentOn
from media.ear import HeardHandler as EarHandler
from media.speech.pool import PoolFull
from media.speech.recogniser import Answers, Grammar, Recognition, RecognitionError
from media.vad import Utterance

BEYOND_DOUBT: Final = 0.9
"""A phrase of at least this confidence is taken at the first pause."""


class OpenEar(Protocol):
    """Begins to hear the caller of one call; `close` of what it returns ends that."""

    def __call__(self, wanted: Listen, on_heard: EarHandler) -> Closable: ...


class Closable(Protocol):
    def close(self) -> None: ...


class Recognise(Protocol):
    """The pool. Raises RecognitionError, and PoolFull among them."""

    def __call__(self, utterance: Utterance, grammar: Grammar, /) -> Awaitable[Recognition]: ...


class SpeechObserver(Protocol):
    """Whoever counts. None of these may raise or wait."""

    def recognised(self, outcome: str, recognition: Recognition | None, *, late_s: float) -> None:
        """`outcome`: accepted, confirm, rejected, empty, full, failed. `late_s`: since the end of speech."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an answer, because its node says so. `audio`: None unless it does."""

    node: str
    transcript: str | None
    confidence: float
    audio: Utterance | None


Keep = Callable[[Kept], None]


def keep_nothing(_kept: Kept) -> None:
    """For calls without a record of their own to keep transcripts in."""


@dataclass(frozen=True, slots=True)
class HearingServices:
    """What the listeners of a node share. `understands`: whether there is an engine for a language and an
    answer.
    """

    recognise: Recognise
    understands: Callable[[Grammar], bool]
    observer: SpeechObserver


OpenListener = Callable[[CallLeg, LegControl, Keep, FilteringBoundLogger], "CallListener"]
"""Makes the listener of one call: its leg, what plays to it, and where to keep what is kept."""


class CallListener:
    """Belongs to one call and one event loop. `close` it with the call."""

    def __init__(
        self, services: HearingServices, open_ear: OpenEar, keep: Keep, log: FilteringBoundLogger
    ) -> None:
        self._services = services
        self._open_ear = open_ear
        self._keep = keep
        self._log = log
        self._ear: Closable | None = None
        self._wanted: Listen | None = None
        self._on_heard: HeardHandler = lambda _event: None
        self._work: asyncio.Task[None] | None = None
        self._final = asyncio.Event()  # the caller has finished; the result is due

    def listen(self, wanted: Listen, on_heard: HeardHandler) -> None:
        self.stop_listening()
        if not self._services.understands(_grammar(wanted)):
            self._log.debug("speech_not_understood", language=wanted.language, answer=wanted.answer)
            return
        self._wanted, self._on_heard = wanted, on_heard
        self._ear = self._open_ear(wanted, self._heard)

    def stop_listening(self) -> None:
        self._forget()
        self._wanted = None
        if self._ear is not None:
            ear, self._ear = self._ear, None
            ear.close()

    close = stop_listening

    # ---- what the ear tells

    def _heard(self, heard: Heard) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        match heard:
            case Began():
                self._on_heard(SpeechBegan())
            case WentOn():
                self._forget()
            case Nothing():
                self._forget()
                self._on_heard(SpeechLost())
            case Said():
                self._said(wanted, heard)
            case _:
                assert_never(heard)

    def _said(self, wanted: Listen, said: Said) -> None:
        if said.final and self._work is not None:
            self._final.set()  # what was begun at the pause is about the same audio
            return
        self._forget()
        if said.final:
            self._final.set()
        ended_at = time.monotonic() - said.late_s
        self._work = asyncio.get_running_loop().create_task(self._recognise(wanted, said.utterance, ended_at))

    def _forget(self) -> None:
        self._final.clear()
        if self._work is not None:
            self._work.cancel()
            self._work = None

    async def _recognise(self, wanted: Listen, utterance: Utterance, ended_at: float) -> None:
        observer = self._services.observer
        try:
            recognition = await self._services.recognise(utterance, _grammar(wanted))
        except RecognitionError as error:
            full = isinstance(error, PoolFull)
            self._log.warning("speech_not_recognised", error=str(error))
            observer.recognised("full" if full else "failed", None, late_s=time.monotonic() - ended_at)
            self._end(HearingFailed())
            return
        await self._until_due(wanted, recognition, ended_at)
        outcome = _outcome(wanted, recognition)
        observer.recognised(outcome, recognition, late_s=time.monotonic() - ended_at)
        best = recognition.best
        self._log.info(
            "speech_recognised", node=wanted.node, outcome=outcome, confidence=round(best.confidence, 2)
        )
        self._keep_of(wanted, utterance, recognition)
        others = tuple((other.text, other.confidence) for other in recognition.hypotheses[1:])
        self._end(PhraseHeard(best.text, best.confidence, others))

    async def _until_due(self, wanted: Listen, recognition: Recognition, ended_at: float) -> None:
        """Until the caller has been silent for long enough, unless there is no doubt of what they said."""
        if wanted.phrases and recognition.best.confidence >= BEYOND_DOUBT:
            return
        left_s = ended_at + wanted.speech.end_silence_s - time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._final.wait(), max(left_s, 0.0))

    def _end(self, event: PhraseHeard | HearingFailed) -> None:
        # The task that says it is over by itself: whoever listens again at once must not cancel it.
        self._work = None
        self._final.clear()
        self._on_heard(event)

    def _keep_of(self, wanted: Listen, utterance: Utterance, recognition: Recognition) -> None:
        keep = wanted.speech.keep
        if wanted.secret or not keep:
            return
        best = recognition.best
        transcript = best.text if "transcript" in keep else None
        self._keep(Kept(wanted.node, transcript, best.confidence, utterance if "audio" in keep else None))


def _grammar(wanted: Listen) -> Grammar:
    return Grammar(wanted.language, wanted.phrases, Answers(wanted.answer), wanted.meanings)


def _outcome(wanted: Listen, recognition: Recognition) -> str:
    best = recognition.best
    if not best.text:
        return "empty"
    if best.confidence >= wanted.speech.confirm_below:
        return "accepted"
    return "confirm" if best.confidence >= wanted.speech.reject_below else "rejected"
