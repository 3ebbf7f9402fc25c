"""The media of a browser, without one: ICE, DTLS and SRTP by aiortc, RTP by `rtp.RtpEnd`, on loopback.

aiortc's own SRTP is at this end, so that what native code sends and takes is judged by somebody else's.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Self, cast

from aioice import Candidate, Connection
from aiortc import sdp
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceParameters, RTCIceTransport

from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.rtp import PCMA, PCMU, TELEPHONE_EVENT, RtpEnd

OPUS: Final = 111
_MAPS: Final = {PCMU: "PCMU/8000", PCMA: "PCMA/8000", OPUS: "opus/48000/2"}
_CERTIFICATE: Final = RTCCertificate.generateCertificate()


class _Dtls(RTCDtlsTransport):
    """Hands over what it has decrypted as it is."""

    rtp: RtpEnd
    rtcp: list[bytes]

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.rtp.datagram_received(data, ("", 0))

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.rtcp.append(data)


class _Srtp:
    """A datagram transport that encrypts."""

    def __init__(self, dtls: _Dtls) -> None:
        self._dtls = dtls
        self._sending: set[asyncio.Task[None]] = set()

    def sendto(self, data: bytes, _address: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._send(data))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, data: bytes) -> None:
        try:
            await self._dtls._send_rtp(data)
        except ConnectionError:
            return  # the call is over

    def close(self) -> None:
        for task in self._sending:
            task.cancel()


class RtcPeer:
    """One peer connection. `async with await RtcPeer.open() as peer`: offer, take the answer, then `rtp`."""

    def __init__(self, payload_type: int, *, keys: bool) -> None:
        self.payload_type = payload_type
        self._keys = keys
        self.connection = Connection(ice_controlling=True)
        gatherer = RTCIceGatherer(iceServers=[])
        gatherer._connection = self.connection
        self._ice = RTCIceTransport(gatherer)
        self._ice._connection = self.connection
        self.dtls = _Dtls(self._ice, [_CERTIFICATE])
        self.rtp = RtpEnd(payload_type)
        self.dtls.rtp = self.rtp
        self.dtls.rtcp = []
        self.rtp.remote = ("srtp", 0)
        self._transport = _Srtp(self.dtls)
        self.rtp.connection_made(cast(asyncio.DatagramTransport, self._transport))
        self.rtp.payload_type = payload_type

    @classmethod
    async def open(cls, payload_type: int = PCMU, *, keys: bool = True, address: str = LOOPBACK) -> Self:
        peer = cls(payload_type, keys=keys)
        found = await peer.connection.get_component_candidates(component=1, addresses=[address])
        peer.connection._local_candidates += found
        peer.connection._local_candidates_start = peer.connection._local_candidates_end = True
        return peer

    @property
    def candidates(self) -> list[str]:
        return [candidate.to_sdp() for candidate in self.connection.local_candidates]

    @property
    def rtcp(self) -> list[bytes]:
        """The RTCP packets received."""
        return self.dtls.rtcp

    def offer(self, *, direction: str = "sendrecv", candidates: bool = True) -> str:
        """What a browser would offer, with one codec."""
        fingerprint = self.dtls.getLocalParameters().fingerprints[0]
        events = [f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/{self.clock}"] if self._keys else []
        types = f"{self.payload_type} {TELEPHONE_EVENT}" if self._keys else f"{self.payload_type}"
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE 0",
            f"m=audio 9 UDP/TLS/RTP/SAVPF {types}",
            "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{self.connection.local_username}",
            f"a=ice-pwd:{self.connection.local_password}",
            f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}",
            "a=setup:actpass",
            "a=mid:0",
            f"a={direction}",
            "a=rtcp-mux",
            f"a=rtpmap:{self.payload_type} {_MAPS[self.payload_type]}",
            *events,
            *([f"a=candidate:{each}" for each in self.candidates] if candidates else []),
        ]
        return "\r\n".join(lines) + "\r\n"

    @property
    def clock(self) -> int:
        return 48000 if self.payload_type == OPUS else 8000

    async def connect(self, answer: str) -> None:
        """Takes the answer; returns when the media is up. ConnectionError when it doesn't come up."""
        media = sdp.SessionDescription.parse(answer).media[0]
        assert media.ice is not None
        assert media.dtls is not None
        for each in media.ice_candidates:
            await self.take_candidate(sdp.candidate_to_sdp(each))
        self.dtls._set_role("server" if media.dtls.role == "client" else "client")
        await self._ice.start(RTCIceParameters(media.ice.usernameFragment, media.ice.password, iceLite=False))
        if self._ice.state != "completed":
            raise ConnectionError("no way to the gateway")
        await self.dtls.start(RTCDtlsParameters(media.dtls.fingerprints, media.dtls.role or "auto"))
        if self.dtls.state != "connected":
            raise ConnectionError("no keys")

    async def take_candidate(self, candidate: str | None) -> None:
        await self.connection.add_remote_candidate(Candidate.from_sdp(candidate) if candidate else None)

    async def close(self) -> None:
        """Says goodbye (DTLS close_notify), as a page does that is closed."""
        self._transport.close()
        await self.dtls.stop()
        await self._ice.stop()

    async def vanish(self) -> None:
        """Is gone without a word, as a phone in a tunnel."""
        self._transport.close()
        if self.dtls._task is not None:
            self.dtls._task.cancel()
        await self._ice.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
