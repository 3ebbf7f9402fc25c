"""SIPp 3.6.1: runs a scenario against somebody (`call`), or is somebody (`serving`).

Scenarios stand in tests/integration/sip/scenarios/, named by role and behaviour. SIPp's own verdict is the
result: every message that the scenario doesn't expect fails its call.
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.integration.peers.process import PeerProcess
from tests.integration.peers.wait import until

SCENARIOS: Final = Path(__file__).parent.parent / "sip" / "scenarios"
_RTP_PORTS: Final = 8  # RTP and RTCP of a few streams


@dataclass(frozen=True, slots=True)
class SippResult:
    """What a run came to. `messages`: the trace, `errors`: what SIPp complained of."""

    exit_code: int
    successful: int
    failed: int
    retransmissions: int
    messages: str
    errors: str
    logged: str  # what the scenario's <log> actions wrote

    def raise_for_failure(self) -> SippResult:
        """AssertionError with SIPp's own words unless every call went as written."""
        if self.exit_code != 0 or self.failed or not self.successful:
            raise AssertionError(
                f"SIPp: exit {self.exit_code}, {self.successful} calls as written, {self.failed} not\n"
                f"{self.errors[-3000:]}\n-- last messages --\n{self.messages[-3000:]}"
            )
        return self


class Sipp:
    """One run of one scenario, in a directory of its own."""

    def __init__(
        self,
        scenario: str | Path,
        directory: Path,
        *,
        target: str | None = None,
        service: str = "100",
        calls: int = 1,
        rate: int = 10,
        concurrent: int = 1,
        timeout_s: float = 15.0,
        transport: str = "u1",
        keys: Mapping[str, str] | None = None,
        extra: Sequence[str] = (),
        traced: bool = True,
    ) -> None:
        self.scenario = SCENARIOS / f"{scenario}.xml" if isinstance(scenario, str) else scenario
        self.directory = directory
        self.timeout_s = timeout_s
        self._target = target
        self._traced = traced
        self._ports = Reservation()
        self._media = Reservation(_RTP_PORTS)
        self._control = Reservation()
        self._options = [
            *("-sf", str(self.scenario), "-s", service, "-t", transport),
            *("-m", str(calls), "-r", str(rate), "-l", str(concurrent)),
            *("-timeout", f"{timeout_s:.0f}", "-timeout_error"),
            *(part for name, value in (keys or {}).items() for part in ("-key", name, value)),
            *extra,
        ]
        self._process: PeerProcess | None = None

    @property
    def port(self) -> int:
        return self._ports.first

    @property
    def uri(self) -> str:
        return f"sip:sipp@{LOOPBACK}:{self.port}"

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> Sipp:
        command = ["sipp", *([self._target] if self._target else []), *self._options]
        command += ["-i", LOOPBACK, "-p", str(self._ports.first), "-cp", str(self._control.first)]
        command += ["-mi", LOOPBACK, "-mp", str(self._media.first), "-nostdin"]
        if self._traced:
            command += ["-trace_msg", "-message_file", "messages.txt"]
        command += ["-trace_err", "-error_file", "errors.txt"]
        command += [
            "-trace_logs",
            "-log_file",
            "logged.txt",
            "-trace_stat",
            "-stf",
            "statistics.csv",
            "-fd",
            "1",
        ]
        for reservation in (self._ports, self._media, self._control):
            reservation.release()
        self._process = PeerProcess(f"sipp-{self.scenario.stem}", command, self.directory)
        await self._process.start()
        if self._target is None:
            await until(self._listens, f"{self.scenario.stem} listens on {self.address}")
        return self

    async def finished(self) -> SippResult:
        """Wait until all its calls are over."""
        assert self._process is not None
        try:
            exit_code = await self._process.exited(self.timeout_s + 5)
        finally:
            await self._process.stop()
        counts = self._counts()
        return SippResult(
            exit_code,
            counts.get("SuccessfulCall(C)", 0),
            counts.get("FailedCall(C)", 0),
            counts.get("Retransmissions(C)", 0),
            self._text("messages.txt"),
            self._text("errors.txt") or self._process.output()[-2000:],
            self._text("logged.txt"),
        )

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.returncode is not None:
            raise AssertionError(f"SIPp ended at once: {self._process.output()[-2000:]}")
        port = f":{self.port:04X} "
        tables = (Path("/proc/net/udp"), Path("/proc/net/tcp"))
        return any(port in line[:40] for table in tables for line in table.read_text().splitlines()[1:])

    def _counts(self) -> dict[str, int]:
        """The last line of the statistics."""
        path = self.directory / "statistics.csv"
        if not path.exists():
            return {}
        rows = list(csv.DictReader(path.read_text(errors="replace").splitlines(), delimiter=";"))
        return (
            {name: int(value) for name, value in rows[-1].items() if value and value.isdigit()}
            if rows
            else {}
        )

    def _text(self, name: str) -> str:
        path = self.directory / name
        return path.read_text(errors="replace") if path.exists() else ""


async def call(scenario: str | Path, target: str, directory: Path, **options: object) -> SippResult:
    """Run a caller's scenario against `target` (host:port); the result, whatever it is."""
    sipp = await Sipp(scenario, directory, target=target, **options).start()  # type: ignore[arg-type]  # passed through
    return await sipp.finished()


@asynccontextmanager
async def serving(scenario: str | Path, directory: Path, **options: object) -> AsyncIterator[Sipp]:
    """Run a callee's scenario; ask `finished` for the result."""
    sipp = await Sipp(scenario, directory, **options).start()  # type: ignore[arg-type]  # passed through
    try:
        yield sipp
    finally:
        await sipp.stop()
