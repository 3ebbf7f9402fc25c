"""The versions of a plan that a node has had in force, each kept on disk as a copy of its directory.

A version's name is a digest of everything in the directory that callers can notice: equal files, equal
version, wherever and whenever they were read. Copies are complete and never change, so calls that began on
one go on hearing its recordings when the directory has long moved on, and going back is reading it again.

    DIRECTORY/3f9a0c12ab34/…      the files of a version
    DIRECTORY/3f9a0c12ab34.json   when and from where it came
    DIRECTORY/in-force.json       the one in force, for the next start
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.dialplan.faults import Fault, PlanRefused, has_errors
from gateway.dialplan.loader import TEST_SUFFIX, examine
from gateway.dialplan.model import Plan
from gateway.errors import RingbackError

DEFAULT_KEPT: Final = 20
"""Versions that stay on disk, besides the one in force."""
MAX_BYTES: Final = 500_000_000
"""Everything in a plan's directory together: more is somebody's music collection, not a plan."""
_VERSION_DIGITS: Final = 12
_READS: Final = 3
_BLOCK: Final = 1 << 20


class UnknownVersion(RingbackError):
    """No version of that name is kept."""

    def __init__(self, version: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no version '{version}' here; kept are {', '.join(known) or 'none'}")
        self.version = version
        self.known = known


class VersionStoreFault(RingbackError):
    """The copies can't be kept or read: disk full, no permission, a directory that changes all the time."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version that is kept. `source`: the directory it came from."""

    name: str
    source: str
    loaded_at: datetime
    flows: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan that passed the checks, and the copy of its files. `warnings`: what the checks said besides."""

    plan: Plan
    directory: Path
    warnings: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class InForce:
    """What the node last decided on. `pinned`: somebody went back to it, so a start doesn't look further."""

    version: str
    source: str
    pinned: bool


class VersionStore:
    """The copies in `directory`. Every method blocks on the disk; one process uses a directory at a time.

    `examine_plan` is the loader's; tests of failures bring their own.
    """

    def __init__(
        self,
        directory: Path,
        *,
        kept: int = DEFAULT_KEPT,
        examine_plan: Callable[[Path], tuple[Plan, tuple[Fault, ...]]] = examine,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._directory = directory
        self._kept = kept
        self._examine = examine_plan
        self._utc = utc

    def take(self, source: Path) -> Loaded:
        """Check the plan in `source` and keep a copy of it.

        Raises PlanRefused, and keeps nothing, when the plan has errors; VersionStoreFault when the copy
        can't be made or `source` doesn't hold still.
        """
        for _ in range(_READS):
            with _disk_faults(f"the plan in {source} can't be kept"):
                before = digest_of(source)
                plan, faults = self._examine(source)
                if has_errors(faults):
                    raise PlanRefused(faults)
                directory = self._keep(source, before)
            if directory is not None:
                self._describe(Version(before, str(source.absolute()), self._utc(), len(plan.flows)))
                return Loaded(replace(plan, version=before), directory, faults)
        raise VersionStoreFault(f"{source} changes while it is read; reload it when it is complete")

    def load(self, version: str) -> Loaded:
        """A version that is kept, checked again. Raises UnknownVersion, PlanRefused, VersionStoreFault."""
        known = tuple(kept.name for kept in self.versions())
        directory = self._directory / version
        if version not in known or not directory.is_dir():
            raise UnknownVersion(version, known)
        with _disk_faults(f"version {version} can't be read"):
            if digest_of(directory) != version:
                raise VersionStoreFault(f"the copy of version {version} in {directory} has been changed")
            plan, faults = self._examine(directory)
        if has_errors(faults):  # kept by an older Ringback that demanded less
            raise PlanRefused(faults)
        return Loaded(replace(plan, version=version), directory, faults)

    def versions(self) -> tuple[Version, ...]:
        """Those that are kept, the latest first."""
        found = [version for file in self._directory.glob("*.json") if (version := _version_in(file))]
        return tuple(sorted(found, key=lambda version: version.loaded_at, reverse=True))

    def in_force(self) -> InForce | None:
        """What `put_in_force` was last told; None on a first start."""
        try:
            values = json.loads((self._directory / "in-force.json").read_text(encoding="utf-8"))
            return InForce(str(values["version"]), str(values["source"]), bool(values["pinned"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put_in_force(self, version: str, source: Path, *, pinned: bool) -> None:
        """Note what is in force, and remove the oldest versions beyond those that are kept."""
        note = {"version": version, "source": str(source.absolute()), "pinned": pinned}
        with _disk_faults("the version in force can't be noted"):
            self._directory.mkdir(parents=True, exist_ok=True)
            self._write("in-force.json", note)
            for old in [kept for kept in self.versions() if kept.name != version][self._kept :]:
                (self._directory / f"{old.name}.json").unlink(missing_ok=True)
                shutil.rmtree(self._directory / old.name, ignore_errors=True)

    def _keep(self, source: Path, digest: str) -> Path | None:
        """The copy of `source`; None when it isn't what `digest` was made of any more."""
        target = self._directory / digest
        if target.is_dir() and digest_of(target) == digest:
            return target if digest_of(source) == digest else None
        self._directory.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self._directory))
        try:
            for name, file in plan_files(source):
                (staging / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, staging / name)
            if digest_of(staging) != digest:
                return None
            if target.exists():  # a copy that somebody has changed
                shutil.rmtree(target)
            staging.chmod(0o755)
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return target

    def _describe(self, version: Version) -> None:
        values = {
            "version": version.name,
            "source": version.source,
            "loaded_at": version.loaded_at.isoformat(),
            "flows": version.flows,
        }
        with _disk_faults(f"version {version.name} can't be kept"):
            self._write(f"{version.name}.json", values)

    def _write(self, name: str, values: dict[str, Any]) -> None:
        """All or nothing: a crash leaves the old file."""
        staging = self._directory / f".{name}.new"
        with staging.open("w", encoding="utf-8") as stream:
            json.dump(values, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        staging.replace(self._directory / name)


def plan_files(source: Path) -> Iterator[tuple[str, Path]]:
    """The files in `source` that make the plan, by name: all but flow tests, documents and hidden ones."""
    for file in sorted(source.rglob("*")):
        relative = file.relative_to(source)
        if any(part.startswith(".") for part in relative.parts) or not file.is_file():
            continue
        if not relative.stem.endswith(TEST_SUFFIX) and relative.suffix != ".md":
            yield relative.as_posix(), file


def digest_of(source: Path) -> str:
    """The version of what is in `source` now. Raises VersionStoreFault above `MAX_BYTES`, and OSError."""
    digest = hashlib.sha256()
    total = 0
    for name, file in plan_files(source):
        size = file.stat().st_size
        total += size
        if total > MAX_BYTES:
            raise VersionStoreFault(f"{source} holds more than {MAX_BYTES:,} bytes; a plan has at most that")
        # Names and lengths too: moving bytes from one file to the next makes another plan.
        digest.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()[:_VERSION_DIGITS]


def _version_in(file: Path) -> Version | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        values = json.loads(file.read_text(encoding="utf-8"))
        return Version(
            str(values["version"]),
            str(values["source"]),
            datetime.fromisoformat(values["loaded_at"]),
            int(values["flows"]),
        )
    return None


class _disk_faults:  # noqa: N801 -- used like a function
    """Makes OSError a VersionStoreFault that says what couldn't be done."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise VersionStoreFault(f"{self._what}: {error.strerror or error}") from error
