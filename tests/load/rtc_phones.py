"""Many browsers' worth of WebRTC calls from one process, and what they cost the server that it starts.

    python -m tests.load.rtc_phones --mode native --codec opus --calls 50 --seconds 8

aiortc negotiates for the phones too; then native code sends and receives, so that they cost little beside
what is measured. Prints one JSON line: RtcCost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from aioice import Candidate, Connection
from aiortc import sdp
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceParameters, RTCIceTransport

from gateway.webrtc.takeover import KeyedDtls, Takeover
from media import tone
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from media.player import Player
from media.rtc import RtcPort, Transport
from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.load import proc
from tests.load.native import ROOT

SETTLE_S: Final = 3.0
PLACE_LIMIT_S: Final = 60.0
AT_ONCE: Final = 5  # handshakes
MIN_DELIVERED: Final = 0.98
_TYPES: Final = {"opus": (111, "opus/48000/2"), "PCMU": (0, "PCMU/8000")}
_CERTIFICATE: Final = RTCCertificate.generateCertificate()


@dataclass(frozen=True, slots=True)
class RtcCost:
    """Concurrent WebRTC calls, joined in pairs. CPU in thousandths of a core: the whole server, by call."""

    mode: str
    codec: str
    rate: int
    calls: int
    millicores_a_call: float
    kilobytes_a_call: float
    delivered: float  # packets that the phones received per packet due
    heard: float  # packets that the server received per packet sent, as its RTCP told the phones
    by_thread: dict[str, float]

    @property
    def valid(self) -> bool:
        return self.delivered >= MIN_DELIVERED


class Phone:
    """One call."""

    def __init__(self, engine: Engine, bridge: Bridge, codec: str) -> None:
        self._codec = codec
        self._connection = Connection(ice_controlling=True)
        gatherer = RTCIceGatherer(iceServers=[])
        gatherer._connection = self._connection
        self._ice = RTCIceTransport(gatherer)
        self._dtls = KeyedDtls(self._ice, _CERTIFICATE, "server")
        self.port = RtcPort(
            engine, bridge, "phone", on_key=lambda *_: None, on_packet=lambda packet: self._taken.give(packet)
        )
        self._taken = Takeover(self._connection, self.port.feed, native_socket=True)  # type: ignore[arg-type]

    async def offer(self) -> str:
        connection = self._connection
        connection._local_candidates += await connection.get_component_candidates(
            component=1, addresses=[LOOPBACK]
        )
        connection._local_candidates_start = connection._local_candidates_end = True
        fingerprint = self._dtls.getLocalParameters().fingerprints[0]
        number, name = _TYPES[self._codec]
        lines = [
            *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"),
            *(f"m=audio 9 UDP/TLS/RTP/SAVPF {number}", "c=IN IP4 0.0.0.0"),
            *(f"a=ice-ufrag:{connection.local_username}", f"a=ice-pwd:{connection.local_password}"),
            *(f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}", "a=setup:actpass", "a=mid:0"),
            *("a=sendrecv", "a=rtcp-mux", f"a=rtpmap:{number} {name}"),
            *(f"a=candidate:{candidate.to_sdp()}" for candidate in connection.local_candidates),
            "a=end-of-candidates",
        ]
        return "\r\n".join(lines) + "\r\n"

    async def connect(self, answer: str) -> None:
        media = sdp.SessionDescription.parse(answer).media[0]
        assert media.ice is not None
        assert media.dtls is not None
        for each in media.ice_candidates:
            await self._connection.add_remote_candidate(Candidate.from_sdp(sdp.candidate_to_sdp(each)))
        await self._ice.start(RTCIceParameters(media.ice.usernameFragment, media.ice.password, iceLite=False))
        await self._dtls.start(RTCDtlsParameters(media.dtls.fingerprints, "client"))
        keys, pair = self._dtls.keys, self._taken.take()
        assert keys is not None, "no keys"
        assert pair is not None, "no way to the server"
        number, _ = _TYPES[self._codec]
        self.port.attach(
            Transport(
                profile=keys.profile,
                send_key=keys.send,
                receive_key=keys.receive,
                remote=pair.remote,
                socket=pair.socket,
                codec=self._codec,
                payload_type=number,
                key_type=None,
                key_clock=8000,
                ssrc=secrets.randbits(32),
                cname="phone",
            ),
            complexity=0,
        )


class Server:
    """tests.load.rtc_server as a process."""

    def __init__(self, mode: str, rate: int, calls: int, complexity: int = 1) -> None:
        self._rtp = Reservation(4 * calls)
        self._options = ["--mode", mode, "--rate", str(rate), "--complexity", str(complexity)]
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self.pid = 0
        self.sip_address = ("", 0)

    async def __aenter__(self) -> Server:
        self._rtp.release()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.load.rtc_server", *self._options),
            *("--rtp", f"{self._rtp.first}-{self._rtp.last}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        ready = json.loads(await asyncio.wait_for(self._process.stdout.readline(), PLACE_LIMIT_S))
        self.pid, self.sip_address = ready["pid"], (LOOPBACK, ready["sip_port"] or 0)
        self._reader = asyncio.get_running_loop().create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 15.0)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            self._reader.cancel()

    async def answer(self, number: int, offer: str) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        self._answers[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"call": number, "offer": offer}).encode() + b"\n")
        return await asyncio.wait_for(self._answers[number], PLACE_LIMIT_S)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if not line.startswith(b"{"):
                continue  # its log
            message: dict[str, Any] = json.loads(line)
            if "answer" in message:
                self._answers[message["call"]].set_result(message["answer"])


async def place(server: Server, phones: list[Phone], first: int = 0) -> None:
    """All calls, a few handshakes at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, phone: Phone) -> None:
        async with gate:
            await phone.connect(await server.answer(number, await phone.offer()))

    async with asyncio.TaskGroup() as tasks:
        for number, phone in enumerate(phones, first):
            tasks.create_task(one(number, phone))


