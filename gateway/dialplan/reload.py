"""The plan in force on a running node: taking another one, going back, and watching the directory.

A reload is all or nothing. The new plan is read, checked, copied and rendered beside the old one; the last
step is one assignment, which `Force` does. Whatever goes wrong before it leaves the old plan in force, and
calls in progress keep theirs in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

import structlog

from gateway.dialplan.faults import Fault, PlanRefused
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.versions import Loaded, UnknownVersion, Version, VersionStore, VersionStoreFault

log = structlog.get_logger(__name__)

WATCH_INTERVAL_S: Final = 1.0
_NOTED: Final = 20  # faults of a refused plan that go to the log, each


class Activate(Protocol):
    """Makes a plan ready for calls: its prompts rendered, its recordings decoded."""

    async def __call__(self, loaded: Loaded) -> ActivePlan: ...


Force = Callable[[ActivePlan], None]
"""Puts a plan into force for the calls that begin from now on."""


class Outcome(Enum):
    """How a reload went; the values are those of the metric's `result` label."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What is in force after a reload that went well."""

    version: str
    previous: str
    outcome: Outcome
    warnings: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A version a node can go back to. `in_force`: new calls run on it."""

    version: Version
    in_force: bool


class PlanKeeper:
    """The one place where the plan in force changes. Belongs to one event loop; reloads run one at a time.

    `observe` hears of every outcome, refusals too.
    """

    def __init__(
        self,
        source: Path,
        store: VersionStore,
        activate: Activate,
        *,
        observe: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        self._source = source
        self._store = store
        self._activate = activate
        self._observe = observe
        self._force: Force = lambda _active: None
        self._version = ""
        self._pinned = False
        self._turn = asyncio.Lock()

    @property
    def version(self) -> str:
        """The version in force."""
        return self._version

    @property
    def pinned(self) -> bool:
        """Whether somebody went back to this version: a restart keeps it, until the next reload."""
        return self._pinned

    async def start(self) -> ActivePlan:
        """The plan to start with.

        That is the directory's, unless somebody went back to an earlier one, which stays. If the directory's
        has errors now, the last one that was in force from this directory goes on: a node that restarts at
        night mustn't stay down because of what a reload would have refused. Raises PlanRefused and
        VersionStoreFault when there is no such version either.
        """
        last = await asyncio.to_thread(self._store.in_force)
        if last is not None and last.source != str(self._source.absolute()):
            last = None  # another plan's history
        if last is not None and last.pinned:
            loaded = await self._kept(last.version)
            if loaded is not None:
                log.warning("dialplan_pinned", version=last.version, reason="somebody went back to it")
                return await self._begin(loaded, pinned=True)
        try:
            return await self._begin(await asyncio.to_thread(self._store.take, self._source), pinned=False)
        except PlanRefused as refused:
            loaded = await self._kept(last.version) if last is not None else None
            if loaded is None:
                raise
            self._note_refusal(refused)
            log.warning("dialplan_from_before", version=loaded.plan.version)
            return await self._begin(loaded, pinned=False)

    def on_change(self, force: Force) -> None:
        """Who is told of the plans that come into force after `start`."""
        self._force = force

    async def reload(self, version: str | None = None) -> Reloaded:
        """Put the directory's plan into force, or the kept `version`; the same one again is no change.

        Raises PlanRefused (the old plan stays), UnknownVersion, VersionStoreFault.
        """
        async with self._turn:
            try:
                loaded = await asyncio.to_thread(self._load, version)
                return await self._switch(loaded, pinned=version is not None)
            except PlanRefused as refused:
                self._note_refusal(refused)
                raise

    async def versions(self) -> tuple[Kept, ...]:
        """Those that can be gone back to, the latest first."""
        found = await asyncio.to_thread(self._store.versions)
        return tuple(Kept(version, version.name == self._version) for version in found)

    async def watch(self, interval_s: float = WATCH_INTERVAL_S) -> None:
        """Reload whenever the directory has changed and then held still for `interval_s`. Until cancelled."""
        settled = await asyncio.to_thread(fingerprint, self._source)
        seen = settled
        while True:
            await asyncio.sleep(interval_s)
            now = await asyncio.to_thread(fingerprint, self._source)
            if now == seen != settled:
                settled = now
                try:
                    await self.reload()
                except PlanRefused:
                    pass  # logged by `reload`, and said again at the next change only
                except VersionStoreFault as fault:
                    log.warning("dialplan_watch_failed", error=str(fault))
            seen = now

    def _load(self, version: str | None) -> Loaded:
        return self._store.take(self._source) if version is None else self._store.load(version)

    async def _kept(self, version: str) -> Loaded | None:
        try:
            return await asyncio.to_thread(self._store.load, version)
        except (UnknownVersion, PlanRefused, VersionStoreFault) as error:
            log.warning("dialplan_version_lost", version=version, error=str(error))
            return None

    async def _begin(self, loaded: Loaded, *, pinned: bool) -> ActivePlan:
        active = await self._activate(loaded)
        await self._note(loaded, pinned=pinned)
        return active

    async def _switch(self, loaded: Loaded, *, pinned: bool) -> Reloaded:
        previous, version = self._version, loaded.plan.version
        if version != previous:
            self._force(await self._activate(loaded))
        await self._note(loaded, pinned=pinned)
        outcome = Outcome.ROLLED_BACK if pinned else Outcome.LOADED
        outcome = Outcome.UNCHANGED if version == previous else outcome
        self._observe(outcome)
        log.info("dialplan_reloaded", version=version, previous=previous, outcome=outcome.value)
        return Reloaded(version, previous, outcome, loaded.warnings)

    async def _note(self, loaded: Loaded, *, pinned: bool) -> None:
        self._version, self._pinned = loaded.plan.version, pinned
        try:
            await asyncio.to_thread(
                self._store.put_in_force, loaded.plan.version, self._source, pinned=pinned
            )
        except VersionStoreFault as fault:
            # The plan is in force all the same; only the next start won't know.
            log.warning("dialplan_not_noted", version=loaded.plan.version, error=str(fault))

    def _note_refusal(self, refused: PlanRefused) -> None:
        self._observe(Outcome.REFUSED)
        log.error("dialplan_refused", faults=len(refused.faults), in_force=self._version)
        for fault in refused.faults[:_NOTED]:
            log.error("dialplan_fault_found", fault=str(fault))


def fingerprint(source: Path) -> frozenset[tuple[str, int, int]]:
    """Names, times (ns) and sizes of what is in `source`: cheap to compare, and different after a change."""
    found: set[tuple[str, int, int]] = set()
    for file in source.rglob("*"):
        try:
            state = file.stat()
        except OSError:  # gone between the listing and the look
            continue
        if file.is_file():
            found.add((str(file), state.st_mtime_ns, state.st_size))
    return frozenset(found)
