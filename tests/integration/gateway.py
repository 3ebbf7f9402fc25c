"""A running `ringback run`, with a private configuration: the system under test."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.integration.peers.process import PeerProcess
from tests.integration.peers.wait import until_async

START_S = 90.0  # the first start synthesises prompts
RTP_PORTS = 400
ENGLISH = '{ en = ["whisper-tiny-en", "pocketsphinx"] }'

CONFIGURATION = """\
data_dir = {data_dir}

[node]
name = "test"
drain_timeout_s = 1.0

[sip]
bind_address = "{host}"
udp_port = {sip_port}
tcp_port = {sip_port}
rtp_ports = [{rtp_first}, {rtp_last}]
max_calls = {max_calls}
headers_in = ["X-Handoff-Id"]

[http]
host = "{host}"
port = {http_port}

[dialplan]
path = {dialplan}

[speech]
recognisers = {recognisers}

[log]
level = "{log_level}"
format = "json"
"""


class Gateway:
    """One node. Its log, database and prompt cache lie in `directory`.

    `understands`: it has the recognisers of English, which take seconds and memory to start. `more`: TOML at
    the end of its configuration.
    """

    def __init__(
        self,
        directory: Path,
        *,
        dialplan: Path,
        max_calls: int = 100,
        rtp_ports: int = RTP_PORTS,
        log_level: str = "debug",
        environment: Mapping[str, str] | None = None,
        understands: bool = False,
        more: str = "",
    ) -> None:
        self.directory = directory
        self.data_dir = directory / "var"
        self.dialplan = dialplan
        self.environment = dict(environment or {})
        self.more = more
        self._sip, self._http, self._rtp = Reservation(), Reservation(), Reservation(rtp_ports)
        directory.mkdir(parents=True, exist_ok=True)
        self.configuration = directory / "ringback.toml"
        self.configuration.write_text(
            CONFIGURATION.format(
                data_dir=json.dumps(str(self.data_dir)),
                host=LOOPBACK,
                sip_port=self._sip.first,
                http_port=self._http.first,
                rtp_first=self._rtp.first,
                rtp_last=self._rtp.last,
                max_calls=max_calls,
                log_level=log_level,
                recognisers=ENGLISH if understands else "{}",
                dialplan=json.dumps(str(dialplan)),
            )
            + more
        )
        command = [sys.executable, "-m", "gateway", "run", "--config", str(self.configuration)]
        self.process = PeerProcess("gateway", command, directory)

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._sip.first}"

    @property
    def target(self) -> tuple[str, int]:
        return (LOOPBACK, self._sip.first)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def http_port(self) -> int:
        return self._http.first

    def uri(self, number: str) -> str:
        return f"sip:{number}@{self.address}"

    async def get(self, path: str) -> tuple[int, str]:
        """A request to its HTTP port: status and body; (0, "") while nobody listens."""
        return await asyncio.to_thread(self._get, path)

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of one metric with these labels; 0.0 when there is none.

        AssertionError when the node doesn't answer: a dead node has no calls either.
        """
        status, body = await self.get("/metrics")
        assert status == 200, f"the node doesn't give its metrics (status {status})"
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in body.splitlines()
            if line.partition("{")[0].partition(" ")[0] == name and all(part in line for part in wanted)
        )

    async def __aenter__(self) -> Self:
        for reservation in (self._sip, self._http, self._rtp):
            reservation.release()
        root = Path(__file__).parents[2]
        await self.process.start({"PYTHONPATH": str(root), **self.environment})
        try:
            await until_async(self._ready, "the node is ready", deadline_s=START_S)
        except BaseException:
            await self.process.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.process.stop()

    async def _ready(self) -> bool:
        if self.process.returncode is not None:
            raise AssertionError(f"the node ended at once: {self.process.output()[-3000:]}")
        return (await self.get("/readyz"))[0] == 200

    def _get(self, path: str) -> tuple[int, str]:
        url = f"http://{LOOPBACK}:{self._http.first}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""
