"""The media of a WebRTC leg: a port on the bridge that sends and receives SRTP itself.

Whoever negotiates (ICE, DTLS) hands over a `Transport`: a socket and the keys. From then on native code
carries every packet: SRTP, the jitter buffer, codecs, keys as RTP events, RTCP. What isn't media (STUN,
DTLS) comes back as
`Packet`. Where there is no socket to hand over, as behind a TURN relay, Python carries the packets both ways
with
`feed` and `on_packet`, and native code does the rest all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import pjsua2 as pj

from media.bridge import Bridge, Port
from media.engine import Engine, EventKind
from media.seat import Seat

OPUS_BITRATE: Final = {8000: 16_000, 16000: 24_000}
"""Bits a second by the bridge's rate: what RFC 7587 §3.1.1 recommends for narrowband and wideband speech,
with room for FEC."""


@cache
def srtp_profiles() -> tuple[str, ...]:
    """The DTLS-SRTP protection profiles that native code can do, by OpenSSL's names, the cheapest first.

    Found out once: libsrtp may test its ciphers for an answer, as long as all else of a call's set-up takes.
    """
    return tuple(pj.ringback_srtp_profiles())


@dataclass(frozen=True, slots=True)
class Transport:
    """What negotiation has found. `send_key`, `receive_key`: master key and salt, as DTLS exported them.

    `socket`: a file descriptor, which is duplicated, or None when Python carries the packets. `remote`: where
    to send. `key_type`: the payload type of telephone-event (RFC 4733) and `key_clock` its clock, or None.
    """

    profile: str
    send_key: bytes
    receive_key: bytes
    remote: tuple[str, int]
    socket: int | None
    codec: str  # "opus", "PCMU", "PCMA"
    payload_type: int
    key_type: int | None
    key_clock: int
    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Packet:
    """A datagram on its way through Python. `source`: where it came from; None for one to be sent."""

    bytes: bytes
    source: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class RtcFigures:
    """Of all transports that a port has had. Times in milliseconds."""

    received: int
    lost: int
    sent: int
    concealed: int  # frames made up in place of lost or late ones
    discarded: int  # packets that came too late
    refused: int  # packets that weren't authentic, malformed, or of an unknown kind
    jitter_ms: float
    round_trip_ms: float | None
    far_loss: float  # share of what we send that the far end loses, as it said last
    silent_ms: int  # since the last authentic packet


class RtcPort:
    """A WebRTC leg's place on the bridge. Methods are called on the event loop, never wait, and may be
    repeated.

    `on_key(down, digit, held_s)`, `on_packet(packet)`: on the event loop.
    """

    def __init__(
        self,
        engine: Engine,
        bridge: Bridge,
        name: str,
        *,
        on_key: Callable[[bool, str, float], object],
        on_packet: Callable[[Packet], object],
    ) -> None:
        self._engine = engine
        self._on_key = on_key
        self._on_packet = on_packet
        self._closed = False
        self._token = engine.subscribe(self._on_event)
        self._native = pj.RtcPort(self._token, engine.rate)
        self._seat = Seat(engine, bridge, self._native, name)

    @property
    def port(self) -> Port:
        return self._seat.port

    def attach(self, transport: Transport, *, complexity: int = 1) -> None:
        """The audio goes over `transport` from now on, in place of the one before.

        Raises RuntimeError for keys or a codec that can't be used.
        """
        self._native.attach(
            -1 if transport.socket is None else transport.socket,
            transport.remote[0],
            transport.remote[1],
            transport.profile,
            transport.send_key,
            transport.receive_key,
            transport.codec,
            OPUS_BITRATE[self._engine.rate],
            complexity,
            transport.payload_type,
            -1 if transport.key_type is None else transport.key_type,
            transport.key_clock,
            transport.ssrc,
            transport.cname,
        )

    def aim(self, remote: tuple[str, int], socket: int | None) -> None:
        """The same transport, over another pair of addresses."""
        self._native.aim(-1 if socket is None else socket, remote[0], remote[1])

    def detach(self) -> None:
        """No media any more; the port stays, and is silent."""
        self._native.detach()

    def allow(self, *, sends: bool, hears: bool) -> None:
        """Whether the far end gets audio, and whether its own is heard."""
        self._native.allow(sends, hears)

    def press(self, digits: str, duration_s: float) -> None:
        """Sends keys as RTP events; only where the transport has a `key_type`."""
        for digit in digits:
            self._native.press(digit, round(duration_s * 1000))

    def feed(self, datagram: bytes) -> bool:
        """An SRTP or SRTCP packet that Python received. False when it can't be taken."""
        return bool(self._native.feed(datagram))

    @property
    def figures(self) -> RtcFigures:
        (received, lost, sent, concealed, discarded, refused, jitter, trip, far_loss, silent) = (
            self._native.figures()
        )
        return RtcFigures(
            received=received,
            lost=lost,
            sent=sent,
            concealed=concealed,
            discarded=discarded,
            refused=refused,
            jitter_ms=jitter,
            round_trip_ms=trip if trip >= 0 else None,
            far_loss=far_loss,
            silent_ms=silent,
        )

    def close(self) -> None:
        """Takes the port off the bridge and lets go of the socket. Safe to repeat."""
        if self._closed:
            return
        self._closed = True
        self._native.detach()
        self._engine.unsubscribe(self._token)
        self._seat.leave()

    def _on_event(self, kind: int, a: int, b: int) -> None:
        if kind == EventKind.RTC_DATAGRAMS:
            for for_sending, packet, ip, port in self._native.take():
                self._on_packet(Packet(packet, None if for_sending else (ip, port)))
        elif kind == EventKind.KEY_DOWN:
            self._on_key(True, chr(a), 0.0)
        elif kind == EventKind.KEY_UP:
            self._on_key(False, chr(a & 0xFF), b / 1000)
