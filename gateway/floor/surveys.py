"""Surveys that are answered by a link, for the API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from gateway.centre import ContactCentre
from gateway.clock import Clock
from gateway.dialplan.surveys import USUAL, Question
from gateway.handoff.desk import Change, HandoffDesk
from gateway.handoff.envelope import StepKind, step
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.storage.database import StorageError
from gateway.storage.journal_store import JournalStore, Selection
from gateway.switch.survey_links import Invitation, SurveyLinks
from gateway.switch.surveying import Answers


class LinkedSurveys:
    """`gateway.api.surveys.SurveyShelf`. That a call was answered is read from its journal."""

    def __init__(
        self,
        links: SurveyLinks,
        centre: ContactCentre,
        journal: JournalStore,
        envelopes: HandoffDesk,
        clock: Clock,
    ) -> None:
        self._links = links
        self._centre = centre
        self._journal = journal
        self._envelopes = envelopes
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    def read(self, token: str) -> tuple[Invitation, datetime]:
        return self._links.read(token)

    def questions(self, survey: str) -> Sequence[Question]:
        known = self._centre.plan.active.plan.surveys.get(survey)
        return USUAL if known is None else known.questions

    async def answered(self, invitation: Invitation) -> bool:
        mine = Selection(call_id=invitation.call_id, kinds={JournalKind.SURVEYED})
        return bool(await self._journal.latest(1, mine))

    async def answer(self, invitation: Invitation, nps: int | None, csat: int | None, comment: str) -> bool:
        answers, runner = Answers(nps, csat, comment), self._centre.runner
        async with self._one_at_a_time:
            if await self.answered(invitation):
                return False
            now = self._clock.utc()
            details = {
                "survey": invitation.survey,
                "source": "link",
                "handoff": invitation.handoff,
                **answers.details(),
            }
            runner.write(
                JournalEvent(
                    now,
                    JournalKind.SURVEYED,
                    invitation.queue,
                    invitation.entry,
                    invitation.call_id,
                    invitation.agent,
                    details,
                )
            )
            if not await runner.settled():
                raise StorageError("survey", "it isn't on disk yet")
        if invitation.handoff:
            said = step(StepKind.SURVEY, now, answers.words(), "customer")
            change = Change(now, "survey", JournalKind.SURVEYED.value)
            self._envelopes.change(invitation.handoff, lambda found: found.with_steps(said), change)
        return True
