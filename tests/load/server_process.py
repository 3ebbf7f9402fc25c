"""The media fabric under load (`tests.load.server`) as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Self

from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.load.native import ROOT

START_S = 30.0
ANSWER_S = 10.0
STOP_S = 10.0


class Fabric:
    """One server. `spin`: with a thread in it that runs pure Python all the time."""

    def __init__(self, calls: int, *, spin: bool = False, rate: int = 8000) -> None:
        # Twice the ports that are needed: a socket of the kernel's choosing may sit on some.
        self._rtp = Reservation(4 * calls)
        self._options = ["--rate", str(rate), *(["--spin"] if spin else [])]
        self._process: asyncio.subprocess.Process | None = None
        self.address = ("", 0)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        self._rtp.release()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.load.server", *self._options),
            *("--rtp", f"{self._rtp.first}-{self._rtp.last}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        ready = await self._line(START_S)
        self.address = (LOOPBACK, ready["sip_port"])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def figures(self) -> dict[str, Any]:
        """What the engine says of itself: its clock, calls, commands (JSON)."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()
        return await self._line(ANSWER_S)

    async def _line(self, limit_s: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(limit_s):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended (exit {await self._process.wait()})")
        answer: dict[str, Any] = json.loads(line)
        return answer
