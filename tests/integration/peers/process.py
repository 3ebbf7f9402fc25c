"""A peer that is a program: started with its own directory and log, ended by its process id."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

STOP_S = 5.0
TAIL_CHARACTERS = 4000

_started: list[PeerProcess] = []


class PeerProcess:
    """One running program. Its output goes to `log`, which pytest keeps with the test's directory."""

    def __init__(self, name: str, command: Sequence[str], directory: Path) -> None:
        self.name = name
        self.command = tuple(command)
        self.directory = directory
        self.log = directory / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} wasn't started"
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode if self._process else None

    async def start(self, environment: Mapping[str, str] | None = None) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.directory,
                env={**os.environ, **(environment or {})},
            )
        _started.append(self)
        return self

    async def exited(self, deadline_s: float) -> int:
        """Wait until it ends by itself. TimeoutError at the deadline; it goes on running then."""
        assert self._process is not None
        async with asyncio.timeout(deadline_s):
            return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and end it when it doesn't."""
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
            try:
                await self.exited(STOP_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    def kill(self) -> None:
        """End it without a word."""
        assert self._process is not None, f"{self.name} wasn't started"
        self._process.kill()

    def output(self) -> str:
        """Everything it printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def __aenter__(self) -> Self:
        return await self.start() if self._process is None else self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def take_started() -> list[PeerProcess]:
    """The programs started since the last call: a failed test shows the end of what they said."""
    started = _started.copy()
    _started.clear()
    return started
