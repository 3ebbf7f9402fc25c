"""sipsak: a third opinion on whether a SIP entity answers OPTIONS."""

from __future__ import annotations

from pathlib import Path

from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.process import PeerProcess

ANSWERED = 0


async def options(address: str, directory: Path, *, user: str = "ping", deadline_s: float = 10.0) -> int:
    """Send OPTIONS to user@address over UDP. Returns sipsak's exit code: 0 for a 200, 1 or more otherwise."""
    command = ["sipsak", "-v", "-n", "-H", LOOPBACK, "-s", f"sip:{user}@{address}"]
    async with PeerProcess("sipsak", command, directory) as process:
        return await process.exited(deadline_s)
