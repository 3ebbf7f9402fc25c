"""The WebRTC part of the benchmark: CPU beside SIP and aiortc alone, delay, and what SIP calls notice."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from playwright.async_api import Page

from tests.browser.chromium import chromium
from tests.browser.conftest import voice_environment
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.rtc import RtcPeer
from tests.integration.peers.rtp import PCMU, PTIME_S, RtpEnd, decode
from tests.integration.peers.ua import UserAgent
from tests.load.blaster import Blaster, MediaFigures
from tests.load.measure import Latency, latency
from tests.load.native import ROOT
from tests.load.rtc_phones import RtcCost, Server, calling
from tests.load.sipload import LoadCaller, hang_up_all, place_many

LIMIT_S: Final = 180.0
BURST_HZ: Final = 1000.0
BURST_S: Final = 0.1
BEAT_S: Final = 0.5
PLAYOUT_S: Final = 2 * PTIME_S
"""What the ends add at least: a phone sends a packet when its 20 ms are over, and plays a whole one."""

# From the click to the first sound that comes out of the call.
_CLICK: Final = """async () => {
  const began = performance.now();
  document.querySelector("#call").click();
  for (;;) {
    const peer = globalThis.call?.peerConnection;
    if (peer) {
      const audio = [...(await peer.getStats()).values()].find((s) => s.type === "inbound-rtp");
      if (audio && audio.totalAudioEnergy > 1e-6) return performance.now() - began;
    }
    if (performance.now() - began > 10000) return 10000;
    await new Promise((done) => setTimeout(done, 5));
  }
}"""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Gaps between packets of SIP calls, without and with WebRTC calls beside them."""

    webrtc_calls: int
    gap_p50_ms: float
    gap_p99_ms: float
    gap_p999_ms: float
    gap_max_ms: float


async def webrtc_cost(mode: str, codec: str, calls: int, seconds: float, *, rate: int = 8000) -> RtcCost:
    """In processes of their own: the phones have a media engine too."""
    line = await _phones(mode, codec, calls, seconds, rate)
    return RtcCost(**json.loads(line))


async def _phones(mode: str, codec: str, calls: int, seconds: float, rate: int = 8000) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.load.rtc_phones", "--mode", mode, "--codec", codec),
        *("--calls", str(calls), "--seconds", str(seconds), "--rate", str(rate)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    if process.returncode:
        raise RuntimeError(f"the phones failed (exit {process.returncode})")
    return output.splitlines()[-1]


async def mouth_to_ear(samples: int) -> list[Latency]:
    """From the first sample of a burst to where a listener could hear it, through a node on loopback.

    `send_audio` sends a packet when its samples begin, as a phone would 20 ms later: so much is added.
    """
    async with Server("native", 8000, 10) as server, await UserAgent.open() as phone:
        host, port = server.sip_address
        app = await RtcPeer.open(PCMU)
        call = await phone.call(f"sip:pairs@{host}:{port}")
        await call.status(200)
        await app.connect(await server.answer(1, app.offer()))
        await app.rtp.audio_packets(20)
        sip_to_webrtc = await _bursts(call.rtp, app.rtp, samples)
        webrtc_to_sip = await _bursts(app.rtp, call.rtp, samples)
        one, other = await RtcPeer.open(PCMU), await RtcPeer.open(PCMU)
        await one.connect(await server.answer(2, one.offer()))
        await other.connect(await server.answer(3, other.offer()))
        await other.rtp.audio_packets(20)
        between_apps = await _bursts(one.rtp, other.rtp, samples)
        call.bye()
        for peer in (app, one, other):
            await peer.close()
    return [
        latency("SIP to WebRTC", sip_to_webrtc),
        latency("WebRTC to SIP", webrtc_to_sip),
        latency("WebRTC to WebRTC", between_apps),
    ]


async def _bursts(mouth: RtpEnd, ear: RtpEnd, samples: int) -> list[float]:
    """One stream with a burst every half second: what counts is a call that is under way."""
    beat = np.concatenate([tones.silence(BEAT_S - BURST_S), tones.sine(BURST_HZ, BURST_S)])
    ear.received.clear()
    began = time.monotonic()
    listening = asyncio.create_task(ear.send_audio(tones.silence(samples * BEAT_S)))  # nobody sends nothing
    await mouth.send_audio(np.tile(beat, samples))
    await listening
    await asyncio.sleep(0.3)
    arrived = _bursts_heard(ear)
    said = [began + index * BEAT_S + (BEAT_S - BURST_S) for index in range(samples)]
    took = [min((at - each for at in arrived if 0 < at - each < BEAT_S), default=BEAT_S) for each in said]
    return [each + PLAYOUT_S for each in took]


def _bursts_heard(ear: RtpEnd) -> list[float]:
    """When each burst began to arrive."""
    loud, found = False, []
    for packet in ear.received:
        if packet.payload_type == PCMU:
            now = tones.level_dbfs(decode(packet.payload, PCMU)) > -25
            if now and not loud:
                found.append(packet.arrived_s)
            loud = now
    return found


async def click_to_audio(samples: int, directory: Path) -> Latency:
    """A real browser, a whole node: microphone, token, signalling, ICE, DTLS, answer, first sound."""
    async with (
        Gateway(
            directory / "gateway",
            dialplan=write_dialplan(directory / "plan"),
            environment=voice_environment(),
            log_level="info",
        ) as gateway,
        chromium(directory) as browser,
    ):
        context = await browser.new_context(permissions=["microphone"])
        page = await context.new_page()
        took = [await _click(page, f"http://{LOOPBACK}:{gateway.http_port}/app/") for _ in range(samples + 1)]
    return latency("click to first audio", took[1:])  # the first one starts the browser's audio


async def _click(page: Page, url: str) -> float:
    await page.goto(url)
    took: Any = await page.evaluate(_CLICK)
    await page.click("#hangup")
    await page.wait_for_selector("body[data-state=ended]")
    return float(took) / 1000


async def neighbours(sip_calls: int, webrtc_calls: int, seconds: float) -> list[Neighbours]:
    """The same SIP calls in the same server, first alone and then beside Opus calls."""
    found = []
    async with (
        Server("native", 8000, sip_calls + 10) as server,
        Blaster(sip_calls) as blaster,
        await LoadCaller.open(server.sip_address) as caller,
    ):
        placed = await place_many(caller, blaster, "pairs", sip_calls)
        await asyncio.sleep(2.0)
        found.append(_gaps(0, await blaster.measure(seconds)))
        async with calling(server, "opus", webrtc_calls):
            found.append(_gaps(webrtc_calls, await blaster.measure(seconds)))
        await hang_up_all(caller, blaster, placed)
    return found


def _gaps(calls: int, figures: MediaFigures) -> Neighbours:
    return Neighbours(calls, figures.gap_p50_ms, figures.gap_p99_ms, figures.gap_p999_ms, figures.gap_max_ms)
