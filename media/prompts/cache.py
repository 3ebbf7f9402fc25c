"""Spoken prompts, rendered once: in memory for the calls, on disk for the next start.

A prompt's key is a digest of everything that changes its sound: engine, version, voice, language, rate and
text. So nothing is ever stale: another engine or text makes another key, and old files are only unused.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Final

import soundfile
import soxr

from media.clip import Clip, ClipError
from media.prompts.level import VERSION, levelled
from media.speech.synthesiser import Synthesiser, SynthesisError

DEFAULT_MEMORY_BYTES: Final = 256 * 1024 * 1024
"""Some four hours of prompts at 8 kHz."""

_CONCURRENT_SYNTHESES: Final = 2  # the calls need the other cores

ProgressHandler = Callable[[int, int], None]
"""Takes how many prompts are ready, and of how many."""

StoreErrorHandler = Callable[[Path, OSError], None]
"""Takes the file that couldn't be kept (disk full, no permission). The prompt was played all the same."""


class PromptSourced(Enum):
    """Where a prompt came from."""

    MEMORY = "memory"
    DISK = "disk"
    SYNTHESIS = "synthesis"


SourceHandler = Callable[[PromptSourced, float], None]
"""Takes where a prompt came from, and how many seconds its synthesis took."""


class PromptCache:
    """Clips of spoken texts at `rate` Hz.

    The least recently used clips leave memory when all together exceed `memory_bytes`; their files stay.
    Belongs to one event loop.
    """

    def __init__(
        self,
        directory: Path,
        synthesiser: Synthesiser,
        rate: int,
        *,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        on_store_error: StoreErrorHandler = lambda _path, _error: None,
        observe: SourceHandler = lambda _source, _took_s: None,
    ) -> None:
        self._directory = directory
        self._synthesiser = synthesiser
        self._rate = rate
        self._memory_bytes = memory_bytes
        self._on_store_error = on_store_error
        self._observe = observe
        self._clips: OrderedDict[str, Clip] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[str, asyncio.Task[Clip]] = {}
        self._slots = asyncio.Semaphore(_CONCURRENT_SYNTHESES)

    async def clip(self, text: str, language: str) -> Clip:
        """The clip of `text`; without suspending when it is in memory. Raises SynthesisError.

        Callers that want the same prompt at the same time share one synthesis, and one that gives up
        doesn't take it from the others.
        """
        key = self._key(text, language)
        clip = self._clips.get(key)
        if clip is not None:
            self._clips.move_to_end(key)
            self._observe(PromptSourced.MEMORY, 0.0)
            return clip
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._make(key, text, language))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)

    async def warm(
        self, prompts: Iterable[tuple[str, str]], on_progress: ProgressHandler = lambda _ready, _all: None
    ) -> tuple[tuple[str, str, SynthesisError], ...]:
        """Have every (text, language) in memory; those that can't be spoken, each with its error."""
        wanted = list(dict.fromkeys(prompts))
        failed: list[tuple[str, str, SynthesisError]] = []
        ready = 0

        async def warm_one(text: str, language: str) -> None:
            nonlocal ready
            try:
                await self.clip(text, language)
            except SynthesisError as error:
                failed.append((text, language, error))
            ready += 1
            on_progress(ready, len(wanted))

        async with asyncio.TaskGroup() as tasks:
            for text, language in wanted:
                tasks.create_task(warm_one(text, language))
        return tuple(failed)

    async def close(self) -> None:
        """End the syntheses that are under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _key(self, text: str, language: str) -> str:
        engine = self._synthesiser
        parts = (
            engine.name,
            engine.version,
            engine.voice(language),
            language,
            str(self._rate),
            VERSION,
            text,
        )
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.wav"

    async def _make(self, key: str, text: str, language: str) -> Clip:
        async with self._slots:
            clip = await asyncio.to_thread(_read, self._path(key), self._rate)
            if clip is not None:
                self._observe(PromptSourced.DISK, 0.0)
            else:
                started = time.monotonic()
                spoken = await self._synthesiser.synthesise(text, language)
                clip = await asyncio.to_thread(_finished, spoken, self._rate)
                self._observe(PromptSourced.SYNTHESIS, time.monotonic() - started)
                await self._store(key, clip)
        self._remember(key, clip)
        return clip

    async def _store(self, key: str, clip: Clip) -> None:
        path = self._path(key)
        try:
            await asyncio.to_thread(_write, path, clip)
        except OSError as error:
            self._on_store_error(path, error)

    def _remember(self, key: str, clip: Clip) -> None:
        self._clips[key] = clip
        self._bytes += clip.samples.nbytes
        while self._bytes > self._memory_bytes and len(self._clips) > 1:
            _, oldest = self._clips.popitem(last=False)
            self._bytes -= oldest.samples.nbytes

    def _made(self, key: str, task: asyncio.Task[Clip]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            # Everybody who waited may have gone; looking at the error keeps asyncio from calling it unheard.
            task.exception()


def _finished(clip: Clip, rate: int) -> Clip:
    """At the bridge's rate, as loud as every other, without silence around it."""
    if clip.rate != rate:
        audio = soxr.resample(clip.samples.astype("float32") / 32768.0, clip.rate, rate)
        clip = Clip.from_float(audio, rate, name=clip.name)
    return levelled(clip)


def _read(path: Path, rate: int) -> Clip | None:
    """The stored clip, or None when there is none that can be used."""
    try:
        return Clip.load(path, rate)
    except ClipError:
        # Missing, or cut short by a crash of an earlier version or a full disk: made again, and replaced.
        return None


def _write(path: Path, clip: Clip) -> None:
    """Store the clip so that a reader sees all of it or nothing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            soundfile.write(file, clip.samples, clip.rate, format="WAV", subtype="PCM_16")
        Path(temporary).replace(path)
    except soundfile.LibsndfileError as error:
        Path(temporary).unlink(missing_ok=True)
        raise OSError(str(error)) from error
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise
