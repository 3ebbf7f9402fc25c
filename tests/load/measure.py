"""The measurements of the benchmark: each runs a server of its own and returns one line of a table."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import KEY_1_HZ, MENU_HZ, write_dialplan
from tests.integration.peers import tones
from tests.integration.peers.rtp import PCMU, RtpEnd, decode
from tests.integration.peers.sipp import Sipp
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until
from tests.load import proc
from tests.load.blaster import Blaster
from tests.load.server_process import Fabric
from tests.load.sipload import LoadCaller, hang_up_all, place_many

SETTLE_S: Final = 2.0  # jitter buffers and the allocator find their size
MIN_DELIVERED: Final = 0.98


@dataclass(frozen=True, slots=True)
class MediaCost:
    """Concurrent calls with RTP both ways. CPU in thousandths of a core: the whole process, by call."""

    mode: str
    calls: int
    spinning: bool
    millicores_a_call: float
    kilobytes_a_call: float
    delivered: float  # packets received per packet due
    voiced: float  # of them, not silent
    gap_p50_ms: float
    gap_p99_ms: float
    gap_p999_ms: float
    gap_max_ms: float
    blaster_late_ticks: int  # of our own sender: above a few, the machine was too busy to measure on
    scheduling: str
    by_thread: dict[str, float]

    @property
    def valid(self) -> bool:
        """A starved server looks cheap: without its packets a figure means nothing."""
        return self.delivered >= MIN_DELIVERED and self.voiced >= MIN_DELIVERED


@dataclass(frozen=True, slots=True)
class Setup:
    """Calls set up and torn down. CPU in milliseconds a call, everything the process did included."""

    rate: int  # asked for, a second
    calls: int
    failed: int
    achieved_a_second: float
    cpu_ms_a_call: float


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution, in milliseconds."""

    what: str
    count: int
    p50_ms: float
    p95_ms: float
    max_ms: float


async def media_cost(mode: str, calls: int, seconds: float, *, spinning: bool = False) -> MediaCost:
    async with (
        Fabric(calls, spin=spinning) as server,
        Blaster(calls) as blaster,
        await LoadCaller.open(server.address) as caller,
    ):
        empty = proc.read(server.pid)
        placed = await place_many(caller, blaster, mode, calls)
        await asyncio.sleep(SETTLE_S)
        before = proc.read(server.pid)
        figures = await blaster.measure(seconds)
        after = proc.read(server.pid)
        engine = await server.figures()
        await hang_up_all(caller, blaster, placed)
    spent = proc.spent(before, after)
    # Spinning Python takes a core for itself; only the gaps mean anything then.
    return MediaCost(
        mode,
        calls,
        spinning,
        spent.millicores / calls,
        (after.resident_bytes - empty.resident_bytes) / calls / 1024,
        figures.delivered(calls, seconds),
        figures.voiced / max(figures.received, 1),
        figures.gap_p50_ms,
        figures.gap_p99_ms,
        figures.gap_p999_ms,
        figures.gap_max_ms,
        figures.late_ticks,
        str(engine["clock"]["scheduling"]),
        {name: round(used / calls, 3) for name, used in spent.by_thread.items() if used > 1},
    )


async def setup_rate(rate: int, seconds: float, directory: Path) -> Setup:
    """SIPp calls a number that is answered, and hangs up at once."""
    calls = round(rate * seconds)
    async with Fabric(max(calls, 200)) as server:
        before = proc.read(server.pid)
        started = time.monotonic()
        sipp = await Sipp(
            "uac_hangs_up_when_confirmed",
            directory / f"rate-{rate}",
            target=f"{server.address[0]}:{server.address[1]}",
            service="plain",
            calls=calls,
            rate=rate,
            concurrent=max(rate, 10),
            timeout_s=seconds + 20,
            traced=False,
        ).start()
        result = await sipp.finished()
        took = time.monotonic() - started
        after = proc.read(server.pid)
    cpu_ms = (after.cpu_s - before.cpu_s) * 1000 / max(result.successful, 1)
    return Setup(rate, result.successful, result.failed, result.successful / took, cpu_ms)


async def setup_latency(background_calls: int, samples: int) -> Latency:
    """INVITE to 200, one call every 50 ms, beside so many calls with music and RTP both ways."""
    async with (
        Fabric(background_calls + samples) as server,
        Blaster(max(background_calls, 1) + 1) as blaster,
        await LoadCaller.open(server.address) as caller,
    ):
        placed = await place_many(caller, blaster, "music", background_calls)
        took: list[float] = []
        for _ in range(samples):
            call = await caller.place("plain", blaster.port(background_calls))
            took.append(call.setup_s)
            await caller.hang_up(call)
            await asyncio.sleep(0.05)
        await hang_up_all(caller, blaster, placed)
    return latency(f"INVITE to 200 beside {background_calls} calls", took)


async def key_to_prompt(samples: int, directory: Path) -> Latency:
    """From the first packet of a key (RFC 4733) to the first packet of the next prompt, in a whole node."""
    took: list[float] = []
    async with (
        Gateway(directory / "gateway", dialplan=write_dialplan(directory / "plan")) as gateway,
        await UserAgent.open() as phone,
    ):
        for _ in range(samples):
            took.append(await _press_one(await phone.call(gateway.uri("100"))))
    return latency("key to the next prompt", took)


async def _press_one(call: UaCall) -> float:
    await call.status(200)
    await until(lambda: _first_packet_of(call.rtp, MENU_HZ), "the menu")
    pressed_at = time.monotonic()
    await call.rtp.press("1", 0.12)
    arrived_at = await until(lambda: _first_packet_of(call.rtp, KEY_1_HZ), "the next prompt")
    call.bye()
    return arrived_at - pressed_at


def latency(what: str, seconds: Sequence[float]) -> Latency:
    ordered = sorted(value * 1000 for value in seconds)
    p95 = ordered[min(round(0.95 * len(ordered)), len(ordered) - 1)]
    return Latency(what, len(ordered), statistics.median(ordered), p95, ordered[-1])


def _first_packet_of(rtp: RtpEnd, frequency_hz: float) -> float:
    """When the first packet with this tone in it arrived; 0.0 when none has."""
    for packet in rtp.received:
        if packet.payload_type == PCMU:
            audio = decode(packet.payload, PCMU)
            if tones.level_dbfs(audio) > -40 and tones.purity(audio, frequency_hz) > 0.5:
                return packet.arrived_s
    return 0.0
