"""The media of one leg, while its transports come and go.

A leg has one port on the bridge for its whole life. Its far end may offer a new transport at any time (the
page was reloaded, the phone has left the Wi-Fi): the new one is negotiated beside the old one and takes over
when it is connected, so that what can be heard is heard without a break.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiortc.rtcdtlstransport import RTCCertificate

from gateway.call.cdr import MediaQuality
from gateway.call.state import MediaDirection
from gateway.webrtc import messages
from gateway.webrtc.sdp import BadOffer, Offer, parse_offer
from gateway.webrtc.settings import WebRtcSettings
from gateway.webrtc.takeover import Path
from gateway.webrtc.transport import MediaTransport, close_quietly
from media.bridge import Bridge
from media.engine import Engine
from media.rtc import Packet, RtcPort

log = structlog.get_logger(__name__)

MAX_NEGOTIATIONS: Final = 200
"""In one call: a train through a hundred tunnels. Each costs sockets and a handshake."""
WATCH_S: Final = 1.0

Spawn = Callable[[Coroutine[Any, Any, object]], asyncio.Task[Any]]
"""Starts a task that the endpoint owns."""


@dataclass(frozen=True, slots=True)
class MediaServices:
    """What every leg's media uses. `epoch_s`: seconds since 1970, now. `on_path`: counts."""

    engine: Engine
    bridge: Bridge
    settings: WebRtcSettings
    certificate: RTCCertificate
    spawn: Spawn
    epoch_s: Callable[[], float]
    on_path: Callable[[Path], object]


class LegMedia:
    """`tell`: sends a message to the far end. `on_connected()` and `on_lost()`: the media flows, or no
    more.
    """

    def __init__(
        self,
        services: MediaServices,
        name: str,
        *,
        tell: Callable[[messages.Message], object],
        on_key: Callable[[bool, str, float], object],
        on_connected: Callable[[], object],
        on_lost: Callable[[], object],
    ) -> None:
        self._services = services
        self._tell = tell
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._port = RtcPort(services.engine, services.bridge, name, on_key=on_key, on_packet=self._on_packet)
        self._current: MediaTransport | None = None
        self._pending: MediaTransport | None = None
        self._negotiation = 0
        self._connecting: asyncio.Task[Any] | None = None
        self._negotiating = asyncio.Lock()
        self._watcher: asyncio.TimerHandle | None = None
        self._closed = False
        self.codec = ""

    @property
    def port(self) -> RtcPort:
        return self._port

    @property
    def connected(self) -> bool:
        return self._current is not None

    @property
    def negotiation(self) -> int:
        """The number of the last one."""
        return self._negotiation

    @property
    def sends_keys(self) -> bool:
        """Whether the far end takes keys as RTP events."""
        return self._current is not None and self._current.offer.key_type is not None

    @property
    def quality(self) -> MediaQuality | None:
        """Of all transports together; None when there never was any."""
        if not self.codec:
            return None
        figures = self._port.figures
        return MediaQuality(
            codec=self.codec,
            packets_received=figures.received,
            packets_lost=figures.lost,
            packets_sent=figures.sent,
            jitter_ms=figures.jitter_ms,
            round_trip_ms=figures.round_trip_ms,
        )

    async def negotiate(self, sdp: str, negotiation: int, direction: MediaDirection) -> str:
        """The answer to an offer. `direction`: what we would like. Raises BadOffer; what was there stays
        then.

        A negotiation that isn't later than the last one is a repetition or too late, and raises too.
        """
        async with self._negotiating:
            if self._closed:
                raise BadOffer("call_over", "the call is over")
            if negotiation <= self._negotiation:
                raise BadOffer(
                    "stale_offer", f"negotiation {negotiation} isn't later than {self._negotiation}"
                )
            if negotiation > MAX_NEGOTIATIONS:
                raise BadOffer("too_many_offers", f"a call has at most {MAX_NEGOTIATIONS} negotiations")
            offer = parse_offer(sdp, self._services.settings.codecs)
            self._negotiation = negotiation
            wanted = direction.answer_to(offer.direction)
            known = self._pending or self._current
            if known is not None and _same_transport(known.offer, offer):
                return known.answer_again(wanted)
            return await self._begin(offer, negotiation, wanted)

    async def _begin(self, offer: Offer, negotiation: int, direction: MediaDirection) -> str:
        await self._drop_pending()
        services = self._services
        transport = MediaTransport(
            self._port,
            services.settings,
            services.certificate,
            offer,
            epoch_s=services.epoch_s(),
            on_candidate=lambda text: self._tell(messages.candidate(text, negotiation)),
            on_connected=self._transport_connected,
            on_lost=self._transport_lost,
        )
        self._pending = transport
        try:
            text = await transport.answer(direction)
        except Exception:
            self._pending = None
            await close_quietly(transport)
            raise
        if self._closed or self._pending is not transport:
            raise BadOffer("call_over", "the call ended meanwhile")
        self._connecting = services.spawn(transport.connect())
        return text

    async def take_candidate(self, candidate: str | None, negotiation: int) -> bool:
        """False: it belongs to no negotiation that is under way, or is of no use."""
        transport = self._pending or self._current
        if transport is None or negotiation != self._negotiation:
            return False
        return await transport.take_candidate(candidate)

    def close(self) -> None:
        """Ends the media. The goodbyes are said in the background."""
        if self._closed:
            return
        self._closed = True
        self._stop_watching()
        self._port.close()
        for transport in (self._current, self._pending):
            if transport is not None:
                self._services.spawn(close_quietly(transport))
        if self._connecting is not None:
            self._connecting.cancel()
        self._current = self._pending = None

    # ---- inside

    def _on_packet(self, packet: Packet) -> None:
        if self._current is not None:
            self._current.give(packet)

    def _transport_connected(self, transport: MediaTransport, path: Path) -> None:
        former, self._current = self._current, transport
        self._pending = None
        self.codec = transport.offer.codec
        self._services.on_path(path)
        if former is not None:
            self._services.spawn(close_quietly(former))
        self._tell(messages.media("connected"))
        self._watch()
        self._on_connected()

    def _transport_lost(self, transport: MediaTransport, reason: str) -> None:
        if transport is self._pending:
            self._pending = None
        elif transport is self._current:
            self._current = None
            self._port.detach()
            self._stop_watching()
        self._services.spawn(close_quietly(transport))
        self._tell(messages.media("lost", reason))
        if self._current is None:
            self._on_lost()

    async def _drop_pending(self) -> None:
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        self._connecting = None
        pending, self._pending = self._pending, None
        if pending is not None:
            self._services.spawn(close_quietly(pending))

    def _watch(self) -> None:
        self._stop_watching()
        self._watcher = asyncio.get_running_loop().call_later(WATCH_S, self._look)

    def _look(self) -> None:
        """Nothing heard for too long: the far end is gone, although nobody has said so."""
        transport = self._current
        if transport is None:
            return
        transport.follow()
        if self._port.figures.silent_ms > self._services.settings.media_timeout_s * 1000:
            log.info("webrtc_media_silent", limit_s=self._services.settings.media_timeout_s)
            self._transport_lost(transport, "silent")
            return
        self._watch()

    def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None


def _same_transport(known: Offer, offer: Offer) -> bool:
    """Without new ICE credentials an offer means the transport that is there (RFC 8829 §5.2.2)."""
    return (known.ufrag, known.fingerprints) == (offer.ufrag, offer.fingerprints)
