"""Thousands of calls through one node, and nothing may grow: memory, descriptors, threads.

    python -m tests.load.soak [--calls 20000] [--rate 60]

PJSIP keeps transactions for 32 s (RFC 3261, timers B, D, H, J), so what the rate costs in memory is reached
after a while. Growth is judged between the end of the first quarter and the end, when that much time has
passed too; a run shorter than a minute and a half says nothing of memory. Exit 1 when something grew or a
call failed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from gateway.sip.endpoint import PORT_REST_S
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.integration.peers.sipp import Sipp, SippResult
from tests.load import proc
from tests.load.bench import allow_descriptors

SCENARIO: Final = "uac_basic_call"
NUMBER: Final = "100"  # the menu: prompts, digits and a record are part of every call
SAMPLE_S: Final = 2.0
QUIET_S: Final = 40.0  # timers B, D, H, J and some
CONCURRENT: Final = 200
CONNECTIONS: Final = 2  # the database's pool opens its own with the first record
# Fragmentation and caches that are still filling; a leak of one object a call is far above.
BYTES_A_CALL: Final = 256
MEMORY_SLACK: Final = 4 << 20

console = Console()


@dataclass(frozen=True, slots=True)
class Growth:
    """What the node has more of at the end: than after the first quarter; descriptors: than before any call.

    `calls` is how many came in between; 0 when the run was too short for the memory to settle.
    """

    calls: int
    bytes: int
    descriptors: int
    threads: int

    @property
    def problems(self) -> list[str]:
        found = []
        if self.calls and self.bytes > MEMORY_SLACK + BYTES_A_CALL * self.calls:
            found.append(f"memory grew by {self.bytes / self.calls:.0f} bytes a call")
        if self.descriptors > 0:
            found.append(f"{self.descriptors} descriptors more")
        if self.threads > 0:
            found.append(f"{self.threads} threads more")
        return found


async def soak(calls: int, rate: int, directory: Path) -> tuple[SippResult, Growth, list[str]]:
    """Runs the calls; the result of SIPp, the growth, and what the node itself reports as wrong."""
    gateway = Gateway(
        directory / "gateway",
        dialplan=write_dialplan(directory / "plan"),
        max_calls=2 * CONCURRENT,
        rtp_ports=2 * (CONCURRENT + round(rate * (PORT_REST_S + 10))),
        log_level="info",
    )
    async with gateway:
        sipp = await Sipp(
            SCENARIO,
            directory / "sipp",
            target=gateway.address,
            service=NUMBER,
            calls=calls,
            rate=rate,
            concurrent=CONCURRENT,
            timeout_s=calls / rate * 1.5 + 60,
            traced=False,
        ).start()
        samples = await _watch(gateway, sipp, calls)
        result = await sipp.finished()
        settled = round(max(len(samples) / 4, QUIET_S / SAMPLE_S))
        early = samples[min(settled, len(samples) - 1)]
        with console.status(f"{QUIET_S:.0f} s for the last transactions to end"):
            await asyncio.sleep(QUIET_S)
        end = proc.read(gateway.process.pid)
        problems = await _complaints(gateway, calls)
    growth = Growth(
        calls * (len(samples) - settled) // len(samples) if len(samples) > 2 * settled else 0,
        end.resident_bytes - early.resident_bytes,
        end.descriptors - samples[0].descriptors - CONNECTIONS,
        len(end.threads) - len(early.threads),
    )
    return result, growth, problems


async def _watch(gateway: Gateway, sipp: Sipp, calls: int) -> list[proc.Usage]:
    samples = [proc.read(gateway.process.pid)]
    with Progress(console=console) as progress:
        bar = progress.add_task("calls", total=calls)
        while sipp.running:
            await asyncio.sleep(SAMPLE_S)
            samples.append(proc.read(gateway.process.pid))
            progress.update(bar, completed=await gateway.metric("ringback_calls_total"))
    return samples


async def _complaints(gateway: Gateway, calls: int) -> list[str]:
    found = []
    if (active := await gateway.metric("ringback_calls_active")) != 0:
        found.append(f"{active:.0f} calls are left over")
    if (counted := await gateway.metric("ringback_calls_total")) != calls:
        found.append(f"{counted:.0f} calls counted, {calls} made")
    return found


def _mebibytes(value: float) -> str:
    return f"{value / (1 << 20):+.1f} MiB"


async def _run(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="ringback-soak-") as directory:
        result, growth, problems = await soak(options.calls, options.rate, Path(directory))
    problems += growth.problems
    if result.failed or result.successful != options.calls:
        problems.append(
            f"{result.failed} calls failed, {result.successful} of {options.calls} went as written"
        )
    console.print(
        f"{result.successful} calls; after the first quarter: memory {_mebibytes(growth.bytes)}, "
        f"descriptors {growth.descriptors:+d}, threads {growth.threads:+d}"
    )
    if not growth.calls:
        console.print("too short a run to say anything of memory")
    for problem in problems:
        console.print(f"[red]{problem}[/red]")
    return 1 if problems else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=60, help="calls a second")
    allow_descriptors()
    sys.exit(asyncio.run(_run(parser.parse_args())))


if __name__ == "__main__":
    main()
