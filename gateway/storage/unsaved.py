"""The file of last resort: call records that the database wouldn't take, a JSON object a line.

Blocking, and small: callers run it on a worker. A person can read it, and any tool can import it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gateway.call.cdr import CallRecord

_RECORD = TypeAdapter(CallRecord)


def to_json(record: CallRecord) -> str:
    """The record as one line of JSON, the form of this file and of `ringback calls list --json`."""
    text = json.dumps(_RECORD.dump_python(record, mode="json"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")  # a SIP header may hold half a character


@dataclass(frozen=True, slots=True)
class Contents:
    """What the file holds. `unreadable` are lines that aren't records: a torn write, or someone's edit."""

    records: tuple[CallRecord, ...] = ()
    unreadable: tuple[str, ...] = ()


class UnsavedCalls:
    """The file at `path`; it exists only while it has something in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, records: Sequence[CallRecord]) -> None:
        """Add records; they are on the disk when this returns. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(to_json(record) + "\n" for record in records)
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> Contents:
        """Everything in the file. Raises OSError, but not for a file that isn't there."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return Contents()
        records: list[CallRecord] = []
        unreadable: list[str] = []
        for line in filter(str.strip, lines):
            try:
                records.append(_RECORD.validate_json(line))
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
