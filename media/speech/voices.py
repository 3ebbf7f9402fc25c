"""A synthesiser for each language: what the configuration chose, behind one Synthesiser port."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from media.clip import Clip
from media.speech.synthesiser import Synthesiser, SynthesisError


class Voices:
    """The Synthesiser port on several engines. `by_language`: tag to engine; `usual`: for all other
    languages.

    A text that the engine of its language can't speak is spoken by the usual one: `on_fallback` is told why.
    """

    def __init__(
        self,
        usual: Synthesiser,
        by_language: Mapping[str, Synthesiser],
        on_fallback: Callable[[SynthesisError], object] = lambda _error: None,
    ) -> None:
        self._usual = usual
        self._by_language = by_language
        self._on_fallback = on_fallback

    @property
    def name(self) -> str:
        return "voices"

    @property
    def version(self) -> str:
        return "1"

    def voice(self, language: str) -> str:
        """Engine, version and voice: all that a cached prompt depends on."""
        engine = self.engine(language)
        return f"{engine.name}/{engine.version}/{engine.voice(language)}"

    def engine(self, language: str) -> Synthesiser:
        """Who speaks a language; of `en-GB` whoever speaks `en`, if nobody is named for it."""
        by_language = self._by_language
        return by_language.get(language) or by_language.get(language.partition("-")[0]) or self._usual

    async def synthesise(self, text: str, language: str) -> Clip:
        engine = self.engine(language)
        try:
            return await engine.synthesise(text, language)
        except SynthesisError as error:
            if engine is self._usual:
                raise
            self._on_fallback(error)
            return await self._usual.synthesise(text, language)
