"""Programs of Debian sid on an older Debian: `python3 -m tests.integration.peers.sid asterisk sip-tester`.

Bookworm has no Asterisk, and its SIPp speaks no TLS. A package and all it depends on is fetched with a
private state of apt, checked against the signed index, and unpacked into the cache (`~/.cache/ringback/sid`;
RINGBACK_CACHE moves it). Its programs run with sid's own loader and libraries, so nothing of the system
changes and nobody has to be root. Once there it is taken as it is. Standard library only: `.ci/setup` runs
this before anything else.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from media.native.build import BuildError, cache_root, configured_mirror, locked, run, say

KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
UNWANTED: Final = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/include")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.+-]+")


def root_of(package: str) -> Path | None:
    """Where this package is unpacked; None when it isn't."""
    root = _place(package)
    return root if root.is_dir() else None


def command(root: Path, program: str) -> list[str]:
    """How to start a program of an unpacked package. LookupError when there is none of that name."""
    loader = next(iter(root.glob("usr/lib*/ld-linux*.so.*")), None)
    found = next(
        (path for place in ("bin", "sbin") if (path := root / "usr" / place / program).exists()), None
    )
    if loader is None or found is None:
        raise LookupError(f"{root} has no program {program}")
    libraries = ":".join(str(path.parent) for path in root.glob("usr/lib/*-linux-gnu/libc.so.6"))
    return [str(loader), "--argv0", program, "--library-path", libraries, str(found)]


def unpack(package: str) -> Path:
    """Fetches and unpacks it, unless that was done already. BuildError says what was in the way."""
    if not _NAME.fullmatch(package):
        raise BuildError(f"{package!r} is no name of a package")
    cache = cache_root() / "sid"
    with locked(cache):
        if (root := root_of(package)) is not None:
            return root
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise BuildError("no apt-get and dpkg-deb here: Debian's packages can't be fetched")
        work = cache / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        say(f"fetching Debian sid's {package} and what it depends on (once; about a minute)")
        unpacked = work / package
        for archive in _fetched(package, work):
            run(["dpkg-deb", "-x", str(archive), str(unpacked)], work, work / "unpack.log")
        for folder in UNWANTED:
            shutil.rmtree(unpacked / folder, ignore_errors=True)
        unpacked.rename(_place(package))
        shutil.rmtree(work)
        return _place(package)


def _place(package: str) -> Path:
    return cache_root() / "sid" / package


def _fetched(package: str, work: Path) -> list[Path]:
    """The archives of a package and its dependencies, without anything that this system has installed."""
    apt = work / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "parts"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()  # as if nothing were installed: everything is fetched
    (apt / "sid.list").write_text(f"deb [signed-by={KEYRING}] {configured_mirror(work)} sid main\n")
    options = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::sourcelist": apt / "sid.list",
        "Dir::Etc::sourceparts": apt / "parts",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": apt / "parts",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # A mirror that is frozen for reproducible builds serves an index that has run out; signed it is.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Check-Date": "false",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    command = ["apt-get", "-qq", "-y", *(f"-o{key}={value}" for key, value in options.items())]
    log = work / "fetch.log"
    run([*command, "update"], work, log)
    run([*command, "--download-only", "install", package], work, log)
    return sorted((apt / "cache/archives").glob("*.deb"))


def main(packages: list[str]) -> int:
    for package in packages:
        try:
            sys.stdout.write(f"{unpack(package)}\n")
            say(f"{package} is there")
        except (BuildError, OSError, subprocess.SubprocessError) as error:
            say(f"{package} can't be had, so tests with it will be skipped: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
