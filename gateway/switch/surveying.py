"""Surveys: what callers are asked after the talk, by keys and, where they are understood, by words.

An answer counts as soon as it is given: who hangs up in the middle has answered what they had answered.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from gateway.clock import Clock
from gateway.dialplan.ports import Keys, Listener, Outcome
from gateway.dialplan.requests import RecordRequest
from gateway.dialplan.run import HearingFailed, Listen, PhraseHeard, SpeechBegan, SpeechLost
from gateway.dialplan.surveys import RANGES, Question, SurveyDefinition
from gateway.dialplan.waiting_words import WaitingFacts, spoken_numbers
from gateway.handoff.envelope import StepKind
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.runner import QueueRunner
from gateway.switch.live_calls import Served
from gateway.switch.queue_sounds import QueueSounds
from gateway.switch.queueing import Visitor
from gateway.switch.voicemail import Voicemail

ANSWER_S: Final = 8.0
"""Silence after a question before it is asked again."""
ASKED: Final = 2
SECOND_DIGIT_S: Final = 1.5
"""After a 1 that may become a 10."""
SURE: Final = 0.5
"""The least confidence of a number that was said; below it the question is asked again."""
COMMENT_SILENCE_S: Final = 4.0
SKIP: Final = "*"
LINK_FOR: Final = timedelta(days=7)


@dataclass(slots=True)
class Answers:
    """What somebody has said. `comment`: a recorded message's id, or a text."""

    nps: int | None = None
    csat: int | None = None
    comment: str = ""

    def __bool__(self) -> bool:
        return self.nps is not None or self.csat is not None or bool(self.comment)

    def details(self) -> dict[str, Any]:
        return {"nps": self.nps, "csat": self.csat, "comment": self.comment}

    def words(self) -> str:
        """For an agent."""
        told = [
            *([] if self.nps is None else [f"NPS {self.nps}"]),
            *([] if self.csat is None else [f"CSAT {self.csat}"]),
            *(["a comment"] if self.comment else []),
        ]
        return ", ".join(told)


@dataclass(frozen=True, slots=True)
class Surveys:
    """The surveys of a node."""

    runner: QueueRunner
    sounds: QueueSounds
    voicemail: Voicemail
    clock: Clock

    async def ask(
        self, survey: SurveyDefinition, visitor: Visitor, keys: Keys, language: str, facts: WaitingFacts
    ) -> Outcome:
        """`next` with the answers; `declined` when there are none. Once a call."""
        if visitor.live.surveyed:
            return Outcome("next")
        visitor.live.surveyed = True
        answers = Answers()
        talk = _Talk(self, survey, visitor, keys, language, facts, answers)
        try:
            for question in survey.questions:
                await talk.put(question)
            if answers and survey.thanks is not None:
                await talk.say(await talk.clips(survey.thanks))
        finally:
            talk.close()
            if answers:
                self._keep(survey, visitor, answers)
        return Outcome("next", answers.details()) if answers else Outcome("declined")

    def invite(self, survey: str, visitor: Visitor) -> None:
        """Who couldn't be asked is asked by a link, once."""
        if visitor.live.surveyed:
            return
        visitor.live.surveyed = True
        envelope = visitor.envelope
        details = {
            "survey": survey,
            "expires_at": self.clock.utc() + LINK_FOR,
            "handoff": "" if envelope is None else envelope.id,
        }
        self._write(JournalKind.SURVEY_INVITED, visitor, details)

    def _keep(self, survey: SurveyDefinition, visitor: Visitor, answers: Answers) -> None:
        details = {"survey": survey.name, "source": "call", **answers.details()}
        if visitor.envelope is not None:
            visitor.envelope.walk(StepKind.SURVEY, answers.words(), source="caller")
        self._write(JournalKind.SURVEYED, visitor, details)

    def _write(self, kind: JournalKind, visitor: Visitor, details: dict[str, Any]) -> None:
        served = visitor.live.served or Served()
        self.runner.write(
            JournalEvent(
                self.clock.utc(),
                kind,
                served.queue,
                served.entry,
                visitor.call_id,
                served.agent,
                details,
            )
        )


