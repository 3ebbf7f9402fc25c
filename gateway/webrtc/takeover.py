"""The takeover: native code gets the socket and the keys that aiortc and aioice have negotiated.

aiortc alone costs 50 to 80 millicores a call, all under the interpreter lock; native media costs 2 to 6.
Neither library has a door for that, so this module reaches into private parts of both. It is the only one
that does, and what it needs of them is listed in `problem` and checked when the node starts: their versions
are pinned exactly, and where they don't fit, calls go the other way (`Path.FED`), which hands every packet
through Python and still decodes natively.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import Any, Final

import aioice.ice
import aioice.turn
import structlog
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate, RTCDtlsTransport, State
from aiortc.rtcicetransport import RTCIceTransport

from gateway.webrtc.ice import IceConnection
from media.rtc import Packet, srtp_profiles

log = structlog.get_logger(__name__)

VERSIONS: Final = {"aiortc": "1.16.0", "aioice": "0.13.0"}
"""What this module was written against and tested with; pyproject.toml pins the same."""

_SRTP_LABEL: Final = b"EXTRACTOR-dtls_srtp"  # RFC 5764 §4.2


class Path(Enum):
    """How a leg's packets travel; the `path` label of `ringback_webrtc_transports_total`."""

    NATIVE = "native"  # native code has the socket
    RELAYED = "relayed"  # over our own TURN allocation: Python unwraps the packets
    FED = "fed"  # the socket couldn't be taken: Python receives and sends


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What DTLS agreed on. Keys are master key and salt."""

    profile: str
    send: bytes
    receive: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """Where the media goes. `socket`: a descriptor to duplicate, or None when Python carries the packets."""

    path: Path
    socket: int | None
    remote: tuple[str, int]


def problem(versions: Mapping[str, str] = VERSIONS) -> str | None:
    """Why the takeover can't work with the libraries that are installed, or None. Costs nothing."""
    for name, wanted in versions.items():
        if (found := version(name)) != wanted:
            return f"{name} is {found}, not {wanted}"
    loop = asyncio.get_running_loop()
    needed = {
        "loop._remove_reader": hasattr(loop, "_remove_reader"),
        "RTCCertificate._create_ssl_context": hasattr(RTCCertificate, "_create_ssl_context"),
        "RTCDtlsTransport._setup_srtp": hasattr(RTCDtlsTransport, "_setup_srtp"),
        "SRTPProtectionProfile.get_key_and_salt": hasattr(SRTP_PROFILES[0], "get_key_and_salt"),
        "StunProtocol.datagram_received": hasattr(aioice.ice.StunProtocol, "datagram_received"),
        "TurnTransport": hasattr(aioice.turn, "TurnTransport"),
        "an SRTP profile in common": bool(_profiles()),
    }
    missing = [name for name, found in needed.items() if not found]
    return f"missing: {', '.join(missing)}" if missing else None


def _profiles() -> list[Any]:
    """aiortc's SRTP profiles that native code can do, in native code's order."""
    native = srtp_profiles()
    usable = [profile for profile in SRTP_PROFILES if profile.openssl_profile.decode() in native]
    return sorted(usable, key=lambda profile: native.index(profile.openssl_profile.decode()))


class NodeCertificate(RTCCertificate):
    """One certificate and one OpenSSL context for all connections of a node; aiortc makes one for each."""

    _context: Any = None

    def _create_ssl_context(self, srtp_profiles: Any) -> Any:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
        return self._context


