"""A node's media under WebRTC load: joins calls in pairs as they come, SIP and WebRTC alike.

    python -m tests.load.rtc_server --mode native|fed|vanilla [--rate HZ] [--rtp FIRST-LAST]

`native`: as a node does it. `fed`: packets through Python. `vanilla`: aiortc alone, a tone out and a sink in.
Reads JSON lines {"call": n, "offer": sdp} and answers each with {"call": n, "answer": sdp}; the first line it
prints names its ports. An empty line brings the engine's figures. Ends with its input.
"""

from __future__ import annotations

import argparse
import asyncio
import fractions
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import aioice.ice
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole

from gateway.call.leg import CallLeg, Ended, Party
from gateway.sip.endpoint import SipEndpoint, SipEndpointSettings
from gateway.webrtc.endpoint import WebRtcEndpoint
from gateway.webrtc.messages import Hello
from gateway.webrtc.sessions import Subject
from gateway.webrtc.settings import WebRtcSettings
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from tests.fakes.voice import RecordingObserver
from tests.load.server import MAX_CALLS

LOOPBACK = "127.0.0.1"


def say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)  # the protocol with the benchmark


class Pairs:
    """Answers every leg and joins it with the one before, or waits for the next."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._lonely: CallLeg | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, leg: CallLeg) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(leg))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, leg: CallLeg) -> None:
        if self._lonely is None:
            self._lonely = leg
        else:
            self._bridge.join(self._lonely.audio, leg.audio)
            self._lonely = None
        await leg.answer()
        while not isinstance(await leg.next_event(), Ended):
            pass


class Line:
    """The socket of one call's app, which is here and not in the phone: it says what an app has to say."""

    def __init__(self, number: int, endpoint: WebRtcEndpoint) -> None:
        self._number = number
        self._sent = 0
        self._session = endpoint.open_session(Subject(f"phone-{number}", "app", Party(str(number))))
        self._session.attach(self, Hello(type="hello"))

    async def start(self, offer: str) -> None:
        await self._tell(type="call", to="pairs", sdp=offer)

    def send(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "answer":
            say(call=self._number, answer=message["sdp"])
        elif message["type"] == "answered":
            asyncio.get_running_loop().create_task(self._tell(type="ack"))

    def close(self, code: int, reason: str) -> None:
        print(f"closed: {code} {reason}", file=sys.stderr)

    async def _tell(self, **fields: Any) -> None:
        self._sent += 1
        message = {"seq": self._sent, "ack": 10_000, "call": f"call-{self._number:06}", **fields}
        await self._session.receive(json.dumps(message))


class Tone(MediaStreamTrack):
    """What vanilla aiortc sends."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._samples = (8000 * np.sin(2 * np.pi * 440 * np.arange(960) / 48000)).astype(np.int16)
        self._at = 0
        self._began = time.monotonic()

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(max(0.0, self._began + self._at / 48000 - time.monotonic()))
        frame = av.AudioFrame.from_ndarray(self._samples.reshape(1, -1), layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, self._at, fractions.Fraction(1, 48000)
        self._at += 960
        return frame


class Vanilla:
    """aiortc as its own examples use it."""

    def __init__(self) -> None:
        aioice.ice.get_host_addresses = lambda **_: [LOOPBACK]
        self._kept: list[object] = []

    async def start(self, number: int, offer: str) -> None:
        peer = RTCPeerConnection()
        sink = MediaBlackhole()
        self._kept += [peer, sink]
        peer.on("track", sink.addTrack)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        peer.addTrack(Tone())
        await peer.setLocalDescription(await peer.createAnswer())
        await sink.start()
        say(call=number, answer=peer.localDescription.sdp)


async def _read(handle: Callable[[int, str], Any], figures: Callable[[], dict[str, Any]]) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            message = json.loads(line)
            asyncio.get_running_loop().create_task(handle(message["call"], message["offer"]))
        else:
            say(**figures())


async def serve_vanilla() -> None:
    vanilla = Vanilla()
    say(pid=os.getpid(), sip_port=None)
    await _read(vanilla.start, dict)


async def serve(options: argparse.Namespace) -> None:
    engine = Engine(EngineSettings(rate=options.rate, max_calls=MAX_CALLS))
    await engine.start()
    bridge = Bridge(engine)
    pairs = Pairs(bridge)
    first, last = (int(port) for port in options.rtp.split("-"))
    sip_settings = SipEndpointSettings(
        bind_address=LOOPBACK, udp_port=0, tcp_port=None, rtp_ports=(first, last)
    )
    sip = SipEndpoint(engine, bridge, sip_settings, pairs.accept)
    listening = await sip.start()
    settings = WebRtcSettings(
        addresses=(LOOPBACK,), native_socket=options.mode == "native", opus_complexity=options.complexity
    )
    observer = RecordingObserver()
    async with WebRtcEndpoint(
        engine, bridge, settings, pairs.accept, observer=observer, epoch_s=time.time
    ) as endpoint:

        async def start(number: int, offer: str) -> None:
            await Line(number, endpoint).start(offer)

        say(pid=os.getpid(), sip_port=listening.udp_port)
        await _read(start, lambda: {**asdict(engine.stats()), "paths": [p.value for p in observer.paths]})
    await sip.stop()
    await engine.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("native", "fed", "vanilla"), default="native")
    parser.add_argument("--rate", type=int, default=8000, choices=(8000, 16000))
    parser.add_argument("--complexity", type=int, default=1)
    parser.add_argument("--rtp", default="20000-31999", metavar="FIRST-LAST")
    options = parser.parse_args()
    asyncio.run(serve_vanilla() if options.mode == "vanilla" else serve(options))


if __name__ == "__main__":
    main()