@asynccontextmanager
async def calling(
    server: Server, codec: str, calls: int, *, rate: int = 8000, first: int = 0
) -> AsyncIterator[list[Phone]]:
    """So many phones in conversation, each sending a melody, on an engine of this process."""
    engine = Engine(EngineSettings(rate=rate, max_calls=2 * calls + 10, realtime=False))
    await engine.start()
    bridge = Bridge(engine)
    player = Player(engine, bridge)
    player.play([tone.tone([440.0, 554.0, 659.0], 10.0, rate, dbfs=-20.0)], loop=True)
    phones = [Phone(engine, bridge, codec) for _ in range(calls)]
    for phone in phones:
        bridge.connect(player.port, phone.port.port)
    await place(server, phones, first)
    await asyncio.sleep(SETTLE_S)
    try:
        yield phones
    finally:
        for phone in phones:
            phone.port.close()
        await engine.stop()


async def measure(mode: str, codec: str, rate: int, calls: int, seconds: float, complexity: int) -> RtcCost:
    async with Server(mode, rate, calls, complexity) as server:
        empty = proc.read(server.pid)
        async with calling(server, codec, calls, rate=rate) as phones:
            before, received = proc.read(server.pid), sum(p.port.figures.received for p in phones)
            await asyncio.sleep(seconds)
            after, received_after = proc.read(server.pid), sum(p.port.figures.received for p in phones)
            lost = [phone.port.figures.far_loss for phone in phones]
    spent = proc.spent(before, after)
    return RtcCost(
        mode,
        codec,
        rate,
        calls,
        spent.millicores / calls,
        (after.resident_bytes - empty.resident_bytes) / calls / 1024,
        (received_after - received) / (calls * spent.seconds * 50),
        1.0 - sum(lost) / len(lost),
        {name: round(used / calls, 3) for name, used in spent.by_thread.items() if used > 1},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("native", "fed", "vanilla"), default="native")
    parser.add_argument("--codec", choices=tuple(_TYPES), default="opus")
    parser.add_argument("--rate", type=int, default=8000)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--complexity", type=int, default=1)
    options = parser.parse_args()
    cost = asyncio.run(
        measure(options.mode, options.codec, options.rate, options.calls, options.seconds, options.complexity)
    )
    print(json.dumps(asdict(cost)))


if __name__ == "__main__":
    main()
