"""Recordings of calls: from the first tap on the bridge to the file that is kept, found, and deleted in time.

A recording has two channels: the caller on the left, everybody and everything else on the right. It is
written as WAV by `media.recorder`, and when it is complete a worker makes FLAC or Opus of it. Files lie in a
folder a day and are named by the call alone: `2026-11-21/CALL.flac`, `CALL-2.flac` for the second of a call.

A process that dies leaves `.part` files; the next start completes them. Nothing is lost but the last fifth of
a second.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol

import soundfile
import structlog

from gateway.clock import Clock
from gateway.switch.hearing import Channel
from gateway.switch.live_calls import RecordingState
from media.wav import NotRepairable, repair

if TYPE_CHECKING:
    from media.bridge import Port

log = structlog.get_logger(__name__)

RecordingFormat = Literal["wav", "flac", "opus"]

SWEEP_EVERY_S: Final = 86_400.0
PARTIAL: Final = ".part"
_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {".wav": "audio/wav", ".opus": "audio/ogg", ".flac": "audio/flac"}
)
"""While a file is there twice, because it is being converted, the later one counts."""
_LIBRARY_NAMES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}
)


class MediaRecording(Protocol):
    """A file being written: `media.recorder.Recording` is one."""

    @property
    def ports(self) -> Sequence[Port]: ...
    @property
    def paused(self) -> bool: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def finish(self) -> None: ...
    async def stop(self) -> object: ...


class MediaRecorder(Protocol):
    """`media.recorder.Recorder` is one."""

    def start(self, path: Path, *channels: Sequence[Port]) -> MediaRecording: ...


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A complete file. `part`: from 1, in the order in which a call's recordings began."""

    call_id: str
    part: int
    day: date
    path: Path
    media_type: str


class CallRecording:
    """One that goes on. `whole_call`: the caller is on it from beginning to end, whatever the call does."""

    def __init__(
        self,
        media: MediaRecording,
        call_id: str,
        path: Path,
        *,
        whole_call: bool,
        tell: Callable[[CallRecording, RecordingState], None],
    ) -> None:
        self.call_id = call_id
        self.path = path
        self.whole_call = whole_call
        self.finished = False
        self.media = media
        self._tell = tell
        left, right = media.ports
        self.left, self.right = left, right
        tell(self, RecordingState.ON)

    @property
    def name(self) -> str:
        """Of the file, without what tells its format."""
        return self.path.stem

    @property
    def ports(self) -> Mapping[Channel, Port]:
        """What a conversation has to connect: the caller of a whole call is connected already."""
        others = {Channel.OTHERS: self.right}
        return others if self.whole_call else {Channel.CALLER: self.left, **others}

    @property
    def paused(self) -> bool:
        return self.media.paused

    def pause(self) -> None:
        """Silence from now on, so that times in the file stay times of the call."""
        self.media.pause()
        self._tell(self, RecordingState.PAUSED)

    def resume(self) -> None:
        self.media.resume()
        self._tell(self, RecordingState.ON)

    def finish(self) -> None:
        """Ends it without waiting. Safe to repeat."""
        if not self.finished:
            self.finished = True
            self.media.finish()
            self._tell(self, RecordingState.OFF)


