"""A real PostgreSQL on loopback, made for one test, which can be stopped and started under its users."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from tests.integration.peers.ports import LOOPBACK, Reservation

USER: Final = "postgres"
_PLACES: Final = "/usr/lib/postgresql"
_FAST: Final = "-c fsync=off -c full_page_writes=off"  # the machine isn't what is tested


class Postgres:
    """`async with Postgres(directory) as server`: `url` is a database of its own.

    The server refuses to be root's; where the tests are run by root it is the user `postgres`, whom Debian's
    package makes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = Reservation()

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@{LOOPBACK}:{self._port.first}/postgres"

    async def stop(self) -> None:
        """Away at once, as when the machine dies."""
        await self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    async def start(self) -> None:
        options = f"-p {self._port.first} -k {self._directory} -c listen_addresses={LOOPBACK} {_FAST}"
        await self._run(
            "pg_ctl", "-D", self._data, "-w", "-l", f"{self._directory}/log", "-o", options, "start"
        )

    async def __aenter__(self) -> Self:
        self._directory.mkdir(mode=0o755, parents=True)
        if os.geteuid() == 0:
            shutil.chown(self._directory, USER)
            for parent in self._directory.parents[:-1]:  # pytest's directories are closed to others
                if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
        self._port.release()
        await self._run("initdb", "-D", self._data, "-U", USER, "-A", "trust", "--no-locale", "--no-sync")
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop", check=False)

    @property
    def _data(self) -> str:
        return str(self._directory / "data")

    async def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [_find(program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", *command]
        with (self._directory / "tools.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=self._directory, stdout=asyncio.subprocess.DEVNULL, stderr=log
            )
        returned = await asyncio.wait_for(process.wait(), 60.0)
        if check:
            assert returned == 0, f"{program}: {(self._directory / 'tools.log').read_text()[-500:]}"


def _find(program: str) -> str:
    """Debian keeps the servers' programs out of the PATH, by version."""
    versions: Sequence[Path] = sorted(Path(_PLACES).glob(f"*/bin/{program}"))
    found = str(versions[-1]) if versions else shutil.which(program)
    assert found is not None, "Debian's postgresql isn't installed: .ci/setup test does it"
    return found
