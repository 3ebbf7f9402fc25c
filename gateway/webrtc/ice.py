"""ICE with our own sockets: chosen addresses, a range of ports, candidates told as they are found.

aioice binds any port of every address but loopback's, and tells its candidates all together when the slowest
is found. We open the sockets ourselves, and pass on each candidate at once (trickle, RFC 8838), so that an
answer never waits for a STUN or TURN server. aioice does the rest.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import (
    StunProtocol,
    TransportPolicy,
    get_host_addresses,
    relayed_candidate,
    server_reflexive_candidate,
)
from aioice.stun import TransactionError
from aiortc.rtcconfiguration import RTCIceServer
from aiortc.rtcicetransport import RTCIceGatherer, connection_kwargs

from gateway.webrtc.sdp import MAX_CANDIDATES
from gateway.webrtc.settings import WebRtcSettings
from gateway.webrtc.turn import credentials

log = structlog.get_logger(__name__)

GATHER_LIMIT_S: Final = 5.0
PORT_TRIES: Final = 50
CONSENT_EVERY_S: Final = 5.0  # RFC 7675 §5.1
RECEIVE_BUFFER: Final = 262_144  # bytes: what aioice asks for

OnCandidate = Callable[[str | None], object]
"""Takes each candidate as SDP has it, without "candidate:"; None at the end."""


class NoPort(Exception):
    """Every port of the range is in use."""


def open_socket(address: str, ports: tuple[int, int] | None) -> socket.socket:
    """A bound UDP socket. The port is chosen at random, so that a late packet of an old call rarely finds a
    new one there; and if it does, it isn't authentic. Raises NoPort, or OSError for an address that isn't
    ours.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in _tries(ports):
        made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            made.bind((address, port))
        except OSError as error:
            made.close()
            if port == 0 or error.errno not in (98, 13):  # EADDRINUSE, EACCES
                raise
            continue
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return made
    raise NoPort(f"no UDP port between {ports} is free on {address}")


def _tries(ports: tuple[int, int] | None) -> Iterable[int]:
    if ports is None:
        return [0]
    first, last = ports
    return random.sample(range(first, last + 1), min(PORT_TRIES, last - first + 1))


@dataclass(slots=True)
class _Public:
    """Behind a NAT that keeps ports: the same socket, as the world sees it (RFC 8445 §5.1.1.2)."""

    address: str

    def of(self, host: Candidate) -> Candidate:
        return Candidate(
            foundation=candidate_foundation("srflx", "udp", host.host),
            component=host.component,
            transport="udp",
            priority=candidate_priority(host.component, "srflx"),
            host=self.address,
            port=host.port,
            type="srflx",
            related_address=host.host,
            related_port=host.port,
        )


