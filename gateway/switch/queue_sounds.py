"""What callers and agents hear around a queue, as clips: music, announcements, the whisper, the zip tone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import structlog

from gateway.agents.profile import AgentProfile
from gateway.call.leg import Party
from gateway.dialplan.fallbacks import fallback_text
from gateway.dialplan.model import Prompt, Recorded
from gateway.dialplan.ports import PromptUnavailable
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.queues import Music, QueueDefinition
from gateway.dialplan.waiting_words import Briefed, whisper_prompts, wording_prompts
from gateway.queues.views import EntryView
from gateway.switch.offers import Briefing
from media import tone
from media.clip import Clip

log = structlog.get_logger(__name__)

ZIP_HZ: Final = 1400.0
ZIP_S: Final = 0.2
ZIP_DBFS: Final = -18.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """The music of a queue, joined from its files. Clips are told apart by identity, so there is one."""

    music: Music
    clip: Clip | None


class QueueSounds:
    """Clips of the plan in force, each made once. `shipped`: the music of queues that name none."""

    def __init__(self, shipped: Clip, rate: int) -> None:
        self._shipped = shipped
        self._zip = tone.tone([ZIP_HZ], ZIP_S, rate, dbfs=ZIP_DBFS)
        self._pieces: WeakKeyDictionary[object, dict[str, _Piece]] = WeakKeyDictionary()
        self._making = asyncio.Lock()

    async def music(self, active: ActivePlan, queue: QueueDefinition) -> Clip | None:
        """What plays while callers of `queue` wait; None for silence, also when none of it can be played."""
        if queue.music.silent:
            return None
        if not queue.music.files:
            return self._shipped
        pieces = self._pieces.setdefault(active.prompts, {})
        async with self._making:
            piece = pieces.get(queue.name)
            if piece is None or piece.music is not queue.music:
                piece = pieces[queue.name] = _Piece(queue.music, await self._join(active, queue.music))
        return piece.clip

    async def clips(self, active: ActivePlan, prompts: Sequence[Prompt]) -> tuple[Clip, ...]:
        """The clips of `prompts`; none where none of them can be played, which is logged."""
        if not prompts:
            return ()
        try:
            return await active.prompts.clips(prompts)
        except PromptUnavailable as error:
            log.warning("announcement_unavailable", error=str(error))
            return ()

    async def consent(self, active: ActivePlan, queue: QueueDefinition, language: str) -> Clip | None:
        """What a caller is told when a recording begins; None when the plan has nothing said."""
        if queue.recording.consent is None:
            return None
        clips = await self.clips(active, wording_prompts(active.plan, language, queue.recording.consent))
        return clips[0] if clips else None

    async def connecting(
        self, active: ActivePlan, queue: QueueDefinition, language: str, agent: AgentProfile
    ) -> tuple[Clip, ...]:
        """What a caller hears while the agent is briefed."""
        if queue.connecting.say is None:
            return ()
        values = {"agent": {"id": agent.id, "name": agent.name}}
        prompts = wording_prompts(active.plan, language, queue.connecting.say, values)
        return await self.clips(active, prompts)

    async def brief(
        self,
        active: ActivePlan,
        queue: QueueDefinition,
        entry: EntryView | None,
        agent: AgentProfile,
        caller: Party,
        now: float,
    ) -> Briefing:
        """What the agent is told, and how they accept."""
        known = active.plan.agents.get(agent.id)
        language = known.languages[0] if known is not None and known.languages else "en"
        briefed = Briefed(
            queue=queue,
            caller_number=caller.number,
            caller_name=caller.display_name,
            waited_s=0.0 if entry is None else now - entry.enqueued_at,
            priority=0 if entry is None else entry.priority,
            language="" if entry is None else entry.language,
            callback=entry is not None and entry.callback,
        )
        prompts = whisper_prompts(active.plan, language, briefed)
        return Briefing(
            clips=await self.clips(active, prompts),
            accept_key=queue.connecting.accept_key,
            tone=self._zip if queue.connecting.zip_tone else None,
        )

    async def _join(self, active: ActivePlan, music: Music) -> Clip | None:
        files = [Recorded(file.file, fallback_text("en"), file.at) for file in music.files]
        clips = await self.clips(active, files)
        if len(clips) < 2:
            return clips[0] if clips else None
        samples = np.concatenate([clip.samples for clip in clips])
        return Clip(samples, clips[0].rate, "+".join(clip.name for clip in clips))
