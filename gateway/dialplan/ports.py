"""What a running dialplan needs of the world around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from gateway.call.cause import Cause
from gateway.dialplan.model import Prompt
from gateway.errors import RingbackError
from media.clip import Clip
from media.speech.synthesiser import SynthesisError


class PromptUnavailable(RingbackError):
    """None of the prompts could be played, nor a fallback in their place."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        super().__init__(f"none of {len(prompts)} prompts can be played")
        self.prompts = tuple(prompts)


class CallControl(Protocol):
    """The one call that a run acts on. LegEnded from any of these means that the caller was faster."""

    async def answer(self) -> None:
        """Answer. Returns when the answer is sent; the owner posts `Connected` when it is acknowledged."""
        ...

    async def open_early_media(self) -> None:
        """Open the audio before the answer. Returns when the caller can hear."""
        ...

    async def play(self, prompts: Sequence[Prompt]) -> None:
        """Play `prompts` one after another in place of what plays now; returns at their end.

        Cancelling it before they play keeps them from playing; afterwards `stop_audio` is what stops them.
        Raises PromptUnavailable when there is nothing to play.
        """
        ...

    def stop_audio(self) -> None:
        """Silence within one tick of the media clock. No-op when nothing plays."""
        ...

    async def hang_up(self, cause: Cause) -> None:
        """End the call, or reject it when it wasn't answered."""
        ...


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """A clock and its alarms. An asyncio event loop is one; tests bring their own."""

    def time(self) -> float:
        """Seconds on a clock that doesn't jump."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Cancellable:
        """Call `callback` on the event loop's thread in `delay` seconds."""
        ...


ProgressHandler = Callable[[int, int], None]
"""Takes how many are done, and of how many."""


class PromptSource(Protocol):
    """Spoken prompts: `media.prompts.cache.PromptCache` is one."""

    async def clip(self, text: str, language: str) -> Clip:
        """The clip of `text`; without suspending when it is in memory. Raises SynthesisError."""
        ...

    async def warm(
        self, prompts: Iterable[tuple[str, str]], on_progress: ProgressHandler
    ) -> Sequence[tuple[str, str, SynthesisError]]:
        """Have every (text, language) in memory; those that can't be spoken, each with its error."""
        ...