@dataclass(slots=True)
class _Talk:
    """One survey with one caller."""

    parts: Surveys
    survey: SurveyDefinition
    visitor: Visitor
    keys: Keys
    language: str
    facts: WaitingFacts
    answers: Answers
    spoken: asyncio.Queue[int] = field(default_factory=asyncio.Queue)

    async def put(self, question: Question) -> None:
        """Ask, and take the answer into `answers`."""
        clips = await self.clips(self.survey.words[question])
        match question:
            case Question.COMMENT:
                await self._comment(clips)
            case Question.NPS:
                self.answers.nps = await self._number(clips, RANGES[question])
            case Question.CSAT:
                self.answers.csat = await self._number(clips, RANGES[question])

    async def clips(self, words: Any) -> Any:
        return await self.parts.sounds.survey(self.visitor.active, words, self.language, self.facts)

    async def say(self, clips: Any) -> None:
        if clips:
            await self.visitor.control.play_clips(clips).finished()

    def close(self) -> None:
        self.visitor.control.stop_audio()
        if self._listener is not None:
            self._listener.stop_listening()

    async def _number(self, clips: Any, wanted: range) -> int | None:
        """By key or word; None for who skips it, or says nothing to the end."""
        for _ in range(ASKED):
            self._listen(wanted)
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(self._ask(clips))
                pressed = tasks.create_task(self._pressed(wanted))
                said = tasks.create_task(self.spoken.get())
                await asyncio.wait({asking, pressed, said}, return_when=asyncio.FIRST_COMPLETED)
                for task in (asking, pressed, said):
                    task.cancel()
            self.visitor.control.stop_audio()
            for answered in (pressed, said):
                if not answered.cancelled():
                    return answered.result()
        return None

    async def _ask(self, clips: Any) -> None:
        await self.say(clips)
        await asyncio.sleep(ANSWER_S)

    async def _pressed(self, wanted: range) -> int | None:
        """The number that was pressed; None for the key that skips."""
        while True:
            key = await self.keys.get()
            if key == SKIP:
                return None
            if not key.isdecimal():
                continue
            if key == "1" and 10 in wanted:
                self.visitor.control.stop_audio()
                return 10 if await self._second() == "0" else 1
            if int(key) in wanted:
                return int(key)

    async def _second(self) -> str:
        try:
            async with asyncio.timeout(SECOND_DIGIT_S):
                return await self.keys.get()
        except TimeoutError:
            return ""

    async def _comment(self, clips: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self.say(clips))
            skipping = tasks.create_task(self._skipped())
            await asyncio.wait({asking, skipping}, return_when=asyncio.FIRST_COMPLETED)
            asking.cancel()
            skipping.cancel()
        if not skipping.cancelled():
            self.visitor.control.stop_audio()
            return
        request = RecordRequest(self.survey.comment_s, COMMENT_SILENCE_S, "#")
        left = await self.parts.voicemail.record(self.visitor, request, self.keys)
        self.answers.comment = str(left.value or "")

    async def _skipped(self) -> None:
        while await self.keys.get() not in (SKIP, "#"):
            pass

    # ---- words

    @property
    def _listener(self) -> Listener | None:
        return self.visitor.listener

    def _listen(self, wanted: range) -> None:
        numbers = spoken_numbers(self.visitor.active.plan, self.language)
        if self._listener is None or not numbers:
            return
        phrases = tuple(numbers[number] for number in wanted)
        values = dict(zip(phrases, wanted, strict=True))

        def heard(event: SpeechBegan | SpeechLost | PhraseHeard | HearingFailed) -> None:
            match event:
                case SpeechBegan():
                    self.visitor.control.stop_audio()
                case PhraseHeard() if event.confidence >= SURE and event.text in values:
                    self.spoken.put_nowait(values[event.text])
                case _:
                    pass  # asked again, or answered by key

        meanings = tuple(range(len(phrases)))
        asked = Listen(phrases, self.language, meanings, node=f"survey {self.survey.name}")
        self._listener.listen(asked, heard)
