"""Who speaks which language, and who steps in."""

from __future__ import annotations

import pytest

from media.clip import Clip
from media.speech.synthesiser import SynthesisError
from media.speech.voices import Voices
from tests.fakes.audio import silence


class Voice:
    """Speaks everything but `broken` languages."""

    def __init__(self, name: str, broken: str = "") -> None:
        self.name, self.version, self._broken = name, "1", broken

    def voice(self, language: str) -> str:
        return f"{self.name} of {language}"

    async def synthesise(self, text: str, language: str) -> Clip:
        if language == self._broken:
            raise SynthesisError(self.name, language, "no")
        return silence(f"{self.name}: {text}")


async def test_each_language_has_its_voice_and_the_rest_the_usual_one() -> None:
    voices = Voices(Voice("usual"), {"en": Voice("fine")})

    assert (await voices.synthesise("Hello.", "en")).name == "fine: Hello."
    assert (await voices.synthesise("Hello.", "en-GB")).name == "fine: Hello."
    assert (await voices.synthesise("Hallo.", "de")).name == "usual: Hallo."
    assert voices.voice("en") == "fine/1/fine of en"
    assert voices.voice("de") != voices.voice("en")


async def test_the_usual_voice_steps_in_and_says_why() -> None:
    told: list[SynthesisError] = []
    voices = Voices(Voice("usual"), {"en": Voice("fine", broken="en")}, told.append)

    assert (await voices.synthesise("Hello.", "en")).name == "usual: Hello."
    assert [error.engine for error in told] == ["fine"]


async def test_what_nobody_can_speak_is_an_error() -> None:
    with pytest.raises(SynthesisError):
        await Voices(Voice("usual", broken="xx"), {}).synthesise("?", "xx")
