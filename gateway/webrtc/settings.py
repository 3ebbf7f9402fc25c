"""What the WebRTC side of a node is told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TurnServer:
    """A TURN server (coturn) that shares a secret with us (`use-auth-secret`).

    `urls`: as browsers take them, "turn:turn.example.com:3478?transport=udp". `secret`: makes credentials
    that expire after `lifetime_s`.
    """

    urls: tuple[str, ...]
    secret: str = field(repr=False)
    lifetime_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class WebRtcSettings:
    """`addresses`: of ours, to send and receive from; every one but loopback's when empty. `public_address`:
    what the world sees them as, behind a NAT that keeps ports. `udp_ports`: first and last; None takes any.

    `relay_own`: ask the TURN server for an address of our own too, for a node that nobody reaches directly;
    `relay_only`: and use nothing else. `native_socket`: let native code take the sockets; off only to
    measure and to test the other path.
    """

    addresses: tuple[str, ...] = ()
    public_address: str | None = None
    udp_ports: tuple[int, int] | None = None
    stun_urls: tuple[str, ...] = ()
    turn: TurnServer | None = None
    relay_own: bool = False
    relay_only: bool = False
    codecs: Sequence[str] = ("opus", "PCMU", "PCMA")
    opus_complexity: int = 1
    resume_s: float = 30.0
    media_timeout_s: float = 10.0
    consent_timeout_s: float = 30.0
    setup_timeout_s: float = 20.0
    native_socket: bool = True