class IceConnection(Connection):
    """One ICE agent of ours, always the controlled one: the browser offers (RFC 8445 §6.1.1)."""

    def __init__(self, settings: WebRtcSettings, on_candidate: OnCandidate, epoch_s: float) -> None:
        super().__init__(ice_controlling=False, **_servers(settings, epoch_s))
        self._settings = settings
        self._on_candidate = on_candidate
        self._remote_count = 0
        self._searching: asyncio.Task[None] | None = None
        self.consent_expired = False

    # ---- ours

    async def gather_candidates(self) -> None:
        """Opens the sockets. Candidates that need a server are told later, by `on_candidate`."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        if not self._settings.relay_only:
            for address in self._addresses():
                await self._open(address)
        self._local_candidates_end = True
        if self._closing:
            return
        if not self._local_candidates and self._settings.turn is None:
            raise NoPort("this node has no address that a browser could send to: see webrtc.addresses")
        self._searching = asyncio.get_running_loop().create_task(self._search())

    async def close(self) -> None:
        if self._searching is not None:
            self._searching.cancel()
            await asyncio.gather(self._searching, return_exceptions=True)
            self._searching = None
        await super().close()

    async def query_consent(self) -> None:
        """Asks again and again whether the far end still wants our media (RFC 7675 §5.1).

        Without an answer for `consent_timeout_s` it doesn't, and the connection is closed.
        """
        limit_s = self._settings.consent_timeout_s
        now = asyncio.get_running_loop().time
        consented_at = now()
        while now() - consented_at < limit_s:
            await asyncio.sleep(min(CONSENT_EVERY_S, limit_s / 6) * random.uniform(0.8, 1.2))  # noqa: S311  # no secret
            if await self._consents():
                consented_at = now()
        log.info("ice_consent_expired", limit_s=limit_s)
        self.consent_expired = True
        self._query_consent_task = None
        await self.close()

    async def _consents(self) -> bool:
        for pair in list(self._nominated.values()):
            request = self.build_request(pair, nominate=False)
            key = (self.remote_password or "").encode()
            try:
                await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=0)
            except TransactionError:
                return False
        return True

    async def take(self, candidate: str | None) -> bool:
        """A candidate of the far end's, None for "no more". False: it is of no use, or one too many."""
        if candidate is None:
            if not self._remote_candidates_end:
                await self.add_remote_candidate(None)
            return True
        self._remote_count += 1
        if self._remote_count > MAX_CANDIDATES or self._remote_candidates_end:
            return False
        parsed = parse_candidate(candidate)
        if parsed is None:
            return False
        await self.add_remote_candidate(parsed)
        return True

    async def _open(self, address: str) -> None:
        try:
            bound = open_socket(address, self._settings.udp_ports)
        except (OSError, NoPort) as error:
            log.warning("ice_address_unusable", address=address, error=str(error))
            return
        loop = asyncio.get_running_loop()
        host, port = bound.getsockname()[:2]
        transport, protocol = await loop.create_datagram_endpoint(lambda: StunProtocol(self), sock=bound)
        if self._closing:  # the call ended meanwhile
            transport.close()
            return
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=1,
            transport="udp",
            priority=candidate_priority(1, "host"),
            host=host,
            port=port,
            type="host",
        )
        self._protocols.append(protocol)
        self._local_candidates.append(protocol.local_candidate)
        if self._settings.public_address is not None and ":" not in host:
            self._local_candidates.append(_Public(self._settings.public_address).of(protocol.local_candidate))

    def _addresses(self) -> list[str]:
        if self._settings.addresses:
            return list(self._settings.addresses)
        return get_host_addresses(use_ipv4=True, use_ipv6=True)

    async def _search(self) -> None:
        """Asks the servers; each answer is told at once, and the end when all have answered or time is up."""
        tasks: list[asyncio.Task[tuple[Candidate, StunProtocol | None]]] = []
        loop = asyncio.get_running_loop()
        if self.stun_server is not None and self._settings.public_address is None:
            tasks += [
                loop.create_task(server_reflexive_candidate(protocol, self.stun_server))
                for protocol in self._protocols
                if ipaddress.ip_address(protocol.local_candidate.host).version == 4
            ]
        if self.turn_server is not None:
            tasks.append(loop.create_task(self._relay(self.turn_server)))
        try:
            for done in asyncio.as_completed(tasks, timeout=GATHER_LIMIT_S):
                await self._found(done)
        except TimeoutError:
            log.warning("ice_server_silent", limit_s=GATHER_LIMIT_S)
        finally:
            for task in tasks:
                task.cancel()
        self._on_candidate(None)

    async def _relay(self, server: tuple[str, int]) -> tuple[Candidate, StunProtocol]:
        return await relayed_candidate(
            component=1,
            hide_related_address=False,
            protocol_factory=lambda: StunProtocol(self),
            turn_server=server,
            turn_username=self.turn_username,
            turn_password=self.turn_password,
            turn_ssl=self.turn_ssl,
            turn_transport=self.turn_transport,
        )

    async def _found(self, search: Any) -> None:
        try:
            candidate, protocol = await search
        except Exception as error:  # noqa: BLE001  # a server that fails costs one candidate, not the call
            log.warning("ice_server_failed", error=f"{type(error).__name__}: {error}")
            return
        if protocol is not None:  # a relay: another way to reach the candidates that are known already
            self._protocols.append(protocol)
            for remote in list(self._remote_candidates):
                self._pair_remote_candidate(remote)
            self.sort_check_list()
        self._local_candidates.append(candidate)
        self._on_candidate(candidate.to_sdp())


def parse_candidate(text: str) -> Candidate | None:
    """A candidate as SDP and browsers write it; None for one that is of no use: TCP, a name to be looked up
    by multicast (the browser reaches us, and its address shows then), or nonsense.
    """
    try:
        parsed = Candidate.from_sdp(text.removeprefix("a=").removeprefix("candidate:"))
        ipaddress.ip_address(parsed.host)
    except (ValueError, IndexError):
        return None
    usable = parsed.transport.lower() == "udp" and parsed.component == 1 and 0 < parsed.port < 65536
    return parsed if usable and parsed.type in ("host", "srflx", "relay") else None


class Gatherer(RTCIceGatherer):
    """aiortc's gatherer over our connection."""

    def __init__(self, connection: IceConnection) -> None:
        super().__init__(iceServers=[])
        self._connection = connection


def _servers(settings: WebRtcSettings, epoch_s: float) -> dict[str, Any]:
    servers = [RTCIceServer(url) for url in settings.stun_urls]
    if settings.turn is not None and (settings.relay_own or settings.relay_only):
        made = credentials(settings.turn, "gateway", epoch_s)
        servers += [RTCIceServer(url, made.username, made.password) for url in settings.turn.urls]
    policy = TransportPolicy.RELAY if settings.relay_only else TransportPolicy.ALL
    return {"transport_policy": policy, **connection_kwargs(servers)}
