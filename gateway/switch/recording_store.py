"""Recordings that are kept: where they lie, what is known of each, and when they are deleted. Blocking.

A folder a day; files are named by the call alone: `2026-11-21/CALL.flac`, `CALL-2.flac` for the second of a
call. Beside each lies `CALL.json`, which says whose it is and how long it is kept; so the folder is complete
in itself, and can be moved, backed up, or deleted by hand.

A process that dies leaves `.part` files; the next start completes them. Nothing is lost but the last fifth of
a second.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import soundfile
import structlog

from gateway.dialplan.queues import RecordingFormat
from media.wav import NotRepairable, repair

log = structlog.get_logger(__name__)

PARTIAL: Final = ".part"
"""What the name of a file ends in while it is written; `media.recorder` uses the same."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_PART: Final = re.compile(r"-([1-9][0-9]{0,4})")
_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {".flac": "audio/flac", ".opus": "audio/ogg", ".wav": "audio/wav"}
)
"""The first that is there counts: while a file is converted there are two."""
_LIBRARY_NAMES: Final[Mapping[RecordingFormat, tuple[str, str]]] = MappingProxyType(
    {RecordingFormat.FLAC: ("FLAC", "PCM_16"), RecordingFormat.OPUS: ("OGG", "OPUS")}
)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What becomes of a recording. `retention_s`: None keeps it until somebody deletes it."""

    format: RecordingFormat = RecordingFormat.FLAC
    retention_s: float | None = None


@dataclass(frozen=True, slots=True)
class RecordingNote:
    """What is known of a recording beside its audio. `agents`: who talked in it."""

    call_id: str
    began_at: datetime  # UTC
    keeping: Keeping
    queue: str = ""
    agents: tuple[str, ...] = ()

    def with_agents(self, agents: tuple[str, ...]) -> Self:
        return replace(self, agents=agents)

    @property
    def delete_at(self) -> datetime | None:
        retention_s = self.keeping.retention_s
        return None if retention_s is None else self.began_at + timedelta(seconds=retention_s)


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A complete file. `id`: the call's, with `-2` and so on behind it for the second and later ones."""

    id: str
    path: Path
    media_type: str
    note: RecordingNote

    @property
    def call_id(self) -> str:
        return self.note.call_id

    @property
    def agents(self) -> tuple[str, ...]:
        return self.note.agents


def check_id(call_id: str) -> None:
    """ValueError for what can't name a file."""
    if not _ID.fullmatch(call_id):
        raise ValueError(f"not fit to name a file: {call_id!r}")


