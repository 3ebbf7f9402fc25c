"""A real TURN server (coturn) on loopback, which shares a secret with the node."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.integration.peers.process import PeerProcess
from tests.integration.peers.wait import until

SECRET: Final = "shared with coturn"
RELAY_PORTS: Final = 60


class Coturn:
    """`async with Coturn(directory) as turn`: listens on `url` over UDP."""

    def __init__(self, directory: Path) -> None:
        self._port, self._relays = Reservation(), Reservation(RELAY_PORTS)
        program = shutil.which("turnserver")
        assert program is not None, "Debian's coturn isn't installed: .ci/setup test does it"
        self.process = PeerProcess(
            "coturn",
            [
                *(program, "-n", f"--listening-ip={LOOPBACK}", f"--listening-port={self._port.first}"),
                *(f"--relay-ip={LOOPBACK}", f"--min-port={self._relays.first}"),
                *(f"--max-port={self._relays.last}", "--use-auth-secret", f"--static-auth-secret={SECRET}"),
                *("--realm=test", "--fingerprint", "--allow-loopback-peers", "--no-tls", "--no-dtls"),
                *("--no-cli", "--no-multicast-peers", "--log-file=stdout", "--simple-log", "--verbose"),
                *(f"--pidfile={directory / 'coturn.pid'}", f"--userdb={directory / 'coturn.sqlite'}"),
            ],
            directory,
        )

    @property
    def url(self) -> str:
        return f"turn:{LOOPBACK}:{self._port.first}?transport=udp"

    def allocations(self) -> int:
        """How many addresses it has lent."""
        return self.process.output().count("ALLOCATE processed, success")

    async def __aenter__(self) -> Coturn:
        self._port.release()
        self._relays.release()
        await self.process.start()
        await until(lambda: "listener opened on" in self.process.output(), "coturn listens", deadline_s=10)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.process.stop()
