"""The plan's audio files: checked with the plan, decoded once, and played from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway.dialplan.faults import Fault, in_order, suggest
from gateway.dialplan.model import Plan, Recorded
from media.clip import Clip, ClipError

# Any rate finds a broken file; this one makes the least of a long one.
_CHECK_RATE: Final = 8000

_AUDIO_SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"})


def check_recordings(plan: Plan, directory: Path) -> tuple[Fault, ...]:
    """A fault at each mention of a file that is missing or can't be played. Blocking: reads all of them."""
    problems: dict[str, str | None] = {}
    faults: list[Fault] = []
    for recorded in _recordings(plan):
        if recorded.file not in problems:
            problems[recorded.file] = _problem(recorded.file, directory)
        problem = problems[recorded.file]
        if problem is not None:
            faults.append(Fault.error(recorded.at, f"'{recorded.file}' {problem}"))
    return in_order(faults)


def _recordings(plan: Plan) -> Iterable[Recorded]:
    # A recording without a file is one whose name was at fault; the loader has said so.
    return (prompt for prompt in plan.prompts() if isinstance(prompt, Recorded) and prompt.file)


def _problem(file: str, directory: Path) -> str | None:
    path = directory / file
    if not path.is_file():
        return f"isn't there{suggest(file, _audio_files(directory))}"
    try:
        Clip.load(path, _CHECK_RATE)
    except ClipError as error:
        return f"can't be played: {error.problem}"
    return None


def _audio_files(directory: Path) -> list[str]:
    found = (path for path in directory.rglob("*") if path.suffix.lower() in _AUDIO_SUFFIXES)
    return [path.relative_to(directory).as_posix() for path in found]


class AudioFiles:
    """The clips of the files in `directory`, each decoded once at `rate` Hz on a worker.

    Everything that was loaded stays in memory: a plan's recordings are few, every call plays them, and a
    disk read between a key and its answer would be heard.
    """

    def __init__(self, directory: Path, rate: int) -> None:
        self._directory = directory
        self._rate = rate
        self._clips: dict[str, Clip] = {}

    async def preload(self, plan: Plan) -> Sequence[tuple[Recorded, ClipError]]:
        """Decode every file of `plan`; those that can't be played, each with its error."""
        failed: list[tuple[Recorded, ClipError]] = []
        for recorded in {recorded.file: recorded for recorded in _recordings(plan)}.values():
            try:
                await self.clip(recorded.file)
            except ClipError as error:
                failed.append((recorded, error))
        return failed

    async def clip(self, file: str) -> Clip:
        """The clip of `file`, without suspending when it is in memory.

        A file that couldn't be played is tried again on the next call. Raises ClipError.
        """
        clip = self._clips.get(file)
        if clip is None:
            clip = await asyncio.to_thread(Clip.load, self._directory / file, self._rate)
            self._clips[file] = clip
        return clip