class RecordingStore:
    """The recordings in `directory`. `keeping`: of those that say nothing of their own."""

    def __init__(self, directory: Path, keeping: Keeping | None = None) -> None:
        self.directory = directory
        self.keeping = keeping or Keeping()

    def path_of(self, recording_id: str, note: RecordingNote) -> Path:
        """Where the WAV of a recording that begins is written."""
        return self.directory / f"{note.began_at:%Y-%m-%d}" / f"{recording_id}.wav"

    # ---- looking them up

    def find(self, recording_id: str) -> StoredRecording | None:
        """A complete recording; None when there is none of that id, or it is no id."""
        if not _ID.fullmatch(recording_id):
            return None
        found = (self._stored(folder, recording_id) for folder, _ in self._days())
        return next((stored for stored in found if stored is not None), None)

    def of_call(self, call_id: str) -> tuple[StoredRecording, ...]:
        """The complete recordings of a call, in the order in which they began."""
        if not _ID.fullmatch(call_id):
            return ()
        ids = {call_id}
        for path in self.directory.glob(f"*/{call_id}-*"):
            if _PART.fullmatch(path.stem.removeprefix(call_id)):
                ids.add(path.stem)
        found = (self.find(id_) for id_ in ids)
        ours = [stored for stored in found if stored is not None and stored.call_id == call_id]
        return tuple(sorted(ours, key=lambda stored: (stored.note.began_at, len(stored.id), stored.id)))

    def _stored(self, folder: Path, recording_id: str) -> StoredRecording | None:
        for suffix, media_type in _MEDIA_TYPES.items():
            path = folder / f"{recording_id}{suffix}"
            if path.is_file():
                return StoredRecording(recording_id, path, media_type, self._note(path))
        return None

    # ---- keeping them

    def write_note(self, path: Path, note: RecordingNote) -> None:
        """Says what the recording whose WAV is `path` is."""
        document = {
            "call_id": note.call_id,
            "began_at": note.began_at.isoformat(),
            "format": note.keeping.format.value,
            "retention_s": note.keeping.retention_s,
            "queue": note.queue,
            "agents": list(note.agents),
        }
        target = path.with_suffix(".json")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + PARTIAL)
        partial.write_text(json.dumps(document), encoding="utf-8")
        partial.replace(target)

    def convert(self, path: Path) -> Path:
        """Makes of a WAV file what it is to be kept as, and deletes it then. Returns what is kept."""
        format_ = self._note(path).keeping.format
        if format_ is RecordingFormat.WAV or not path.is_file():
            return path
        target = path.with_suffix(f".{format_.value}")
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

    def sweep(self, now: datetime) -> int:
        """Deletes the recordings whose time is over; returns how many."""
        deleted = 0
        for folder, _ in self._days():
            for path in list(folder.iterdir()):
                if path.suffix not in _MEDIA_TYPES:
                    continue
                delete_at = self._note(path).delete_at
                if delete_at is not None and delete_at <= now:
                    path.unlink(missing_ok=True)
                    path.with_suffix(".json").unlink(missing_ok=True)
                    deleted += 1
            if not any(folder.iterdir()):
                folder.rmdir()
        return deleted

    def recover(self, ours: Container[Path] = ()) -> list[Path]:
        """Completes what a process that died left behind. Returns the WAV files that may need converting.

        `ours`: the WAV files of this process, which are left alone.
        """
        waiting: list[Path] = []
        for folder, _ in self._days():
            for path in sorted(folder.glob(f"*{PARTIAL}")):
                whole = path.with_name(path.name.removesuffix(PARTIAL))
                if whole.with_suffix(".wav") in ours:
                    continue
                if whole.suffix == ".wav":
                    _complete(path, whole)
                else:
                    path.unlink()  # half a conversion, whose WAV is there, or half a note
            waiting += [path for path in sorted(folder.glob("*.wav")) if path not in ours]
        return waiting

    # ---- inside

    def _note(self, path: Path) -> RecordingNote:
        """What is known of the recording at `path`; what its place says, where its note is missing."""
        try:
            document: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            retention_s = document["retention_s"]
            return RecordingNote(
                call_id=str(document["call_id"]),
                began_at=datetime.fromisoformat(document["began_at"]),
                keeping=Keeping(
                    RecordingFormat(document["format"]), None if retention_s is None else float(retention_s)
                ),
                queue=str(document["queue"]),
                agents=tuple(map(str, document["agents"])),
            )
        except (OSError, ValueError, KeyError, TypeError) as fault:
            log.warning("recording_without_note", file=str(path), error=str(fault))
            day = _day(path.parent) or date.today()  # noqa: DTZ011  # only to have any; such a folder isn't ours
            began_at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            return RecordingNote(_PART.sub("", path.stem), began_at, self.keeping)

    def _days(self) -> Iterator[tuple[Path, date]]:
        if not self.directory.is_dir():
            return
        for folder in sorted(self.directory.iterdir()):
            day = _day(folder)
            if day is not None and folder.is_dir():
                yield folder, day


def _complete(partial: Path, whole: Path) -> None:
    try:
        seconds = repair(partial)
    except NotRepairable as hopeless:
        log.warning("recording_lost", file=str(partial), reason=hopeless.reason)
        partial.unlink()
        whole.with_suffix(".json").unlink(missing_ok=True)
    else:
        partial.replace(whole)
        log.info("recording_recovered", file=str(whole), duration_s=round(seconds, 2))


def _day(folder: Path) -> date | None:
    try:
        return date.fromisoformat(folder.name)
    except ValueError:
        return None
