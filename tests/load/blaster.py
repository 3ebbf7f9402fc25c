"""Drives rtpblast: the media of many calls from a process of its own."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self

from tests.integration.peers.ports import Reservation
from tests.load.native import compiled

ANSWER_S = 10.0
PACKETS_A_SECOND = 50


@dataclass(frozen=True, slots=True)
class MediaFigures:
    """What arrived at all ports together since the last reset. Gaps are between packets of one port."""

    sent: int
    received: int
    voiced: int  # packets with something else than silence in them
    lost: int
    reordered: int
    late_ticks: int  # of rtpblast itself: when it is late, its figures say little
    silent_ports: int  # ports that sent and got nothing back
    gap_p50_ms: float
    gap_p99_ms: float
    gap_p999_ms: float
    gap_max_ms: float

    def delivered(self, calls: int, seconds: float) -> float:
        """Packets received per packet due: 1.0 is all of them."""
        return self.received / (calls * seconds * PACKETS_A_SECOND)


class Blaster:
    """One rtpblast with `count` ports. `port(n)` is the nth call's."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._ports = Reservation(2 * count)
        self._process: asyncio.subprocess.Process | None = None

    def port(self, index: int) -> int:
        return self._ports.first + 2 * index

    async def __aenter__(self) -> Self:
        program = await asyncio.to_thread(compiled, "rtpblast")
        self._ports.release()
        self._process = await asyncio.create_subprocess_exec(
            str(program),
            str(self._ports.first),
            str(self._count),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        assert (await self._answer())["ready"] == self._count
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        await self._tell("quit")
        await self._process.wait()

    async def send(self, index: int, remote: tuple[str, int]) -> None:
        """Start sending a tone for the nth call."""
        await self._tell(f"to {self.port(index)} {remote[0]}:{remote[1]}")

    async def stop_sending(self, index: int) -> None:
        await self._tell(f"off {self.port(index)}")

    async def measure(self, seconds: float) -> MediaFigures:
        """What arrives within `seconds` from now."""
        await self._tell("reset")
        await asyncio.sleep(seconds)
        await self._tell("report")
        report = await self._answer()
        silent = sum(port["sent"] > 0 and port["received"] == 0 for port in report["ports"])
        names = [name for name in MediaFigures.__slots__ if name != "silent_ports"]
        return MediaFigures(silent_ports=silent, **{name: report[name] for name in names})

    async def _tell(self, command: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()

    async def _answer(self) -> dict[str, Any]:  # JSON from rtpblast
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWER_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"rtpblast ended (exit {await self._process.wait()})")
        answer: dict[str, Any] = json.loads(line)
        return answer