class KeyedDtls(RTCDtlsTransport):
    """aiortc's DTLS, which keeps the keys it exports and makes no SRTP of its own.

    Without its own SRTP sessions it ignores every SRTP packet that reaches it.
    """

    keys: SrtpKeys | None = None

    def __init__(self, transport: RTCIceTransport, certificate: RTCCertificate, role: str) -> None:
        super().__init__(transport, [certificate])
        self._srtp_profiles = _profiles()
        self._set_role(role)

    def _setup_srtp(self) -> None:
        connection: Any = self._ssl
        agreed = connection.get_selected_srtp_profile()
        profile = next((p for p in self._srtp_profiles if p.openssl_profile == agreed), None)
        if profile is None:
            self._set_state(State.FAILED)
            return
        material = connection.export_keying_material(
            _SRTP_LABEL, 2 * (profile.key_length + profile.salt_length)
        )
        ours, theirs = (1, 0) if self._role == "server" else (0, 1)
        self.keys = SrtpKeys(
            agreed.decode(),
            profile.get_key_and_salt(material, ours),
            profile.get_key_and_salt(material, theirs),
        )


class Takeover:
    """The media of one ICE connection, once it is connected.

    `feed`: takes SRTP packets that arrive on sockets which native code doesn't have. `take` as often as the
    nominated pair may have changed; `give` what native code read and doesn't need; `release` before the end.
    """

    def __init__(
        self, connection: IceConnection, feed: Callable[[bytes], object], *, native_socket: bool
    ) -> None:
        self._connection = connection
        self._feed = feed
        self._native_socket = native_socket
        self._taken: aioice.ice.StunProtocol | None = None
        self._readers: dict[int, aioice.ice.StunProtocol] = {}

    def take(self) -> Pair | None:
        """The pair that the far end nominated, with its socket taken; None when there is none (any more)."""
        nominated = self._connection._nominated.get(1)
        if nominated is None:
            return None
        protocol, remote = nominated.protocol, nominated.remote_addr
        for other in self._connection._protocols:
            self._divert(other)
        self._taken = protocol
        if isinstance(protocol.transport, aioice.turn.TurnTransport):
            return Pair(Path.RELAYED, None, remote)
        descriptor = self._stop_reading(protocol) if self._native_socket else None
        return Pair(Path.FED if descriptor is None else Path.NATIVE, descriptor, remote)

    def give(self, packet: Packet) -> None:
        """STUN or DTLS that native code received goes where asyncio would have delivered it; SRTP that native
        code made goes out where it can't send itself."""
        protocol = self._taken
        if protocol is None:
            return
        if packet.source is not None:
            protocol.datagram_received(packet.bytes, packet.source)
            return
        nominated = self._connection._nominated.get(1)
        if nominated is not None and not _is_closing(protocol):
            protocol.transport.sendto(packet.bytes, nominated.remote_addr)

    def release(self) -> None:
        """Native code must have let go of the socket before: asyncio reads it again, for the goodbyes."""
        self._taken = None
        loop: Any = asyncio.get_running_loop()
        for descriptor, protocol in self._readers.items():
            transport: Any = protocol.transport
            if not _is_closing(protocol):
                loop._add_reader(descriptor, transport._read_ready)
        self._readers.clear()

    def _stop_reading(self, protocol: aioice.ice.StunProtocol) -> int | None:
        socket = protocol.transport.get_extra_info("socket")
        if socket is None or _is_closing(protocol):
            return None
        descriptor: int = socket.fileno()
        if descriptor not in self._readers:
            loop: Any = asyncio.get_running_loop()
            loop._remove_reader(descriptor)
            self._readers[descriptor] = protocol
        return descriptor

    def _divert(self, protocol: Any) -> None:
        """SRTP that asyncio receives on any socket of the connection goes to native code (RFC 7983 §7)."""
        if "datagram_received" in vars(protocol):
            return
        feed, deliver = self._feed, protocol.datagram_received

        def datagram_received(data: bytes, address: tuple[Any, ...]) -> None:
            if data and 128 <= data[0] <= 191:
                feed(data)
            else:
                deliver(data, address)

        protocol.datagram_received = datagram_received


def _is_closing(protocol: aioice.ice.StunProtocol) -> bool:
    """aioice's TURN transport doesn't say, and ignores what comes too late."""
    if isinstance(protocol.transport, aioice.turn.TurnTransport):
        return False
    return protocol.transport.is_closing()
