"""Calendars set by hand: open or closed until somebody says otherwise, or until a time.

They are in one file, written before anybody is told that they hold, so that a restart keeps them. Read at
every step of every call: reading asks the memory alone.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import structlog

from gateway.errors import RingbackError

log = structlog.get_logger(__name__)

OverrideState = Literal["open", "closed"]
STATES: Final[tuple[OverrideState, ...]] = ("open", "closed")


@dataclass(frozen=True, slots=True)
class Override:
    """What somebody set a calendar to. `until`: when the hours count again (never by itself when None).

    `by`: the name of the key's holder. Both times have a time zone.
    """

    state: OverrideState
    until: datetime | None
    by: str
    since: datetime

    def holds(self, utc: datetime) -> bool:
        return self.until is None or utc < self.until


class OverrideStoreFault(RingbackError):
    """The overrides can't be written; those that held before still hold."""


class CalendarOverrides:
    """The overrides of a node, in `file`. `utc` is the wall clock. Belongs to one event loop."""

    def __init__(self, file: Path, utc: Callable[[], datetime]) -> None:
        self._file = file
        self._utc = utc
        self._overrides: Mapping[str, Override] = {}
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Take over what the file has; one that can't be read leaves every calendar to its hours, loudly."""
        try:
            self._overrides = await asyncio.to_thread(_read, self._file)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.exception("calendar_overrides_lost", file=str(self._file), error=str(error))
        if len(self.in_force()) == len(self._overrides):
            return
        try:
            async with self._turn:
                await self._keep(self.in_force())
        except OverrideStoreFault as fault:
            # They don't hold all the same; the next change tries again.
            log.warning("calendar_overrides_not_cleaned", error=str(fault))

    def in_force(self) -> Mapping[str, Override]:
        """By calendar: those whose time isn't over."""
        utc = self._utc()
        return {name: override for name, override in self._overrides.items() if override.holds(utc)}

    def states(self) -> Mapping[str, str]:
        """The same as `Calendar.state` takes it."""
        return {name: override.state for name, override in self.in_force().items()}

    async def set(self, calendar: str, override: Override) -> None:
        """Holds from its return on. Raises OverrideStoreFault; then nothing has changed."""
        async with self._turn:
            await self._keep({**self.in_force(), calendar: override})
        until = override.until.isoformat() if override.until is not None else None
        log.info(
            "calendar_override_set", calendar=calendar, state=override.state, until=until, by=override.by
        )

    async def clear(self, calendar: str, *, by: str) -> None:
        """Back to the hours; nothing happens when it is there already. Raises OverrideStoreFault."""
        async with self._turn:
            overrides = dict(self.in_force())
            if overrides.pop(calendar, None) is None:
                return
            await self._keep(overrides)
        log.info("calendar_override_cleared", calendar=calendar, by=by)

    async def _keep(self, overrides: Mapping[str, Override]) -> None:
        try:
            await asyncio.to_thread(_write, self._file, overrides)
        except OSError as error:
            raise OverrideStoreFault(
                f"the overrides of calendars can't be kept in {self._file}: {error.strerror or error}"
            ) from error
        self._overrides = overrides


def _read(file: Path) -> dict[str, Override]:
    """Raises OSError, and ValueError, KeyError, TypeError or AttributeError for a file that isn't ours."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return {name: _override_in(values) for name, values in json.loads(text).items()}


def _override_in(values: Mapping[str, Any]) -> Override:
    until = values["until"]
    since = datetime.fromisoformat(values["since"])
    override = Override(
        state=STATES[STATES.index(values["state"])],
        until=None if until is None else datetime.fromisoformat(until),
        by=str(values["by"]),
        since=since,
    )
    if any(time is not None and time.tzinfo is None for time in (override.until, since)):
        raise ValueError("a time lacks its zone")
    return override


def _write(file: Path, overrides: Mapping[str, Override]) -> None:
    """All or nothing: a crash leaves the old file."""
    values = {
        name: {
            "state": override.state,
            "until": None if override.until is None else override.until.isoformat(),
            "by": override.by,
            "since": override.since.isoformat(),
        }
        for name, override in overrides.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    staging = file.with_name(f".{file.name}.new")
    with staging.open("w", encoding="utf-8") as stream:
        json.dump(values, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    staging.replace(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the new name too outlives a power cut
    finally:
        os.close(directory)
