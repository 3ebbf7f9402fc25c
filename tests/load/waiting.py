"""What waiting costs, and how fast an agent who accepts is connected: a whole node, real SIP and RTP."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from tests.integration.peers import tones
from tests.integration.peers.rtp import PCMU, RtpEnd, decode
from tests.integration.peers.wait import until
from tests.integration.queues.centre import Centre, contact_centre, talking
from tests.integration.queues.plan import MUSIC_HZ, NUMBERS
from tests.load import proc
from tests.load.blaster import Blaster
from tests.load.measure import SETTLE_S, Latency, MediaCost, latency
from tests.load.sipload import LoadCaller, hang_up_all, place_many

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
RTP_PORTS: Final = 1_600


async def waiting_cost(calls: int, seconds: float, directory: Path) -> MediaCost:
    """CPU of `calls` callers who wait with music, and are told their position every five seconds."""
    async with (
        contact_centre(directory / "waiting", ("ann",), rtp_ports=4 * calls, max_calls=calls) as centre,
        Blaster(calls) as blaster,
        await LoadCaller.open(centre.gateway.target) as caller,
    ):
        await centre.set_presence("ann", "on_break")
        pid = centre.gateway.pid
        empty = proc.read(pid)
        placed = await place_many(caller, blaster, NUMBERS["told"], calls)
        await asyncio.sleep(SETTLE_S)
        before = proc.read(pid)
        figures = await blaster.measure(seconds)
        after = proc.read(pid)
        await hang_up_all(caller, blaster, placed)
    spent = proc.spent(before, after)
    return MediaCost(
        "waiting",
        calls,
        spinning=False,
        millicores_a_call=spent.millicores / calls,
        kilobytes_a_call=(after.resident_bytes - empty.resident_bytes) / calls / 1024,
        delivered=figures.delivered(calls, seconds),
        voiced=figures.voiced / max(figures.received, 1),
        gap_p50_ms=figures.gap_p50_ms,
        gap_p99_ms=figures.gap_p99_ms,
        gap_p999_ms=figures.gap_p999_ms,
        gap_max_ms=figures.gap_max_ms,
        blaster_late_ticks=figures.late_ticks,
        scheduling="",
        by_thread={name: round(used / calls, 3) for name, used in spent.by_thread.items() if used > 1},
    )


async def accept_latency(samples: int, directory: Path) -> tuple[Latency, Latency, Latency]:
    """From the agent's 200 OK until the caller hears them, they hear the caller, and the music has ended."""
    to_caller: list[float] = []
    to_agent: list[float] = []
    cut: list[float] = []
    async with contact_centre(directory / "accept", ("ann",), rtp_ports=RTP_PORTS) as centre:
        await centre.on_duty("ann")
        for _ in range(samples):
            await _accept_once(centre, to_caller, to_agent, cut)
    return (
        latency("accept: the caller hears the agent", to_caller),
        latency("accept: the agent hears the caller", to_agent),
        latency("accept: the music has ended", cut),
    )


async def _accept_once(
    centre: Centre, to_caller: list[float], to_agent: list[float], cut: list[float]
) -> None:
    caller = await centre.call_in("quiet")
    ringing = await centre.agents["ann"].ring()
    async with talking((caller, CALLER_HZ), (ringing, AGENT_HZ)):
        await asyncio.sleep(0.4)  # the caller hears music, and both have begun to send
        accepted_at = time.monotonic()
        ringing.respond(200, "OK", sdp=True)
        to_caller.append(await until(lambda: _first(caller.rtp, AGENT_HZ), "the agent") - accepted_at)
        to_agent.append(await until(lambda: _first(ringing.rtp, CALLER_HZ), "the caller") - accepted_at)
        await asyncio.sleep(0.2)
        cut.append(max(_last(caller.rtp, MUSIC_HZ) - accepted_at, 0.0))
    caller.bye()
    await ringing.request("BYE")
    await centre.until_state("ann", "idle")


def _first(rtp: RtpEnd, frequency_hz: float) -> float:
    """When the first packet that this tone dominates arrived; 0.0 when none has."""
    return next((packet_at for packet_at in _packets_of(rtp, frequency_hz)), 0.0)


def _last(rtp: RtpEnd, frequency_hz: float) -> float:
    return max(_packets_of(rtp, frequency_hz), default=0.0)


def _packets_of(rtp: RtpEnd, frequency_hz: float) -> list[float]:
    return [
        packet.arrived_s
        for packet in rtp.received
        if packet.payload_type == PCMU and _dominates(decode(packet.payload, PCMU), frequency_hz)
    ]


def _dominates(audio: tones.Samples, frequency_hz: float) -> bool:
    return tones.level_dbfs(audio) > -40 and tones.purity(audio, frequency_hz) > 0.5
