"""espeak-ng, the default voice: small, fast (24 ms a prompt), in the distribution, for a hundred languages.

It runs as a child process for each text: the library behind it has global state and isn't safe for threads,
and a crash in it must not take calls along.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import soundfile

from media.clip import Clip
from media.speech.synthesiser import SynthesisError

NAME: Final = "espeak-ng"
MAX_TEXT_BYTES: Final = 20_000

_VERSION: Final = re.compile(r"(\d+(?:\.\d+)+\S*)")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")

# espeak's plain "en" is British and its "zh" an alias that comes and goes between versions.
DEFAULT_VOICES: Final[Mapping[str, str]] = {"en": "en-us", "zh": "cmn"}


@dataclass(frozen=True, slots=True)
class EspeakSettings:
    """`words_per_minute`: 80 to 450; a telephone wants it slower than the engine's own 175.

    `voices` maps a language of the dialplan to an espeak voice where they differ.
    """

    program: str = "espeak-ng"
    words_per_minute: int = 155
    voices: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_VOICES))
    limit_s: float = 20.0


class EspeakSynthesiser:
    """The Synthesiser port on espeak-ng; made by `detect`, which finds the program's version."""

    def __init__(self, version: str, settings: EspeakSettings) -> None:
        self._version = version
        self._settings = settings

    @classmethod
    async def detect(cls, settings: EspeakSettings | None = None) -> EspeakSynthesiser:
        """Raises SynthesisError when the program isn't there or doesn't say its version."""
        settings = settings if settings is not None else EspeakSettings()
        output = await _run(settings, ["--version"], b"", language="*")
        found = _VERSION.search(output.decode("utf-8", "replace"))
        if found is None:
            raise SynthesisError(NAME, "*", f"'{settings.program} --version' doesn't say a version")
        return cls(found[1], settings)

    @property
    def name(self) -> str:
        return NAME

    @property
    def version(self) -> str:
        return self._version

    def voice(self, language: str) -> str:
        return f"{self._espeak_voice(language)}/{self._settings.words_per_minute}"

    def _espeak_voice(self, language: str) -> str:
        return self._settings.voices.get(language, language.lower())

    async def synthesise(self, text: str, language: str) -> Clip:
        """See the port. 22.05 kHz mono."""
        encoded = text.encode("utf-8", "replace")
        if not text.strip() or len(encoded) > MAX_TEXT_BYTES:
            raise SynthesisError(NAME, language, f"a text of {len(encoded)} bytes (1 to {MAX_TEXT_BYTES})")
        if not _LANGUAGE.fullmatch(language):
            # It becomes an argument and, inside espeak, part of a file name.
            raise SynthesisError(NAME, language, "not a language tag")
        # -b 1: the input is UTF-8, whatever the locale. --stdin: the whole of it is one text, and none of it
        # is an argument.
        arguments = ["-v", self._espeak_voice(language), "-s", str(self._settings.words_per_minute)]
        output = await _run(self._settings, [*arguments, "-b", "1", "--stdin", "--stdout"], encoded, language)
        return await asyncio.to_thread(_decode, output, language, text)


def _decode(output: bytes, language: str, text: str) -> Clip:
    # espeak can't know the length when it writes the header of a stream, so the sizes in it are made up;
    # libsndfile takes what is there.
    try:
        audio, rate = soundfile.read(io.BytesIO(output), dtype="float32")
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise SynthesisError(NAME, language, f"its output isn't audio ({error})") from error
    if len(audio) == 0:
        raise SynthesisError(NAME, language, "no audio for this text")
    return Clip.from_float(audio, rate, name=text[:40])


async def _run(settings: EspeakSettings, arguments: list[str], text: bytes, language: str) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            settings.program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        problem = f"can't run '{settings.program}' ({error.strerror}); install it with: apt install espeak-ng"
        raise SynthesisError(NAME, language, problem) from error
    try:
        async with asyncio.timeout(settings.limit_s):
            output, errors = await process.communicate(text)
    except TimeoutError as error:
        raise SynthesisError(NAME, language, f"took longer than {settings.limit_s:g} s") from error
    finally:
        # Also when the task is cancelled: no child outlives the wish for its output.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        reason = errors.decode("utf-8", "replace").strip() or f"exit status {process.returncode}"
        raise SynthesisError(NAME, language, reason)
    return output