class Recordings:
    """The recordings of a node, those that go on and those that are kept, in `directory`.

    `keep_days`: how many whole days a file stays; None for ever. `on_change` is told what becomes of a call's
    recording. `recover` comes before the first `begin`, and `run` does the work in the background.
    """

    def __init__(
        self,
        directory: Path,
        recorder: MediaRecorder,
        clock: Clock,
        *,
        format_: RecordingFormat = "wav",
        keep_days: int | None = None,
        on_change: Callable[[str, RecordingState], object] = lambda _call, _state: None,
    ) -> None:
        self._directory = directory
        self._recorder = recorder
        self._clock = clock
        self._format: RecordingFormat = format_
        self._keep_days = keep_days
        self._on_change = on_change
        self._current: dict[str, CallRecording] = {}
        self._begun: Counter[str] = Counter()
        self._complete: asyncio.Queue[CallRecording | Path] = asyncio.Queue()

    # ---- those that go on

    def begin(
        self,
        call_id: str,
        *,
        whole_call: bool = False,
        caller: Sequence[Port] = (),
        others: Sequence[Port] = (),
    ) -> CallRecording:
        """Record from now on. `caller`, `others`: connected to the two channels from the first tick.

        ValueError for a call that is recorded already or can't name a file, RecordingError when the recorder
        is closed. A disk that can't be written to is reported by the recorder.
        """
        if call_id in self._current:
            raise ValueError(f"call {call_id} is recorded already")
        if not _CALL_ID.fullmatch(call_id):
            raise ValueError(f"not fit to name a file: {call_id!r}")
        part = self._begun[call_id] + 1
        name = call_id if part == 1 else f"{call_id}-{part}"
        path = self._directory / f"{self._clock.utc():%Y-%m-%d}" / f"{name}.wav"
        media = self._recorder.start(path, caller, others)
        self._begun[call_id] = part
        recording = CallRecording(media, call_id, path, whole_call=whole_call, tell=self._tell)
        self._current[call_id] = recording
        return recording

    def current(self, call_id: str) -> CallRecording | None:
        """The one that goes on for this call."""
        return self._current.get(call_id)

    def forget(self, call_id: str) -> None:
        """The call is over, and so is its recording."""
        if (recording := self._current.get(call_id)) is not None:
            recording.finish()
        self._begun.pop(call_id, None)

    def _tell(self, recording: CallRecording, state: RecordingState) -> None:
        if state is RecordingState.OFF:
            self._current.pop(recording.call_id, None)
            self._complete.put_nowait(recording)
        self._on_change(recording.call_id, state)

    # ---- those that are kept

    def find(self, call_id: str) -> tuple[StoredRecording, ...]:
        """The complete recordings of a call, the first one first; none for an id that is no id. Blocking."""
        if not _CALL_ID.fullmatch(call_id):
            return ()
        found: dict[tuple[date, int], StoredRecording] = {}
        for suffix in _MEDIA_TYPES:
            for path in self._directory.glob(f"*/{call_id}*{suffix}"):
                stored = self._stored(path, call_id)
                if stored is not None:
                    found[stored.day, stored.part] = stored
        return tuple(found[key] for key in sorted(found))

    def _stored(self, path: Path, call_id: str) -> StoredRecording | None:
        rest = path.stem.removeprefix(call_id)
        day = _day(path.parent)
        if day is None or not (rest == "" or re.fullmatch(r"-[1-9][0-9]*", rest)):
            return None  # of another call, whose id begins alike
        return StoredRecording(call_id, int(rest[1:] or 1), day, path, _MEDIA_TYPES[path.suffix])

    # ---- in the background

    async def recover(self) -> None:
        """Completes what a process that died left behind, and sees to what it hadn't converted."""
        for path in await asyncio.to_thread(lambda: list(self._recovered())):
            self._complete.put_nowait(path)

    async def run(self) -> None:
        """Converts what is complete and deletes what is due, until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._convert_all())
            if self._keep_days is not None:
                tasks.create_task(self._sweep_daily(self._keep_days))

    async def _convert_all(self) -> None:
        while True:
            complete = await self._complete.get()
            if isinstance(complete, CallRecording):
                try:
                    await complete.media.stop()
                except Exception as fault:  # noqa: BLE001  # its recorder has reported it
                    log.debug("recording_incomplete", file=str(complete.path), error=str(fault))
                    continue
            path = complete.path if isinstance(complete, CallRecording) else complete
            if self._format != "wav":
                await self._convert(path, self._format)

    async def _convert(self, path: Path, format_: RecordingFormat) -> None:
        try:
            await asyncio.to_thread(convert, path, format_)
        except (OSError, RuntimeError) as fault:  # the WAV stays, and is tried again by the next start
            log.exception("recording_not_converted", file=str(path), error=str(fault))

    async def _sweep_daily(self, keep_days: int) -> None:
        while True:
            try:
                deleted = await asyncio.to_thread(self.sweep, keep_days)
            except OSError as fault:
                log.exception("recordings_not_swept", error=str(fault))
            else:
                log.info("recordings_swept", deleted=deleted, keep_days=keep_days)
            await asyncio.sleep(SWEEP_EVERY_S)

    def sweep(self, keep_days: int) -> int:
        """Deletes recordings that are more than `keep_days` whole days old; returns how many. Blocking."""
        last = self._clock.utc().date() - timedelta(days=keep_days)
        deleted = 0
        for folder, day in self._days():
            if day >= last:
                continue
            for path in folder.iterdir():
                if path.suffix in _MEDIA_TYPES:
                    path.unlink(missing_ok=True)
                    deleted += 1
            if not any(folder.iterdir()):
                folder.rmdir()
        return deleted

    def _recovered(self) -> Iterator[Path]:
        for folder, _ in self._days():
            for path in sorted(folder.glob(f"*{PARTIAL}")):
                if path.name.endswith(f".wav{PARTIAL}"):
                    _complete(path)
                else:
                    path.unlink()  # a conversion that was cut short: its WAV is there
            yield from sorted(folder.glob("*.wav"))

    def _days(self) -> Iterator[tuple[Path, date]]:
        if not self._directory.is_dir():
            return
        for folder in sorted(self._directory.iterdir()):
            day = _day(folder)
            if day is not None and folder.is_dir():
                yield folder, day


def convert(path: Path, format_: RecordingFormat) -> Path:
    """Makes FLAC or Opus of a WAV file, which is deleted afterwards; returns the new file. Blocking."""
    target = path.with_suffix(f".{format_}")
    partial = target.with_name(target.name + PARTIAL)
    container, subtype = _LIBRARY_NAMES[format_]
    with (
        soundfile.SoundFile(path) as wav,
        soundfile.SoundFile(
            partial, "w", wav.samplerate, wav.channels, subtype=subtype, format=container
        ) as file,
    ):
        for block in wav.blocks(blocksize=wav.samplerate, dtype="int16", always_2d=True):
            file.write(block)
    partial.replace(target)
    path.unlink()
    return target


def _complete(partial: Path) -> None:
    whole = partial.with_name(partial.name.removesuffix(PARTIAL))
    try:
        seconds = repair(partial)
    except NotRepairable as hopeless:
        log.warning("recording_lost", file=str(partial), reason=hopeless.reason)
        partial.unlink()
    else:
        partial.replace(whole)
        log.info("recording_recovered", file=str(whole), duration_s=round(seconds, 2))


def _day(folder: Path) -> date | None:
    try:
        return date.fromisoformat(folder.name)
    except ValueError:
        return None
