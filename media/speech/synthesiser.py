"""The Synthesiser port: from a text to speech."""

from __future__ import annotations

from typing import Protocol

from media.clip import Clip


class SynthesisError(Exception):
    """A text that couldn't be spoken: by which engine, in which language, and why."""

    def __init__(self, engine: str, language: str, problem: str) -> None:
        super().__init__(f"{engine} can't speak '{language}': {problem}")
        self.engine = engine
        self.language = language
        self.problem = problem


class Synthesiser(Protocol):
    """An engine. What changes its output shows in `name`, `version` or `voice`, which become cache keys."""

    @property
    def name(self) -> str:
        """The engine's name, such as `espeak-ng`."""
        ...

    @property
    def version(self) -> str: ...

    def voice(self, language: str) -> str:
        """The voice, with its settings, that speaks a language (BCP 47)."""
        ...

    async def synthesise(self, text: str, language: str) -> Clip:
        """`text` as speech, at the engine's own rate. Never blocks the event loop.

        In memory rather than to a file, so that a full disk can't keep a caller from hearing a prompt.
        Raises SynthesisError.
        """
        ...
