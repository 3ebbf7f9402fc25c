"""The prompts of the plan in force, as clips ready to play."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from gateway.dialplan.fallbacks import fallback_text
from gateway.dialplan.files import AudioFiles, music_mentioned
from gateway.dialplan.model import Plan, Prompt, Recorded, Spoken
from gateway.dialplan.ports import PromptSource, PromptUnavailable
from gateway.dialplan.queues import Music, QueueDefinition
from gateway.dialplan.waiting_words import known_prompts
from media.clip import Clip, ClipError
from media.speech.synthesiser import SynthesisError

PromptFailureHandler = Callable[[Prompt, Exception], None]
"""Takes a prompt that couldn't be played, for the log and the count."""


class PlanPrompts:
    """Finds the clips of prompts, with a fallback for each that fails."""

    def __init__(self, spoken: PromptSource, files: AudioFiles, on_failure: PromptFailureHandler) -> None:
        self._spoken = spoken
        self._files = files
        self._on_failure = on_failure

    async def clips(self, prompts: Sequence[Prompt]) -> tuple[Clip, ...]:
        """The clips of `prompts`; without suspending when they are in memory.

        One that fails is replaced by its fallback, or left out when that fails too. Raises PromptUnavailable
        when nothing is left.
        """
        found = [clip for prompt in prompts if (clip := await self._clip_or_fallback(prompt)) is not None]
        if not found:
            raise PromptUnavailable(prompts)
        return tuple(found)

    async def music(self, queue: QueueDefinition) -> Clip | None:
        """What those who wait in `queue` hear, as one clip to repeat; None for silence.

        Without suspending when it is in memory. Music that can't be played is replaced by Ringback's own.
        """
        for music in (queue.music, Music()):
            try:
                return await self._files.music(music)
            except ClipError as error:
                self._on_failure(music_mentioned(replace(queue, music=music)), error)
        return None

    async def _clip_or_fallback(self, prompt: Prompt) -> Clip | None:
        for candidate in (prompt, fallback_of(prompt)):
            try:
                return await self._clip(candidate)
            except (ClipError, SynthesisError) as error:
                self._on_failure(candidate, error)
        return None

    async def _clip(self, prompt: Prompt) -> Clip:
        match prompt:
            case Spoken():
                return await self._spoken.clip(prompt.text, prompt.language)
            case Recorded():
                return await self._files.clip(prompt.file)
            case _:
                assert_never(prompt)


def fallback_of(prompt: Prompt) -> Spoken:
    """What is said when `prompt` can't be played."""
    return prompt.fallback if isinstance(prompt, Recorded) else fallback_text(prompt.language)


def spoken_texts(plan: Plan) -> Iterator[tuple[str, str]]:
    """Every (text, language) that a call on `plan` may need, fallbacks too, each once."""
    prompts = (*plan.prompts(), *known_prompts(plan))
    spoken = [prompt for prompt in prompts if isinstance(prompt, Spoken)]
    spoken += [fallback_of(prompt) for prompt in prompts]
    yield from dict.fromkeys((prompt.text, prompt.language) for prompt in spoken)


@dataclass(frozen=True, slots=True)
class ActivePlan:
    """A plan with its audio in memory. A call keeps the one it began with."""

    plan: Plan
    prompts: PlanPrompts


async def activate(
    plan: Plan,
    spoken: PromptSource,
    files: AudioFiles,
    *,
    on_failure: PromptFailureHandler,
    on_progress: Callable[[int, int], None] = lambda _ready, _all: None,
) -> ActivePlan:
    """Make `plan` ready for calls: every prompt rendered, every file decoded.

    What fails goes to `on_failure` and keeps nothing from starting: those prompts are tried again, and
    replaced by their fallbacks, when a caller meets them.
    """
    for recorded, error in await files.preload(plan):
        on_failure(recorded, error)
    for text, language, problem in await spoken.warm(tuple(spoken_texts(plan)), on_progress):
        on_failure(Spoken(text, language), problem)
    return ActivePlan(plan, PlanPrompts(spoken, files, on_failure))
