"""One negotiated transport of a leg: ICE, then DTLS, then the media is native code's until it is lost."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

import structlog
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters, RTCIceTransport

from gateway.call.state import MediaDirection
from gateway.webrtc.ice import Gatherer, IceConnection, OnCandidate
from gateway.webrtc.sdp import Answerer, Offer, fingerprints_of, make_answer
from gateway.webrtc.settings import WebRtcSettings
from gateway.webrtc.takeover import KeyedDtls, Pair, Path, SrtpKeys, Takeover
from media.rtc import Packet, RtcPort, Transport

log = structlog.get_logger(__name__)

CNAME: Final = "ringback"
_ROLES: Final = {"actpass": "client", "passive": "client", "active": "server"}
_SETUP: Final = {"client": "active", "server": "passive"}


class MediaTransport:
    """Made for one offer. `on_connected(path)`: the media flows; `on_lost(reason)`: it does so no more, or
    never did.

    Reasons: `ice_failed` (no way found), `consent_expired` (the far end has stopped to answer, RFC 7675),
    `dtls_failed`, `closed_by_peer` (close_notify). Neither comes after `close`.
    """

    def __init__(
        self,
        port: RtcPort,
        settings: WebRtcSettings,
        certificate: RTCCertificate,
        offer: Offer,
        *,
        epoch_s: float,
        on_candidate: OnCandidate,
        on_connected: Callable[[MediaTransport, Path], object],
        on_lost: Callable[[MediaTransport, str], object],
    ) -> None:
        self.offer = offer
        self._port = port
        self._settings = settings
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._answered = False
        self._early: list[str | None] = []  # candidates of ours that were found before the answer was made
        self._told = on_candidate
        self._connection = IceConnection(settings, self._candidate, epoch_s)
        self._ice = RTCIceTransport(Gatherer(self._connection))
        self._role = _ROLES[offer.setup]
        self._dtls = KeyedDtls(self._ice, certificate, self._role)
        self._fingerprint = next(
            f for f in self._dtls.getLocalParameters().fingerprints if f.algorithm == "sha-256"
        )
        self._ssrc = secrets.randbits(32)
        self._takeover = Takeover(self._connection, port.feed, native_socket=settings.native_socket)
        self._pair: Pair | None = None
        self._over = False
        self._dtls.on("statechange", self._dtls_changed)
        self._ice.on("statechange", self._ice_changed)

    @property
    def ssrc(self) -> int:
        return self._ssrc

    @property
    def connected(self) -> bool:
        return self._pair is not None and not self._over

    async def answer(self, direction: MediaDirection) -> str:
        """Our answer; the sockets are open when it is made. Raises NoPort."""
        await self._connection.gather_candidates()
        for candidate in self.offer.candidates:
            await self._connection.take(candidate)
        if self.offer.candidates_complete:
            await self._connection.take(None)
        return self.answer_again(direction)

    def answer_again(self, direction: MediaDirection) -> str:
        """The same answer in another direction, for an offer that renegotiates without an ICE restart."""
        text = make_answer(
            self.offer,
            Answerer(
                ufrag=self._connection.local_username,
                password=self._connection.local_password,
                fingerprint=(self._fingerprint.algorithm, self._fingerprint.value),
                setup=_SETUP[self._role],
                direction=direction,
                ssrc=self._ssrc,
                cname=CNAME,
                candidates=[candidate.to_sdp() for candidate in self._connection.local_candidates],
            ),
            self._ssrc,
        )
        self._answered = True
        for candidate in self._early:
            self._told(candidate)
        self._early.clear()
        return text

    async def connect(self) -> None:
        """Finds a way and agrees on keys; then native code carries the media. Tells by the handlers."""
        offer = self.offer
        try:
            # A far end that never says which of its candidates was the last would be waited for for ever.
            async with asyncio.timeout(self._settings.setup_timeout_s):
                await self._ice.start(RTCIceParameters(offer.ufrag, offer.password, offer.ice_lite))
                if self._ice.state != "completed":
                    return self._lose("ice_failed")
                remote_role = "server" if self._role == "client" else "client"
                await self._dtls.start(RTCDtlsParameters(fingerprints_of(offer), remote_role))
        except (ConnectionError, OSError, TimeoutError) as error:
            log.info("webrtc_connect_failed", error=str(error))
            return self._lose("ice_failed")
        keys = self._dtls.keys
        if self._dtls.state != "connected" or keys is None:
            return self._lose("dtls_failed")
        self._start(keys)
        return None

    def _start(self, keys: SrtpKeys) -> None:
        pair = self._takeover.take()
        if pair is None or self._over:
            return self._lose("ice_failed")
        offer = self.offer
        self._port.attach(
            Transport(
                profile=keys.profile,
                send_key=keys.send,
                receive_key=keys.receive,
                remote=pair.remote,
                socket=pair.socket,
                codec=offer.codec,
                payload_type=offer.payload_type,
                key_type=offer.key_type,
                key_clock=offer.key_clock,
                ssrc=self._ssrc,
                cname=CNAME,
            ),
            complexity=self._settings.opus_complexity,
        )
        self._pair = pair
        self._on_connected(self, pair.path)
        return None

    async def take_candidate(self, candidate: str | None) -> bool:
        """The far end's next one; None: that was all."""
        return False if self._over else await self._connection.take(candidate)

    def give(self, packet: Packet) -> None:
        """What native code has read or made, and Python has to carry."""
        if not self._over:
            self._takeover.give(packet)
            self.follow()

    def follow(self) -> None:
        """The far end may nominate another pair at any time (RFC 8445 §8.1.1)."""
        if self._pair is None or self._over:
            return
        pair = self._takeover.take()
        if pair is not None and pair != self._pair:
            self._pair = pair
            self._port.aim(pair.remote, pair.socket)

    async def close(self) -> None:
        """Says goodbye (DTLS close_notify) and gives everything back. The port must be detached, or attached
        to another transport, before."""
        self._over = True
        self._takeover.release()
        await self._dtls.stop()
        await self._ice.stop()

    # ---- inside

    def _candidate(self, candidate: str | None) -> None:
        if self._answered:
            self._told(candidate)
        else:
            self._early.append(candidate)

    def _lose(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._on_lost(self, reason)

    def _ice_changed(self) -> None:
        if self._ice.state == "failed" and self._pair is not None:
            self._lose(self._expired() or "ice_failed")

    def _dtls_changed(self) -> None:
        if self._dtls.state == "closed" and self._pair is not None:
            self._lose(self._expired() or "closed_by_peer")

    def _expired(self) -> str:
        """Whoever loses consent closes ICE, and DTLS with it: neither is the reason."""
        return "consent_expired" if self._connection.consent_expired else ""


async def close_quietly(transport: MediaTransport) -> None:
    """For a transport that nobody needs any more: its failure is nobody's."""
    try:
        async with asyncio.timeout(5.0):
            await transport.close()
    except Exception:
        log.exception("webrtc_close_failed")
