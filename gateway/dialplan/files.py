"""The plan's audio files: checked with the plan, decoded once, and played from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.dialplan.fallbacks import fallback_text
from gateway.dialplan.faults import Fault, in_order, suggest
from gateway.dialplan.model import DEFAULT_LANGUAGE, Plan, Recorded
from gateway.dialplan.places import Position
from gateway.dialplan.queues import AudioFile, Music, QueueDefinition
from gateway.dialplan.waiting_words import known_prompts
from media.clip import Clip, ClipError

HOLD_MUSIC: Final = Path(__file__).parents[2] / "dialplans" / "announcements" / "hold-music.ogg"
"""What waiting callers hear when their queue has no music of its own."""

# Any rate finds a broken file; this one makes the least of a long one.
_CHECK_RATE: Final = 8000

_AUDIO_SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"})


def check_recordings(plan: Plan, directory: Path) -> tuple[Fault, ...]:
    """A fault at each mention of a file that is missing or can't be played. Blocking: reads all of them."""
    problems: dict[str, str | None] = {}
    faults: list[Fault] = []
    for file, at in _mentions(plan):
        if file not in problems:
            problems[file] = _problem(file, directory)
        problem = problems[file]
        if problem is not None:
            faults.append(Fault.error(at, f"'{file}' {problem}"))
    return in_order(faults)


def _mentions(plan: Plan) -> Iterator[tuple[str, Position]]:
    yield from ((recorded.file, recorded.at) for recorded in _recordings(plan))
    for queue in plan.queues.values():
        yield from ((file.file, file.at) for file in queue.music.files)


def _recordings(plan: Plan) -> Iterable[Recorded]:
    # A recording without a file is one whose name was at fault; the loader has said so.
    prompts = (*plan.prompts(), *known_prompts(plan))
    return (prompt for prompt in prompts if isinstance(prompt, Recorded) and prompt.file)


def music_mentioned(queue: QueueDefinition) -> Recorded:
    """The music of `queue`, for messages about it."""
    first = next(iter(queue.music.files), AudioFile(HOLD_MUSIC.name, queue.at))
    return Recorded(first.file, fallback_text(DEFAULT_LANGUAGE), first.at)


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
        self._pieces: dict[tuple[str, ...], Clip] = {}

    async def preload(self, plan: Plan) -> Sequence[tuple[Recorded, ClipError]]:
        """Decode every file of `plan`; those that can't be played, each with its error."""
        failed: list[tuple[Recorded, ClipError]] = []
        for recorded in {recorded.file: recorded for recorded in _recordings(plan)}.values():
            try:
                await self.clip(recorded.file)
            except ClipError as error:
                failed.append((recorded, error))
        for queue in plan.queues.values():
            try:
                await self.music(queue.music)
            except ClipError as error:
                failed.append((music_mentioned(queue), error))
        return failed

    async def music(self, music: Music) -> Clip | None:
        """One clip of all that `music` names, always the same; None for silence. Raises ClipError."""
        files = tuple(file.file for file in music.files)
        if music.silent:
            return None
        if files not in self._pieces:
            if files:
                clips = [await self.clip(file) for file in files]
            else:
                clips = [await asyncio.to_thread(Clip.load, HOLD_MUSIC, self._rate)]
            joined = clips[0] if len(clips) == 1 else Clip.joined(clips)
            self._pieces.setdefault(files, joined)
        return self._pieces[files]

    async def clip(self, file: str) -> Clip:
        """The clip of `file`, without suspending when it is in memory.

        A file that couldn't be played is tried again on the next call. Raises ClipError.
        """
        clip = self._clips.get(file)
        if clip is None:
            clip = await asyncio.to_thread(Clip.load, self._directory / file, self._rate)
            self._clips[file] = clip
        return clip
