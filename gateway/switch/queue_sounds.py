"""What callers and agents hear around a queue, as clips: announcements, the whisper, the zip tone, music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from gateway.agents.profile import AgentProfile
from gateway.dialplan.expressions import ExpressionFailed
from gateway.dialplan.model import Prompt
from gateway.dialplan.ports import PromptUnavailable
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.queues import QueueDefinition
from gateway.dialplan.waiting_words import (
    WaitingFacts,
    briefing_language,
    callback_prompts,
    connecting_prompts,
    consent_prompts,
    sayings_to_prompts,
    survey_prompts,
    whisper_prompts,
)
from gateway.dialplan.wording import Wording
from gateway.queues.waiting import Saying
from gateway.switch.offers import Briefing
from media import tone
from media.clip import Clip

log = structlog.get_logger(__name__)

ZIP_HZ: Final = 1400.0
ZIP_S: Final = 0.2
ZIP_DBFS: Final = -18.0


class QueueSounds:
    """Clips of a plan's queues. Nothing here raises: what can't be said is left out, and logged."""

    def __init__(self, rate: int) -> None:
        self._zip = tone.tone([ZIP_HZ], ZIP_S, rate, dbfs=ZIP_DBFS)

    async def music(self, active: ActivePlan, queue: QueueDefinition) -> Clip | None:
        """What plays while callers wait, and while they are held; None for silence."""
        return await active.prompts.music(queue)

    async def sayings(
        self,
        active: ActivePlan,
        queue: str,
        language: str,
        sayings: Sequence[Saying],
        facts: WaitingFacts,
    ) -> tuple[Clip, ...]:
        """What the announcer decided to say."""
        return await self._clips(
            active, sayings_to_prompts(active.plan, queue, language, sayings, facts, _unsayable)
        )

    async def connecting(
        self, active: ActivePlan, queue: str, language: str, facts: WaitingFacts
    ) -> tuple[Clip, ...]:
        """What a caller hears while the agent is briefed."""
        return await self._clips(active, connecting_prompts(active.plan, queue, language, facts, _unsayable))

    async def consent(
        self, active: ActivePlan, queue: str, language: str, facts: WaitingFacts
    ) -> Clip | None:
        """What a caller is told when a recording begins; None when the plan has nothing said."""
        clips = await self._clips(active, consent_prompts(active.plan, queue, language, facts, _unsayable))
        return clips[0] if clips else None

    async def callback(
        self,
        active: ActivePlan,
        words: str | Wording,
        language: str,
        facts: WaitingFacts,
        figures: Mapping[str, Any],
    ) -> tuple[Clip, ...]:
        """What is said about a callback; `words` as for `callback_prompts`."""
        prompts = callback_prompts(active.plan, words, language, facts, figures, _unsayable)
        return await self._clips(active, prompts)

    async def survey(
        self, active: ActivePlan, words: Wording, language: str, facts: WaitingFacts
    ) -> tuple[Clip, ...]:
        """What callers are asked after the talk."""
        return await self._clips(active, survey_prompts(active.plan, words, language, facts, _unsayable))

    async def brief(
        self, active: ActivePlan, queue: QueueDefinition, agent: AgentProfile, facts: WaitingFacts
    ) -> Briefing:
        """What the agent is told, and how they accept."""
        language = briefing_language(active.plan, agent.id)
        prompts = whisper_prompts(active.plan, queue.name, language, facts, _unsayable)
        return Briefing(
            clips=await self._clips(active, prompts),
            accept_key=queue.connecting.accept_key,
            tone=self._zip if queue.connecting.zip_tone else None,
        )

    async def _clips(self, active: ActivePlan, prompts: Sequence[Prompt]) -> tuple[Clip, ...]:
        if not prompts:
            return ()
        try:
            return await active.prompts.clips(prompts)
        except PromptUnavailable as error:
            log.warning("announcement_unavailable", error=str(error))
            return ()


def _unsayable(failed: ExpressionFailed) -> None:
    log.warning("announcement_unsayable", error=str(failed))
