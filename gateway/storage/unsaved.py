"""The file of last resort: what the database wouldn't take, a JSON object a line.

Blocking, and small: callers run it on a worker. A person can read it, and any tool can import it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from gateway.call.cdr import CallRecord
from gateway.queues.journal import StoredEvent

T = TypeVar("T")

_CALL: Final = TypeAdapter(CallRecord)
_EVENT: Final = TypeAdapter(StoredEvent)


def to_json(record: CallRecord) -> str:
    """The record as one line of JSON, the form of this file and of `ringback calls list --json`."""
    return line_of(_CALL, record)


def event_to_json(event: StoredEvent) -> str:
    """The event as one line of JSON, the form of this file and of `ringback journal --json`."""
    return line_of(_EVENT, event)


def line_of(form: TypeAdapter[T], item: T) -> str:
    text = json.dumps(form.dump_python(item, mode="json"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")  # a SIP header may hold half a character


@dataclass(frozen=True, slots=True)
class Contents(Generic[T]):
    """What the file holds. `unreadable` are lines that aren't records: a torn write, or someone's edit."""

    records: tuple[T, ...] = ()
    unreadable: tuple[str, ...] = ()


class Unsaved(Generic[T]):
    """The file at `path`; it exists only while it has something in it."""

    def __init__(self, path: Path, form: TypeAdapter[T]) -> None:
        self.path = path
        self._form = form

    def append(self, records: Sequence[T]) -> None:
        """Add records, all or none; they are on the disk when this returns. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            try:
                file.write(self._line_end(file, end))
                file.writelines(line_of(self._form, record).encode() + b"\n" for record in records)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                # What is left over in the buffer is written again when the file is closed, and fails again.
                with contextlib.suppress(OSError):
                    file.close()
                with contextlib.suppress(OSError):
                    os.truncate(self.path, end)
                raise

    @staticmethod
    def _line_end(file: BinaryIO, end: int) -> bytes:
        """What ends a line that a crash or a full disk tore, so that the next one isn't torn with it."""
        if end == 0:
            return b""
        file.seek(end - 1)
        return b"" if file.read(1) == b"\n" else b"\n"

    def read(self) -> Contents[T]:
        """Everything in the file. Raises OSError, but not for a file that isn't there."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return Contents()
        records: list[T] = []
        unreadable: list[str] = []
        for line in filter(str.strip, lines):
            try:
                records.append(self._form.validate_json(line))
            except ValidationError:
                unreadable.append(line)
        return Contents(tuple(records), tuple(unreadable))

    def clear(self, keep: Sequence[str] = ()) -> None:
        """Forget everything but the lines in `keep`; an interruption leaves the old file. Raises OSError."""
        if not keep:
            self.path.unlink(missing_ok=True)
            return
        new = self.path.with_suffix(".new")
        new.write_text("".join(line + "\n" for line in keep), encoding="utf-8")
        new.replace(self.path)


class UnsavedCalls(Unsaved[CallRecord]):
    """Call records that wait for the database."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _CALL)


class UnsavedEvents(Unsaved[StoredEvent]):
    """Events of the journal that wait for the database."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _EVENT)
